//! Separates side and view markers, which are medical information and stay, from text.
//!
//! When in doubt, a component counts as text.

use crate::picture::boxes::Rect;

use super::{components::Component, sighted::Sighted};

/// Splits what was sighted into text and side markers that stay: those to which no text is nearer
/// than their own height, since a shape beside text may be a part of it.
pub(super) fn split(sighted: Sighted) -> (Vec<Component>, Vec<Rect>) {
    let mut text = sighted.text;
    let mut markers = sighted.letters;
    markers.extend(sighted.shapes);
    // A marker that turns out to be text makes text of its own neighbors, so a name in wide letters
    // is redacted whole.
    loop {
        let joins = |marker: &Rect| {
            let mut covers = text.iter().flat_map(|t| &t.covers);
            covers.any(|t| distance(t, marker) < marker.height)
        };
        let (joined, stay): (Vec<_>, Vec<_>) = markers.into_iter().partition(joins);
        markers = stay;
        if joined.is_empty() {
            return (text, markers);
        }
        text.extend(joined.into_iter().map(Component::of));
    }
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
    use crate::text::tests::rect;

    /// Returns the markers among these components, each given with its marker share.
    fn stays(text: &[[u32; 4]], letters: &[[u32; 4]]) -> Vec<Rect> {
        split(Sighted {
            text: text.iter().map(|at| Component::of(rect(*at))).collect(),
            letters: letters.iter().map(|at| rect(*at)).collect(),
            ..Sighted::default()
        })
        .1
    }

    #[test]
    fn markers_stay_unless_text_is_near() {
        let marker = [100, 100, 40, 40];
        for (name, text, expect) in [
            ("alone", vec![], true),
            ("text beside", vec![[179, 100, 300, 30]], false),
            ("text away", vec![[180, 100, 300, 30]], true),
            ("text above", vec![[0, 40, 300, 21]], false),
            ("text that touches it", vec![[140, 100, 300, 30]], false),
            ("text inside", vec![[110, 110, 8, 8]], false),
            ("text around", vec![[0, 0, 300, 300]], false),
            ("text across a corner", vec![[150, 150, 300, 30]], false),
        ] {
            assert_eq!(
                stays(&text, &[marker]).contains(&rect(marker)),
                expect,
                "{name}"
            );
        }
    }

    #[test]
    fn marker_beside_text_makes_text_of_its_neighbors() {
        let letters: Vec<_> = (0..4).map(|i| [100 + 60 * i, 100, 40, 40]).collect();
        assert_eq!(stays(&[], &letters).len(), 4);
        assert_eq!(stays(&[[340, 100, 40, 40]], &letters), []);
    }
}
