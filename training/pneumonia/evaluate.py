"""Computes the figures of a classifier at one threshold, with 95 % intervals."""

import numpy as np


def wilson(hits: int, total: int) -> list[float]:
    """Returns [share, low, high], with the 95 % Wilson score interval."""
    z, p = 1.959964, hits / total
    middle = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z * np.sqrt(p * (1 - p) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return [round(float(v), 4) for v in (p, middle - half, middle + half)]


def area_under_curve(scores: np.ndarray, labels: np.ndarray) -> list[float]:
    """Returns [AUC, low, high], the rank statistic with the error of Hanley and McNeil, 1982."""
    order = scores.argsort(kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    for value in np.unique(scores):
        same = scores == value
        ranks[same] = ranks[same].mean()
    positive, negative = int(labels.sum()), int((1 - labels).sum())
    auc = (ranks[labels == 1].sum() - positive * (positive + 1) / 2) / (positive * negative)
    q1, q2 = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    error = np.sqrt(
        (auc * (1 - auc) + (positive - 1) * (q1 - auc**2) + (negative - 1) * (q2 - auc**2))
        / (positive * negative)
    )
    return [round(float(v), 4) for v in (auc, auc - 1.96 * error, min(1.0, auc + 1.96 * error))]


def figures(scores: np.ndarray, labels: np.ndarray, threshold: float = 0.5) -> dict:
    """Returns accuracy, sensitivity, specificity and AUC, each as [value, low, high]."""
    called, ill = scores > threshold, labels == 1
    return {
        "pictures": int(len(labels)),
        "accuracy": wilson(int((called == ill).sum()), len(labels)),
        "auc": area_under_curve(scores, labels),
        "sensitivity": wilson(int((called & ill).sum()), int(ill.sum())),
        "specificity": wilson(int((~called & ~ill).sum()), int((~ill).sum())),
    }
