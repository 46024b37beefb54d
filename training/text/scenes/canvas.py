"""The picture that is drawn on."""

import numpy as np

from .sheet import UNKNOWN, Sheet

# Lowest contrast of drawn text, in gray levels.
MIN_CONTRAST = 10


class Canvas:
    """Levels (f32, 0 to 255) and classes (uint8) of the pixels."""

    def __init__(self, levels: np.ndarray, classes: np.ndarray):
        self.levels, self.classes = levels.astype(np.float32), classes.copy()

    def slices(self, top: int, left: int, height: int, width: int):
        """Returns the slices in the picture and in the object; `None` outside of the picture."""
        t, l = max(0, top), max(0, left)
        b, r = (
            min(self.levels.shape[0], top + height),
            min(self.levels.shape[1], left + width),
        )
        if t >= b or l >= r:
            return None
        return (slice(t, b), slice(l, r)), (slice(t - top, b - top), slice(l - left, r - left))

    def place(self, rng, sheet: Sheet, apart: int) -> tuple[int, int] | None:
        """Finds a free place, often at an edge and sometimes across it."""
        w, h = sheet.size
        for _ in range(4):
            top, left = (_start(rng, side, n) for side, n in zip(self.levels.shape, (h, w)))
            near = self.slices(top - apart, left - apart, h + 2 * apart, w + 2 * apart)
            if near and not self.classes[near[0]].any():
                return top, left
        return None

    def put(self, rng, sheet: Sheet, at: tuple[int, int], plain: float = 0.3) -> None:
        """Paints a sheet, and records its classes."""
        on = self.slices(*at, sheet.size[1], sheet.size[0])
        if on is None:
            return
        here, there = on
        ink, under = (np.asarray(x, np.float32)[there] / 255 for x in (sheet.ink, sheet.plate))
        classes = np.asarray(sheet.classes)[there]
        view = self.levels[here]
        if under.any():
            level = float(rng.choice([0, 20, 128, 255, 255, 245, rng.uniform(0, 255)]))
            view += (level - view) * under * float(rng.choice([1, 1, 1, 0.6]))
        inked, before = ink > 0.4, view.copy()
        ground = float(view[inked].mean()) if inked.any() else float(view.mean())
        level, share = level_on(rng, ground, plain)
        if share is None:
            np.clip(view + level * ink, 0, 255, out=view)
        else:
            view += (level - view) * ink * share
        if inked.any() and not is_visible(before, view, inked):
            classes = np.where(classes > 0, UNKNOWN, 0)
        self.classes[here] = np.where(classes > 0, classes, self.classes[here])


def is_visible(before: np.ndarray, after: np.ndarray, inked: np.ndarray) -> bool:
    """Reports whether ink stands out from noise and from shadows as wide as its strokes, and was
    not clipped away at black or white.

    Text that nobody can see must not be learned as text.
    """
    change = float(np.median(np.abs(after - before)[inked]))
    if before.shape[1] < 2:
        return change >= 0.8 * MIN_CONTRAST
    noise = float(np.median(np.abs(np.diff(before, axis=1))))
    apart = min(max(1, min(before.shape) // 6), before.shape[1] - 1)
    shadows = float(np.median(np.abs(before[:, apart:] - before[:, :-apart])))
    return change >= max(0.8 * MIN_CONTRAST, noise, 0.25 * shadows)


def level_on(rng, ground: float, plain: float) -> tuple[float, float | None]:
    """Returns a level and an opacity; without an opacity the level is added to the picture."""
    kind = rng.random()
    sign = 1 if ground < 60 or (ground < 190 and rng.random() < 0.6) else -1
    faint = float(np.exp(rng.uniform(np.log(MIN_CONTRAST), np.log(60))))
    if kind < plain:
        level, share = float(rng.choice([255, 255, 240, 220, 0])), 1.0
    elif kind < plain + 0.15:
        level, share = float(rng.uniform(0, 255)), 1.0
    elif kind < plain + 0.45:
        return sign * faint, None
    elif kind < plain + 0.55:
        level, share = float(rng.choice([255, 0])), float(rng.uniform(0.1, 0.9))
    else:
        level, share = ground + sign * faint, 1.0
    if not 0 <= level <= 255 or abs(level - ground) * share < MIN_CONTRAST:
        away = MIN_CONTRAST + float(rng.uniform(1, 40))
        level, share = (ground + away if ground < 128 else ground - away), 1.0
    return level, share


def _start(rng, side: int, length: int) -> int:
    kind, room = rng.random(), side - length
    if kind < 0.15:
        return int(rng.integers(0, 12))
    if kind < 0.3:
        return room - int(rng.integers(0, 12))
    if kind < 0.4:
        return int(rng.integers(-length // 2, max(side - length // 2, 1 - length // 2)))
    return int(rng.integers(min(0, room), max(0, room) + 1))
