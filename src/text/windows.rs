//! The parts of a piece on which the model is run again after some rectangles of it have changed.

use std::ops::Range;

use crate::picture::boxes::Rect;

/// Parts that add up to this share of their piece save nothing, in percent: small inputs cost more
/// a pixel.
const MAX_SHARE: usize = 80;
/// With more rectangles than this the picture has changed as a whole.
const MAX_CHANGES: usize = 400;

/// A part of a picture, in its pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) across: Range<usize>,
    pub(super) down: Range<usize>,
    /// The parts of it whose cells count. The others are too near to its edges, where the model
    /// does not see what is beyond.
    pub(super) shown: Vec<Part>,
}

/// A part of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    across: Range<usize>,
    down: Range<usize>,
}

impl Part {
    /// Returns the columns and rows of the cells that it touches.
    pub(super) fn cells(&self, stride: usize) -> (Range<usize>, Range<usize>) {
        let cells = |side: &Range<usize>| side.start / stride..side.end.div_ceil(stride);
        (cells(&self.across), cells(&self.down))
    }
}

impl Window {
    fn area(&self) -> usize {
        self.across.len() * self.down.len()
    }

    fn with(&self, other: &Window) -> Window {
        let both = |a: &Range<usize>, b: &Range<usize>| a.start.min(b.start)..a.end.max(b.end);
        Window {
            across: both(&self.across, &other.across),
            down: both(&self.down, &other.down),
            shown: Vec::new(),
        }
    }

    pub(super) fn rect(&self) -> Rect {
        Rect {
            x: self.across.start as u32,
            y: self.down.start as u32,
            width: self.across.len() as u32,
            height: self.down.len() as u32,
        }
    }
}

/// Returns the parts of a piece that reach `field` pixels around the rectangles that have changed,
/// or `None` if the whole piece costs no more. Cells up to half as far from a change count. Each
/// part begins and ends at a multiple of `multiple` from the piece's start, or at the piece's end,
/// so that the model sees the same pixels in the same places as on the whole piece.
pub(super) fn windows(
    across: &Range<usize>,
    down: &Range<usize>,
    changed: &[Rect],
    field: usize,
    multiple: usize,
) -> Option<Vec<Window>> {
    let near = |start: u32, length: u32, by: usize, side: &Range<usize>| {
        let (from, to) = (start as usize, (start + length) as usize);
        from.saturating_sub(by).max(side.start)..(to + by).min(side.end)
    };
    let part = |rect: &Rect, by: usize| Part {
        across: near(rect.x, rect.width, by, across),
        down: near(rect.y, rect.height, by, down),
    };
    let is_empty = |part: &Part| part.across.is_empty() || part.down.is_empty();
    if changed.len() > MAX_CHANGES {
        return None;
    }
    let mut found: Vec<Window> = Vec::new();
    for rect in changed {
        if is_empty(&part(rect, field / 2)) {
            continue;
        }
        let Part { across: x, down: y } = part(rect, field);
        let mut window = Window {
            across: aligned(x, across, multiple),
            down: aligned(y, down, multiple),
            shown: Vec::new(),
        };
        // Two parts cost more than one that holds both and is no larger.
        while let Some(at) = found
            .iter()
            .position(|other| window.with(other).area() <= window.area() + other.area())
        {
            window = window.with(&found.swap_remove(at));
        }
        found.push(window);
    }
    let area: usize = found.iter().map(Window::area).sum();
    if area * 100 >= across.len() * down.len() * MAX_SHARE {
        return None;
    }
    for rect in changed {
        let (shown, needed) = (part(rect, field / 2), part(rect, field));
        let holds = |outer: &Range<usize>, inner: &Range<usize>| {
            outer.start <= inner.start && inner.end <= outer.end
        };
        let window = found.iter_mut().find(|window| {
            holds(&window.across, &needed.across) && holds(&window.down, &needed.down)
        });
        if let Some(window) = window.filter(|_| !is_empty(&shown)) {
            window.shown.push(shown);
        }
    }
    Some(found)
}

/// Moves both ends outward to multiples from the start of a side, or to the last pixel. A range up
/// to there has at least `multiple` pixels, so that it is mirrored as the whole side is.
fn aligned(range: Range<usize>, side: &Range<usize>, multiple: usize) -> Range<usize> {
    let place = |at: usize| at - side.start;
    let end = (side.start + place(range.end).next_multiple_of(multiple)).min(side.end);
    let mut start = side.start + place(range.start) / multiple * multiple;
    if end == side.end && end - start < multiple {
        start = start.saturating_sub(multiple).max(side.start);
    }
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::rect;

    /// Returns left, right, top and bottom of the windows in a piece of 1,000 x 900 pixels.
    fn found(changed: &[[u32; 4]], field: usize) -> Option<Vec<[usize; 4]>> {
        let changed: Vec<Rect> = changed.iter().copied().map(rect).collect();
        let windows = windows(&(0..1000), &(0..900), &changed, field, 64)?;
        for window in &windows {
            assert!(!window.shown.is_empty(), "{window:?}");
        }
        let ends = |w: Window| [w.across.start, w.across.end, w.down.start, w.down.end];
        Some(windows.into_iter().map(ends).collect())
    }

    #[test]
    fn windows_reach_a_field_around_changes() {
        for (name, changed, field, expect) in [
            ("nothing", vec![], 128, Some(vec![])),
            (
                "a corner",
                vec![[0, 0, 100, 50]],
                128,
                Some(vec![[0, 256, 0, 192]]),
            ),
            (
                "the middle",
                vec![[500, 400, 10, 10]],
                64,
                Some(vec![[384, 576, 320, 512]]),
            ),
            (
                "the end",
                vec![[980, 880, 20, 20]],
                64,
                Some(vec![[896, 1000, 768, 900]]),
            ),
            // From 960 on there are fewer pixels than the padding mirrors.
            (
                "the very end",
                vec![[999, 0, 1, 8]],
                8,
                Some(vec![[896, 1000, 0, 64]]),
            ),
            (
                "two that are near",
                vec![[0, 0, 50, 50], [60, 0, 50, 50]],
                64,
                Some(vec![[0, 192, 0, 128]]),
            ),
            (
                "two corners",
                vec![[0, 0, 50, 50], [950, 850, 50, 50]],
                64,
                Some(vec![[0, 128, 0, 128], [832, 1000, 768, 900]]),
            ),
            ("all of it", vec![[0, 0, 1000, 600]], 128, None),
        ] {
            assert_eq!(found(&changed, field), expect, "{name}");
        }
        assert_eq!(found(&[[0, 0, 8, 8]; 401], 8), None);
    }

    #[test]
    fn changes_beyond_a_piece_do_not_concern_it() {
        let changed = [rect([0, 0, 100, 900])];
        let found = windows(&(500..1500), &(0..900), &changed, 256, 64).unwrap();
        assert_eq!(found, []);
    }
}
