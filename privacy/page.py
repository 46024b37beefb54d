"""The page with the worst cases: source beside copy, with what was drawn outlined. It shows invented patients on real X-rays."""

from html import escape
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import figures

SIDE = 760
MOST = 12
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1240px; padding: 0 1rem; color: #1c2126; background: #f7f8f9 }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
table { border-collapse: collapse; margin: .6rem 0 1.4rem; background: #fff }
td, th { padding: .25rem .7rem; border: 1px solid #dde1e5; text-align: left } th { background: #eef1f3 }
.met { color: #0a6b2d } .missed { color: #b3261e; font-weight: 600 }
figure { margin: 0 0 1.6rem; background: #fff; border: 1px solid #dde1e5; padding: .6rem }
figure div { display: grid; grid-template-columns: 1fr 1fr; gap: .6rem } img { width: 100%; display: block }
figcaption { margin-top: .4rem; font-size: .9rem }
.tables { columns: 2 } .tables table { break-inside: avoid }
@media (max-width: 800px) { .tables { columns: 1 } figure div { grid-template-columns: 1fr } }
"""


def worst(cases: list[dict]) -> dict[str, list[dict]]:
    """The cases to look at, by why: those that leak first, then those that cover least."""
    copies = [c for c in cases if c["status"] == "anonymized"]
    texted = [c for c in copies if c["truth"]["texts"]]

    def coverage(case):
        return min(gone / max(1, pixels) for pixels, gone in case["measure"]["texts"])

    def lost(case):
        return max(case["measure"]["marks"], default=0) if not case["truth"]["patient"]["short_part"] else 0

    clear = [c for c in copies if not c["truth"]["texts"] and c["measure"]["outside_box"] > 0]
    return {
        "Something of the patient was found": [c for c in texted if figures.leaks(c)],
        "Least of a text covered": sorted((c for c in texted if coverage(c) < 0.999), key=coverage),
        "Quarantined": [c for c in cases if c["status"] == "quarantined"],
        "Marks lost": sorted((c for c in copies if lost(c) > figures.MARK_LOST), key=lost, reverse=True),
        "Redacted without text": sorted(clear, key=lambda c: -c["measure"]["outside_box"]),
        "Largest area beyond the text": sorted(copies, key=lambda c: -c["measure"]["beyond"]),
        "Failed": [c for c in cases if c["status"] == "failed"],
        "As they came, for comparison": texted,
    }


def _shown(path: Path, to: Path, truth: dict, outlines: bool) -> None:
    """A smaller picture, with texts outlined in red and marks in green."""
    with Image.open(path) as image:
        image = image.convert("RGB")
    scale = min(1.0, SIDE / max(image.size))
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.LANCZOS)
    pen = ImageDraw.Draw(image)
    for things, colour in ((truth["texts"], "#e23"), (truth["marks"], "#2c6")) if outlines else ():
        for x, y, w, h in (t["box"] for t in things):
            pen.rectangle((x * scale - 2, y * scale - 2, (x + w) * scale + 1, (y + h) * scale + 1), outline=colour)
    image.save(to, quality=85)


def _caption(case: dict) -> str:
    truth = case["truth"]
    says = [f"No. {case['index']}: {case['status']}"]
    if "measure" in case:
        told = [f"“{t['says']}” {100 * g / max(1, p):.1f} %" for t, (p, g) in zip(truth["texts"], case["measure"]["texts"])]
        says += ["covered: " + ", ".join(told)] if told else ["no text"]
        says += [f"beyond the text {100 * case['measure']['beyond']:.2f} %"]
        found = figures.leaks(case)
        says += ["found: " + ", ".join(sorted(found))] if found else []
    says += [str(v) for v in (case.get("reason"), case.get("doubt"), case.get("error")) if v]
    if truth["texts"]:
        first = truth["texts"][0]
        says += [f"{first['size']} px {first['style']}, contrast {first['contrast']:.0f}, {first['font']}, {truth['format']} {truth['quality'] or ''}"]
    return escape("; ".join(says))


def _figure(case: dict, work: Path, images: Path) -> str:
    names = [f"{case['index']:06}-source.jpeg", f"{case['index']:06}-copy.jpeg"]
    paths = [work / "pictures" / case["truth"]["file"], next((Path(case[k]) for k in ("copy", "draft") if k in case), None)]
    shown = []
    for name, path, outlines in zip(names, paths, (True, False)):
        if path is None:
            shown.append("<p>no copy</p>")
            continue
        if not (images / name).exists():
            _shown(path, images / name, case["truth"], outlines)
        shown.append(f'<img src="images/{name}" alt="{"copy" if "copy" in name else "source"}" loading="lazy">')
    return f"<figure><div>{''.join(shown)}</div><figcaption>{_caption(case)}</figcaption></figure>"


def _table(rows: list[list[str]]) -> str:
    def cell(tag: str, text: str) -> str:
        kind = f' class="{text.split(":")[0]}"' if text.split(":")[0] in ("met", "missed") else ""
        return f"<{tag}{kind}>{escape(text)}</{tag}>"

    head, *body = rows
    lines = [f"<tr>{''.join(cell('th', c) for c in head)}</tr>"] + [f"<tr>{''.join(cell('td', c) for c in row)}</tr>" for row in body]
    return f"<table>{''.join(lines)}</table>"


def write(out: Path, work: Path, cases, about, goals, more, tables, elsewhere) -> None:
    """Writes index.html and its images."""
    images = out / "images"
    images.mkdir(parents=True, exist_ok=True)
    for old in images.iterdir():
        old.unlink()
    parts = ["<h1>Privacy report</h1>", "".join(f"<p>{escape(line)}</p>" for line in about), _table(goals)]
    parts.append(_table([["beside the goals", ""]] + more))
    if elsewhere:
        parts.append(_table(elsewhere))
    parts.append("<h2>By property of the text</h2><div class=tables>" + "".join(map(_table, tables.values())) + "</div>")
    for why, found in worst(cases).items():
        if found:
            parts.append(f"<h2>{escape(why)}: {len(found)}{f', {MOST} shown' if len(found) > MOST else ''}</h2>")
            parts += [_figure(case, work, images) for case in found[:MOST]]
    html = f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'><title>Privacy report</title><style>{STYLE}</style>{''.join(parts)}</html>"
    (out / "index.html").write_text(html)
