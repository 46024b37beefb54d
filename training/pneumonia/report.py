"""Evaluates the exported model and writes figures.json and the plots.

The test images are those of the held-out patients, transformed versions of them, and images
that are not chest X-rays. All scores come from the ONNX file that is shipped.
"""

import json
import os
import time

import numpy as np
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when the library is loaded

import onnxruntime  # noqa: E402
from PIL import Image
from tqdm import tqdm

import others
import plots
from calibrate import cross_fitted, reliability
from data import load, patient
from evaluate import figures, wilson
from export import OUTPUTS, levels
from shifts import NORMAL_ONLY, SHIFTS, TEXT, inverted, spectrum


class HeldOut:
    """The held-out images (n, side, side, 1), labels (n,), patients (n,) and paths.

    `export.write` adds its measurements.
    """

    def __init__(self, pictures, labels, patients, paths):
        self.pictures, self.labels, self.patients, self.paths = pictures, labels, patients, paths


class Shipped:
    """The exported model with its contract."""

    def __init__(self, out: str):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            os.path.join(out, "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        with open(os.path.join(out, "contract.json")) as file:
            self.contract = json.load(file)

    def score(self, pictures):
        """Returns risks (n,), reasons (n,) and the median time of a run in milliseconds.

        A reason is that of the first failed check, or None.
        """
        risks, reasons, times = [], [], []
        for x in levels(pictures):
            start = time.perf_counter()
            values = dict(zip(OUTPUTS, self.session.run(list(OUTPUTS), {"input": x[None]})))
            times.append(1e3 * (time.perf_counter() - start))
            risks.append(values["risk"].ravel()[0])
            failed = (
                c["reason"]
                for c in self.contract["checks"]
                if values[c["output"]].ravel()[c["index"]] > c["max"]
            )
            reasons.append(next(failed, None))
        return np.array(risks, np.float64), np.array(reasons, object), float(np.median(times))


def rounded(value: float) -> float:
    return round(float(value), 4)


def flagged(reasons) -> list[float]:
    """Returns the share of images that failed a check, with its interval."""
    return wilson(int(sum(reason is not None for reason in reasons)), len(reasons))


def classes(risks, reasons, labels) -> dict:
    """Counts the labels that the function's default thresholds give."""
    passed = reasons == None  # noqa: E711, elementwise
    named = np.where(
        ~passed,
        "Unsure",
        np.where(risks > 0.8, "Pneumonia", np.where(risks < 0.6, "Normal", "Unsure")),
    )
    return {
        kind: {
            name: int(((labels == ill) & (named == name)).sum())
            for name in ("Normal", "Unsure", "Pneumonia")
        }
        for ill, kind in enumerate(("normal", "pneumonia"))
    }


def robustness(shipped, held, clean) -> dict:
    """Returns the figures of each shift, with the change of the risk and the flagged share."""
    rows = {}
    for name, change in tqdm(SHIFTS.items(), desc="shifts"):
        risks, reasons, _ = shipped.score([change(p[..., 0]) for p in held.pictures])
        rows[name] = figures(risks, held.labels) | {
            "median_change": rounded(np.median(abs(risks - clean))),
            "flagged": flagged(reasons),
        }
    return rows


def normal_only(shipped, held, clean) -> dict:
    """Returns the figures when the normal images alone are changed.

    `power of an ill image` gives each the sharpness and grain of a random image with pneumonia.
    """
    normal, ill = held.labels == 0, held.pictures[held.labels == 1][..., 0]
    rng = np.random.default_rng(0)
    changed = {
        name: [change(p[..., 0]) for p in held.pictures[normal]]
        for name, change in NORMAL_ONLY.items()
    }
    changed["power of an ill image"] = [
        spectrum(ill[rng.integers(len(ill))])(p[..., 0]) for p in held.pictures[normal]
    ]
    rows = {}
    for name, pictures in tqdm(changed.items(), desc="normal only"):
        risks, reasons, _ = shipped.score(pictures)
        both = clean.copy()
        both[normal] = risks
        rows[name] = figures(both, held.labels) | {
            "calibration_error": reliability(both, held.labels)["expected_calibration_error"],
            "flagged": flagged(reasons),
        }
    return rows


def text_sensitivity(shipped, held, clean) -> dict:
    """Measures how much text on an image changes its risk."""
    rows = {}
    for name, change in tqdm(TEXT.items(), desc="text"):
        risks, reasons, _ = shipped.score([change(p[..., 0]) for p in held.pictures])
        changes = abs(risks - clean)
        rows[name] = {
            "median": rounded(np.median(changes)),
            "percentile_99": rounded(np.quantile(changes, 0.99)),
            "max": rounded(changes.max()),
            "over_0.1": int((changes > 0.1).sum()),
            "flagged": flagged(reasons),
        }
    return rows


def full_size_changes(shipped, full: str, patients: set) -> dict | None:
    """Compares the scores of held-out images at full size with those of their reduced versions."""
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
    both = [
        np.asarray([shipped.score([np.asarray(Image.open(p).convert("L"))])[0][0] for p in pair])
        for pair in pairs
    ]
    changes = abs(np.diff(np.stack(both), axis=1)[:, 0])
    return {
        "pictures": len(pairs),
        "median_change": rounded(np.median(changes)),
        "max": rounded(changes.max()),
    }


def out_of_distribution(shipped, held, elsewhere: str | None, seed: int) -> dict:
    """Measures the share of images other than upright chest X-rays that is flagged.

    Also counts the labels of the rest.
    """

    def row(pictures):
        risks, reasons, _ = shipped.score(pictures)
        passed = reasons == None  # noqa: E711
        labeled = {
            "Pneumonia": int((passed & (risks > 0.8)).sum()),
            "Normal": int((passed & (risks < 0.6)).sum()),
        }
        counts = {
            str(reason): int((reasons == reason).sum()) for reason in sorted(set(reasons[~passed]))
        }
        return {
            "pictures": len(risks),
            "flagged": flagged(reasons),
            "labeled": labeled,
            "reasons": counts,
        }

    rng = np.random.default_rng(seed + 1000)
    side = held.pictures.shape[1]
    rows = {
        "inverted chests": row([inverted(p[..., 0]) for p in held.pictures]),
        "synthetic images": row(
            [np.clip(others.synthetic(rng, side), 0, 255).astype(np.uint8) for _ in range(300)]
        ),
        "broken chests": row(
            [
                np.clip(others.broken(rng, p[..., 0]), 0, 255).astype(np.uint8)
                for p in held.pictures[::2]
            ]
        ),
    }
    if elsewhere:
        for name in sorted(os.listdir(elsewhere)):
            folder = os.path.join(elsewhere, name)
            rows[name] = row(
                [
                    np.asarray(Image.open(os.path.join(folder, f)).convert("L"))
                    for f in sorted(os.listdir(folder))
                ]
            )
    return rows


def write(args, held: HeldOut) -> None:
    """Writes figures.json and plots.png into `args.figures`.

    The sheet of misclassified images goes to `args.work`, because it shows patients.
    """
    shipped = Shipped(args.out)
    risks, reasons, milliseconds = shipped.score([p[..., 0] for p in held.pictures])
    # The uncalibrated outputs, so that each patient's calibration can be fitted on the others.
    slope, offset = held.calibration

    def raw(p):
        p = np.clip(p, 1e-7, 1 - 1e-7)
        return (np.log(p / (1 - p)) - offset) / slope

    versions = [
        raw(shipped.score([change(p[..., 0]) for p in held.pictures])[0])
        for name, change in SHIFTS.items()
        if name != "none"
    ]
    cross_validated = cross_fitted(raw(risks), held.labels, held.patients, versions)
    result = {
        "parity": held.parity,
        "parameters": held.parameters,
        "bytes": os.path.getsize(os.path.join(args.out, "model.onnx")),
        "milliseconds_one_thread": round(milliseconds, 2),
        "training": {"averaged": len(args.average)}
        if args.average
        else {"epochs": args.epochs, "seed": args.seed},
        "validation": figures(cross_validated, held.labels),
        "classes": classes(cross_validated, reasons, held.labels),
        "calibration": reliability(cross_validated, held.labels),
        "flagged": flagged(reasons),
        "shifts": robustness(shipped, held, risks),
        "normal_only": normal_only(shipped, held, risks),
        "text": text_sensitivity(shipped, held, risks),
        "full_size_against_reduced": full_size_changes(
            shipped, os.path.join(args.data, "full-size"), set(held.patients)
        ),
        "out_of_distribution": out_of_distribution(shipped, held, args.elsewhere, args.seed),
    }
    for part in ("val", "test"):
        folder = os.path.join(args.data, part)
        if os.path.isdir(folder):
            pictures, labels, _, _ = load(folder, 224)
            scores, reasons, _ = shipped.score([p[..., 0] for p in pictures])
            result[part] = figures(scores, labels) | {"classes": classes(scores, reasons, labels)}
    with open(os.path.join(args.figures, "figures.json"), "w") as file:
        json.dump(result, file, indent=2)
        file.write("\n")
    plots.draw(cross_validated, held, result, os.path.join(args.figures, "plots.png"))
    plots.misclassified(cross_validated, held, os.path.join(args.work, "misclassified.png"))
    summary(result)


def summary(result: dict) -> None:
    """Prints the figures."""
    for part in ("validation", "val", "test"):
        if part in result:
            row = result[part]
            print(f"\n{part}, {row['pictures']} images, threshold 0.5, 95 % intervals")
            for name in ("accuracy", "auc", "sensitivity", "specificity"):
                value, low, high = row[name]
                print(f"  {name:12} {value:.4f}  ({low:.4f} to {high:.4f})")
    print(f"  expected calibration error {result['calibration']['expected_calibration_error']:.4f}")
    print("\nshift                   accuracy  sensitivity  specificity  auc     flagged")
    for name, row in result["shifts"].items():
        print(
            f"{name:22}  {row['accuracy'][0]:.4f}    {row['sensitivity'][0]:.4f}       {row['specificity'][0]:.4f}       {row['auc'][0]:.4f}  {row['flagged'][0]:.4f}"
        )
    print("\nnormal images changed    accuracy  specificity  auc     calibration error")
    for name, row in result["normal_only"].items():
        print(
            f"{name:22}  {row['accuracy'][0]:.4f}    {row['specificity'][0]:.4f}       {row['auc'][0]:.4f}  {row['calibration_error']:.4f}"
        )
    print("\ntext                     median  99th    max     over 0.1")
    for name, row in result["text"].items():
        print(
            f"{name:24} {row['median']:.4f}  {row['percentile_99']:.4f}  {row['max']:.4f}  {row['over_0.1']}"
        )
    print("\nout of distribution      images    flagged   labeled Pneumonia, Normal")
    for name, row in result["out_of_distribution"].items():
        print(
            f"{name:24} {row['pictures']:8}  {row['flagged'][0]:.4f}    {row['labeled']['Pneumonia']}, {row['labeled']['Normal']}"
        )
    print(f"\nfull size against reduced: {result['full_size_against_reduced']}")
    print(
        f"{result['milliseconds_one_thread']} ms per run on one thread, {result['bytes']} bytes, parity {result['parity']}"
    )
