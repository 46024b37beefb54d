"""Draws pictures with burned-in invented patients, and the ground truth.

The truth has the box and the ink of each text and marker. A seed always gives the same
pictures. The code shares nothing with the generator used in the detector's training.
"""

import argparse
import json
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

import backgrounds
import draw
import fonts
import layouts
import markers
import paint
import people
import save
from measure import is_near

# The box that the pipeline always covers, with room for block boundaries.
BOX = (0, -116, 316, 116)
PLACES = [
    "top-left",
    "top-right",
    "bottom-left",
    "bottom-right",
    "top",
    "bottom",
    "left",
    "right",
    "chest",
]
TEXT_FREE, PHANTOMS, WITH_MARKERS, ROTATED = 0.12, 0.25, 0.88, 0.16


def position(place: str, size, block, rng) -> tuple[int, int]:
    """Returns the top-left corner of a block of a given size in a picture."""
    (width, height), (w, h) = size, block
    margin = int(rng.integers(0, 1 + min(width, height) // 25))
    free_x, free_y = width - w, height - h
    x = {"left": margin, "right": free_x - margin}
    y = {"top": margin, "bottom": free_y - margin}
    sides = place.split("-")
    if place == "chest":
        return int(free_x * rng.uniform(0.2, 0.8)), int(free_y * rng.uniform(0.2, 0.8))
    along_x = next((x[s] for s in sides if s in x), int(free_x * rng.uniform(0.1, 0.9)))
    along_y = next((y[s] for s in sides if s in y), int(free_y * rng.uniform(0.1, 0.9)))
    return max(0, min(free_x, along_x)), max(0, min(free_y, along_y))


def fit_block(lines, align, face, latin, size, stroke, degrees, room, rng):
    """Draws a block at a size, or at the largest smaller one that fits."""
    spacing = rng.uniform(1.1, 1.5)
    while True:
        drawn = draw.block(lines, align, face, latin, size, stroke, spacing)
        if drawn is None:
            return None, size
        drawn = draw.rotate(drawn, degrees)
        height, width = drawn.fill.shape
        fit = min(0.94 * room[0] / width, 0.8 * room[1] / height)
        if fit >= 1 or size <= 12:
            return (drawn if width <= room[0] and height <= room[1] else None), size
        size = max(12, int(size * min(fit, 0.97)))


def write_texts(picture, ink, patient, rng) -> list[dict]:
    """Draws the patient on the picture and returns the texts."""
    texts, taken = [], []
    size = int(round(np.exp(rng.uniform(np.log(12), np.log(80)))))
    style = paint.choose(rng)
    degrees = int(rng.choice([90, 270])) if rng.random() < ROTATED else 0
    found = fonts.faces()
    room = (picture.shape[1], picture.shape[0])
    places = list(rng.permutation(PLACES))
    # A Latin typeface besides that of the name, for all other text.
    face, latin = str(rng.choice(found[patient.script])), str(rng.choice(found[fonts.LATIN]))
    if patient.script == fonts.LATIN:
        latin = face
    faces = [(face, latin), (face, found[fonts.LATIN][0])]
    for number, block in enumerate(layouts.blocks(patient, rng)):
        stroke = max(1, size // 14) if style == "outlined" else 0
        for pair in faces:
            drawn, used = fit_block(
                block["lines"],
                block["align"],
                *pair,
                size,
                max(stroke, 1 if size < 28 else 2),
                degrees,
                room,
                rng,
            )
            if drawn:
                break
        if not drawn:
            continue
        h, w = drawn.fill.shape
        for place in places + places:
            x, y = position(place, room, (w, h), rng)
            if not any(is_near((x, y, w, h), other, used) for other in taken):
                break
        else:
            continue
        taken.append((x, y, w, h))
        region = (slice(y, y + h), slice(x, x + w))
        picture[region], ink[region], final = paint.paint(picture[region], drawn, style, rng)
        for cell in drawn.cells:
            at = (x + cell.box[0], y + cell.box[1], *cell.box[2:])
            contrast = round(paint.cell_contrast(ink, at), 1)
            texts.append(
                {
                    "says": cell.says,
                    "kind": cell.kind,
                    "box": at,
                    "size": used,
                    "style": final,
                    "contrast": contrast,
                    "place": str(place),
                    "rotated": degrees,
                    "font": Path(face).stem or "Aileron",
                    "block": number,
                }
            )
    return texts


def write_markers(picture, ink, texts, occupied, rng) -> list[dict]:
    """Draws one or two markers.

    They stay clear of text by their own height, of each other and of the configured box.
    """
    drawn = []
    height, width = picture.shape
    box_area = (BOX[0], height + BOX[1], BOX[2], BOX[3])
    for _ in range(int(rng.integers(1, 3))):
        kind, says, alpha = markers.draw(rng, max(width, height))
        h, w = alpha.shape
        if h > height or w > width:
            continue
        level = float(rng.integers(170, 256))
        for _ in range(40):
            x, y = (
                int(rng.uniform(0.01, 0.99) * (width - w)),
                int(rng.uniform(0.01, 0.99) * (height - h)),
            )
            box = (x, y, w, h)
            if kind not in ("arrow", "ruler") and not (x < 0.25 * width or x + w > 0.75 * width):
                continue
            conflicts = [
                is_near(box, t["box"], max(h, w if t["rotated"] else 0)) for t in texts
            ] + [is_near(box, box_area, 8)]
            conflicts += [is_near(box, tuple(m["box"]), max(h, 24)) for m in drawn] + [
                is_near(box, k, h) for k in occupied
            ]
            under = picture[y : y + h, x : x + w]
            if not any(conflicts) and level - np.percentile(under[alpha >= 0.5], 90) >= 40:
                new = np.rint(under + (level - under) * alpha)
                difference = np.where(alpha >= 0.5, new - under, 0)
                picture[y : y + h, x : x + w] = new
                ink[y : y + h, x : x + w] = difference
                drawn.append({"kind": kind, "says": says, "box": box})
                break
    return drawn


def picture(job: dict, index: int) -> dict:
    """Draws one picture and returns its ground truth."""
    rng = np.random.default_rng([job["seed"], index])
    real, phantoms = job["real"], job["phantoms"]
    phantom = not real or (bool(phantoms) and rng.random() < PHANTOMS)
    path = Path(str(rng.choice(phantoms if phantom else real)))
    gray, scale, (left, top) = backgrounds.load(path, job["annotations"].get(path.name), rng)
    patient = people.invent(rng, fonts.faces(), fonts.writes)
    ink = np.zeros_like(gray)
    annotations = [
        {
            "what": m["what"],
            "box": [
                round((m["x"] - left) * scale),
                round((m["y"] - top) * scale),
                round(m["w"] * scale),
                round(m["h"] * scale),
            ],
        }
        for m in job["annotations"].get(path.name, [])
    ]
    texts = [] if rng.random() < TEXT_FREE else write_texts(gray, ink, patient, rng)
    drawn = (
        write_markers(gray, ink, texts, [m["box"] for m in annotations], rng)
        if rng.random() < WITH_MARKERS
        else []
    )
    truth = {
        "index": index,
        "patient": patient.as_dict(),
        "source": "phantom" if phantom else "real",
        "background": path.name,
        "width": gray.shape[1],
        "height": gray.shape[0],
        "texts": texts,
        "markers": drawn,
        "annotations": annotations,
    }
    out = Path(job["out"])
    truth |= save.picture(out / "pictures", gray.astype(np.uint8), patient, rng)
    # 128 means no difference, 0 no ink.
    levels = np.where(ink == 0, 0, np.clip(128 + np.rint(ink / 2), 1, 255)).astype(np.uint8)
    Image.fromarray(levels).save(out / "ink" / f"{index:06}.png", compress_level=3)
    return truth


def phantom_markers(phantom: dict) -> list[dict]:
    """Returns the markers of a phantom, from the truth.json of `xray make-images`."""
    return [
        {"what": "marker", "x": t["x"], "y": t["y"], "w": t["width"], "h": t["height"]}
        for t in phantom["texts"]
        if t["what"] == "marker"
    ]


def main() -> None:
    """Draws all pictures in parallel."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--xrays", type=Path, help="folder of real X-rays without text")
    parser.add_argument("--phantoms", type=Path, help="folder of phantoms without a patient")
    parser.add_argument(
        "--figures", type=Path, help="the detector's figures.json, which lists the held-out X-rays"
    )
    parser.add_argument(
        "--annotations",
        type=Path,
        help="JSON of text and markers already on the X-rays: {file: [{x, y, w, h, what, says}]}",
    )
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    annotations = json.loads(args.annotations.read_text()) if args.annotations else {}
    real, origin = [], "no real X-rays"
    if args.xrays:
        files = backgrounds.pictures(args.xrays)
        readable = {
            name for name, found in annotations.items() if any(m["what"] == "text" for m in found)
        }
        real, origin = backgrounds.held_out(files, args.figures)
        real = [f for f in real if f.name not in readable]
    phantoms = backgrounds.pictures(args.phantoms) if args.phantoms else []
    if not real and not phantoms:
        raise SystemExit("no backgrounds; pass --xrays or --phantoms")
    if args.phantoms:
        annotations |= {
            p["file"]: phantom_markers(p)
            for p in json.loads((args.phantoms / "truth.json").read_text())
        }
    for folder in ("pictures", "ink"):
        (args.out / folder).mkdir(parents=True, exist_ok=True)
    job = {
        "seed": args.seed,
        "out": str(args.out),
        "real": [str(f) for f in real],
        "phantoms": [str(f) for f in phantoms],
        "annotations": annotations,
    }
    (args.out / "backgrounds.json").write_text(
        json.dumps({"backgrounds": job["real"] or job["phantoms"], "annotations": annotations})
    )
    with Pool(args.workers) as pool:
        drawn = pool.imap(partial(picture, job), range(args.count), chunksize=4)
        truth = list(tqdm(drawn, total=args.count, desc="drawing", unit="picture", mininterval=2))
    about = {
        "seed": args.seed,
        "count": args.count,
        "real": origin,
        "phantoms": f"{len(phantoms)} phantoms",
        "fonts": {script: len(files) for script, files in fonts.faces().items()},
    }
    (args.out / "truth.json").write_text(
        json.dumps({"about": about, "pictures": truth}, ensure_ascii=False)
    )


if __name__ == "__main__":
    main()
