"""Writes the page of the worst cases: source beside copy, with the drawn text and markers outlined.

It shows invented patients on real X-rays.
"""

from html import escape
from pathlib import Path

from PIL import Image, ImageDraw

import figures

SIDE = 760
MAX_CASES = 12
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
    """Returns the cases to inspect, grouped by reason; leaks and low coverage come first."""
    copies = [c for c in cases if c["status"] == "anonymized"]
    texted = [c for c in copies if c["truth"]["texts"]]

    def coverage(case):
        return min(covered / max(1, pixels) for pixels, covered in case["measure"]["texts"])

    def lost(case):
        shares = (share for _, share, on_purpose in figures.markers([case]) if not on_purpose)
        return max(shares, default=0)

    clear = [c for c in copies if not c["truth"]["texts"] and c["measure"]["outside_box"] > 0]
    return {
        "Patient identified": [c for c in texted if figures.leaks(c)],
        "Texts with the lowest coverage": sorted(
            (c for c in texted if coverage(c) < 0.999), key=coverage
        ),
        "Quarantined": [c for c in cases if c["status"] == "quarantined"],
        "Side markers lost": sorted(
            (c for c in copies if lost(c) > figures.MAX_LOST), key=lost, reverse=True
        ),
        "Pictures without text that were redacted": sorted(
            clear, key=lambda c: -c["measure"]["outside_box"]
        ),
        "Largest area beyond the text": sorted(copies, key=lambda c: -c["measure"]["beyond"]),
        "Failed": [c for c in cases if c["status"] == "failed"],
        "Other pictures, for comparison": texted,
    }


def _thumbnail(path: Path, to: Path, truth: dict, outlines: bool) -> None:
    """Writes a smaller picture, with texts outlined in red and markers in green."""
    with Image.open(path) as image:
        image = image.convert("RGB")
    scale = min(1.0, SIDE / max(image.size))
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.LANCZOS)
    pen = ImageDraw.Draw(image)
    for items, color in ((truth["texts"], "#e23"), (truth["markers"], "#2c6")) if outlines else ():
        for x, y, w, h in (t["box"] for t in items):
            pen.rectangle(
                (x * scale - 2, y * scale - 2, (x + w) * scale + 1, (y + h) * scale + 1),
                outline=color,
            )
    image.save(to, quality=85)


def _caption(case: dict) -> str:
    truth = case["truth"]
    parts = [f"No. {case['index']}: {case['status']}"]
    if "measure" in case:
        shares = [
            f"“{t['says']}” {100 * g / max(1, p):.1f} %"
            for t, (p, g) in zip(truth["texts"], case["measure"]["texts"])
        ]
        parts += ["covered: " + ", ".join(shares)] if shares else ["no text"]
        parts += [f"beyond the text {100 * case['measure']['beyond']:.2f} %"]
        found = figures.leaks(case)
        parts += ["found: " + ", ".join(sorted(found))] if found else []
    parts += [str(v) for v in (case.get("reason"), case.get("input_check"), case.get("error")) if v]
    if truth["texts"]:
        first = truth["texts"][0]
        parts += [
            f"{first['size']} px {first['style']}, contrast {first['contrast']:.0f}, {first['font']}, {truth['format']} {truth['quality'] or ''}"
        ]
    return escape("; ".join(parts))


def _figure(case: dict, work: Path, images: Path) -> str:
    names = [f"{case['index']:06}-source.jpeg", f"{case['index']:06}-copy.jpeg"]
    paths = [
        work / "pictures" / case["truth"]["file"],
        next((Path(case[k]) for k in ("copy", "draft") if k in case), None),
    ]
    cells = []
    for name, path, outlines in zip(names, paths, (True, False)):
        if path is None:
            cells.append("<p>No copy</p>")
            continue
        if not (images / name).exists():
            _thumbnail(path, images / name, case["truth"], outlines)
        cells.append(
            f'<img src="images/{name}" alt="{"copy" if "copy" in name else "source"}" loading="lazy">'
        )
    return f"<figure><div>{''.join(cells)}</div><figcaption>{_caption(case)}</figcaption></figure>"


def _table(rows: list[list[str]]) -> str:
    def cell(tag: str, text: str) -> str:
        kind = f' class="{text.split(":")[0]}"' if text.split(":")[0] in ("met", "missed") else ""
        return f"<{tag}{kind}>{escape(text)}</{tag}>"

    head, *body = rows
    lines = [f"<tr>{''.join(cell('th', c) for c in head)}</tr>"] + [
        f"<tr>{''.join(cell('td', c) for c in row)}</tr>" for row in body
    ]
    return f"<table>{''.join(lines)}</table>"


def write(out: Path, work: Path, cases, about, goals, details, tables, further) -> None:
    """Writes index.html and its images."""
    images = out / "images"
    images.mkdir(parents=True, exist_ok=True)
    for old in images.iterdir():
        old.unlink()
    parts = [
        "<h1>Privacy report</h1>",
        "".join(f"<p>{escape(line)}</p>" for line in about),
        _table(goals),
    ]
    parts.append(_table([["further figures", ""]] + details))
    parts += [_table(rows) for rows in further if rows]
    parts.append(
        "<h2>By text property</h2><div class=tables>"
        + "".join(map(_table, tables.values()))
        + "</div>"
    )
    for reason, found in worst(cases).items():
        if found:
            parts.append(
                f"<h2>{escape(reason)}: {len(found)}{f', {MAX_CASES} shown' if len(found) > MAX_CASES else ''}</h2>"
            )
            parts += [_figure(case, work, images) for case in found[:MAX_CASES]]
    html = f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'><title>Privacy report</title><style>{STYLE}</style>{''.join(parts)}</html>"
    (out / "index.html").write_text(html)
