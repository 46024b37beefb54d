"""Attacks the anonymized copies, measures the covered area, and writes results.json.

For each copy it measures the covered share of the text's ink, the lost markers and the covered
area, and searches the known strings with Tesseract, PP-OCR and template matching wherever a text
is not fully covered. A sample of copies is searched as a whole. The same attack on a sample of the
original pictures measures its sensitivity.
"""

import argparse
import json
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from tqdm import tqdm

import coverage
import measure
import needles
import ocr
import reading
import template

FULL = 0.999


def load_truth(folder: Path) -> dict:
    """Reads the ground truth written by generate.py."""
    return json.loads((folder / "truth.json").read_text())


def reports(path: Path, pictures: Path) -> dict[str, dict]:
    """Reads the pipeline's reports, by file relative to the folder of pictures."""
    found = {}
    for line in path.read_text().splitlines():
        report = json.loads(line)
        found[str(Path(report["source"]).resolve().relative_to(pictures.resolve()))] = report
    return found


def status(report: dict | None) -> str:
    """Classifies the outcome of a picture: anonymized, quarantined, not due or failed."""
    if report is None:
        return "failed"
    if report["outcome"] == "quarantined":
        return "quarantined"
    if report.get("anonymized"):
        return "anonymized"
    return "not due" if report["outcome"] == "done" else "failed"


def stranger(truths: list[dict], index: int) -> dict:
    """Returns another picture with text, whose strings can be found here by chance only."""
    for step in range(1, len(truths)):
        other = truths[(index + 7 * step) % len(truths)]
        shown = "\n".join(t["says"] for t in truths[index]["texts"])
        if other["index"] != index and other["texts"] and not needles.of(other).found(shown):
            return other
    raise SystemExit("no other picture has text; draw more pictures")


def template_scores(picture: np.ndarray, difference: np.ndarray, texts: list[dict]) -> list[float]:
    """Returns the best template score near each text."""
    return [template.near(picture, difference, t) for t in texts]


def chance_score(picture: np.ndarray, folder: Path, other: dict, search=template.near) -> float:
    """Returns the best score that another patient's lines reach by chance."""
    theirs = measure.difference(folder / "ink" / f"{other['index']:06}.png")
    height, width = picture.shape
    fitting = [
        t
        for t in other["texts"]
        if measure.is_identifying(t)
        and t["box"][0] + t["box"][2] < width
        and t["box"][1] + t["box"][3] < height
    ]
    return max((search(picture, theirs, t) for t in fitting[:2]), default=0.0)


def attacked(
    truth: dict,
    other: dict,
    picture: np.ndarray,
    bare: np.ndarray,
    difference: np.ndarray,
    which: list[int],
) -> dict:
    """Attacks a picture at the chosen texts.

    Returns the kinds of needles found by OCR, by any reader and by each, the template scores,
    and hits by chance. `bare` is the picture without its covers.
    """
    read = {
        name: "\n".join(reader(truth, picture, which) if which else [])
        for name, reader in reading.READERS.items()
    }
    found = {name: sorted(needles.of(truth).found(text)) for name, text in read.items()}
    identifying = [i for i in which if measure.is_identifying(truth["texts"][i])]
    return {
        "ocr": sorted(set().union(*found.values())),
        "readers": found,
        "ocr_chance": any(needles.of(other).found(text) for text in read.values()),
        "template": dict(
            zip(
                identifying,
                template_scores(bare, difference, [truth["texts"][i] for i in identifying]),
            )
        ),
    }


def whole_picture(
    folder: Path,
    truth: dict,
    other: dict,
    picture: np.ndarray,
    bare: np.ndarray,
    difference: np.ndarray,
) -> dict:
    """Attacks a picture without known positions, by OCR and by a search of each line everywhere."""
    at_text, elsewhere = ["\n".join(t) for t in reading.read_whole(truth, picture)]
    identifying = [t for t in truth["texts"] if measure.is_identifying(t)]
    return {
        "ocr": sorted(needles.of(truth).found(at_text)),
        "ocr_elsewhere": sorted(needles.of(truth).found(elsewhere)),
        "ocr_chance": bool(needles.of(other).found(at_text + "\n" + elsewhere)),
        "template": max((template.anywhere(bare, difference, t) for t in identifying), default=0.0),
        "stranger": chance_score(bare, folder, other, template.anywhere),
    }


def evaluate(job: dict, truth: dict) -> dict:
    """Measures and attacks one picture."""
    folder, report = job["folder"], job["reports"].get(truth["file"])
    result = {"index": truth["index"], "status": status(report)}
    if report:
        keys = ("outcome", "reason", "redaction", "ms", "error")
        result |= {key: report.get(key) for key in keys}
        # `doubt` is the former name.
        result["input_check"] = report.get("input_check") or report.get("doubt")
    other = stranger(job["truths"], truth["index"])
    difference = measure.difference(folder / "ink" / f"{truth['index']:06}.png")
    ink = np.abs(difference) > 0
    control = truth["index"] in job["control"]
    draft = report.get("quarantined") if report and result["status"] == "quarantined" else None
    if not control and not draft and result["status"] != "anonymized":
        return result
    source = coverage.gray(folder / "pictures" / truth["file"])
    if control:
        everything = list(range(len(truth["texts"])))
        result["control"] = attacked(truth, other, source, source, difference, everything)
        result["control"]["stranger"] = chance_score(source, folder, other)
    if draft:
        # A quarantined draft is measured, to see whether the quarantine was needed. It is not
        # attacked, because it is not a copy.
        result["draft"] = draft
        result["measure"] = measure.measure(
            truth, coverage.cover(source, coverage.gray(draft)), ink
        )
    if result["status"] != "anonymized":
        return result
    result["copy"] = report["anonymized"]
    copy = coverage.gray(report["anonymized"])
    if copy.shape != source.shape:
        raise SystemExit(
            f"picture {truth['index']}: the copy has the shape {copy.shape}, its source {source.shape}"
        )
    cover = coverage.cover(source, copy)
    bare = template.fill_cover(copy, cover)
    result["measure"] = measure.measure(truth, cover, ink)
    open_texts = [
        i for i, (pixels, hidden) in enumerate(result["measure"]["texts"]) if hidden < FULL * pixels
    ]
    result["attack"] = attacked(truth, other, copy, bare, difference, open_texts)
    result["attack"]["stranger"] = chance_score(bare, folder, other)
    if truth["index"] in job["whole"]:
        result["whole"] = whole_picture(folder, truth, other, copy, bare, difference)
    return result


def main() -> None:
    """Attacks all pictures in parallel."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="output folder of generate.py")
    parser.add_argument(
        "--reports", type=Path, required=True, help="output of `xray process --json`"
    )
    parser.add_argument(
        "--whole", type=int, default=100, help="copies that are searched as a whole"
    )
    parser.add_argument(
        "--control", type=int, default=100, help="original pictures with text that are attacked"
    )
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    truth = load_truth(args.work)
    truths = truth["pictures"]
    # Fails here once rather than in every worker.
    ocr.installed()
    by_file = reports(args.reports, args.work / "pictures")
    rng = np.random.default_rng(truth["about"]["seed"])
    with_text = [t["index"] for t in truths if any(measure.is_identifying(x) for x in t["texts"])]
    copied = [t["index"] for t in truths if status(by_file.get(t["file"])) == "anonymized"]
    chosen = {
        "whole": set(rng.permutation(copied)[: args.whole].tolist()),
        "control": set(rng.permutation(with_text)[: args.control].tolist()),
    }
    job = {"folder": args.work, "reports": by_file, "truths": truths} | chosen
    with Pool(args.workers) as pool:
        done = pool.imap(partial(evaluate, job), truths, chunksize=1)
        results = list(
            tqdm(done, total=len(truths), desc="attacking", unit="picture", mininterval=2)
        )
    (args.work / "results.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main()
