"""Trains the pneumonia model and writes model.onnx, contract.json and figures.json.

    python train.py --data DIR --out ../pneumonia

DIR holds train/NORMAL and train/PNEUMONIA, and test/ in the same form if there is one to be examined on.
"""

import argparse
import hashlib
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx

from data import held_out, load
from evaluate import figures

SIDE = 150
SCALE = 1 / 255


def network() -> keras.Model:
    """The small convolutional network of the system this one replaces, on grey pictures scaled to 0..1."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def batches(pictures, labels, seed: int):
    """Endless shuffled batches, varied as scanners and children vary."""
    vary = keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal", seed=seed),
            keras.layers.RandomZoom(0.2, seed=seed),
            keras.layers.RandomTranslation(0.05, 0.05, seed=seed),
            keras.layers.RandomContrast(0.2, value_range=(0, 255), seed=seed),
        ]
    )
    return (
        tf.data.Dataset.from_tensor_slices((pictures, labels))
        .shuffle(len(labels), seed=seed)
        .repeat()
        .batch(32)
        .map(lambda x, y: (vary(tf.cast(x, tf.float32), training=True) * SCALE, y), num_parallel_calls=2)
        .prefetch(4)
    )


def export(model: keras.Model, path: str) -> None:
    """Writes the graph with a batch of one and the tensor names of the contract."""

    @tf.function(input_signature=[tf.TensorSpec((1, SIDE, SIDE, 1), tf.float32, name="input")])
    def run(x):
        return tf.identity(model(x, training=False), name="risk")

    graph, _ = tf2onnx.convert.from_function(run, input_signature=run.input_signature, opset=17)
    # The converter names the output after the last operation; the contract wants its meaning.
    made = graph.graph.output[0].name
    for node in graph.graph.node:
        node.output[:] = ["risk" if name == made else name for name in node.output]
    graph.graph.output[0].name = "risk"
    with open(path, "wb") as file:
        file.write(graph.SerializeToString())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with train/{NORMAL,PNEUMONIA}")
    parser.add_argument("--out", required=True, help="folder for the model, its contract and figures")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)

    pictures, labels, patients = load(os.path.join(args.data, "train"), SIDE)
    out = held_out(patients, args.seed)
    steps = int((~out).sum()) // 32
    model = network()
    rate = keras.optimizers.schedules.CosineDecay(1e-3, args.epochs * steps)
    model.compile(keras.optimizers.Adam(rate), loss="binary_crossentropy", metrics=["accuracy"])
    ill = labels[~out].mean()
    model.fit(
        batches(pictures[~out], labels[~out], args.seed),
        epochs=args.epochs,
        steps_per_epoch=steps,
        # Three of four children in the set are ill; unweighted, the network learns to say so of everybody.
        class_weight={0: float(0.5 / (1 - ill)), 1: float(0.5 / ill)},
        verbose=2,
    )

    os.makedirs(args.out, exist_ok=True)
    path = os.path.join(args.out, "model.onnx")
    export(model, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def score(x):
        scaled = x.astype(np.float32) * np.float32(SCALE)
        return np.array([session.run(["risk"], {"input": one[None]})[0][0, 0] for one in scaled])

    scores = score(pictures[out])
    parity = float(np.abs(scores - model.predict(pictures[out] * np.float32(SCALE), verbose=0)[:, 0]).max())
    assert parity < 1e-4, f"the exported graph differs from the trained one by {parity}"
    result = {"parity": parity, "parameters": model.count_params(), "validation": figures(scores, labels[out])}
    if os.path.isdir(os.path.join(args.data, "test")):
        pictures, labels, _ = load(os.path.join(args.data, "test"), SIDE)
        result["test"] = figures(score(pictures), labels)

    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    contract = {
        "version": 1,
        "name": "pneumonia",
        "model_sha256": digest,
        "input": {
            "name": "input",
            "layout": "NHWC",
            "width": SIDE,
            "height": SIDE,
            "channels": "grey",
            "resize": "box-then-bilinear",
            "scale": SCALE,
            "offset": 0.0,
        },
        "output": {"name": "risk", "kind": "probability", "index": 0},
    }
    for name, content in (("contract.json", contract), ("figures.json", result)):
        with open(os.path.join(args.out, name), "w") as file:
            json.dump(content, file, indent=2)
            file.write("\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
