"""Trains the detector of burned-in text and writes model.onnx, contract.json and figures.json.

    python train.py --data DIR --phantoms DIR --out ../../models/text

DIR contains NORMAL and PNEUMONIA with X-rays at full size; annotations.json beside this file
lists what is burned into those of the Kermany set. An interrupted run resumes when it is
started again with the same --work.
"""

import argparse
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import crops
import split

HERE = os.path.dirname(os.path.abspath(__file__))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", required=True, help="folder with {NORMAL,PNEUMONIA} of X-rays at full size"
    )
    parser.add_argument("--phantoms", required=True, help="output folder of `xray make-images`")
    parser.add_argument("--out", required=True, help="folder for the model and its contract")
    parser.add_argument("--figures", default=HERE, help="folder for figures.json")
    parser.add_argument("--work", default="work", help="folder for checkpoints")
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=1, help="processes that draw crops")
    parser.add_argument(
        "--weights",
        help="final.weights.h5 of an earlier run to start from, at a lower learning rate",
    )
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    os.makedirs(args.work, exist_ok=True)
    os.makedirs(args.out, exist_ok=True)
    os.makedirs(args.figures, exist_ok=True)
    with open(os.path.join(HERE, "annotations.json")) as file:
        annotations = json.load(file)

    every = crops.xrays(args.data, annotations)
    out = split.held_out(every)
    xrays = [background for file, background in every.items() if file not in out]
    phantoms = crops.phantoms(args.phantoms)
    print(
        f"{len(xrays)} X-rays and {len(phantoms)} phantoms for training, {len(out)} X-rays held out",
        flush=True,
    )
    # Three in four crops are from X-rays.
    weights = np.concatenate(
        [np.full(len(xrays), 0.75 / len(xrays)), np.full(len(phantoms), 0.25 / len(phantoms))]
    )

    import fit

    model = fit.fit(xrays + phantoms, weights, args)
    model.save_weights(os.path.join(args.work, "final.weights.h5"))

    import export

    export.write(model, {file: every[file] for file in sorted(out)}, args)


if __name__ == "__main__":
    main()
