"""Writes the trained network as an ONNX graph with its contract, checks that the graph says what the network says, and measures it."""

import hashlib
import json
import os
import time

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx

import crops
import drawing
import network

OPSET = 17
# See models/README.md; chosen on held-out X-rays: what is plain stays under `sure`, and hardly a line does.
THRESHOLDS = {"sure": 0.72, "faint": 0.4, "left": 0.72, "mark": 0.5}
# Longest side, in pixels, that is searched as it is; larger pictures are searched reduced as well.
LONGEST = 2560
EXAMINED = 600


def to_onnx(model) -> bytes:
    """The graph from `input` (1, 1, H, W), levels 0 to 1, to `map` (1, 3, H / 8, W / 8), shares of network.CLASSES."""

    @tf.function(input_signature=[tf.TensorSpec((1, None, None, 1), tf.float32, name="input")])
    def run(levels):
        return tf.nn.softmax(model(levels, training=False))

    proto, _ = tf2onnx.convert.from_function(
        run, input_signature=run.input_signature, opset=OPSET, inputs_as_nchw=["input:0"], outputs_as_nchw=["Identity:0"]
    )
    given, made = proto.graph.input[0], proto.graph.output[0]
    names = {given.name: "input", made.name: "map"}
    for node in proto.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for port, sides in ((given, ("height", "width")), (made, ("rows", "columns"))):
        port.name = names[port.name]
        for dim, side in zip(port.type.tensor_type.shape.dim[2:], sides):
            dim.Clear()
            dim.dim_param = side
    onnx.checker.check_model(proto)
    return proto.SerializeToString()


def contract(digest: str) -> dict:
    return {
        "version": 1,
        "name": "text",
        "model_sha256": digest,
        "input": {"name": "input", "multiple": network.MULTIPLE, "scale": 1 / 255, "offset": 0.0},
        "output": {
            "name": "map",
            "stride": network.STRIDE,
            "text": network.CLASSES.index("text"),
            "mark": network.CLASSES.index("mark"),
        },
        "thresholds": THRESHOLDS,
        "longest": LONGEST,
    }


def examine(session, held: dict, seed: int) -> dict:
    """Cells of held-out X-rays, written on as in training, and their clean selves."""
    backgrounds = list(held.values())
    levels, cells = crops.shard(backgrounds, np.full(len(held), 1 / len(held)), seed, EXAMINED)
    run = lambda picture: session.run(["map"], {"input": (picture[None, None] / 255).astype(np.float32)})[0][0]
    maps = np.stack([run(picture) for picture in levels])
    found = 1 - maps[:, 0] >= THRESHOLDS["faint"]
    text, mark, none = (cells == code for code in (drawing.TEXT, drawing.MARK, 0))
    is_mark = maps[:, 2] > maps[:, 1]
    clean = {"pictures": 0, "with_text": 0}
    for background in backgrounds:
        high, wide = (side // network.MULTIPLE * network.MULTIPLE for side in background.levels.shape)
        said = run(background.levels[:high, :wide])
        # What is burned in already may be found; it is no mistake.
        own = crops.cells(background.classes[:high, :wide]) > 0
        clean["pictures"] += 1
        clean["with_text"] += bool(((said[1] >= THRESHOLDS["sure"]) & ~own).any())
    return {
        "crops": EXAMINED,
        "text_cells_found": float(found[text].mean()),
        "text_cells_taken_for_marks": float((found & is_mark)[text].mean()),
        "mark_cells_found": float(found[mark].mean()),
        "mark_cells_taken_for_text": float((found & ~is_mark)[mark].mean()),
        "other_cells_found": float(found[none].mean()),
        "clean": clean,
    }


def milliseconds(session) -> float:
    """Median time of a picture of 1400 x 1100, on one thread."""
    picture = np.zeros((1, 1, 1152, 1408), np.float32)
    times = []
    for _ in range(15):
        start = time.perf_counter()
        session.run(["map"], {"input": picture})
        times.append(time.perf_counter() - start)
    return round(1000 * float(np.median(times)), 1)


def write(model, held: dict, args) -> None:
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
    ours = tf.nn.softmax(model(sample.transpose(0, 2, 3, 1), training=False)).numpy()
    parity = float(np.abs(ours.transpose(0, 3, 1, 2) - session.run(["map"], {"input": sample})[0]).max())
    assert parity < 1e-3, f"the exported graph differs from the trained network: {parity}"
    figures = {
        "model_sha256": digest,
        "parameters": model.count_params(),
        "bytes": len(content),
        "steps": args.steps,
        "parity": parity,
        "milliseconds_1400x1100": milliseconds(session),
        "held_out": sorted(held),
        "examined": examine(session, held, 7_000_000 + args.seed),
    }
    for folder, name, value in ((args.out, "contract.json", contract(digest)), (args.figures, "figures.json", figures)):
        with open(os.path.join(folder, name), "w") as file:
            json.dump(value, file, indent=2)
            file.write("\n")
    print(json.dumps({key: value for key, value in figures.items() if key != "held_out"}, indent=2))
