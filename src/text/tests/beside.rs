//! Print that touches a side marker or the edge of a picture, and anatomy beside a marker.

use super::{
    letters::{A, L, P, R, brighter, drawn, drawn_at, markers},
    *,
};

/// Takes everything bright for a marker while a letter is there, and for text without one.
fn print_beside_letters(input: &InputTensor) -> Result<Vec<NamedTensor>, Error> {
    if input.data.to_f32().iter().any(|level| *level > 240.0) {
        return brighter(input, 100.0);
    }
    Ok(map(input, |pixels| {
        (if brightest(pixels) > 150.0 { 0.9 } else { 0.0 }, 0.0)
    }))
}

/// Fills rectangles of a picture with a level.
fn filled(mut picture: GrayImage, rects: &[[u32; 4]], level: u8) -> GrayImage {
    for (at, own) in picture.levels.iter_mut().enumerate() {
        let (x, y) = ((at % picture.width) as u32, (at / picture.width) as u32);
        if rects.iter().any(|place| rect(*place).contains(x, y)) {
            *own = level;
        }
    }
    picture
}

#[test]
fn print_that_touches_a_side_marker_is_covered_with_it() {
    // Weaker than the marker, so that by the pixels the marker is a single letter.
    let line = |left: u32, top: u32| [0, 1, 2, 3, 4, 5].map(|i| [left + 9 * i, top, 5, 12]);
    for (name, glyph, print) in [
        ("below", &R, line(400, 237)),
        ("beside", &L, line(433, 215)),
        ("through", &R, line(390, 212)),
    ] {
        let marker = drawn(&[(glyph, 400, 200)]);
        assert_eq!(find(&marker, &print_beside_letters).text, [], "{name}");
        let picture = filled(marker, &print, 180);
        let found = find(&picture, &print_beside_letters);
        assert_eq!(found.side_markers, [], "{name}");
        for place in print.into_iter().chain([[400, 200, 32, 36]]) {
            let hidden = |text: &Rect| text.holds(&rect(place));
            assert!(found.text.iter().any(hidden), "{name}: {place:?} {found:?}");
        }
    }
}

#[test]
fn line_of_print_that_the_edge_of_the_picture_cuts_is_text() {
    let whole = drawn(&[(&A, 400, 0), (&P, 480, 0)]);
    let view = filled(whole, &[[440, 16, 32, 4]], 250);
    let part = |x, y| view.part(&rect([x, y, 300, 200]));
    for (edge, picture) in [
        ("top", part(300, 8)),
        ("left", part(300, 8).transposed()),
        ("none", part(300, 0)),
    ] {
        let found = find(&picture, &markers);
        assert_eq!(found.side_markers, [], "{edge}");
        assert_eq!(found.text.len(), 1, "{edge}");
    }
    // Metal at the edge is one piece, or of pieces that differ.
    for (name, metal) in [
        ("one", vec![[100, 0, 12, 60]]),
        ("two", vec![[100, 0, 12, 60], [130, 0, 12, 25]]),
    ] {
        let picture = filled(picture(300, 200, &[]), &metal, 250);
        assert_eq!(find(&picture, &markers).text, [], "{name}");
    }
}

#[test]
fn bones_beside_a_side_marker_make_no_line() {
    let crosses = [520, 640, 760].map(|x| [[x, 210, 36, 16], [x + 10, 200, 16, 36]]);
    let bones = filled(drawn(&[]), &crosses.concat(), 250);
    let letter = rect([400, 200, 32, 36]);
    for (reach, expect) in [(0, false), (4, true)] {
        // Print is as sharp as the marker, bones fade.
        let mut picture = letters::blurred(&bones, reach);
        let marker = drawn(&[(&R, 400, 200)]);
        for (own, level) in picture.levels.iter_mut().zip(&marker.levels) {
            *own = (*own).min(244).max(*level);
        }
        let found = find(&picture, &|input| brighter(input, 246.0));
        let stays = found.side_markers.iter().any(|r| r.touches(&letter));
        assert_eq!(stays, expect, "{reach}: {found:?}");
    }
}

#[test]
fn letters_of_one_text_have_one_level() {
    let blind = |input: &InputTensor| Ok(map(input, |_| (0.0, 0.0)));
    let name = drawn_at(30, (1200, 800), &[(&A, 203, 301), (&P, 503, 301)]);
    for (level, expect) in [(250, 1), (235, 1), (150, 0)] {
        let mut picture = name.clone();
        for (at, own) in picture.levels.iter_mut().enumerate() {
            if *own == 250 && at % 1200 > 480 {
                *own = level;
            }
        }
        assert_eq!(find(&picture, &blind).text.len(), expect, "{level}");
    }
}
