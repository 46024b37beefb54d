#!/usr/bin/env python3
"""CPU time of large DICOM objects in each transfer syntax, without inference, as one table.

    bench/dicom.py --drawn OBJECT [--xray BINARY] [--native BINARY] [--megapixels 7] [--rounds 5]

OBJECT is one of `xray make-images --dicom`; it is enlarged, and written in each syntax. The host
and the function's code compiled natively take turns, and of several rounds the least counts. A
figure is the CPU time of the whole process for one event, less that for a thumbnail: the rest is
inference, and what each event costs. Decoding is by how much an event takes longer than that of the
uncompressed object. `make bench-dicom` prepares what this needs.
"""

import argparse
import os
import pathlib
import sys
import tempfile

import numpy as np
from PIL import Image
from pydicom import dcmread

from events import HERE, Host, Piped, cpu

sys.path.insert(0, os.path.join(HERE, "tests/dicom"))
import through

NAMES = ["source", "implicit", "big", "deflated", "RLE", "50", "57", "70", "80", "81", "90", "91"]


def enlarged(drawn: str, to: pathlib.Path, pixels: float) -> None:
    """Writes an object with so many pixels, and with the noise of a detector."""
    data = dcmread(drawn)
    samples = data.pixel_array
    scale = (pixels / samples.size) ** 0.5
    size = [round(side * scale) for side in reversed(samples.shape)]
    large = np.asarray(Image.fromarray(samples.astype("f4")).resize(size, Image.BICUBIC))
    large = large + np.random.default_rng(1).normal(0, 4, large.shape)
    data.PixelData = np.clip(np.round(large), 0, 4095).astype("<u2").tobytes()
    data.Columns, data.Rows = size
    data.save_as(to)


def measured(made: dict, names: list[str], rounds: int) -> dict:
    """Returns the least time of each process for each object, in milliseconds."""
    least = {}
    for name in names:
        for round in range(rounds + 1):
            for kind, peer in made.items():
                before = cpu(peer.process.pid)
                peer.event(name)
                taken = cpu(peer.process.pid) - before
                # The first round warms up.
                if round > 0:
                    least[kind, name] = min(taken, least.get((kind, name), taken))
    return least


def table(folder: pathlib.Path, least: dict) -> str:
    lines = [
        "| syntax | event, ms | natively | ratio | decoding | natively | ratio | with a copy |",
        "|---|---|---|---|---|---|---|---|",
    ]
    net = lambda kind, name: least[kind, f"{name}.dcm"] - least[kind, "thumbnail.dcm"]
    for name in NAMES:
        syntax = dcmread(folder / f"{name}.dcm").file_meta.TransferSyntaxUID
        ending = syntax.removeprefix(through.ROOT) or "(.1.2)"
        event, native = net("no copy", name), net("native", name)
        cells = [f"{event:.0f}", f"{native:.0f}", f"{event / native:.2f}"]
        decode, alone = event - net("no copy", "source"), native - net("native", "source")
        # Of nothing but bytes in another order there is nothing to decode.
        is_coded = alone > 5
        cells += [f"{decode:.0f}", f"{alone:.0f}", f"{decode / alone:.2f}"] if is_coded else ["–"] * 3
        lines.append(f"| `{ending}` | " + " | ".join([*cells, f"{net('copy', name):.0f}"]) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--drawn", required=True)
    parser.add_argument("--xray", default=os.path.join(HERE, "target/release/xray"))
    parser.add_argument("--native", default=os.path.join(HERE, "target/release/examples/events"))
    parser.add_argument("--megapixels", type=float, default=7)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = pathlib.Path(work) / "objects"
        folder.mkdir()
        enlarged(args.drawn, folder / "source.dcm", args.megapixels * 1e6)
        through.make(folder)
        enlarged(args.drawn, folder / "thumbnail.dcm", 1e4)
        files = [f"{name}.dcm" for name in [*NAMES, "thumbnail"]]
        store = Piped([sys.executable, os.path.join(HERE, "bench/store.py"), str(folder)], str)
        made = {"native": Piped([args.native, "no-copy"], lambda name: str(folder / name))}
        try:
            for kind, anonymize in [("no copy", "none"), ("copy", "all")]:
                state = os.path.join(work, kind)
                variables = {"anonymize": anonymize, "text_detector": "", "max_bytes_dicom": "268435456"}
                made[kind] = Host(HERE, args.xray, store.greeting, state, "embedded", **variables)
            print(table(folder, measured(made, files, args.rounds)))
        finally:
            for peer in [store, *made.values()]:
                peer.process.kill()


if __name__ == "__main__":
    main()
