"""Which X-rays are held out: those of a fifth of the patients."""

import re

import numpy as np


def patient(name: str) -> str:
    """The patient in a file name; `IM-7` and `NORMAL2-IM-7` are taken for one."""
    return re.sub(r"^(?:NORMAL2-)?(IM-\d+|person\d+).*$", r"\1", name)


def held_out(files) -> set[str]:
    """The files of a fifth of the patients, the same whatever the seed: a split by file would put one child on both sides."""
    patients = np.unique([patient(file) for file in files])
    np.random.default_rng(0).shuffle(patients)
    out = set(patients[: len(patients) // 5])
    return {file for file in files if patient(file) in out}
