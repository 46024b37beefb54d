"""Draws the plots: ROC, confusion matrix, reliability curve, and the misclassified images."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np


def draw(risks, held, result: dict, path: str) -> None:
    """Draws ROC curve, confusion matrix at 0.5 and reliability curve side by side."""
    figure, (roc, confusion, curve) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    order = np.argsort(-risks)
    ill = held.labels[order] == 1
    roc.plot(np.r_[0, (~ill).cumsum() / (~ill).sum()], np.r_[0, ill.cumsum() / ill.sum()])
    roc.plot([0, 1], [0, 1], "k:", linewidth=0.8)
    roc.set(
        title=f"ROC, AUC {result['validation']['auc'][0]:.4f}",
        xlabel="1 - specificity",
        ylabel="sensitivity",
    )

    table = [
        [int(((held.labels == truth) & ((risks > 0.5) == predicted)).sum()) for predicted in (0, 1)]
        for truth in (0, 1)
    ]
    confusion.imshow(table, cmap="Blues")
    for truth in (0, 1):
        for predicted in (0, 1):
            dark = table[truth][predicted] > np.max(table) / 2
            confusion.text(
                predicted,
                truth,
                table[truth][predicted],
                ha="center",
                va="center",
                color="white" if dark else "black",
                fontsize=14,
            )
    names = ["normal", "pneumonia"]
    confusion.set(
        title="Confusion at 0.5",
        xlabel="predicted",
        ylabel="true",
        xticks=[0, 1],
        yticks=[0, 1],
        xticklabels=names,
        yticklabels=names,
    )

    points = result["calibration"]["curve"]
    curve.plot([0, 1], [0, 1], "k:", linewidth=0.8)
    curve.plot([p["predicted"] for p in points], [p["observed"] for p in points], "o-")
    for p in points:
        curve.annotate(
            p["pictures"],
            (p["predicted"], p["observed"]),
            textcoords="offset points",
            xytext=(5, -9),
            fontsize=7,
        )
    error = result["calibration"]["expected_calibration_error"]
    curve.set(
        title=f"Reliability, expected calibration error {error:.3f}",
        xlabel="predicted risk",
        ylabel="observed share with pneumonia (weighted to two in three)",
    )
    figure.savefig(path, dpi=80)
    plt.close(figure)


def misclassified(risks, held, path: str) -> None:
    """Draws a sheet of the misclassified images, the worst first."""
    off = np.abs(risks - held.labels)
    order = [i for i in np.argsort(-off) if off[i] > 0.5][:40]
    figure, places = plt.subplots(5, 8, figsize=(16, 11), layout="constrained")
    for place in places.flat:
        place.axis("off")
    for place, i in zip(places.flat, order):
        place.imshow(held.pictures[i, ..., 0], cmap="gray", vmin=0, vmax=255)
        place.set_title(
            f"{'pneumonia' if held.labels[i] else 'normal'}, risk {risks[i]:.2f}", fontsize=9
        )
    figure.savefig(path, dpi=70)
    plt.close(figure)
