#!/usr/bin/env python3
"""CPU time of an event, of this build, of an older one and of Python peers, as one table.

    bench/events.py [--folder DIR] [--base CHECKOUT] [--rounds N] [--sizes 0.25,1,4,16,40]

All variants take turns on each picture, one event at a time, so that all see the same machine. A
figure is the CPU time of the whole process for one event, the least of the rounds; a cell is the
median over its pictures, and in parentheses a multiple of the first row of its kind. The store is a
process of its own and counts for nobody. `make bench` prepares what this needs.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from PIL import Image

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODEL = os.path.join(HERE, "models/pneumonia/model.onnx")
TIMEOUT = 600
# Kinds of events, each with its settings.
KINDS = {
    "no copy": {"anonymize": "none"},
    "copy": {"anonymize": "all", "text_detector": ""},
    "copy, text": {"anonymize": "all", "max_redacted": "1"},
}


def backends() -> list[str]:
    """Returns the backends that are measured: ONNX Runtime if it is there, and the embedded one."""
    return ["onnx", "embedded"] if os.path.isdir(os.path.join(HERE, ".backends")) else ["embedded"]


def cpu(pid: int) -> float:
    """Returns the CPU time of a process in milliseconds: the clock of clock_getcpuclockid(3)."""
    return time.clock_gettime(~pid << 3 | 2) * 1e3


class Piped:
    """A process that prints a line for each line that it reads."""

    def __init__(self, command: list[str], argument) -> None:
        self.argument = argument
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.greeting = self.process.stdout.readline().strip()

    def event(self, name: str) -> None:
        self.process.stdin.write(self.argument(name) + "\n")
        self.process.stdin.flush()
        if not self.process.stdout.readline():
            raise SystemExit(f"a peer ended at {name}; its message is above")


class Host:
    """`xray up` of a checkout, which gets a notification for each event."""

    def __init__(self, checkout: str, binary: str, store: str, state: str, nn: str, **variables):
        settings = {
            "s3_endpoint": store, "s3_access_key": "k", "s3_secret_key": "k",
            "pseudonym_key": "a key for measurements", "max_bytes": "268435456", **variables,
        }
        environment = {f"SPIN_VARIABLE_{name.upper()}": value for name, value in settings.items()}
        command = [
            binary, "up", "--from", checkout, "--listen", "127.0.0.1:0", "--nn", nn, "--quiet",
            "--backends-dir", os.path.join(HERE, ".backends"), "--state-dir", state,
            "--timeout", str(TIMEOUT),
        ]
        environment = {**os.environ, **environment}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, env=environment, stdout=pipe, text=True)
        for line in self.process.stdout:
            if line.startswith("Serving "):
                self.address = line.split()[1]
                return
        raise SystemExit("xray up did not start; its message is above")

    def event(self, name: str) -> None:
        # Another key each time: the state of earlier events plays no part.
        key = f"{random.getrandbits(48):x}/{name}"
        record = {
            "eventVersion": "2.2", "eventSource": "ceph:s3", "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "xray-data-in"}, "object": {"key": key}},
        }
        body = json.dumps({"Records": [record]}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.address, body, headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            report = response.read().decode()
        # Text that is left on a resized picture sends its copy to quarantine, at the same cost.
        if json.loads(report)["outcome"] not in ("done", "quarantined"):
            raise SystemExit(f"the event of {name} was not done: {report}")


def pictures(folder: str, to: str, sizes: list[float]) -> dict[str, list[str]]:
    """Copies the pictures, and adds one of them resized to each number of megapixels."""
    given = []
    for path in sorted(os.path.join(d, f) for d, _, names in os.walk(folder) for f in names):
        if path.lower().endswith((".jpg", ".jpeg", ".png")):
            name = f"picture-{len(given)}{os.path.splitext(path)[1].lower()}"
            shutil.copyfile(path, os.path.join(to, name))
            given.append(name)
    columns = {f"{len(given)} pictures": given}
    with Image.open(os.path.join(to, given[0])) as source:
        source.load()
    for size in sizes:
        scale = (size * 1e6 / (source.width * source.height)) ** 0.5
        side = [int(length * scale) for length in source.size]
        name = f"resized-{size:g}.jpeg"
        source.convert("L").resize(side, Image.BICUBIC).save(os.path.join(to, name), quality=90)
        columns[f"{size:g} Mpx"] = [name]
    return columns


def variants(args, folder: str, store: str, state: str) -> dict[str, object]:
    made = {}
    checkouts = [("xray", HERE, args.xray)]
    if args.base:
        checkouts.append(("base", args.base, os.path.join(args.base, "target/release/xray")))
    for kind, variables in KINDS.items():
        for nn in backends():
            for who, checkout, binary in checkouts:
                name = f"{kind}: {who}, {nn}"
                state_dir = os.path.join(state, who)
                made[name] = Host(checkout, binary, store, state_dir, nn, **variables)
        if "text" in kind:
            continue
        outputs = kind.replace(" ", "-")
        native = [args.native, outputs]
        made[f"{kind}: native, no inference"] = Piped(native, lambda n: os.path.join(folder, n))
        peer = [sys.executable, os.path.join(HERE, "bench/peers.py"), store, MODEL, outputs]
        made[f"{kind}: Python"] = Piped(peer, str)
        made[f"{kind}: Python, model read each time"] = Piped([*peer, "--load-each"], str)
    return made


def measured(made: dict, columns: dict, rounds: int) -> dict:
    """Returns the least time of each variant for each picture."""
    least = {}
    for names in columns.values():
        for name in names:
            for round in range(rounds + 1):
                for variant, peer in made.items():
                    before = cpu(peer.process.pid)
                    peer.event(name)
                    taken = cpu(peer.process.pid) - before
                    # The first round warms up.
                    if round > 0:
                        key = (variant, name)
                        least[key] = min(taken, least.get(key, taken))
    return least


def table(made: dict, columns: dict, least: dict) -> str:
    lines = ["| CPU ms an event | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    base, kind = {}, None
    for variant in made:
        if variant.split(":")[0] != kind:
            base, kind = {}, variant.split(":")[0]
        cells = []
        for column, names in columns.items():
            ms = statistics.median(least[variant, name] for name in names)
            cells.append(f"{ms:.1f} ({ms / base.setdefault(column, ms):.2f})")
        lines.append(f"| {variant} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", required=True)
    parser.add_argument("--xray", default=os.path.join(HERE, "target/release/xray"))
    parser.add_argument("--native", default=os.path.join(HERE, "target/release/examples/events"))
    parser.add_argument("--base", default="")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", default="0.25,1,4,16,40")
    args = parser.parse_args()
    sizes = [float(size) for size in args.sizes.split(",") if size]
    Image.MAX_IMAGE_PIXELS = None
    with tempfile.TemporaryDirectory() as work:
        folder = os.path.join(work, "pictures")
        os.mkdir(folder)
        columns = pictures(args.folder, folder, sizes)
        store = Piped([sys.executable, os.path.join(HERE, "bench/store.py"), folder], str)
        made = {}
        try:
            made = variants(args, folder, store.greeting, work)
            print(table(made, columns, measured(made, columns, args.rounds)))
        finally:
            for peer in [store, *made.values()]:
                peer.process.kill()


if __name__ == "__main__":
    main()
