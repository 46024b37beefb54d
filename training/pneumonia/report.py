"""Looks at the exported model from all sides and writes figures.json and plots: on the pictures of patients that were held out, on
changed versions of them, and on pictures that are no chest X-rays. Everything is scored by the ONNX file that is shipped."""

import json
import os
import time

import numpy as np
import onnxruntime
from PIL import Image
from tqdm import tqdm

import others
import plots
from calibrate import cross_fitted, reliability
from data import load, patient
from evaluate import figures, wilson
from export import OUTPUTS, levels
from shifts import SHIFTS, WRITING, inverted


class Held:
    """The held-out pictures: pictures (n, side, side, 1), labels (n,), patients (n,), paths; export.write adds what it measured."""

    def __init__(self, pictures, labels, patients, paths):
        self.pictures, self.labels, self.patients, self.paths = pictures, labels, patients, paths


class Shipped:
    """The exported model with its contract."""

    def __init__(self, out: str):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.path.join(out, "model.onnx"), options, providers=["CPUExecutionProvider"])
        with open(os.path.join(out, "contract.json")) as file:
            self.contract = json.load(file)

    def score(self, pictures):
        """Risks (n,) and doubts (n,) with None where there is none; and how long one run took, the median in milliseconds."""
        risks, doubts, times = [], [], []
        for x in levels(pictures):
            start = time.perf_counter()
            values = dict(zip(OUTPUTS, self.session.run(list(OUTPUTS), {"input": x[None]})))
            times.append(1e3 * (time.perf_counter() - start))
            risks.append(values["risk"].ravel()[0])
            over = (c["doubt"] for c in self.contract["checks"] if values[c["output"]].ravel()[c["index"]] > c["max"])
            doubts.append(next(over, None))
        return np.array(risks, np.float64), np.array(doubts, object), float(np.median(times))


def rounded(value: float) -> float:
    return round(float(value), 4)


def doubted(doubts) -> list[float]:
    return wilson(int(sum(d is not None for d in doubts)), len(doubts))


def classes(risks, doubts, labels) -> dict:
    """How many pictures get which label with the function's default thresholds."""
    sure = doubts == None  # noqa: E711, elementwise
    named = np.where(~sure, "Unsure", np.where(risks > 0.8, "Pneumonia", np.where(risks < 0.6, "Normal", "Unsure")))
    return {
        kind: {name: int(((labels == ill) & (named == name)).sum()) for name in ("Normal", "Unsure", "Pneumonia")}
        for ill, kind in enumerate(("normal", "pneumonia"))
    }


def steadiness(shipped, held, clean) -> dict:
    """Figures of each shift, with how far risks moved and how many pictures fell into doubt."""
    rows = {}
    for name, change in tqdm(SHIFTS.items(), desc="shifts"):
        risks, doubts, _ = shipped.score([change(p[..., 0]) for p in held.pictures])
        rows[name] = figures(risks, held.labels) | {"median_move": rounded(np.median(abs(risks - clean))), "doubted": doubted(doubts)}
    return rows


def writing(shipped, held, clean) -> dict:
    """How far writing on a picture moves its risk."""
    rows = {}
    for name, change in tqdm(WRITING.items(), desc="writing"):
        risks, doubts, _ = shipped.score([change(p[..., 0]) for p in held.pictures])
        move = abs(risks - clean)
        rows[name] = {
            "median": rounded(np.median(move)),
            "of_100_the_99th": rounded(np.quantile(move, 0.99)),
            "most": rounded(move.max()),
            "over_0.1": int((move > 0.1).sum()),
            "doubted": doubted(doubts),
        }
    return rows


def sizes(shipped, full: str, patients: set) -> dict | None:
    """How far the score of a picture at full size is from that of its reduced twin, among the held-out ones."""
    pairs = []
    for name in ("NORMAL", "PNEUMONIA"):
        large, small = os.path.join(full, name), os.path.join(os.path.dirname(full), "train", name)
        if not os.path.isdir(large):
            return None
        for file in sorted(os.listdir(large)):
            if patient(file) in patients and os.path.exists(os.path.join(small, file)):
                pairs.append((os.path.join(large, file), os.path.join(small, file)))
    if not pairs:
        return None
    both = [np.asarray([shipped.score([np.asarray(Image.open(p).convert("L"))])[0][0] for p in pair]) for pair in pairs]
    move = abs(np.diff(np.stack(both), axis=1)[:, 0])
    return {"pictures": len(pairs), "median_move": rounded(np.median(move)), "most": rounded(move.max())}


def strangers(shipped, held, elsewhere: str | None, seed: int) -> dict:
    """The share of pictures that are no upright chest X-rays and are said to be in doubt, and what the others were called."""

    def row(pictures):
        risks, doubts, _ = shipped.score(pictures)
        sure = doubts == None  # noqa: E711
        called = {"Pneumonia": int((sure & (risks > 0.8)).sum()), "Normal": int((sure & (risks < 0.6)).sum())}
        kinds = {str(k): int((doubts == k).sum()) for k in sorted(set(doubts[~sure]))}
        return {"pictures": len(risks), "in_doubt": doubted(doubts), "called": called, "doubts": kinds}

    rng = np.random.default_rng(seed + 1000)
    side = held.pictures.shape[1]
    rows = {
        "inverted chests": row([inverted(p[..., 0]) for p in held.pictures]),
        "drawn, no X-ray": row([np.clip(others.made_up(rng, side), 0, 255).astype(np.uint8) for _ in range(300)]),
        "broken chests": row([np.clip(others.broken(rng, p[..., 0]), 0, 255).astype(np.uint8) for p in held.pictures[::2]]),
    }
    if elsewhere:
        for name in sorted(os.listdir(elsewhere)):
            folder = os.path.join(elsewhere, name)
            rows[name] = row([np.asarray(Image.open(os.path.join(folder, f)).convert("L")) for f in sorted(os.listdir(folder))])
    return rows


def write(args, held: Held) -> None:
    """Writes figures.json and plots.png into `args.figures`.

    The sheet of misclassified pictures goes to `args.work`, because it shows pictures of patients.
    """
    shipped = Shipped(args.out)
    risks, doubts, milliseconds = shipped.score([p[..., 0] for p in held.pictures])
    # The risks as the network gave them before calibration, to calibrate each patient's by the others'.
    slope, offset = held.calibration

    def raw(p):
        p = np.clip(p, 1e-7, 1 - 1e-7)
        return (np.log(p / (1 - p)) - offset) / slope

    versions = [raw(shipped.score([change(p[..., 0]) for p in held.pictures])[0]) for name, change in SHIFTS.items() if name != "none"]
    fair = cross_fitted(raw(risks), held.labels, held.patients, versions)
    result = {
        "parity": held.parity,
        "parameters": held.parameters,
        "bytes": os.path.getsize(os.path.join(args.out, "model.onnx")),
        "milliseconds_one_thread": round(milliseconds, 2),
        "training": {"epochs": args.epochs, "seed": args.seed},
        "validation": figures(fair, held.labels),
        "classes": classes(fair, doubts, held.labels),
        "calibration": reliability(fair, held.labels),
        "in_doubt": doubted(doubts),
        "shifts": steadiness(shipped, held, risks),
        "writing": writing(shipped, held, risks),
        "full_size_against_reduced": sizes(shipped, os.path.join(args.data, "full-size"), set(held.patients)),
        "strangers": strangers(shipped, held, args.elsewhere, args.seed),
    }
    for part in ("val", "test"):
        folder = os.path.join(args.data, part)
        if os.path.isdir(folder):
            pictures, labels, _, _ = load(folder, 224)
            scores, said, _ = shipped.score([p[..., 0] for p in pictures])
            result[part] = figures(scores, labels) | {"classes": classes(scores, said, labels)}
    with open(os.path.join(args.figures, "figures.json"), "w") as file:
        json.dump(result, file, indent=2)
        file.write("\n")
    plots.draw(fair, held, result, os.path.join(args.figures, "plots.png"))
    plots.wrong(fair, held, os.path.join(args.work, "wrong.png"))
    summary(result)


def summary(result: dict) -> None:
    for part in ("validation", "val", "test"):
        if part in result:
            row = result[part]
            print(f"\n{part}, {row['pictures']} pictures, at 0.5, with 95 % intervals")
            for name in ("accuracy", "auc", "sensitivity", "specificity"):
                value, low, high = row[name]
                print(f"  {name:12} {value:.4f}  ({low:.4f} to {high:.4f})")
    print(f"  calibration error {result['calibration']['expected_calibration_error']:.4f}")
    print("\nshift                   accuracy  sensitivity  specificity  auc     doubted")
    for name, row in result["shifts"].items():
        print(f"{name:22}  {row['accuracy'][0]:.4f}    {row['sensitivity'][0]:.4f}       {row['specificity'][0]:.4f}       {row['auc'][0]:.4f}  {row['doubted'][0]:.4f}")
    print("\nwriting                  median  99th    most    over 0.1")
    for name, row in result["writing"].items():
        print(f"{name:24} {row['median']:.4f}  {row['of_100_the_99th']:.4f}  {row['most']:.4f}  {row['over_0.1']}")
    print("\nno upright chest X-ray   pictures  in doubt  called Pneumonia, Normal")
    for name, row in result["strangers"].items():
        print(f"{name:24} {row['pictures']:8}  {row['in_doubt'][0]:.4f}    {row['called']['Pneumonia']}, {row['called']['Normal']}")
    print(f"\nfull size against reduced: {result['full_size_against_reduced']}")
    print(f"{result['milliseconds_one_thread']} ms a run on one thread, {result['bytes']} bytes, parity {result['parity']}")
