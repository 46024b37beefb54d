//! The search for text in the views of an object: as it is shown, at its other windows and tables,
//! at full range, and inverted.

use crate::{
    dicom::{frame::Frame, render::Tables},
    error::Error,
    picture::{boxes::Rect, gray::GrayImage},
    text::{Detector, Found, Looks},
};

/// Pixels beyond which all views but the shown one are searched at half size only: each costs as
/// much as the shown one, and print of the fewest pixels is tiny on pictures this large.
const LARGE: usize = 4 << 20;

/// Finds the text in every view. Returns the looks at each as well.
///
/// # Errors
/// As [`Detector::find`].
pub(super) fn find(
    detector: &Detector<'_>,
    tables: &Tables,
    frame: &Frame,
) -> Result<(Found, Vec<Looks>), Error> {
    let (width, height) = (frame.shape.width, frame.shape.height);
    let mut all = Found::default();
    let mut looks = Vec::new();
    for (view, factor) in views(tables, frame) {
        let (found, look) = detector.look(&[view])?;
        looks.push(look);
        for (all, more) in [
            (&mut all.text, found.text),
            (&mut all.side_markers, found.side_markers),
            (&mut all.shapes, found.shapes),
        ] {
            for rect in more {
                let rect = enlarged(&rect, factor, width, height);
                if !all.contains(&rect) {
                    all.push(rect);
                }
            }
        }
    }
    Ok((all, looks))
}

/// Counts the places where text is still visible in a view of a redacted frame: around its covers
/// if the looks at its source are given, since samples outside of them are the source's, otherwise
/// everywhere.
///
/// # Errors
/// As [`Detector::residual`].
pub(in crate::pipeline) fn residual(
    detector: &Detector<'_>,
    tables: &Tables,
    frame: &Frame,
    redacted: &[Rect],
    side_markers: &[Rect],
    looks: Option<&[Looks]>,
) -> Result<usize, Error> {
    let mut places = 0;
    for (index, (view, factor)) in views(tables, frame).enumerate() {
        let reduced = |rects: &[Rect]| -> Vec<Rect> {
            rects.iter().map(|rect| reduced(rect, factor)).collect()
        };
        let (redacted, markers) = (reduced(redacted), reduced(side_markers));
        places += match looks.and_then(|looks| looks.get(index)) {
            Some(looks) => detector.residual_around(&[view], &redacted, &markers, looks)?,
            None => detector.residual(&[view], &redacted, &markers)?,
        };
    }
    Ok(places)
}

/// Returns the covers of the text that is left in any view of a redacted frame.
///
/// # Errors
/// As [`Detector::residual`].
pub(super) fn left(
    detector: &Detector<'_>,
    tables: &Tables,
    frame: &Frame,
    redacted: &[Rect],
    side_markers: &[Rect],
) -> Result<Vec<Rect>, Error> {
    let (width, height) = (frame.shape.width, frame.shape.height);
    let mut all = Vec::new();
    for (view, factor) in views(tables, frame) {
        let reduced = |rects: &[Rect]| -> Vec<Rect> {
            rects.iter().map(|rect| reduced(rect, factor)).collect()
        };
        let left = detector.left(&[view], &reduced(redacted), &reduced(side_markers))?;
        all.extend(
            left.iter()
                .map(|rect| enlarged(rect, factor, width, height)),
        );
    }
    Ok(all)
}

/// Returns the views one after another, with the factors by which they are reduced.
fn views<'a>(
    tables: &'a Tables,
    frame: &'a Frame,
) -> impl Iterator<Item = (GrayImage, usize)> + 'a {
    let factor = if frame.samples.len() > LARGE { 2 } else { 1 };
    let shown = std::iter::once((&tables.shown, 1));
    let others = tables.others.iter().map(move |table| (table, factor));
    shown.chain(others).map(|(table, factor)| {
        let view = table.apply(frame);
        match factor {
            1 => (view, 1),
            _ => (view.reduced(factor).into_owned(), factor),
        }
    })
}

fn enlarged(rect: &Rect, factor: usize, width: u32, height: u32) -> Rect {
    let by = factor as u32;
    let (x, y) = (rect.x * by, rect.y * by);
    Rect {
        x,
        y,
        width: (rect.width * by).min(width - x),
        height: (rect.height * by).min(height - y),
    }
}

/// Returns the reduced rectangle, with pixels that it covers in part.
fn reduced(rect: &Rect, factor: usize) -> Rect {
    let by = factor as u32;
    let (x, y) = (rect.x / by, rect.y / by);
    Rect {
        x,
        y,
        width: (rect.x + rect.width).div_ceil(by) - x,
        height: (rect.y + rect.height).div_ceil(by) - y,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rectangles_of_reduced_views_cover_the_whole_ones() {
        let rect = Rect {
            x: 3,
            y: 4,
            width: 6,
            height: 5,
        };
        assert_eq!(reduced(&rect, 1), rect);
        let half = reduced(&rect, 2);
        assert_eq!((half.x, half.y, half.width, half.height), (1, 2, 4, 3));
        assert!(enlarged(&half, 2, 100, 100).holds(&rect));
        // The last pixel of an odd side.
        let edge = enlarged(&half, 2, 9, 9);
        assert_eq!((edge.x + edge.width, edge.y + edge.height), (9, 9));
    }
}
