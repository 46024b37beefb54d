"""Trains and evaluates the pneumonia model.

Writes model.onnx, contract.json, figures.json and plots.png.

    python train.py --data DIR --out ../../models/pneumonia

DIR contains train/NORMAL and train/PNEUMONIA, and optionally val/ and test/ in the same layout and
some of the training images at their original size in full-size/NORMAL and full-size/PNEUMONIA.
An interrupted run resumes when it is started again with the same --work.
"""

import argparse
import os

import numpy as np
import torch
from PIL import Image

import batches
import export
import fit
import others
import overlays
import report
from data import held_out, load
from network import SIDE
from preprocess import gray_square

# Side of the images that are trained on: larger than the input, so that they can be rotated and
# zoomed first.
STORED_SIDE = 192
# Side of the images in the data set, for scoring.
WHOLE_SIDE = 224
OVERLAYS, OTHERS = 1500, 3000
EPOCHS = 12
HERE = os.path.dirname(os.path.abspath(__file__))


def stored(pictures: np.ndarray) -> np.ndarray:
    """Returns images (n, side, side, 1) at `STORED_SIDE`."""
    return np.stack([gray_square(Image.fromarray(p[..., 0]), STORED_SIDE) for p in pictures])[
        ..., None
    ]


def training_set(args, pictures, labels, leveled=True) -> tuple[batches.Batches, np.ndarray]:
    """Returns the batches of images (n, WHOLE_SIDE, WHOLE_SIDE, 1), and all chests in them.

    `leveled` removes what shape and sharpness say about the class; see `batches.Batches`.
    """
    train, leans = stored(pictures), np.where(labels > 0.5, -1, 1)
    if args.phantoms:
        drawn, drawn_labels, _, _ = load(args.phantoms, STORED_SIDE)
        train, labels = np.concatenate([train, drawn]), np.concatenate([labels, drawn_labels])
        # Phantoms of both classes have the same shape.
        leans = np.concatenate([leans, np.zeros(len(drawn))])
    return (
        batches.Batches(
            train,
            labels,
            overlays.overlays(args.seed, OVERLAYS, SIDE),
            others.others(args.seed, OTHERS, train),
            leans if leveled else None,
        ),
        train,
    )


def arguments(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--data", required=True, help="folder with {train,full-size}/{NORMAL,...}")
    parser.add_argument(
        "--phantoms",
        help="folder with {NORMAL,PNEUMONIA} of phantoms, a small share of the training set",
    )
    parser.add_argument("--figures", default=HERE, help="folder for the figures and the plots")
    parser.add_argument("--work", default="work", help="folder for checkpoints")
    parser.add_argument("--start", help="compact checkpoint to continue from")
    parser.add_argument("--restart", action="store_true", help="count its epochs from 0 again")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--rate", type=float, default=fit.RATE, help="the highest learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", type=int, default=0, help="the seed of the held-out patients")
    parser.add_argument("--threads", type=int, default=0, help="0: one per core")
    return parser


def main() -> None:
    parser = arguments(argparse.ArgumentParser(description=__doc__.splitlines()[0]))
    parser.add_argument("--out", required=True, help="folder for the model and its contract")
    parser.add_argument(
        "--average",
        nargs="+",
        metavar="FILE",
        help="compact checkpoints of several runs, whose mean is exported; nothing is trained",
    )
    parser.add_argument(
        "--elsewhere",
        help="folder of folders of images that are not chest X-rays, for scoring only",
    )
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    for folder in (args.work, args.out, args.figures):
        os.makedirs(folder, exist_ok=True)

    pictures, labels, patients, paths = load(os.path.join(args.data, "train"), WHOLE_SIDE)
    out = held_out(patients, args.split)
    data, train = training_set(args, pictures[~out], labels[~out])
    print(
        f"{len(train)} training images; {int(out.sum())} images of"
        f" {len(np.unique(patients[out]))} patients held out",
        flush=True,
    )
    if args.average:
        model = fit.averaged(args.average)
        weights = model.state_dict()
        mean = fit.compact({"model": weights, "average": weights, "epoch": 0})
        torch.save(mean, os.path.join(args.work, "compact.pt"))
    else:
        model = fit.fit(
            data,
            args.epochs,
            args.seed,
            args.work,
            start=args.start,
            restart=args.restart,
            rate=args.rate,
        )
    torch.save(model.state_dict(), os.path.join(args.work, "final.pt"))

    held = report.HeldOut(
        pictures[out], labels[out], patients[out], [p for p, o in zip(paths, out) if o]
    )
    export.write(model, train, held, args.out)
    report.write(args, held)


if __name__ == "__main__":
    main()
