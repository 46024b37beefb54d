"""Attacks the anonymized copies, measures what was covered, and writes results.json.

Each copy: share of the text's ink that is covered, marks lost, area covered; then Tesseract and template search for the known
strings wherever a text is not wholly covered. A sample of copies: the same on the whole picture. A sample of the pictures as they
were before: the same attack, which shows what it finds where nothing was covered.
"""

import argparse
import json
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from tqdm import tqdm

import covered
import measure
import needles
import ocr
import reading
import template

WHOLE = 0.999


def load_truth(folder: Path) -> dict:
    """What generate.py says of its pictures."""
    return json.loads((folder / "truth.json").read_text())


def reports(path: Path, pictures: Path) -> dict[str, dict]:
    """The pipeline's report of each picture, by its file below the folder of pictures."""
    found = {}
    for line in path.read_text().splitlines():
        report = json.loads(line)
        found[str(Path(report["source"]).resolve().relative_to(pictures.resolve()))] = report
    return found


def status(report: dict | None) -> str:
    """What became of a picture: a copy, a quarantine, nothing due, or a failure."""
    if report is None:
        return "failed"
    if report["outcome"] == "quarantined":
        return "quarantined"
    if report.get("anonymized"):
        return "anonymized"
    return "not due" if report["outcome"] == "done" else "failed"


def stranger(truths: list[dict], index: int) -> dict:
    """Another picture with text, whose patient and lines stand for strings that can be found by chance only."""
    for step in range(1, len(truths)):
        other = truths[(index + 7 * step) % len(truths)]
        shown = "\n".join(t["says"] for t in truths[index]["texts"])
        if other["index"] != index and other["texts"] and not needles.of(other).found(shown):
            return other
    raise SystemExit("there is no other picture with text: draw more than one")


def lines_found(picture: np.ndarray, difference: np.ndarray, texts: list[dict]) -> list[float]:
    """The best score of template search for each of the texts near its place."""
    return [template.near(picture, difference, t) for t in texts]


def strangers_score(picture: np.ndarray, folder: Path, other: dict, search=template.near) -> float:
    """The best score that a stranger's line reaches here: what chance gives."""
    theirs = measure.difference(folder / "ink" / f"{other['index']:06}.png")
    height, width = picture.shape
    fitting = [t for t in other["texts"] if measure.telling(t) and t["box"][0] + t["box"][2] < width and t["box"][1] + t["box"][3] < height]
    return max((search(picture, theirs, t) for t in fitting[:2]), default=0.0)


def attacked(truth: dict, other: dict, picture: np.ndarray, bare: np.ndarray, difference: np.ndarray, which: list[int]) -> dict:
    """What is found on a picture at the texts chosen: kinds of needles by OCR, scores by template, and what chance gives. `bare` is
    the picture without its covers."""
    read = reading.read_at(truth, picture, which) if which else []
    text = "\n".join(read)
    told = [i for i in which if measure.telling(truth["texts"][i])]
    return {
        "ocr": sorted(needles.of(truth).found(text)),
        "ocr_chance": bool(needles.of(other).found(text)),
        "template": dict(zip(told, lines_found(bare, difference, [truth["texts"][i] for i in told]))),
    }


def whole_picture(folder: Path, truth: dict, other: dict, picture: np.ndarray, bare: np.ndarray, difference: np.ndarray) -> dict:
    """The attack without knowing where: OCR of everything, and each line searched for anywhere."""
    at_text, elsewhere = (["\n".join(t) for t in reading.read_whole(truth, picture)])
    told = [t for t in truth["texts"] if measure.telling(t)]
    return {
        "ocr": sorted(needles.of(truth).found(at_text)),
        "ocr_elsewhere": sorted(needles.of(truth).found(elsewhere)),
        "ocr_chance": bool(needles.of(other).found(at_text + "\n" + elsewhere)),
        "template": max((template.anywhere(bare, difference, t) for t in told), default=0.0),
        "stranger": strangers_score(bare, folder, other, template.anywhere),
    }


def one(job: dict, truth: dict) -> dict:
    """Everything about one picture."""
    folder, report = job["folder"], job["reports"].get(truth["file"])
    result = {"index": truth["index"], "status": status(report)}
    if report:
        result |= {k: report.get(k) for k in ("outcome", "reason", "doubt", "redaction", "ms", "error")}
    other = stranger(job["truths"], truth["index"])
    difference = measure.difference(folder / "ink" / f"{truth['index']:06}.png")
    ink = np.abs(difference) > 0
    control = truth["index"] in job["control"]
    draft = report.get("quarantined") if report and result["status"] == "quarantined" else None
    if not control and not draft and result["status"] != "anonymized":
        return result
    source = covered.grey(folder / "pictures" / truth["file"])
    if control:
        everything = list(range(len(truth["texts"])))
        result["control"] = attacked(truth, other, source, source, difference, everything)
        result["control"]["stranger"] = strangers_score(source, folder, other)
    if draft:
        # What was kept apart is measured too: was there reason to? It is no copy, so it is not attacked.
        result["draft"] = draft
        result["measure"] = measure.measure(truth, covered.cover(source, covered.grey(draft)), ink)
    if result["status"] != "anonymized":
        return result
    result["copy"] = report["anonymized"]
    copy = covered.grey(report["anonymized"])
    if copy.shape != source.shape:
        raise SystemExit(f"picture {truth['index']}: the copy is {copy.shape}, its source {source.shape}")
    cover = covered.cover(source, copy)
    bare = template.without(copy, cover)
    result["measure"] = measure.measure(truth, cover, ink)
    open_texts = [i for i, (pixels, gone) in enumerate(result["measure"]["texts"]) if gone < WHOLE * pixels]
    result["attack"] = attacked(truth, other, copy, bare, difference, open_texts)
    result["attack"]["stranger"] = strangers_score(bare, folder, other)
    if truth["index"] in job["whole"]:
        result["whole"] = whole_picture(folder, truth, other, copy, bare, difference)
    return result


def main() -> None:
    """Attacks them all, several at a time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder that generate.py filled")
    parser.add_argument("--reports", type=Path, required=True, help="what `xray process --json` printed")
    parser.add_argument("--whole", type=int, default=100, help="copies on which everything is read")
    parser.add_argument("--control", type=int, default=100, help="pictures with text that are attacked as they were before")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    truth = load_truth(args.work)
    truths = truth["pictures"]
    # Said here, once, instead of by every worker.
    ocr.installed()
    told = reports(args.reports, args.work / "pictures")
    rng = np.random.default_rng(truth["about"]["seed"])
    with_text = [t["index"] for t in truths if any(measure.telling(x) for x in t["texts"])]
    copied = [t["index"] for t in truths if status(told.get(t["file"])) == "anonymized"]
    chosen = {"whole": set(rng.permutation(copied)[: args.whole].tolist()), "control": set(rng.permutation(with_text)[: args.control].tolist())}
    job = {"folder": args.work, "reports": told, "truths": truths} | chosen
    with Pool(args.workers) as pool:
        done = pool.imap(partial(one, job), truths, chunksize=1)
        results = list(tqdm(done, total=len(truths), desc="attacking", unit="picture", mininterval=2))
    (args.work / "results.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main()
