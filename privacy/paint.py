"""Paints letters onto a picture in one of the styles of equipment, and says which pixels are ink and how plain they are."""

import numpy as np

STYLES = {"white": 25, "black": 8, "grey": 14, "outlined": 12, "boxed": 12, "faint": 29}
# What differs less from what is under it is not seen by anybody, and so not counted as ink.
INVISIBLE = 6.0
LEAST_CONTRAST = 12.0


def choose(rng) -> str:
    """A style, as often as `STYLES` says."""
    names = list(STYLES)
    weights = np.array([STYLES[n] for n in names], float)
    return str(rng.choice(names, p=weights / weights.sum()))


def paint(under: np.ndarray, drawn, style: str, rng) -> tuple[np.ndarray, np.ndarray, str]:
    """What the region looks like with the letters, the difference they make (0 where there is no ink), and the style in the end:
    one that would leave a cell below the least contrast gives way to one that does not."""
    level = float(rng.integers(90, 200))
    contrast = float(np.exp(rng.uniform(np.log(LEAST_CONTRAST), np.log(60))))
    box = float(rng.choice([0, 0, 40, 110, 230]))
    for attempt in (style, "black" if style == "white" else "white", "outlined"):
        new, difference = _painted(under, drawn, attempt, level, contrast, box)
        if all(_is_plain(difference, drawn.fill, cell.box) for cell in drawn.cells):
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


def _is_plain(difference: np.ndarray, fill: np.ndarray, box) -> bool:
    """Whether at least half of a cell's letters differ enough from what is under them: a text that nobody sees tells nothing."""
    x, y, w, h = box
    letters = fill[y : y + h, x : x + w] >= 0.5
    inside = np.abs(difference[y : y + h, x : x + w])
    return cell_contrast(difference, box) >= LEAST_CONTRAST and float(np.median(inside[letters] if letters.any() else inside)) >= LEAST_CONTRAST


def cell_contrast(difference: np.ndarray, box) -> float:
    """The median difference that the ink in a box makes; 0 when there is none."""
    x, y, w, h = box
    inside = np.abs(difference[y : y + h, x : x + w])
    inside = inside[inside > 0]
    return float(np.median(inside)) if inside.size else 0.0
