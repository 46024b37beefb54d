"""Paints letters on a picture in the styles of equipment, and measures their contrast."""

import numpy as np

STYLES = {"white": 25, "black": 8, "gray": 14, "outlined": 12, "boxed": 12, "faint": 29}
# A smaller difference from the background is invisible and does not count as ink.
INVISIBLE = 6.0
MIN_CONTRAST = 12.0


def choose(rng) -> str:
    """Draws a style with the weights of `STYLES`."""
    names = list(STYLES)
    weights = np.array([STYLES[n] for n in names], float)
    return str(rng.choice(names, p=weights / weights.sum()))


def paint(under: np.ndarray, drawn, style: str, rng) -> tuple[np.ndarray, np.ndarray, str]:
    """Returns the region with the letters, their difference (0 without ink), and the final style.

    A style that would leave a cell below the minimum contrast is replaced by one that does not.
    """
    level = float(rng.integers(90, 200))
    contrast = float(np.exp(rng.uniform(np.log(MIN_CONTRAST), np.log(60))))
    box = float(rng.choice([0, 0, 40, 110, 230]))
    for attempt in (style, "black" if style == "white" else "white", "outlined"):
        new, difference = _painted(under, drawn, attempt, level, contrast, box)
        if all(_is_visible(difference, drawn.fill, cell.box) for cell in drawn.cells):
            return new, difference, attempt
    return new, difference, attempt


def _painted(under, drawn, style, level, contrast, box):
    fill, halo = drawn.fill, drawn.halo
    ground, ink = under, fill
    if style == "faint":
        bright = np.percentile(under[halo >= 0.5], 97)
        new = under + (contrast + 1) * (1 if bright + contrast < 250 else -1) * fill
    elif style == "boxed":
        ground = np.full_like(under, box)
        new = ground + (255.0 * (box < 128) - ground) * fill
    elif style == "outlined":
        dark = under.mean() < 128
        letter, edge = (255.0, 0.0) if dark else (0.0, 255.0)
        new = under + (edge - under) * halo
        new = new + (letter - new) * fill
        ink = halo
    else:
        new = under + ({"white": 255.0, "black": 0.0}.get(style, level) - under) * fill
    new = np.clip(np.rint(new), 0, 255)
    difference = new - ground
    difference[(ink < 0.5) | (np.abs(difference) < INVISIBLE)] = 0
    return new, difference


def _is_visible(difference: np.ndarray, fill: np.ndarray, box) -> bool:
    """Reports whether at least half of a cell's letters have the minimum contrast.

    Invisible text reveals nothing.
    """
    x, y, w, h = box
    letters = fill[y : y + h, x : x + w] >= 0.5
    inside = np.abs(difference[y : y + h, x : x + w])
    return (
        cell_contrast(difference, box) >= MIN_CONTRAST
        and float(np.median(inside[letters] if letters.any() else inside)) >= MIN_CONTRAST
    )


def cell_contrast(difference: np.ndarray, box) -> float:
    """Returns the median difference of the ink in a box; 0 without ink."""
    x, y, w, h = box
    inside = np.abs(difference[y : y + h, x : x + w])
    inside = inside[inside > 0]
    return float(np.median(inside)) if inside.size else 0.0
