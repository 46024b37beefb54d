"""Searches for identifiers of the invented patients outside the pixels.

It searches the names and bytes of the anonymized copies, object metadata, reports, logs, HTTP
responses and the headers added to dead letters. The copies are those of the whole run. For the
rest, `xray demo` runs a store, a broker and the function on fewer pictures, some of them
damaged. Output that shows users their own files on their own terminal (paths, the demo's table)
is not counted.
"""

import argparse
import json
import re
import shutil
import subprocess
from pathlib import Path

import folders
import identifiers
from attack import reports
from place import Place
from services import BUCKET, Broker, Demo, notification


def copies(work: Path, truths: list[dict]) -> list[Place]:
    """Searches names, bytes and reports of the whole run."""
    names, files, printed, errors = (
        Place("names of copies", "names"),
        Place("bytes and segments of copies", "files"),
        Place("lines of --json", "lines"),
        Place("standard error of the run", "lines"),
    )
    found = reports(work / "reports.jsonl", work / "pictures")
    for truth in truths:
        report, patient = found.get(truth["file"]), truth["patient"]
        if report is None:
            continue
        paths = {k: report.get(k) for k in ("anonymized", "quarantined")}
        for path in (Path(p) for p in paths.values() if p and Path(p).is_file()):
            names.add(truth["index"], identifiers.in_name(path.name, patient))
            files.add(truth["index"], identifiers.in_file(path.read_bytes(), patient))
        # The paths of the source and of the processed picture belong to the user.
        rest = {
            k: v
            for k, v in report.items()
            if k not in ("source", "processed", "anonymized", "quarantined")
        }
        printed.add(
            truth["index"], identifiers.in_text(json.dumps(rest, ensure_ascii=False), [patient])
        )
    unreported = Place("files in the anonymized folder that no report lists as a copy", "files")
    reported = {Path(r["anonymized"]).resolve() for r in found.values() if r.get("anonymized")}
    for path in (p for p in (work / "copies" / "anonymized").rglob("*") if p.is_file()):
        unreported.add(None, [] if path.resolve() in reported else ["a copy of a withheld picture"])
    for line in (work / "process.log").read_text().splitlines():
        errors.add(
            None, identifiers.in_text(line.replace(str(work), ""), [t["patient"] for t in truths])
        )
    return [unreported, names, files, printed, errors]


def responses(demo: Demo, work: Path, truths: list[dict]) -> Place:
    """Searches responses: done, duplicate, gone, damaged, not an event, unusable bucket."""
    place = Place("HTTP responses", "responses")
    for truth in truths:
        key, patient = Path(truth["file"]).name, truth["patient"]
        fresh = f"round/{key}"
        at = demo.out / BUCKET / fresh
        at.parent.mkdir(exist_ok=True)
        shutil.copy(work / "pictures" / truth["file"], at)
        bodies = [
            notification(fresh),
            notification(key),
            notification(f"gone/{key}"),
            notification(key, "no-such-bucket"),
        ]
        bodies += [
            f'{{"not": "{key}"}}'.encode(),
            key.encode(),
            notification(key)[:-20],
            notification("../" + key),
        ]
        for body in bodies:
            place.add(truth["index"], identifiers.in_text(demo.post(body), [patient]))
    return place


def dead_letters(demo: Demo, broker: Broker, xray: str, patients: list[dict]) -> Place:
    """Searches the headers of dead letters, and their masked display.

    The trigger adds the headers to undeliverable records.
    Key and value are left as received.
    """
    if not broker.address:
        return Place("dead letters", broker.why)
    place = Place("dead letters: added headers and masked display", "lines")
    command = [xray, "dead-letters", "--kafka", broker.address, "--topic", demo.topic]
    listed = subprocess.run([*command, "list"], capture_output=True, text=True, timeout=120)
    positions = [
        line.split()[0] for line in listed.stdout.splitlines() if re.match(r"\d+:\d+ ", line)
    ]
    lines = (listed.stdout + listed.stderr).splitlines()
    for position in positions[:20]:
        masked = subprocess.run(
            [*command, "show", position], capture_output=True, text=True, timeout=120
        ).stdout
        revealed = subprocess.run(
            [*command, "show", position, "--reveal"], capture_output=True, text=True, timeout=120
        ).stdout
        lines += masked.splitlines() + [
            line for line in revealed.splitlines() if line.startswith("header xray-dead-letter-")
        ]
    for line in lines:
        place.add(None, identifiers.in_text(line, patients))
    if not positions:
        place.found.append(
            {
                "picture": None,
                "what": f"there are no dead letters to search: {listed.stderr.strip()}",
            }
        )
    return place


def stored(demo: Demo, truths: list[dict]) -> list[Place]:
    """Searches keys and metadata of the output buckets, and the component's output."""
    keys, metadata, logs = (
        Place("keys in the anonymized bucket", "keys"),
        Place("object metadata", "objects"),
        Place("logs of the function and the host", "lines"),
    )
    patients = [t["patient"] for t in truths]
    for bucket in demo.out.glob(f"{BUCKET}-*"):
        if bucket.name != f"{BUCKET}-processed":
            for path in (p for p in bucket.rglob("*") if p.is_file()):
                keys.add(None, identifiers.in_text(str(path.relative_to(bucket)), patients))
    # Metadata of all objects, processed pictures included: none may contain identifiers.
    for path in (demo.out / ".s3" / ".attributes").iterdir():
        metadata.add(
            None,
            identifiers.in_text(
                json.dumps(json.loads(path.read_text())["metadata"], ensure_ascii=False), patients
            ),
        )
    lines = [
        line for path in (demo.out / "logs").iterdir() for line in path.read_text().splitlines()
    ]
    # The only name is in the demo's terminal message about a missing file of the user.
    lines += [
        line for line in demo.errors.read_text().splitlines() if not line.startswith("xray: demo_")
    ]
    for line in lines:
        logs.add(None, identifiers.in_text(line, patients))
    return [keys, metadata, logs]


def main() -> None:
    """Searches all places and writes elsewhere.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--xray", required=True)
    parser.add_argument("--app", default=".", help="folder with the spin.toml")
    parser.add_argument("--count", type=int, default=200, help="pictures for the demo")
    args = parser.parse_args()
    truths = json.loads((args.work / "truth.json").read_text())["pictures"]
    places = copies(args.work, truths)
    images, sample = args.work / "sample", truths[: args.count]
    images.mkdir()
    for i, truth in enumerate(sample):
        data = (args.work / "pictures" / truth["file"]).read_bytes()
        # Every tenth is truncated, which causes a dead letter.
        (images / Path(truth["file"]).name).write_bytes(
            data[: len(data) // 2] if i % 10 == 9 else data
        )
    with (
        Broker(args.work / "kafka") as broker,
        Demo([args.xray, "demo", "--from", args.app], args.work, images, broker.address) as demo,
    ):
        places += [
            responses(demo, args.work, sample[:20]),
            folders.search(demo, args.work / "pictures", sample[:8]),
            dead_letters(demo, broker, args.xray, [t["patient"] for t in sample]),
        ]
    places += stored(demo, sample)
    (args.work / "elsewhere.json").write_text(
        json.dumps([p.as_dict() for p in places], ensure_ascii=False, indent=1)
    )


if __name__ == "__main__":
    main()
