"""The figures of a classifier at one threshold, with 95 % intervals."""

import numpy as np


def wilson(hits: int, of: int) -> list[float]:
    """[share, low, high]: Wilson's score interval at 95 %."""
    z, p = 1.959964, hits / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z * np.sqrt(p * (1 - p) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return [round(float(v), 4) for v in (p, middle - half, middle + half)]


def area_under_curve(scores: np.ndarray, labels: np.ndarray) -> list[float]:
    """[AUC, low, high]: the rank statistic, with Hanley and McNeil's (1982) standard error."""
    order = scores.argsort(kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    for value in np.unique(scores):
        same = scores == value
        ranks[same] = ranks[same].mean()
    positive, negative = int(labels.sum()), int((1 - labels).sum())
    auc = (ranks[labels == 1].sum() - positive * (positive + 1) / 2) / (positive * negative)
    q1, q2 = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    error = np.sqrt((auc * (1 - auc) + (positive - 1) * (q1 - auc**2) + (negative - 1) * (q2 - auc**2)) / (positive * negative))
    return [round(float(v), 4) for v in (auc, auc - 1.96 * error, min(1.0, auc + 1.96 * error))]


def figures(scores: np.ndarray, labels: np.ndarray, threshold: float = 0.5) -> dict:
    """Accuracy, sensitivity, specificity at `threshold` and the AUC, each [value, low, high]."""
    called, ill = scores > threshold, labels == 1
    return {
        "pictures": int(len(labels)),
        "accuracy": wilson(int((called == ill).sum()), len(labels)),
        "auc": area_under_curve(scores, labels),
        "sensitivity": wilson(int((called & ill).sum()), int(ill.sum())),
        "specificity": wilson(int((~called & ~ill).sum()), int((~ill).sum())),
    }
