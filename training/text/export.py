"""Exports the trained network as an ONNX graph with its contract, and evaluates the graph."""

import hashlib
import json
import os
import time

import numpy as np
import onnx
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when the library is loaded

import onnxruntime  # noqa: E402
import tensorflow as tf
import tf2onnx

import crops
import drawing
import network

OPSET = 17
# models/README.md explains them. Chosen on held-out X-rays: images without text stay below
# `high`, and hardly any line does.
THRESHOLDS = {"low": 0.4, "high": 0.72, "residual": 0.72, "marker": 0.5}
# Images with a longer side than this many pixels are searched at reduced scales as well.
MAX_SIDE = 2560
# Smaller images are enlarged to this before they are searched: print on them is under 12 px.
MIN_SIDE = 1120
# Copies are searched again this many pixels around what was covered: a change moves the cells half
# as far from it.
FIELD = 256
CROPS = 600


def to_onnx(model) -> bytes:
    """Converts the network to ONNX.

    `input` (1, 1, H, W) holds levels 0 to 1, `map` (1, 3, H / 8, W / 8) the probabilities of
    CLASSES.
    """

    @tf.function(input_signature=[tf.TensorSpec((1, None, None, 1), tf.float32, name="input")])
    def run(levels):
        return tf.nn.softmax(model(levels, training=False))

    proto, _ = tf2onnx.convert.from_function(
        run,
        input_signature=run.input_signature,
        opset=OPSET,
        inputs_as_nchw=["input:0"],
        outputs_as_nchw=["Identity:0"],
    )
    source, target = proto.graph.input[0], proto.graph.output[0]
    names = {source.name: "input", target.name: "map"}
    for node in proto.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for port, sides in ((source, ("height", "width")), (target, ("rows", "columns"))):
        port.name = names[port.name]
        for dim, side in zip(port.type.tensor_type.shape.dim[2:], sides):
            dim.Clear()
            dim.dim_param = side
    onnx.checker.check_model(proto)
    return proto.SerializeToString()


def contract(digest: str) -> dict:
    """Returns the contract; models/README.md explains its keys."""
    return {
        "version": 2,
        "name": "text",
        "model_sha256": digest,
        "input": {
            "name": "input",
            "type": "f32",
            "multiple": network.MULTIPLE,
            "scale": 1 / 255,
            "offset": 0.0,
        },
        "output": {
            "name": "map",
            "stride": network.STRIDE,
            "text": network.CLASSES.index("text"),
            "marker": network.CLASSES.index("marker"),
        },
        "thresholds": THRESHOLDS,
        "max_side": MAX_SIDE,
        "min_side": MIN_SIDE,
        "field": FIELD,
    }


def evaluate(session, held_out: dict, seed: int) -> dict:
    """Evaluates held-out X-rays, with text drawn as in training, and without."""
    backgrounds = list(held_out.values())
    levels, cells = crops.shard(backgrounds, np.full(len(held_out), 1 / len(held_out)), seed, CROPS)
    run = lambda picture: session.run(
        ["map"], {"input": (picture[None, None] / 255).astype(np.float32)}
    )[0][0]
    maps = np.stack([run(picture) for picture in levels])
    found = 1 - maps[:, 0] >= THRESHOLDS["low"]
    text, marker, background = (cells == code for code in (drawing.TEXT, drawing.MARKER, 0))
    is_marker = maps[:, 2] > maps[:, 1]
    clean = {"pictures": 0, "with_text": 0}
    for image in backgrounds:
        height, width = (side // network.MULTIPLE * network.MULTIPLE for side in image.levels.shape)
        output = run(image.levels[:height, :width])
        # Detecting an existing annotation is not an error.
        annotated = crops.cells(image.classes[:height, :width]) > 0
        clean["pictures"] += 1
        clean["with_text"] += bool(((output[1] >= THRESHOLDS["high"]) & ~annotated).any())
    return {
        "crops": CROPS,
        "text_recall": float(found[text].mean()),
        "text_as_marker": float((found & is_marker)[text].mean()),
        "marker_recall": float(found[marker].mean()),
        "marker_as_text": float((found & ~is_marker)[marker].mean()),
        "background_found": float(found[background].mean()),
        "clean": clean,
    }


def milliseconds(session) -> float:
    """Returns the median time for an image of 1400 x 1100 on one thread."""
    image = np.zeros((1, 1, 1152, 1408), np.float32)
    times = []
    for _ in range(15):
        start = time.perf_counter()
        session.run(["map"], {"input": image})
        times.append(time.perf_counter() - start)
    return round(1000 * float(np.median(times)), 1)


def write(model, held_out: dict, args) -> None:
    """Writes model.onnx and contract.json into `args.out`, and figures.json into `args.figures`."""
    content = to_onnx(model)
    path = os.path.join(args.out, "model.onnx")
    with open(path, "wb") as file:
        file.write(content)
    digest = hashlib.sha256(content).hexdigest()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    sample = np.random.default_rng(args.seed).random((1, 1, 192, 256), np.float32)
    expected = tf.nn.softmax(model(sample.transpose(0, 2, 3, 1), training=False)).numpy()
    parity = float(
        np.abs(expected.transpose(0, 3, 1, 2) - session.run(["map"], {"input": sample})[0]).max()
    )
    assert parity < 1e-3, f"the exported graph differs from the trained network: {parity}"
    figures = {
        "model_sha256": digest,
        "parameters": model.count_params(),
        "bytes": len(content),
        "steps": args.steps,
        "parity": parity,
        "milliseconds_1400x1100": milliseconds(session),
        "held_out": sorted(held_out),
        "evaluation": evaluate(session, held_out, 7_000_000 + args.seed),
    }
    for folder, name, value in (
        (args.out, "contract.json", contract(digest)),
        (args.figures, "figures.json", figures),
    ):
        with open(os.path.join(folder, name), "w") as file:
            json.dump(value, file, indent=2)
            file.write("\n")
    print(json.dumps({key: value for key, value in figures.items() if key != "held_out"}, indent=2))
