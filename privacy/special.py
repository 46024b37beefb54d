"""Runs the pipeline on patients of special kinds, and writes special.json.

A picture counts as covered if nearly all of its ink is, as quarantined if its copy was held back,
and else as open. Of the residue kinds, open means that the patient is still in the copy's bytes.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np

import backgrounds
import coverage
import fonts
import kinds
import people
import residue
from attack import status
from process import process

# Share of the ink; the edges of turned letters are soft.
COVERED = 0.98


def _name(patient, suffix: str) -> str:
    return f"demo_{patient.name}_{patient.id}_{patient.birth}_{patient.exam}{suffix}"


def _source(job: dict, rng) -> np.ndarray:
    path = Path(rng.choice(job["backgrounds"]))
    gray, *_ = backgrounds.load(path, job["annotations"].get(path.name), rng)
    return gray


def draw(job: dict, folder: Path, seed: int, count: int) -> list[dict]:
    """Draws `count` pictures of each kind, and returns their truth."""
    truths = []
    for number, kind in enumerate([*kinds.KINDS, *residue.KINDS]):
        for index in range(count):
            rng = np.random.default_rng([seed, number, index])
            gray = _source(job, rng)
            truth = {"kind": kind}
            if kind in kinds.KINDS:
                patient, drawn = kinds.draw(kind, rng, gray)
                data, suffix = drawn.data, drawn.suffix
                truth["ink"] = f"ink/{number:02}-{index:03}.npz"
                np.savez_compressed(folder / truth["ink"], ink=drawn.ink, shown=drawn.shown)
            else:
                patient = people.invent(rng, [fonts.LATIN], fonts.writes)
                data, suffix = residue.KINDS[kind][0](rng, gray, patient)
            # One folder a picture: two patients may have one name.
            file = Path(f"{number:02}-{index:03}") / _name(patient, suffix)
            (folder / "pictures" / file).parent.mkdir(parents=True)
            (folder / "pictures" / file).write_bytes(data)
            truth |= {"file": str(file), "patient": vars(patient)}
            truths.append(truth)
    return truths


def is_open(folder: Path, truth: dict, copy: Path) -> bool:
    """Reports whether a copy still shows or holds the patient."""
    if truth["kind"] in residue.KINDS:
        holds = residue.KINDS[truth["kind"]][1]
        return holds(copy.read_bytes(), people.Patient(**truth["patient"]))
    with np.load(folder / truth["ink"]) as drawn:
        cover = coverage.cover(drawn["shown"], coverage.gray(copy))
        ink = drawn["ink"]
    return (ink & cover).sum() < COVERED * ink.sum()


def outcome(folder: Path, truth: dict, report: dict | None) -> str:
    """Returns covered, quarantined, open, not due or failed."""
    state = status(report)
    if state != "anonymized":
        return state
    return "open" if is_open(folder, truth, Path(report["anonymized"])) else "covered"


def main() -> None:
    """Draws, processes and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--xray", required=True)
    parser.add_argument("--app", default=".", help="folder with the spin.toml")
    parser.add_argument("--count", type=int, default=24, help="pictures a kind")
    parser.add_argument("--seed", type=int, default=9)
    args = parser.parse_args()
    job = json.loads((args.work / "backgrounds.json").read_text())
    folder = args.work / "special"
    for name in ("pictures", "ink"):
        (folder / name).mkdir(parents=True)
    truths = draw(job, folder, args.seed, args.count)
    found = process(args.xray, args.app, folder, "special-0123456789abcdef0123456789")
    counts: dict[str, Counter] = {}
    for truth in truths:
        state = outcome(folder, truth, found.get(truth["file"]))
        counts.setdefault(truth["kind"], Counter())[state] += 1
        truth["outcome"] = state
    (folder / "truth.json").write_text(json.dumps(truths, ensure_ascii=False, indent=1))
    rows = [
        {"kind": kind, "residue": kind in residue.KINDS} | dict(count)
        for kind, count in counts.items()
    ]
    (args.work / "special.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
