//! Separates side and view markers, which are medical information and stay, from text.
//!
//! When in doubt, a component counts as text.

use crate::picture::boxes::Rect;

use super::components::Component;

/// The greatest ratio of a marker's longer side to its shorter one. Words are longer.
const MAX_RATIO: u32 = 3;

/// Splits components into text and side markers. A marker has at least the marker share
/// `threshold`, is not long, and has no text nearer than its own height: a shape beside text may be
/// a part of it.
pub(super) fn split(found: Vec<Component>, threshold: f32) -> (Vec<Rect>, Vec<Rect>) {
    let (markers, text): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|c| c.marker_share >= threshold && !is_long(&c.rect));
    let mut markers: Vec<Rect> = markers.into_iter().map(|c| c.rect).collect();
    let mut text: Vec<Rect> = text.into_iter().map(|c| c.rect).collect();
    // A marker that turns out to be text makes text of its own neighbors, so a name in wide letters
    // is redacted whole.
    loop {
        let beside = |marker: &Rect| text.iter().any(|t| distance(t, marker) < marker.height);
        let (joined, stay): (Vec<_>, Vec<_>) = markers.into_iter().partition(beside);
        markers = stay;
        if joined.is_empty() {
            return (text, markers);
        }
        text.extend(joined);
    }
}

fn is_long(rect: &Rect) -> bool {
    let (long, short) = (rect.width.max(rect.height), rect.width.min(rect.height));
    long > MAX_RATIO * short
}

/// Returns the pixels between two rectangles, across or down, whichever is more; 0 where they
/// touch.
fn distance(a: &Rect, b: &Rect) -> u32 {
    let gap = |a: u32, a_length: u32, b: u32, b_length: u32| {
        a.saturating_sub(b + b_length)
            .max(b.saturating_sub(a + a_length))
    };
    gap(a.x, a.width, b.x, b.width).max(gap(a.y, a.height, b.y, b.height))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect([x, y, width, height]: [u32; 4]) -> Rect {
        Rect {
            x,
            y,
            width,
            height,
        }
    }

    /// Returns the markers among these components, each given with its marker share.
    fn markers(found: &[([u32; 4], f32)]) -> Vec<Rect> {
        let found = found.iter().map(|&(at, marker_share)| Component {
            rect: rect(at),
            marker_share,
        });
        split(found.collect(), 0.6).1
    }

    #[test]
    fn markers_stay_and_words_go() {
        let marker = [100, 100, 40, 40];
        for (name, found, stays) in [
            ("alone", vec![(marker, 0.9)], true),
            ("share at the threshold", vec![(marker, 0.6)], true),
            ("share under the threshold", vec![(marker, 0.59)], false),
            ("two letters wide", vec![([100, 100, 120, 40], 0.9)], true),
            ("turned", vec![([100, 100, 40, 120], 0.9)], true),
            ("a word", vec![([100, 100, 121, 40], 0.9)], false),
            ("a word, turned", vec![([100, 100, 40, 121], 0.9)], false),
            (
                "text beside",
                vec![(marker, 0.9), ([179, 100, 300, 30], 0.1)],
                false,
            ),
            (
                "text away",
                vec![(marker, 0.9), ([180, 100, 300, 30], 0.1)],
                true,
            ),
            (
                "text above",
                vec![(marker, 0.9), ([0, 40, 300, 21], 0.1)],
                false,
            ),
            (
                "text around",
                vec![(marker, 0.9), ([0, 0, 300, 300], 0.1)],
                false,
            ),
            (
                "text across a corner",
                vec![(marker, 0.9), ([150, 150, 300, 30], 0.1)],
                false,
            ),
            (
                "a long shape beside",
                vec![(marker, 0.9), ([150, 100, 200, 30], 1.0)],
                false,
            ),
        ] {
            assert_eq!(markers(&found).contains(&rect(found[0].0)), stays, "{name}");
        }
    }

    #[test]
    fn neighboring_markers_stay_unless_one_is_text() {
        let letters: Vec<_> = (0..4).map(|i| ([100 + 60 * i, 100, 40, 40], 0.9)).collect();
        assert_eq!(markers(&letters).len(), 4);
        let mut name = letters;
        name.push(([340, 100, 40, 40], 0.1));
        assert_eq!(markers(&name), []);
    }
}
