"""Draws the figures: ROC, confusion matrix, reliability, and the pictures that were judged wrongly."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np


def draw(risks, held, result: dict, path: str) -> None:
    """ROC curve, confusion matrix at 0.5 and reliability curve, side by side."""
    figure, (roc, confusion, curve) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    order = np.argsort(-risks)
    ill = held.labels[order] == 1
    roc.plot(np.r_[0, (~ill).cumsum() / (~ill).sum()], np.r_[0, ill.cumsum() / ill.sum()])
    roc.plot([0, 1], [0, 1], "k:", linewidth=0.8)
    roc.set(title=f"ROC, AUC {result['validation']['auc'][0]:.4f}", xlabel="1 - specificity", ylabel="sensitivity")

    table = [[int(((held.labels == truth) & ((risks > 0.5) == said)).sum()) for said in (0, 1)] for truth in (0, 1)]
    confusion.imshow(table, cmap="Blues")
    for truth in (0, 1):
        for said in (0, 1):
            dark = table[truth][said] > np.max(table) / 2
            confusion.text(said, truth, table[truth][said], ha="center", va="center", color="white" if dark else "black", fontsize=14)
    names = ["normal", "pneumonia"]
    confusion.set(title="Confusion at 0.5", xlabel="said", ylabel="true", xticks=[0, 1], yticks=[0, 1], xticklabels=names, yticklabels=names)

    points = result["calibration"]["curve"]
    curve.plot([0, 1], [0, 1], "k:", linewidth=0.8)
    curve.plot([p["said"] for p in points], [p["ill"] for p in points], "o-")
    for p in points:
        curve.annotate(p["pictures"], (p["said"], p["ill"]), textcoords="offset points", xytext=(5, -9), fontsize=7)
    error = result["calibration"]["expected_calibration_error"]
    curve.set(title=f"Reliability, expected error {error:.3f}", xlabel="risk said", ylabel="share that is ill (one in two ill)")
    figure.savefig(path, dpi=80)
    plt.close(figure)


def wrong(risks, held, path: str) -> None:
    """A sheet of the wrongly judged, the worst first."""
    off = np.abs(risks - held.labels)
    order = [i for i in np.argsort(-off) if off[i] > 0.5][:40]
    figure, places = plt.subplots(5, 8, figsize=(16, 11), layout="constrained")
    for place in places.flat:
        place.axis("off")
    for place, i in zip(places.flat, order):
        place.imshow(held.pictures[i, ..., 0], cmap="gray", vmin=0, vmax=255)
        place.set_title(f"{'pneumonia' if held.labels[i] else 'normal'}, said {risks[i]:.2f}", fontsize=9)
    figure.savefig(path, dpi=70)
    plt.close(figure)
