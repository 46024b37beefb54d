"""Trains on everything but a fold and scores the fold, for the choice between methods.

    python compare.py --data DIR --fold shape --method student

The methods are `plain` (no trimming), `scratch`, `teacher` (ImageNet weights) and `student`
(taught by the teacher of the same fold). The risks are calibrated on a tenth of the patients that
is in neither the fold nor the training set. Adds a row to folds.json in the folder of the figures.
"""

import argparse
import json
import os

import numpy as np
import torch

import calibrate
import export
import fit
import folds
from data import held_out, load
from evaluate import figures
from shifts import NORMAL_ONLY, spectrum
from teacher import RATE, Teacher
from train import WHOLE_SIDE, arguments, training_set


def logits(model, pictures) -> np.ndarray:
    risk, *_ = export.evaluate(model, export.levels(pictures))
    return risk.astype(np.float64)


def versions(model, pictures, labels, ill) -> dict:
    """Returns the logits of the images, unchanged and with the normal ones changed.

    The last version gives each normal image the sharpness and grain of one of `ill`.
    """
    normal, rng = labels == 0, np.random.default_rng(0)
    scored = {"unchanged": logits(model, pictures)}
    changes = {
        **NORMAL_ONLY,
        "power of an ill image": lambda p: spectrum(ill[rng.integers(len(ill))])(p),
    }
    for name, change in changes.items():
        scored[name] = scored["unchanged"].copy()
        scored[name][normal] = logits(model, [change(p) for p in pictures[normal]])
    return scored


def main() -> None:
    parser = arguments(argparse.ArgumentParser(description=__doc__.splitlines()[0]))
    parser.add_argument("--fold", choices=("shape", *folds.BLOCKS), default="shape")
    parser.add_argument(
        "--method", choices=("plain", "scratch", "teacher", "student"), default="scratch"
    )
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    pictures, labels, patients, paths = load(os.path.join(args.data, "train"), WHOLE_SIDE)
    full = os.path.join(args.data, "full-size")
    inside, rest = folds.fold(args.fold, pictures[..., 0], labels, patients, paths, full)
    held = held_out(patients, args.split) & rest
    rest &= ~held
    data, _ = training_set(args, pictures[rest], labels[rest], args.method != "plain")

    def work(method):
        return os.path.join(args.work, f"{args.fold}-{method}-{args.seed}")

    teacher, options = None, {"rate": args.rate}
    if args.method == "teacher":
        options = {"network": Teacher, "rate": RATE}
    if args.method == "student":
        teacher = Teacher()
        state = torch.load(os.path.join(work("teacher"), "final.pt"), weights_only=True)
        teacher.load_state_dict(state)
        options["teacher"] = teacher.eval()
    folder = work(args.method)
    model = fit.fit(
        data, args.epochs, args.seed, folder, start=args.start, restart=args.restart, **options
    )
    torch.save(model.state_dict(), os.path.join(folder, "final.pt"))

    scores = pictures[..., 0]
    ill = scores[held & (labels == 1)]
    calibration = list(versions(model, scores[held], labels[held], ill).values())
    slope, offset = calibrate.platt(
        np.concatenate(calibration), np.tile(labels[held], len(calibration))
    )
    row = {"epochs": args.epochs}
    for name, scored in versions(model, scores[inside], labels[inside], ill).items():
        risks = calibrate.sigmoid(slope * scored + offset)
        row[name] = figures(risks, labels[inside]) | {
            "calibration_error": calibrate.reliability(risks, labels[inside])[
                "expected_calibration_error"
            ]
        }
    path = os.path.join(args.figures, "folds.json")
    table = {}
    if os.path.exists(path):
        with open(path) as file:
            table = json.load(file)
    table[f"{args.fold}, {args.method}, seed {args.seed}"] = row
    with open(path, "w") as file:
        json.dump(table, file, indent=2)
        file.write("\n")
    print(json.dumps(row, indent=2))


if __name__ == "__main__":
    main()
