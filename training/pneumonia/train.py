"""Trains and evaluates the pneumonia model.

Writes model.onnx, contract.json, figures.json and plots.png.

    python train.py --data DIR --out ../../models/pneumonia

DIR contains train/NORMAL and train/PNEUMONIA, and optionally val/ and test/ in the same layout.
An interrupted run resumes when it is started again with the same --work.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import batches
import export
import fit
import others
import overlays
import report
from data import held_out, load

# Side of the images in memory: larger than the input, so that they can be rotated and zoomed
# first.
STORED_SIDE = 224
OVERLAYS, OTHERS = 1500, 3000
HERE = os.path.dirname(os.path.abspath(__file__))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with train/{NORMAL,PNEUMONIA}")
    parser.add_argument(
        "--phantoms",
        help="folder with {NORMAL,PNEUMONIA} of phantoms, a small share of the training set",
    )
    parser.add_argument("--out", required=True, help="folder for the model and its contract")
    parser.add_argument("--figures", default=HERE, help="folder for figures.json and plots.png")
    parser.add_argument("--work", default="work", help="folder for checkpoints")
    parser.add_argument(
        "--elsewhere",
        help="folder of folders of images that are not chest X-rays, for scoring only",
    )
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    os.makedirs(args.work, exist_ok=True)
    os.makedirs(args.out, exist_ok=True)
    os.makedirs(args.figures, exist_ok=True)

    pictures, labels, patients, paths = load(os.path.join(args.data, "train"), STORED_SIDE)
    out = held_out(patients, args.seed)
    train, train_labels = pictures[~out], labels[~out]
    if args.phantoms:
        drawn, drawn_labels, _, _ = load(args.phantoms, STORED_SIDE)
        train, train_labels = (
            np.concatenate([train, drawn]),
            np.concatenate([train_labels, drawn_labels]),
        )
    print(
        f"{len(train)} training images; {int(out.sum())} images of {len(np.unique(patients[out]))} patients held out",
        flush=True,
    )

    data = batches.batches(
        train,
        train_labels,
        overlays.overlays(args.seed, OVERLAYS, STORED_SIDE),
        others.others(args.seed, OTHERS, train),
        args.seed,
    )
    model = fit.fit(data, train_labels, args.epochs, args.seed, args.work)
    model.save_weights(os.path.join(args.work, "final.weights.h5"))

    held = report.HeldOut(
        pictures[out], labels[out], patients[out], [p for p, o in zip(paths, out) if o]
    )
    export.write(model, train, held, args.out)
    report.write(args, held)


if __name__ == "__main__":
    main()
