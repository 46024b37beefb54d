"""Counts the text-free X-rays on which something is covered, at several sizes.

    privacy/sizes.py --data DIR --xray FILE [--app DIR]

DIR contains NORMAL and PNEUMONIA. Only X-rays that were held out of the detector's training count,
and of these only the ones on which nothing but side markers is written. Prints a table.
"""

import argparse
import json
import tempfile
from pathlib import Path

from PIL import Image

from attack import status
from process import process

HERE = Path(__file__).parent.parent
# Pixels of the longer side; 0 leaves an X-ray as it is.
SIZES = (224, 512, 1024, 0)
TRAINING = HERE / "training/text"


def text_free(data: Path) -> list[Path]:
    """Returns the held-out X-rays of `data` without text, in order of their names."""
    names = json.loads((TRAINING / "figures.json").read_text())["held_out"]
    notes = json.loads((TRAINING / "annotations.json").read_text())
    free = {n for n in names if all(note["what"] != "text" for note in notes.get(n, []))}
    return sorted(path for path in data.glob("*/*") if path.name in free)


def scaled(paths: list[Path], size: int, folder: Path) -> None:
    """Writes the X-rays with `size` pixels on the longer side, under neutral names."""
    folder.mkdir()
    for number, path in enumerate(paths):
        with Image.open(path) as image:
            gray = image.convert("L")
        if size:
            scale = size / max(gray.size)
            sides = [max(1, round(side * scale)) for side in gray.size]
            gray = gray.resize(sides, Image.Resampling.LANCZOS)
        gray.save(folder / f"image-{number:04}.jpg", quality=92)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--xray", required=True)
    parser.add_argument("--app", default=str(HERE), help="folder with the spin.toml")
    args = parser.parse_args()
    paths = text_free(args.data)
    if not paths:
        raise SystemExit(f"{args.data} has none of the held-out X-rays in NORMAL and PNEUMONIA")
    print("| longer side | pictures | touched | withheld |\n|---|---|---|---|")
    for size in SIZES:
        with tempfile.TemporaryDirectory() as name:
            work = Path(name)
            scaled(paths, size, work / "pictures")
            reports = process(args.xray, args.app, work, "sizes-0123456789abcdef0123456789")
            if len(reports) < len(paths):
                raise SystemExit((work / "process.log").read_text())
        copies = [report for report in reports.values() if status(report) == "anonymized"]
        touched = sum(report["redaction"]["detected"] > 0 for report in copies)
        side = f"{size} px" if size else "as it is"
        print(f"| {side} | {len(reports)} | {touched} | {len(reports) - len(copies)} |", flush=True)


if __name__ == "__main__":
    main()
