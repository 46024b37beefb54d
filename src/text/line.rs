//! Letters in a line: a name in wide letters, which the model takes for markers one by one, or of
//! which it sees some only.

use crate::picture::{boxes::Rect, gray::GrayImage};

use super::{
    blobs::{Blob, blobs},
    components::Component,
    contrast::Levels,
    sighted::Sighted,
};

/// This many letters of one height in a line are text.
const MIN_LETTERS: usize = 3;
/// The greatest ratio of the sides of a single letter.
const MAX_RATIO: u32 = 2;
/// The greatest side of a letter, in pixels, which bounds the memory and time of a search.
const MAX_SIDE: u32 = 300;
/// The greatest number of letters of which the lines are searched.
const MAX_LINES: usize = 40;
/// The least contrast of a letter, in gray levels.
const MIN_CONTRAST: i32 = 24;
/// Pixels within this share of the contrast from the letter's level are ink, in percent.
const INK: i32 = 15;
/// The least height of a letter, in pixels.
const MIN_HEIGHT: usize = 8;
/// The heights of letters of one line, in percent of the first one's. With more, bones and ribs
/// beside a side marker would make a line of it.
const HEIGHTS: std::ops::RangeInclusive<usize> = 62..=160;
/// The part of the first letter's height by which others may stand higher or lower, in percent.
const ABOVE: usize = 60;
/// The greatest width of a letter, in percent of the first one's height.
const MAX_WIDTH: usize = 150;
/// The shares of ink in a letter's bounds, in percent.
const FILL: std::ops::RangeInclusive<usize> = 12..=85;
/// Beyond a letter's edge the level differs from the letter's by at least this much.
const MIN_DROP: u32 = 32;
/// Most of the difference at twice the edge is reached there, in percent: bones fade.
const REACHED: u32 = 60;
/// The least share of a letter's border that is sharp, in percent.
const SHARP: usize = 60;
/// Letters further apart than this, in heights of the first one, are covered one by one.
const MAX_GAP: u32 = 8;
/// The line reaches this many heights to both sides.
const REACH: usize = 40;

/// Makes text of the lines in which found letters stand with two others or more. The whole line is
/// covered, since it may have letters that are not recognized.
///
/// Print on the plane ends within `edge` pixels.
pub(super) fn add(plane: &GrayImage, edge: usize, sighted: &mut Sighted) {
    let compact = |r: &Rect| {
        let longer = r.width.max(r.height);
        longer <= MAX_SIDE && longer <= MAX_RATIO * r.width.min(r.height)
    };
    let markers: Vec<Rect> = sighted.markers.iter().map(|marker| marker.rect).collect();
    let texts = sighted.text.iter().map(|text| (text.rect, false));
    let seeds = markers.iter().map(|marker| (*marker, true));
    let seeds: Vec<(Rect, bool)> = seeds
        .chain(texts)
        .filter(|(seed, _)| compact(seed))
        .take(MAX_LINES)
        .collect();
    let mut lines: Vec<Rect> = Vec::new();
    let middle = |r: &Rect| (r.x + r.width / 2, r.y + r.height / 2);
    for (seed, is_marker) in seeds {
        let (x, y) = middle(&seed);
        if !lines.iter().any(|line| line.contains(x, y)) {
            lines.extend(line_of(plane, &seed, edge, is_marker, &markers));
        }
    }
    sighted.text.extend(lines.into_iter().map(Component::of));
}

/// Returns the covers of the line of three letters or more in which the letter in a rectangle of a
/// picture stands, across or down; none if it stands in no line. A marker stands in no line with
/// letters that are not near it: these are of a text beyond. Another marker counts as one letter.
fn line_of(
    picture: &GrayImage,
    seed: &Rect,
    edge: usize,
    is_marker: bool,
    markers: &[Rect],
) -> Vec<Rect> {
    let others = |turned| {
        let mut found = others(picture, seed, edge, turned);
        for marker in markers {
            let marker = if turned { marker.transposed() } else { *marker };
            join(&mut found, &marker);
        }
        let seed = if turned { seed.transposed() } else { *seed };
        if is_marker { near(&seed, found) } else { found }
    };
    let across = others(false);
    if across.len() + 1 >= MIN_LETTERS {
        return bands(seed, across, picture.width as u32);
    }
    let down = others(true);
    if down.len() + 1 < MIN_LETTERS {
        return Vec::new();
    }
    let bands = bands(&seed.transposed(), down, picture.height as u32);
    bands.iter().map(Rect::transposed).collect()
}

/// Makes one letter of those that are in a marker.
fn join(letters: &mut Vec<Rect>, marker: &Rect) {
    let (inside, mut all): (Vec<Rect>, Vec<Rect>) =
        letters.iter().partition(|letter| marker.holds(letter));
    all.extend(inside.into_iter().reduce(|one, letter| one.union(&letter)));
    *letters = all;
}

/// Returns the letters of a row that are near a marker, or near such a letter.
fn near(marker: &Rect, mut letters: Vec<Rect>) -> Vec<Rect> {
    letters.sort_by_key(|letter| letter.x);
    let mut row = *marker;
    let mut found = Vec::new();
    let (before, after): (Vec<Rect>, Vec<Rect>) = letters.into_iter().partition(|l| l.x < marker.x);
    for letter in before.into_iter().rev().chain(after) {
        let gap = row.x.saturating_sub(letter.x + letter.width);
        let gap = gap.max(letter.x.saturating_sub(row.x + row.width));
        if gap <= MAX_GAP * letter.height {
            row = row.union(&letter);
            found.push(letter);
        }
    }
    found
}

/// Returns the bounds of the letters of a row that are near each other, with their largest gap more
/// at both ends: the letter there may be missing.
fn bands(seed: &Rect, mut letters: Vec<Rect>, width: u32) -> Vec<Rect> {
    letters.push(*seed);
    letters.sort_by_key(|r| r.x);
    // With the largest gap.
    let mut bands: Vec<(Rect, u32)> = Vec::new();
    for letter in letters {
        match bands.last_mut() {
            Some((band, most)) if letter.x <= band.x + band.width + MAX_GAP * seed.height => {
                *most = letter.x.saturating_sub(band.x + band.width).max(*most);
                *band = band.union(&letter);
            }
            _ => bands.push((letter, 0)),
        }
    }
    let extended = bands.into_iter().map(|(band, gap)| {
        let by = if gap > 0 { gap + seed.width } else { 0 };
        let x = band.x.saturating_sub(by);
        Rect {
            x,
            width: (band.x + band.width + by).min(width) - x,
            ..band
        }
    });
    extended.collect()
}

/// Returns the other letters of a line: print of the height and level of the letter in a rectangle.
/// Looks along a row, or along a column if `turned`; there the picture is transposed, and so are
/// the rectangles that are returned.
fn others(picture: &GrayImage, rect: &Rect, edge: usize, turned: bool) -> Vec<Rect> {
    let window = picture.part(rect);
    let Levels { ground, contrasts } = Levels::of(&window.levels);
    let stronger = contrasts.into_iter().max_by_key(|contrast| contrast.abs());
    let level = ground + stronger.unwrap_or(0);
    let contrast = (level - ground).abs();
    if contrast < MIN_CONTRAST {
        return Vec::new();
    }
    let upright = |view: GrayImage| if turned { view.transposed() } else { view };
    let swap = |r: Rect| if turned { r.transposed() } else { r };
    let (width, height) = if turned {
        (picture.height, picture.width)
    } else {
        (picture.width, picture.height)
    };
    let (window, seed) = (upright(window), swap(*rect));
    let ink = |view: &GrayImage| -> Vec<bool> {
        let is_ink = |&l: &u8| (i32::from(l) - level).abs() * 100 <= INK * contrast;
        view.levels.iter().map(is_ink).collect()
    };
    let Some(first) = blobs(&ink(&window), window.width)
        .into_iter()
        .max_by_key(|blob| blob.pixels.len())
        .filter(|blob| blob.height >= MIN_HEIGHT)
    else {
        return Vec::new();
    };
    let strip = strip(&seed, &first, (width, height));
    let view = upright(picture.part(&swap(strip)));
    blobs(&ink(&view), view.width)
        .iter()
        .filter(|blob| is_letter(blob, &first, &view) && is_sharp(blob, &view, edge))
        .map(|blob| Rect {
            x: strip.x + blob.left as u32,
            y: strip.y + blob.top as u32,
            width: blob.width as u32,
            height: blob.height as u32,
        })
        .filter(|letter| letter.x >= seed.x + seed.width || letter.x + letter.width <= seed.x)
        .collect()
}

/// Returns the strip of a picture in which the other letters of a line are.
fn strip(seed: &Rect, first: &Blob, (width, height): (usize, usize)) -> Rect {
    let (top, above) = (seed.y as usize + first.top, first.height * ABOVE / 100);
    let from = top.saturating_sub(above);
    let to = (top + first.height + above).min(height);
    let left = (seed.x as usize).saturating_sub(REACH * first.height);
    let right = ((seed.x + seed.width) as usize + REACH * first.height).min(width);
    Rect {
        x: left as u32,
        y: from as u32,
        width: (right - left) as u32,
        height: (to - from) as u32,
    }
}

fn is_letter(blob: &Blob, first: &Blob, view: &GrayImage) -> bool {
    let percent = |length: usize| length * 100 / first.height;
    HEIGHTS.contains(&percent(blob.height))
        && percent(blob.width) <= MAX_WIDTH
        && FILL.contains(&(blob.pixels.len() * 100 / (blob.width * blob.height)))
        && blob.top > 0
        && blob.top + blob.height < view.height
        && blob.left > 0
        && blob.left + blob.width < view.width
}

/// Reports whether a blob ends within an edge of print at most of its border.
fn is_sharp(blob: &Blob, view: &GrayImage, edge: usize) -> bool {
    let (columns, rows) = (view.width as isize, view.height as isize);
    let mut mask = vec![false; view.levels.len()];
    for &at in &blob.pixels {
        mask[at] = true;
    }
    let at = |x: isize, y: isize| {
        let inside = (0..columns).contains(&x) && (0..rows).contains(&y);
        inside.then_some((y * columns + x) as usize)
    };
    let reach = edge as isize + 1;
    let (mut border, mut sharp) = (0, 0);
    for &pixel in &blob.pixels {
        let (x, y) = (pixel as isize % columns, pixel as isize / columns);
        for (dx, dy) in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
            if at(x + dx, y + dy).is_none_or(|beside| mask[beside]) {
                continue;
            }
            let drop = |steps: isize| {
                let beyond = at(x + steps * dx, y + steps * dy)?;
                Some(u32::from(view.levels[pixel].abs_diff(view.levels[beyond])))
            };
            let Some(near) = drop(reach) else {
                continue;
            };
            let far = drop(2 * reach).unwrap_or(near);
            border += 1;
            sharp += usize::from(near >= MIN_DROP && near * 100 >= REACHED * far);
        }
    }
    sharp * 100 >= SHARP * border
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::rect;

    #[test]
    fn marker_of_two_letters_is_one_of_a_line() {
        let mut letters = [[0, 4, 8, 10], [12, 4, 8, 10], [90, 4, 8, 10]]
            .map(rect)
            .to_vec();
        join(&mut letters, &rect([0, 0, 24, 16]));
        assert_eq!(letters, [rect([90, 4, 8, 10]), rect([0, 4, 20, 10])]);
        join(&mut letters, &rect([200, 0, 24, 16]));
        assert_eq!(letters.len(), 2);
    }
}
