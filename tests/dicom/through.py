#!/usr/bin/env python3
"""Compares what the host makes of an X-ray in every transfer syntax with what pydicom reads.

    tests/dicom/through.py FOLDER                    writes FOLDER/source.dcm in every other syntax
    tests/dicom/through.py --check FOLDER LINES      checks lines of `xray process --json` in there

The check prints a table. Boxes at the bottom left of the copies may differ, and the label at the
top of the captures.
"""

import json
import pathlib
import subprocess
import sys

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
    RLELossless,
)

from reference import save, shown

ROOT = "1.2.840.10008.1.2"
PLAIN = {
    "implicit": ImplicitVRLittleEndian,
    "big": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "RLE": RLELossless,
    "81": JPEGLSNearLossless,
}
BY_GDCM = ["50", "57", "70", "80", "90", "91"]
LOSSY = {"50", "51", "51-8", "81", "91"}
# Syntaxes of copies that are not the source's.
CHANGED = {"51": ROOT + ".1", "91": ROOT + ".4.90"}
# Height of the label, and sides of the boxes.
LABEL, BOX = 64, 48


def read(source, bits):
    # A data set that is not a file's may be written in every byte order.
    file = dcmread(source)
    data = Dataset()
    for element in file:
        data.add(element)
    if bits == 8:
        data.PixelData = (file.pixel_array >> (data.BitsStored - 8)).astype("u1").tobytes()
        data["PixelData"].VR = "OB"
        data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7
        data.WindowCenter, data.WindowWidth = 128, 256
    return data


def make(folder):
    source = folder / "source.dcm"
    for name, syntax in PLAIN.items():
        save(read(source, 12), folder / f"{name}.dcm", syntax)
    for name in BY_GDCM:
        path = folder / f"{name}.dcm"
        save(read(source, 8 if name == "50" else 12), path, ExplicitVRLittleEndian)
        script = pathlib.Path(__file__).parent / "reference.py"
        subprocess.run([sys.executable, script, "--compress", path, name], check=True)
    # The extended process with 8 bit includes what the baseline process makes.
    data = dcmread(folder / "50.dcm")
    data.file_meta.TransferSyntaxUID = JPEGExtended12Bit
    data.save_as(folder / "51-8.dcm", enforce_file_format=True)


def check(folder, lines):
    problems, rows = [], []
    base = next(line["risk"] for line in lines if line["source"].endswith("source.dcm"))
    for line in lines:
        name = pathlib.Path(line["source"]).stem
        wrong = lambda text: problems.append(f"{name}: {text}")
        if line["outcome"] != "done" or not line["anonymized"]:
            wrong(f"{line['outcome']}: {line['error'] or line['input_check']}")
            continue
        source = dcmread(folder / f"{name}.dcm")
        capture, copy = (dcmread(folder / line[kind]) for kind in ["processed", "anonymized"])
        samples = source.pixel_array
        level = np.abs(255 * shown(source, samples) - capture.pixel_array)[LABEL:].max()
        differ = np.abs(samples.astype("i4") - copy.pixel_array.astype("i4"))
        differ[-BOX:, :BOX] = 0
        if name.startswith("5") and name in LOSSY:
            # Blocks over the edge lose what lies beyond it.
            height, width = (side // 8 * 8 for side in differ.shape)
            differ[height:] = differ[:, width:] = 0
        # Decoders of JPEG-LS agree even where the encoder lost something.
        allowed = 1 if name in LOSSY - {"81"} else 0
        # Two decoders round cosines of 12 bit alike, but for a few samples at sharp edges.
        above = np.count_nonzero(differ > (allowed if name in CHANGED else 0))
        if differ.max() > 2 or above > (differ.size // 2000 if name == "51" else 0):
            wrong(f"samples of the copy differ by {differ.max()}, {above} by more than allowed")
        if level > 0.51 + allowed:
            wrong(f"the capture differs by {level:.2f} levels")
        expected = CHANGED.get(name, source.file_meta.TransferSyntaxUID)
        if copy.file_meta.TransferSyntaxUID != expected:
            wrong(f"the copy is in {copy.file_meta.TransferSyntaxUID}")
        # The same samples give the same risk, and those of 8 bit or with loss nearly so.
        is_same = name not in LOSSY
        if abs(line["risk"] - base) > (0 if is_same else 0.02):
            wrong(f"a risk of {line['risk']} instead of {base}")
        ending = source.file_meta.TransferSyntaxUID.removeprefix(ROOT) or "(.1.2)"
        written = copy.file_meta.TransferSyntaxUID.removeprefix(ROOT) or "(.1.2)"
        rows.append(
            f"| `{ending}` | {source.BitsStored} | {line['risk']:.4f} | {level:.2f} | {differ.max()} | `{written}` |"
        )
    print("| syntax | bits | risk | capture, levels | copy, samples | copy in |\n|---|---|---|---|---|---|")
    print("\n".join(rows))
    if problems or len(rows) != len(list(folder.glob("*.dcm"))):
        sys.exit("\n".join(problems) or f"only {len(rows)} objects were processed")


def main():
    if sys.argv[1] != "--check":
        make(pathlib.Path(sys.argv[1]))
        return
    folder = pathlib.Path(sys.argv[2])
    lines = (folder / sys.argv[3]).read_text().splitlines()
    check(folder, [json.loads(line) for line in lines])


if __name__ == "__main__":
    main()
