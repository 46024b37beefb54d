"""Selects the held-out X-rays: those of a fifth of the patients."""

import re

import numpy as np


def patient(name: str) -> str:
    """Returns the patient in a file name; `IM-7` and `NORMAL2-IM-7` count as one."""
    return re.sub(r"^(?:NORMAL2-)?(IM-\d+|person\d+).*$", r"\1", name)


def held_out(files) -> set[str]:
    """Returns the files of a fifth of the patients, independent of the seed.

    A split by file would put the same child on both sides.
    """
    patients = np.unique([patient(file) for file in files])
    np.random.default_rng(0).shuffle(patients)
    out = set(patients[: len(patients) // 5])
    return {file for file in files if patient(file) in out}
