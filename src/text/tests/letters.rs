//! Side markers: a single L or R stays, all other short print is text.

use super::*;

pub(super) const L: [&str; 9] = [
    "##......", "##......", "##......", "##......", "##......", "##......", "##......", "########",
    "########",
];
pub(super) const R: [&str; 9] = [
    "######..", "#######.", "##...##.", "##...##.", "######..", "#####...", "##.###..", "##..##..",
    "##...###",
];
pub(super) const A: [&str; 9] = [
    "...##...", "...##...", "..####..", "..#..#..", ".##..##.", ".######.", ".######.", "##....##",
    "##....##",
];
const B: [&str; 9] = [
    "######..", "##...##.", "##...##.", "#####...", "#####...", "##...##.", "##...##.", "##...##.",
    "######..",
];
pub(super) const H: [&str; 9] = [
    "##....##", "##....##", "##....##", "########", "########", "##....##", "##....##", "##....##",
    "##....##",
];
pub(super) const P: [&str; 9] = [
    "######..", "#######.", "##...##.", "##...##.", "#######.", "######..", "##......", "##......",
    "##......",
];
const E: [&str; 9] = [
    "########", "########", "##......", "#######.", "#######.", "##......", "##......", "########",
    "########",
];

/// Draws glyphs of 32 x 36 pixels at these places on a gray picture.
pub(super) fn drawn(glyphs: &[(&[&str; 9], u32, u32)]) -> GrayImage {
    drawn_at(4, (900, 400), glyphs)
}

/// Draws glyphs of 8 x 9 fields of `field` pixels.
pub(super) fn drawn_at(
    field: u32,
    (width, height): (u32, u32),
    glyphs: &[(&[&str; 9], u32, u32)],
) -> GrayImage {
    let mut picture = image::GrayImage::from_pixel(width, height, Luma([60]));
    for (glyph, left, top) in glyphs {
        for (row, fields) in glyph.iter().enumerate() {
            for (column, _) in fields.match_indices('#') {
                for at in 0..field * field {
                    let x = left + field * column as u32 + at % field;
                    let y = top + field * row as u32 + at / field;
                    picture.put_pixel(x, y, Luma([250]));
                }
            }
        }
    }
    GrayImage::of(&DynamicImage::from(picture))
}

/// Takes everything bright and the cells around it for a marker.
pub(super) fn markers(input: &InputTensor) -> Result<Vec<NamedTensor>, Error> {
    brighter(input, 200.0)
}

/// The marker share of what is found, as of bones and clips that stay.
pub(super) const SHARE: f32 = 0.88;

/// Takes everything over a level and the cells around it for a marker.
pub(super) fn brighter(input: &InputTensor, least: f32) -> Result<Vec<NamedTensor>, Error> {
    let mut outputs = map(input, |pixels| {
        (0.0, f32::from(u8::from(brightest(pixels) > least)))
    });
    let (rows, columns) = (input.dims[2] as usize / 8, input.dims[3] as usize / 8);
    let (text, marker) = outputs[0].tensor.data[rows * columns..].split_at_mut(rows * columns);
    let bright = marker.to_vec();
    for (at, (text, marker)) in text.iter_mut().zip(marker).enumerate() {
        let (x, y) = (at % columns, at / columns);
        let near =
            |other: usize| (other % columns).abs_diff(x) <= 1 && (other / columns).abs_diff(y) <= 1;
        if (0..bright.len()).any(|other| bright[other] > 0.0 && near(other)) {
            (*text, *marker) = (1.0 - SHARE, SHARE);
        }
    }
    Ok(outputs)
}

#[test]
fn short_print_that_is_no_marker_is_text() {
    for (name, glyphs, is_text) in [
        ("a marker", vec![(&R, 400, 200)], false),
        ("two markers", vec![(&R, 400, 200), (&L, 40, 40)], false),
        ("a letter", vec![(&A, 400, 200)], true),
        ("two letters", vec![(&A, 400, 200), (&B, 440, 200)], true),
        (
            "two letters of markers",
            vec![(&L, 400, 200), (&R, 440, 200)],
            true,
        ),
        (
            "three far apart",
            vec![(&L, 40, 200), (&R, 240, 200), (&R, 500, 200)],
            true,
        ),
        (
            "three far apart, one above the other",
            vec![(&L, 40, 20), (&R, 40, 150), (&R, 40, 300)],
            true,
        ),
        (
            "three that are in no line",
            vec![(&L, 40, 20), (&R, 240, 150), (&R, 500, 320)],
            false,
        ),
    ] {
        let found = find(&drawn(&glyphs), &markers);
        let kept = if is_text { 0 } else { glyphs.len() };
        assert_eq!(found.side_markers.len(), kept, "{name}: {found:?}");
        for (_, left, top) in glyphs {
            let letter = rect([left, top, 32, 36]);
            let hidden = found.text.iter().any(|text| text.holds(&letter));
            assert_eq!(hidden, is_text, "{name}: {found:?}");
        }
    }
}

#[test]
fn letters_that_the_model_does_not_see_are_covered_with_their_line() {
    // It sees the first letter only.
    let first = |input: &InputTensor| {
        let mut outputs = markers(input)?;
        let columns = input.dims[3] as usize / 8;
        for (at, value) in outputs[0].tensor.data.iter_mut().enumerate() {
            if at % columns > 12 {
                *value = 0.0;
            }
        }
        Ok(outputs)
    };
    let glyphs = [
        (&E, 40, 200),
        (&L, 300, 200),
        (&E, 480, 200),
        (&A, 700, 200),
    ];
    let found = find(&drawn(&glyphs), &first);
    assert_eq!(found.side_markers, []);
    for (_, left, top) in glyphs {
        let letter = rect([left, top, 32, 36]);
        assert!(
            found.text.iter().any(|r| r.holds(&letter)),
            "{left}: {found:?}"
        );
    }
}

#[test]
fn short_print_on_enlarged_pictures_is_text() {
    // Enlarged, the edges of print are soft.
    let contract = contract_with(|contract| contract["min_side"] = 1120.into()).unwrap();
    for (name, glyphs, is_text) in [
        ("a marker", vec![(&R, 100, 80)], false),
        ("a letter", vec![(&A, 100, 80)], true),
        ("two letters", vec![(&A, 100, 80), (&B, 140, 80)], true),
    ] {
        let small = drawn_at(4, (300, 200), &glyphs);
        let found = find_with(&contract, &small, &markers);
        for (_, left, top) in glyphs {
            let letter = rect([left, top, 32, 36]);
            let hidden = found.text.iter().any(|text| text.holds(&letter));
            assert_eq!(hidden, is_text, "{name}: {found:?}");
        }
    }
}

#[test]
fn letters_of_hundreds_of_pixels_are_found_by_their_pixels() {
    let blind = |input: &InputTensor| Ok(map(input, |_| (0.0, 0.0)));
    let large = |glyphs: &[(&[&str; 9], u32, u32)]| drawn_at(30, (1600, 1000), glyphs);
    let bounds = |left, top| rect([left, top, 240, 270]);
    let name = large(&[(&A, 203, 301), (&H, 503, 301), (&E, 803, 301)]);
    let found = find(&name, &blind).text;
    for left in [203, 503, 803] {
        let letter = bounds(left, 301);
        assert!(
            found.iter().any(|text| text.holds(&letter)),
            "{left}: {found:?}"
        );
    }
    let contract = contract();
    let detector = detector(&contract, &blind);
    let copy = covered(&name, &found);
    let residual = detector.residual(from_ref(&copy), &found, &[]);
    assert_eq!(residual.unwrap(), 0);

    // A marker, letters that are far from each other, edges of a collimator, and shapes that fade
    // as bones do.
    assert_eq!(find(&large(&[(&R, 203, 301)]), &blind).text, []);
    let apart = large(&[(&A, 203, 31), (&H, 1203, 701)]);
    assert_eq!(find(&apart, &blind).text, []);
    let edges = [300, 620].map(|y| [([200, y, 20, 130], 200), ([216, y + 120, 20, 140], 200)]);
    let edges = edges.concat();
    assert_eq!(find(&picture(1600, 1000, &edges), &blind).text, []);
    assert_eq!(find(&blurred(&name, 20), &blind).text, []);
}

/// Averages each level with those up to so many pixels away, across and down.
pub(super) fn blurred(picture: &GrayImage, reach: usize) -> GrayImage {
    let along = |picture: &GrayImage| {
        let rows = picture.levels.chunks_exact(picture.width);
        let mean = |row: &[u8], x: usize| {
            let near = &row[x.saturating_sub(reach)..(x + reach + 1).min(row.len())];
            (near.iter().map(|l| usize::from(*l)).sum::<usize>() / near.len()) as u8
        };
        let levels = rows.flat_map(|row| (0..row.len()).map(move |x| mean(row, x)));
        GrayImage {
            levels: levels.collect(),
            ..*picture
        }
    };
    along(&along(picture).transposed()).transposed()
}
