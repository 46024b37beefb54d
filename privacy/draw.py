"""Renders a block of text: the coverage of each pixel, and the position of each cell."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

import fonts


@dataclass
class Cell:
    """A piece of text on one line, with its box as x, y, width, height."""

    says: str
    kind: str
    box: tuple[int, int, int, int]


@dataclass
class Drawn:
    """Coverage by the letters and by the letters with their outline, 0 to 1, and the cells."""

    fill: np.ndarray
    halo: np.ndarray
    cells: list[Cell]


def _text(path: str, size: int, says: str, stroke: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Renders the letters of one cell, without and with outline, and returns their baseline."""
    native = fonts.pixel_size(path)
    scale = max(1, round(size / native)) if native else 1
    font = fonts.load(path, native or size)
    ascent, descent = font.getmetrics()
    left, top, right, bottom = font.getbbox(says, anchor="ls", stroke_width=stroke)
    width, above, below = right - left + 2, max(ascent, -top) + 1, max(descent, bottom) + 1
    layers = []
    for width_of_stroke in (0, stroke):
        image = Image.new("L", (width, above + below))
        pen = ImageDraw.Draw(image)
        pen.fontmode = "1" if native else "L"
        pen.text(
            (1 - left, above), says, font=font, fill=255, anchor="ls", stroke_width=width_of_stroke
        )
        layer = np.asarray(image, np.float32) / 255
        layers.append(layer.repeat(scale, 0).repeat(scale, 1))
    return layers[0], layers[1], above * scale


def _usable(says: str, kind: str, face: str, latin: str) -> tuple[str, str] | None:
    """Returns the text of a cell and its font.

    The text loses its label where no font has the glyphs of both.
    """
    for path in (face, latin):
        if fonts.covers(path, says):
            return says, path
    if "name" in kind and "+" not in kind:
        for separator in (": ", ":", " = ", "  "):
            value = says.rpartition(separator)[2].strip()
            if fonts.covers(face, value):
                return value, face
    plain = "".join(c for c in says if fonts.covers(latin, c) or c == " ").strip()
    return (plain, latin) if plain and "name" not in kind else None


def block(
    lines, align: str, face: str, latin: str, size: int, stroke: int, spacing: float
) -> Drawn | None:
    """Draws lines of cells upright; returns `None` if the fonts have none of the glyphs."""
    rows = []
    for line in lines:
        row = []
        for says, kind in line:
            usable = _usable(says, kind, face, latin)
            if usable:
                row.append((usable[0], kind, *_text(usable[1], size, usable[0], stroke)))
        if row:
            rows.append(row)
    if not rows:
        return None
    gap = size
    column = max((row[0][2].shape[1] for row in rows if len(row) > 1), default=0) + gap
    step = max(int(size * spacing), *(max(c[2].shape[0] for c in row) for row in rows))
    width = max(column + row[1][2].shape[1] if len(row) > 1 else row[0][2].shape[1] for row in rows)
    fill = np.zeros((step * len(rows), width), np.float32)
    halo = np.zeros_like(fill)
    cells = []
    for i, row in enumerate(rows):
        base = i * step + max(c[4] for c in row)
        for j, (says, kind, letters, outlined, baseline) in enumerate(row):
            height, wide = letters.shape
            free = width - wide
            x = column if j else {"right": free, "center": free // 2}.get(align, 0)
            y = min(base - baseline, fill.shape[0] - height)
            for layer, part in ((fill, letters), (halo, outlined)):
                view = layer[y : y + height, x : x + wide]
                np.maximum(view, part, out=view)
            ink = np.argwhere(outlined >= 0.5)
            if len(ink):
                (top, left), (bottom, right) = ink.min(0), ink.max(0) + 1
                cells.append(
                    Cell(
                        says,
                        kind,
                        (int(x + left), int(y + top), int(right - left), int(bottom - top)),
                    )
                )
    return Drawn(fill, halo, cells) if cells else None


def rotate(drawn: Drawn, degrees: int) -> Drawn:
    """Rotates counterclockwise by 0, 90 or 270 degrees."""
    if degrees == 0:
        return drawn
    height, width = drawn.fill.shape
    quarter = degrees // 90
    cells = []
    for cell in drawn.cells:
        x, y, w, h = cell.box
        box = (y, width - x - w, h, w) if quarter == 1 else (height - y - h, x, h, w)
        cells.append(Cell(cell.says, cell.kind, box))
    return Drawn(np.rot90(drawn.fill, quarter).copy(), np.rot90(drawn.halo, quarter).copy(), cells)
