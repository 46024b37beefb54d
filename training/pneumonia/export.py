"""Writes the trained network as an ONNX graph with its contract, and checks that the graph says what the network says."""

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
from preprocess import grey_square
from shifts import SHIFTS

OPSET = 17
OUTPUTS = ("risk", "view", "distance", "map")
# Of the held-out chests, this share lies nearer than the limit on `distance`, in each of the versions of shifts.py.
NEAR = 0.995
# The share of a view over which a picture is taken for it.
VIEW = 0.5


def levels(pictures) -> np.ndarray:
    """Pictures (n, side, side[, 1]) uint8 as the network takes them, by the contract's resize rule."""
    squares = [grey_square(Image.fromarray(np.squeeze(p)), network.SIDE) for p in pictures]
    return np.stack(squares)[..., None].astype(np.float32) / np.float32(255)


def evaluate(model, x: np.ndarray):
    """Risk logits (n,), view logits (n, 3) and features (n, c) of levels (n, SIDE, SIDE, 1)."""
    parts = [model(x[i : i + 64], training=False) for i in range(0, len(x), 64)]
    return (np.concatenate([p[i].numpy() for p in parts]) for i in range(3))


def whitening(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(mean, matrix): (f - mean) @ matrix has a spread of one in every direction; directions that hardly vary are damped."""
    mean = features.mean(0)
    values, vectors = np.linalg.eigh(np.cov(features - mean, rowvar=False))
    return mean, vectors / np.sqrt(values + 0.01 * values.mean())


def to_onnx(run) -> bytes:
    """The graph with the contract's tensor names; the converter names outputs after the last operation."""
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
    return {
        "version": 1,
        "name": "pneumonia",
        "model_sha256": digest,
        "input": {
            "name": "input",
            "layout": "NHWC",
            "width": network.SIDE,
            "height": network.SIDE,
            "channels": "grey",
            "resize": "box-then-bilinear",
            "scale": 1 / 255,
            "offset": 0.0,
        },
        "output": {"name": "risk", "kind": "probability", "index": 0},
        "checks": [
            {"output": "view", "index": 1, "max": VIEW, "doubt": "inverted-grey"},
            {"output": "view", "index": 2, "max": VIEW, "doubt": "not-a-chest-x-ray"},
            {"output": "distance", "index": 0, "max": round(limit, 2), "doubt": "unfamiliar"},
        ],
        "heatmap": {"output": "map", "width": network.CELLS, "height": network.CELLS},
    }


def write(model, train: np.ndarray, held, out: str) -> None:
    """Calibrates on the held-out pictures in all versions of shifts.py and writes model.onnx and contract.json into `out`.

    `train` are the chests that were trained on, phantoms and all; `held` is a report.Held, whose `parity` is filled in."""
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
    # The greatest difference of any output between the graph and the network.
    held.parity = {name: 0.0 for name in OUTPUTS}
    for x in levels(held.pictures):
        ours = run(tf.constant(x[None]))
        for name, a, b in zip(OUTPUTS, ours, session.run(list(OUTPUTS), {"input": x[None]})):
            held.parity[name] = max(held.parity[name], float(np.abs(a.numpy() - b).max()))
    # Two ways of adding up differ in the seventh digit, which calibration and the steepest part of the sigmoid make larger.
    assert held.parity["risk"] < 1e-3, f"the exported graph differs from the trained network: {held.parity}"
    held.parameters = model.count_params()
    held.calibration = calibration
