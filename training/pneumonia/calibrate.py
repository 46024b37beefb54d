"""Calibrates the score by Platt scaling, and measures the calibration."""

import numpy as np

BINS = 10
# Share of ill patients for which the risk is calibrated. The contract states it.
PREVALENCE = 2 / 3


def sigmoid(z):
    return 1 / (1 + np.exp(-np.clip(z, -60, 60)))


def weights(labels: np.ndarray) -> np.ndarray:
    """Returns weights that give the ill the share `PREVALENCE`."""
    ill = labels == 1
    return np.where(ill, PREVALENCE / max(ill.sum(), 1), (1 - PREVALENCE) / max((~ill).sum(), 1))


def platt(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Returns the maximum-likelihood (slope, offset) of sigmoid(slope * logit + offset).

    Uses Newton's method and the soft targets of Platt (1999).
    """
    ill, weight = labels == 1, weights(labels) * len(labels)
    positive, negative = ill.sum(), (~ill).sum()
    target = np.where(ill, (positive + 1) / (positive + 2), 1 / (negative + 2))
    slope, offset = 1.0, 0.0
    for _ in range(100):
        p = sigmoid(slope * logits + offset)
        gradient = np.array([(weight * (p - target) * logits).sum(), (weight * (p - target)).sum()])
        curve = weight * p * (1 - p)
        hessian = np.array(
            [
                [(curve * logits**2).sum(), (curve * logits).sum()],
                [(curve * logits).sum(), curve.sum()],
            ]
        )
        step = np.linalg.solve(hessian + 1e-6 * np.eye(2), gradient)
        slope, offset = slope - step[0], offset - step[1]
        if np.abs(step).max() < 1e-9:
            break
    return float(slope), float(offset)


def cross_fitted(
    logits: np.ndarray, labels: np.ndarray, patients: np.ndarray, extra=(), folds: int = 5
) -> np.ndarray:
    """Returns cross-validated risks, calibrated on other patients only.

    Figures from them are not optimistic.
    `extra` holds the logits of other versions of the same images, which are fitted on too.
    """
    unique = np.unique(patients)
    np.random.default_rng(0).shuffle(unique)
    risks = np.empty(len(logits))
    for fold in range(folds):
        inside = np.isin(patients, unique[fold::folds])
        versions = [logits, *extra]
        slope, offset = platt(
            np.concatenate([v[~inside] for v in versions]), np.tile(labels[~inside], len(versions))
        )
        risks[inside] = sigmoid(slope * logits[inside] + offset)
    return risks


def reliability(risks: np.ndarray, labels: np.ndarray) -> dict:
    """Returns the expected calibration error and its reliability curve.

    The ten bins are of equal width, and the classes have the weights of `PREVALENCE`.
    """
    weight, curve, error = weights(labels), [], 0.0
    which = np.minimum((risks * BINS).astype(int), BINS - 1)
    for i in range(BINS):
        inside = which == i
        if not inside.any():
            continue
        share = weight[inside].sum()
        predicted, observed = (
            np.average(v[inside], weights=weight[inside]) for v in (risks, labels)
        )
        error += share * abs(predicted - observed)
        curve.append(
            {
                "predicted": round(float(predicted), 4),
                "observed": round(float(observed), 4),
                "pictures": int(inside.sum()),
                "share": round(float(share), 4),
            }
        )
    return {"expected_calibration_error": round(float(error), 4), "curve": curve}
