"""Looks for the invented patients where they should not be: names and bytes of the anonymized copies, object metadata, reports, logs,
answers over HTTP, and what is added to dead letters.

The copies are those of the whole run. For the rest `xray demo` serves a store, a broker and the function, on fewer pictures, some of
them damaged. What people see of their own files on their own terminal (paths, the demo's table) is not counted.
"""

import argparse
import json
import re
import shutil
import subprocess
from pathlib import Path

import traces
from attack import reports
from served import BUCKET, Broker, Demo, notification


class Place:
    """A place that was looked through."""

    def __init__(self, name: str, unit: str):
        self.name, self.unit, self.count, self.found = name, unit, 0, []

    def look(self, index: int | None, found) -> None:
        """Counts one thing that was looked at, and what was found in it."""
        self.count += 1
        self.found += [{"picture": index, "what": str(what)} for what in found]

    def as_dict(self) -> dict:
        amount = f"{self.count} {self.unit}" if self.count else self.unit
        return {"place": self.name, "amount": amount, "found": self.found}


def copies(work: Path, truths: list[dict]) -> list[Place]:
    """Names, bytes and reports of the whole run."""
    names, files, told, errors = Place("names of copies", "names"), Place("bytes and segments of copies", "files"), Place("lines of --json", "lines"), Place("standard error of the run", "lines")
    found = reports(work / "reports.jsonl", work / "pictures")
    for truth in truths:
        report, patient = found.get(truth["file"]), truth["patient"]
        if report is None:
            continue
        paths = {k: report.get(k) for k in ("anonymized", "quarantined")}
        for path in (Path(p) for p in paths.values() if p and Path(p).is_file()):
            names.look(truth["index"], traces.of_one(path.name, patient))
            files.look(truth["index"], traces.in_file(path.read_bytes(), patient))
        # The path of the source and of the processed picture are the user's own.
        rest = {k: v for k, v in report.items() if k not in ("source", "processed", "anonymized", "quarantined")}
        told.look(truth["index"], traces.of_any(json.dumps(rest, ensure_ascii=False), [patient]))
    there = Place("files in the anonymized folder that no report names as a copy", "files")
    reported = {Path(r["anonymized"]).resolve() for r in found.values() if r.get("anonymized")}
    for path in (p for p in (work / "copies" / "anonymized").rglob("*") if p.is_file()):
        there.look(None, [] if path.resolve() in reported else ["a copy of a picture that was withheld"])
    for line in (work / "process.log").read_text().splitlines():
        errors.look(None, traces.of_any(line.replace(str(work), ""), [t["patient"] for t in truths]))
    return [there, names, files, told, errors]


def answers(demo: Demo, work: Path, truths: list[dict]) -> Place:
    """What the function answers: done, duplicate, gone, damaged, not an event, an unusable bucket."""
    place = Place("answers over HTTP", "answers")
    for truth in truths:
        key, patient = Path(truth["file"]).name, truth["patient"]
        fresh = f"round/{key}"
        at = demo.out / BUCKET / fresh
        at.parent.mkdir(exist_ok=True)
        shutil.copy(work / "pictures" / truth["file"], at)
        bodies = [notification(fresh), notification(key), notification(f"gone/{key}"), notification(key, "no-such-bucket")]
        bodies += [f'{{"not": "{key}"}}'.encode(), key.encode(), notification(key)[:-20], notification("../" + key)]
        for body in bodies:
            place.look(truth["index"], traces.of_any(demo.post(body), [patient]))
    return place


def dead_letters(demo: Demo, broker: Broker, xray: str, patients: list[dict]) -> Place:
    """What the trigger adds to a record that can't be delivered, and what is shown of one. Key and value are as they came."""
    if not broker.address:
        return Place("dead letters", broker.why)
    place = Place("dead letters: added headers, and what is shown", "lines")
    command = [xray, "dead-letters", "--kafka", broker.address, "--topic", demo.topic]
    listed = subprocess.run([*command, "list"], capture_output=True, text=True, timeout=120)
    spots = [line.split()[0] for line in listed.stdout.splitlines() if re.match(r"\d+:\d+ ", line)]
    lines = (listed.stdout + listed.stderr).splitlines()
    for spot in spots[:20]:
        masked = subprocess.run([*command, "show", spot], capture_output=True, text=True, timeout=120).stdout
        bare = subprocess.run([*command, "show", spot, "--reveal"], capture_output=True, text=True, timeout=120).stdout
        lines += masked.splitlines() + [line for line in bare.splitlines() if line.startswith("header xray-dead-letter-")]
    for line in lines:
        place.look(None, traces.of_any(line, patients))
    if not spots:
        place.found.append({"picture": None, "what": f"no dead letter was there to look at: {listed.stderr.strip()}"})
    return place


def stored(demo: Demo, truths: list[dict]) -> list[Place]:
    """Keys and metadata in the anonymized bucket (and the quarantine), and what the component printed."""
    keys, metadata, logs = Place("keys in the anonymized bucket", "keys"), Place("object metadata", "objects"), Place("logs of the function and the host", "lines")
    patients = [t["patient"] for t in truths]
    for bucket in demo.out.glob(f"{BUCKET}-*"):
        if bucket.name != f"{BUCKET}-processed":
            for path in (p for p in bucket.rglob("*") if p.is_file()):
                keys.look(None, traces.of_any(str(path.relative_to(bucket)), patients))
    # Metadata of all objects, those of the processed pictures too: nothing of a patient belongs into any.
    for path in (demo.out / ".s3" / ".attributes").iterdir():
        metadata.look(None, traces.of_any(json.dumps(json.loads(path.read_text())["metadata"], ensure_ascii=False), patients))
    lines = [line for path in (demo.out / "logs").iterdir() for line in path.read_text().splitlines()]
    # The one name in it is that of a file of the user, which the demo says on the terminal is missing.
    lines += [line for line in demo.errors.read_text().splitlines() if not line.startswith("xray: demo_")]
    for line in lines:
        logs.look(None, traces.of_any(line, patients))
    return [keys, metadata, logs]


def main() -> None:
    """Looks everywhere and writes elsewhere.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--xray", required=True)
    parser.add_argument("--app", default=".", help="folder with the spin.toml")
    parser.add_argument("--count", type=int, default=200, help="pictures for what is served")
    args = parser.parse_args()
    truths = json.loads((args.work / "truth.json").read_text())["pictures"]
    places = copies(args.work, truths)
    images, few = args.work / "few", truths[: args.count]
    images.mkdir()
    for i, truth in enumerate(few):
        data = (args.work / "pictures" / truth["file"]).read_bytes()
        # Every tenth is broken off, which ends in a dead letter.
        (images / Path(truth["file"]).name).write_bytes(data[: len(data) // 2] if i % 10 == 9 else data)
    with Broker(args.work / "kafka") as broker, Demo([args.xray, "demo", "--from", args.app], args.work, images, broker.address) as demo:
        places += [answers(demo, args.work, few[:20]), dead_letters(demo, broker, args.xray, [t["patient"] for t in few])]
    places += stored(demo, few)
    (args.work / "elsewhere.json").write_text(json.dumps([p.as_dict() for p in places], ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
