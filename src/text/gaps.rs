//! Gaps in a line of text: between two pieces of it, print that the model hardly sees is text too.

use crate::picture::boxes::Rect;

use super::components::Component;

/// The least length of a piece of a line, in its heights.
const MIN_LENGTH: u32 = 4;
/// The greatest gap between two pieces, in heights of the higher one.
const MAX_GAP: u32 = 6;
/// The pieces share at least this much of the height of the lower one, in percent.
const SHARED: u32 = 60;
/// The greatest ratio of their heights, in percent.
const MAX_RATIO: u32 = 160;

/// Returns the gaps between the pieces of lines, across and down.
pub(super) fn gaps(text: &[Component]) -> Vec<Component> {
    let pieces: Vec<Rect> = text.iter().map(|text| text.rect).collect();
    let turned: Vec<Rect> = pieces.iter().map(Rect::transposed).collect();
    let down = across(&turned).into_iter().map(|gap| gap.transposed());
    across(&pieces)
        .into_iter()
        .chain(down)
        .map(Component::of)
        .collect()
}

fn across(pieces: &[Rect]) -> Vec<Rect> {
    let mut long: Vec<&Rect> = pieces.iter().collect();
    long.retain(|piece| piece.width >= MIN_LENGTH * piece.height);
    long.sort_by_key(|piece| piece.x);
    let mut gaps = Vec::new();
    for (at, left) in long.iter().enumerate() {
        // The next piece of the line only.
        gaps.extend(long[at + 1..].iter().find_map(|right| gap(left, right)));
    }
    gaps
}

/// Returns the gap between a piece and another one on its right, if they are of one line.
fn gap(left: &Rect, right: &Rect) -> Option<Rect> {
    let (low, high) = (left.height.min(right.height), left.height.max(right.height));
    let top = left.y.max(right.y);
    let shared = (left.y + left.height)
        .min(right.y + right.height)
        .saturating_sub(top);
    let x = left.x + left.width;
    let width = right.x.checked_sub(x)?;
    let is_line = high * 100 <= low * MAX_RATIO && shared * 100 >= low * SHARED;
    (is_line && (1..=MAX_GAP * high).contains(&width)).then(|| Rect {
        x,
        width,
        ..left.union(right)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::rect;

    fn gaps_of(pieces: &[[u32; 4]]) -> Vec<Rect> {
        let text: Vec<_> = pieces.iter().map(|at| Component::of(rect(*at))).collect();
        gaps(&text).into_iter().map(|gap| gap.rect).collect()
    }

    #[test]
    fn gap_in_a_line_is_text() {
        let line = [100, 100, 200, 32];
        for (name, other, expect) in [
            ("beside", [400, 96, 160, 32], Some([300, 96, 100, 36])),
            ("too far", [493, 100, 160, 32], None),
            ("touching", [300, 100, 160, 32], None),
            ("below", [400, 116, 160, 32], None),
            ("higher", [400, 100, 300, 60], None),
            ("short", [400, 100, 100, 32], None),
        ] {
            let expect: Vec<Rect> = expect.into_iter().map(rect).collect();
            assert_eq!(gaps_of(&[line, other]), expect, "{name}");
            assert_eq!(gaps_of(&[other, line]), expect, "{name}");
            let turned = [line, other].map(|[x, y, width, height]| [y, x, height, width]);
            let expect: Vec<Rect> = expect.iter().map(Rect::transposed).collect();
            assert_eq!(gaps_of(&turned), expect, "{name}, turned");
        }
    }

    #[test]
    fn only_gaps_between_neighbors_are_text() {
        let pieces = [0, 300, 600].map(|x| [x, 100, 200, 40]);
        let between = [200, 500].map(|x| rect([x, 100, 100, 40]));
        assert_eq!(gaps_of(&pieces), between);
    }
}
