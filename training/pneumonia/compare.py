"""Trains on everything but a fold and scores the fold, for the choice between methods.

    python compare.py --data DIR --fold shape --method trimmed

Adds a row to folds.json in the folder of the figures.
"""

import argparse
import json
import os

import numpy as np
import torch

import export
import fit
import folds
from data import load
from evaluate import figures
from shifts import NORMAL_ONLY
from train import WHOLE_SIDE, arguments, training_set

# The changes of the normal images of the fold that are scored.
CHANGES = ("height cut by 17 %", "top cut by 20 %")


def risks(model, pictures) -> np.ndarray:
    logits, *_ = export.evaluate(model, export.levels(pictures))
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


def main() -> None:
    parser = arguments(argparse.ArgumentParser(description=__doc__.splitlines()[0]))
    parser.add_argument("--fold", choices=("shape", *folds.BLOCKS), default="shape")
    parser.add_argument("--method", choices=("trimmed", "untrimmed"), default="trimmed")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    pictures, labels, patients, paths = load(os.path.join(args.data, "train"), WHOLE_SIDE)
    full = os.path.join(args.data, "full-size")
    inside, rest = folds.fold(args.fold, pictures[..., 0], labels, patients, paths, full)
    shapes = None
    if args.method == "trimmed":
        shapes = folds.shapes(pictures[..., 0], paths, full)[rest]
    data, _ = training_set(args, pictures[rest], labels[rest], shapes)
    run = f"{args.fold}-{args.method}-{args.epochs}-{args.seed}"
    model = fit.fit(data, args.epochs, args.seed, os.path.join(args.work, run), start=args.start)

    scored = pictures[inside][..., 0]
    clean, normal = risks(model, scored), labels[inside] == 0
    row = {"unchanged": figures(clean, labels[inside])}
    for name in CHANGES:
        both = clean.copy()
        both[normal] = risks(model, [NORMAL_ONLY[name](p) for p in scored[normal]])
        row[name] = figures(both, labels[inside])
    path = os.path.join(args.figures, "folds.json")
    table = {}
    if os.path.exists(path):
        with open(path) as file:
            table = json.load(file)
    table[run] = row
    with open(path, "w") as file:
        json.dump(table, file, indent=2)
        file.write("\n")
    print(json.dumps(row, indent=2))


if __name__ == "__main__":
    main()
