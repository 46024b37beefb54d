//! Separates side and view markers, which are medical information and stay, from text.
//!
//! When in doubt, a component counts as text.

use crate::picture::boxes::Rect;

use super::{
    MARGIN,
    components::Component,
    sighted::{Marker, Sighted},
};

/// Markers that are taller than so many of their widths are turned by a right angle.
const MAX_UPRIGHT: u32 = 2;
/// Text further from a marker than so many of its heights belongs to no larger marker.
const SMALL: u32 = 2;
/// Text further from a weak component than so many of its longer sides does not belong to it.
const WEAK_NEAR: u32 = 2;

/// Splits what was sighted into text and side markers that stay: those to which no text is nearer
/// than half of their height and the margin of its covers, or than two heights of the text if it is
/// small, since a shape beside text may be a part of it. Of markers that stand upright the width
/// counts, as the height of their letters. Shapes stay like markers, and weak components if no text
/// is nearer than twice their longer side; these are the last of the three.
pub(super) fn split(sighted: Sighted) -> (Vec<Component>, Vec<Rect>, Vec<Rect>) {
    let (mut text, mut shapes, mut weak) = (sighted.text, sighted.shapes, sighted.weak);
    let recognized = sighted.markers.iter().map(|marker| marker.rect);
    let mut markers: Vec<Rect> = recognized.collect();
    // A marker that turns out to be text makes text of its own neighbors, so a name in wide letters
    // is redacted whole.
    loop {
        let joins = |marker: &Rect| {
            let near = reach(marker) / 2 + MARGIN;
            text.iter().any(|text: &Component| {
                let near = near.min(SMALL * text.thickness());
                let mut covers = text.covers.iter();
                covers.any(|cover| distance(cover, marker) < near)
            })
        };
        let joins_weak = |weak: &Rect| {
            let near = WEAK_NEAR * weak.width.max(weak.height);
            let mut covers = text.iter().flat_map(|text| &text.covers);
            covers.any(|cover| distance(cover, weak) < near)
        };
        let mut joined: Vec<Rect> = markers.extract_if(.., |marker| joins(marker)).collect();
        joined.extend(shapes.extract_if(.., |shape| joins(shape)));
        joined.extend(weak.extract_if(.., |weak| joins_weak(weak)));
        if joined.is_empty() {
            shapes.extend(weak);
            return (text, markers, shapes);
        }
        text.extend(joined.into_iter().map(Component::of));
    }
}

/// Makes text of the markers beside covers, at less than half of their height: they may be the rest
/// of a line that is covered. Those of a source are further from the covers of its text.
pub(super) fn cut(sighted: &mut Sighted, covers: &[Rect]) {
    let is_cut = |marker: &Marker| {
        let mut covers = covers.iter();
        covers.any(|cover| 2 * distance(cover, &marker.rect) < reach(&marker.rect))
    };
    let markers = std::mem::take(&mut sighted.markers);
    let (cut, stay): (Vec<_>, Vec<_>) = markers.into_iter().partition(is_cut);
    sighted.markers = stay;
    let texts = cut.iter().map(|marker| Component::of(marker.rect));
    sighted.text.extend(texts);
}

/// Returns the height of a marker's letters.
fn reach(marker: &Rect) -> u32 {
    if marker.height > MAX_UPRIGHT * marker.width {
        marker.width
    } else {
        marker.height
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
            markers: letters.iter().map(|at| Marker::letter(rect(*at))).collect(),
            ..Sighted::default()
        })
        .1
    }

    #[test]
    fn markers_stay_unless_text_is_near() {
        let marker = [100, 100, 40, 40];
        for (name, text, expect) in [
            ("alone", vec![], true),
            ("text beside", vec![[167, 100, 300, 30]], false),
            ("text away", vec![[168, 100, 300, 30]], true),
            ("text above", vec![[0, 52, 300, 21]], false),
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
    fn marker_beside_a_cover_is_text() {
        let marker = rect([100, 100, 40, 40]);
        for (cover, is_text) in [
            ([140, 100, 300, 30], true),
            ([159, 100, 300, 30], true),
            ([160, 100, 300, 30], false),
            ([100, 30, 40, 52], true),
        ] {
            let mut sighted = Sighted {
                markers: vec![Marker::letter(marker)],
                ..Sighted::default()
            };
            cut(&mut sighted, &[rect(cover)]);
            assert_eq!(sighted.text.len() == 1, is_text, "{cover:?}");
            assert_eq!(sighted.markers.is_empty(), is_text, "{cover:?}");
        }
    }

    #[test]
    fn marker_beside_text_makes_text_of_its_neighbors() {
        let letters: Vec<_> = (0..4).map(|i| [100 + 60 * i, 100, 40, 40]).collect();
        assert_eq!(stays(&[], &letters).len(), 4);
        assert_eq!(stays(&[[340, 100, 40, 40]], &letters), []);
    }
}
