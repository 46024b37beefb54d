"""Exports the trained network as an ONNX graph with its contract, and compares their outputs."""

import hashlib
import json
import os

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx
from PIL import Image

import network
from calibrate import platt
from preprocess import gray_square
from shifts import SHIFTS

OPSET = 17
OUTPUTS = ("risk", "view", "distance", "map")
# Share of the held-out chests, in all versions of shifts.py, that lie within the limit on
# `distance`.
NEAR = 0.995
# Probability above which an image counts as that view.
VIEW = 0.5


def levels(pictures) -> np.ndarray:
    """Resizes images (n, side, side[, 1]), uint8, to network inputs, by the contract's rule."""
    squares = [gray_square(Image.fromarray(np.squeeze(p)), network.SIDE) for p in pictures]
    return np.stack(squares)[..., None].astype(np.float32) / np.float32(255)


def evaluate(model, x: np.ndarray):
    """Returns risk logits (n,), view logits (n, 3) and features (n, c) of network inputs."""
    parts = [model(x[i : i + 64], training=False) for i in range(0, len(x), 64)]
    return (np.concatenate([p[i].numpy() for p in parts]) for i in range(3))


def whitening(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns (mean, matrix) such that (f - mean) @ matrix has unit variance in every direction.

    Directions with little variance are damped.
    """
    mean = features.mean(0)
    values, vectors = np.linalg.eigh(np.cov(features - mean, rowvar=False))
    return mean, vectors / np.sqrt(values + 0.01 * values.mean())


def to_onnx(run) -> bytes:
    """Returns the graph with the tensor names of the contract.

    The converter names outputs after the last operation.
    """
    proto, _ = tf2onnx.convert.from_function(run, input_signature=run.input_signature, opset=OPSET)
    names = {made.name: name for made, name in zip(proto.graph.output, OUTPUTS)}
    for node in proto.graph.node:
        node.output[:] = [names.get(name, name) for name in node.output]
        node.input[:] = [names.get(name, name) for name in node.input]
    for output in proto.graph.output:
        output.name = names[output.name]
    onnx.checker.check_model(proto)
    return proto.SerializeToString()


def contract(digest: str, limit: float) -> dict:
    """Returns the contract; models/README.md explains its keys."""
    return {
        "version": 2,
        "name": "pneumonia",
        "model_sha256": digest,
        "input": {
            "name": "input",
            "type": "f32",
            "layout": "NHWC",
            "width": network.SIDE,
            "height": network.SIDE,
            "channels": "gray",
            "resize": "box-then-bilinear",
            "scale": 1 / 255,
            "offset": 0.0,
        },
        "output": {"name": "risk", "kind": "probability", "index": 0},
        "checks": [
            {"output": "view", "index": 1, "max": VIEW, "reason": "inverted-grey"},
            {"output": "view", "index": 2, "max": VIEW, "reason": "not-a-chest-x-ray"},
            {"output": "distance", "index": 0, "max": round(limit, 2), "reason": "unfamiliar"},
        ],
        "heatmap": {"output": "map", "width": network.CELLS, "height": network.CELLS},
    }


def write(model, train: np.ndarray, held, out: str) -> None:
    """Writes model.onnx and contract.json into `out`.

    The risk is calibrated on all versions (shifts.py) of the held-out images.

    `train` holds the chests of the training set, phantoms included. `held` is a
    `report.HeldOut`, whose `parity`, `parameters` and `calibration` are set here.
    """
    *_, features = evaluate(model, levels(train))
    mean, matrix = whitening(features)
    logits, distances = [], []
    for change in SHIFTS.values():
        logit, _, features = evaluate(model, levels([change(p[..., 0]) for p in held.pictures]))
        logits.append(logit)
        distances.append(np.sqrt((((features - mean) @ matrix) ** 2).mean(1)))
    calibration = platt(np.concatenate(logits), np.tile(held.labels, len(logits)))
    limit = float(np.quantile(np.concatenate(distances), NEAR))
    run = network.graph(model, calibration, mean, matrix)

    path = os.path.join(out, "model.onnx")
    content = to_onnx(run)
    with open(path, "wb") as file:
        file.write(content)
    with open(os.path.join(out, "contract.json"), "w") as file:
        json.dump(contract(hashlib.sha256(content).hexdigest(), limit), file, indent=2)
        file.write("\n")

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    # The largest difference per output between the graph and the network.
    held.parity = {name: 0.0 for name in OUTPUTS}
    for x in levels(held.pictures):
        ours = run(tf.constant(x[None]))
        for name, a, b in zip(OUTPUTS, ours, session.run(list(OUTPUTS), {"input": x[None]})):
            held.parity[name] = max(held.parity[name], float(np.abs(a.numpy() - b).max()))
    # Another order of summation changes the seventh digit; calibration and the steepest part of
    # the sigmoid amplify that.
    assert held.parity["risk"] < 1e-3, (
        f"the exported graph differs from the trained network: {held.parity}"
    )
    held.parameters = model.count_params()
    held.calibration = calibration
