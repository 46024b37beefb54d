"""Trains the pneumonia model, looks at it from all sides and writes model.onnx, contract.json, figures.json and plots.

    python train.py --data DIR --out ../../models/pneumonia

DIR holds train/NORMAL and train/PNEUMONIA, and val/ and test/ in the same form if they are there. A run that was stopped goes on where
it was when it is started again with the same --work.
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

# Pictures are kept at this side for training, so that they can be turned and zoomed before they get the network's.
KEPT = 224
OVERLAYS, OTHERS = 1500, 3000
HERE = os.path.dirname(os.path.abspath(__file__))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with train/{NORMAL,PNEUMONIA}")
    parser.add_argument("--phantoms", help="folder with {NORMAL,PNEUMONIA} of drawn chests, a small share of what is trained on")
    parser.add_argument("--out", required=True, help="folder for the model and its contract")
    parser.add_argument("--figures", default=HERE, help="folder for figures.json and plots.png")
    parser.add_argument("--work", default="work", help="folder for checkpoints")
    parser.add_argument("--elsewhere", help="folder of folders of pictures that are no chest X-rays, only to be scored")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    os.makedirs(args.work, exist_ok=True)
    os.makedirs(args.out, exist_ok=True)
    os.makedirs(args.figures, exist_ok=True)

    pictures, labels, patients, paths = load(os.path.join(args.data, "train"), KEPT)
    out = held_out(patients, args.seed)
    train, train_labels = pictures[~out], labels[~out]
    if args.phantoms:
        drawn, drawn_labels, _, _ = load(args.phantoms, KEPT)
        train, train_labels = np.concatenate([train, drawn]), np.concatenate([train_labels, drawn_labels])
    print(f"{len(train)} pictures to train on, {int(out.sum())} of {len(np.unique(patients[out]))} patients held out", flush=True)

    data = batches.batches(
        train,
        train_labels,
        overlays.overlays(args.seed, OVERLAYS, KEPT),
        others.others(args.seed, OTHERS, train),
        args.seed,
    )
    model = fit.fit(data, train_labels, args.epochs, args.seed, args.work)
    model.save_weights(os.path.join(args.work, "final.weights.h5"))

    seen = report.Held(pictures[out], labels[out], patients[out], [p for p, o in zip(paths, out) if o])
    export.write(model, train, seen, args.out)
    report.write(args, seen)


if __name__ == "__main__":
    main()
