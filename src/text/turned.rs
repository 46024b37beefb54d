//! Turned copies of a part of a picture: the model reads text that is nearly upright or turned by
//! a right angle, so slanted text is searched on a copy on which it is.

use crate::picture::{boxes::Rect, gray::GrayImage};

use super::{groups::Group, input::mirrored};

/// The angles, in degrees. Text at any angle is within 15 degrees of upright or of a right angle on
/// the picture itself or on one of these copies.
pub(super) const ANGLES: [f64; 2] = [30.0, -30.0];

/// A part of a picture, turned about its center.
pub(super) struct Turned {
    /// The turned copy. Its corners show the surroundings of the part, mirrored at the picture's
    /// edges.
    pub gray: GrayImage,
    center: (f64, f64),
    sin: f64,
    cos: f64,
    /// The size of the picture.
    size: (usize, usize),
}

impl Turned {
    /// Turns a part of a picture by an angle.
    pub(super) fn new(picture: &GrayImage, part: &Rect, degrees: f64) -> Turned {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let (width, height) = (f64::from(part.width), f64::from(part.height));
        let side = |a: f64, b: f64| (a * cos.abs() + b * sin.abs()).ceil() as usize;
        let (across, down) = (side(width, height), side(height, width));
        let mut turned = Turned {
            gray: GrayImage {
                width: across,
                height: down,
                levels: Vec::with_capacity(across * down),
            },
            center: (
                f64::from(part.x) + width / 2.0,
                f64::from(part.y) + height / 2.0,
            ),
            sin,
            cos,
            size: (picture.width, picture.height),
        };
        for v in 0..down {
            let (left, top) = turned.place(0.5, v as f64 + 0.5);
            for u in 0..across {
                let (x, y) = (left + u as f64 * cos - 0.5, top + u as f64 * sin - 0.5);
                let level = inner(picture, x, y).unwrap_or_else(|| outer(picture, x, y));
                turned.gray.levels.push(level);
            }
        }
        turned
    }

    /// Returns the place on the picture of a place on the copy.
    fn place(&self, u: f64, v: f64) -> (f64, f64) {
        let (dx, dy) = (
            u - self.gray.width as f64 / 2.0,
            v - self.gray.height as f64 / 2.0,
        );
        (
            self.center.0 + dx * self.cos - dy * self.sin,
            self.center.1 + dx * self.sin + dy * self.cos,
        )
    }

    /// Returns the pixel of the picture at a place on the copy, unless it is beyond the edge.
    pub(super) fn pixel(&self, u: f32, v: f32) -> Option<(u32, u32)> {
        let (x, y) = self.place(f64::from(u), f64::from(v));
        let inside = |at: f64, side: usize| at >= 0.0 && at < side as f64;
        (inside(x, self.size.0) && inside(y, self.size.1)).then_some((x as u32, y as u32))
    }

    /// Returns the cells of `side` pixels of the picture that the cells of a group touch.
    pub(super) fn cells(&self, group: &Group, side: usize) -> Vec<(u32, u32)> {
        let side = side as f64;
        let range = |places: [f64; 4], length: usize| {
            let last = (length as f64 / side).ceil() - 1.0;
            let from = places.iter().copied().fold(f64::MAX, f64::min) / side;
            let to = places.iter().copied().fold(f64::MIN, f64::max) / side;
            let (from, to) = (from.floor().max(0.0), (to.ceil() - 1.0).min(last));
            // Empty for what is beyond the edge.
            (from as u32)..((to + 1.0).max(0.0) as u32)
        };
        let mut cells: Vec<(u32, u32)> = Vec::new();
        for &(column, row) in &group.cells {
            let (u, v) = (f64::from(column) * side, f64::from(row) * side);
            let corners = [(u, v), (u + side, v), (u, v + side), (u + side, v + side)]
                .map(|(u, v)| self.place(u, v));
            let (across, down) = (
                range(corners.map(|c| c.0), self.size.0),
                range(corners.map(|c| c.1), self.size.1),
            );
            cells.extend(down.flat_map(|y| across.clone().map(move |x| (x, y))));
        }
        cells.sort_unstable();
        cells.dedup();
        cells
    }
}

/// Interpolates between four pixels of a picture; `None` if one of them is beyond its edge.
fn inner(picture: &GrayImage, x: f64, y: f64) -> Option<u8> {
    if x < 0.0 || y < 0.0 {
        return None;
    }
    let (left, top) = (x as usize, y as usize);
    if left + 1 >= picture.width {
        return None;
    }
    let from = top * picture.width + left;
    let above = picture.levels.get(from..from + 2)?;
    let below = picture
        .levels
        .get(from + picture.width..from + picture.width + 2)?;
    let share = |at: f64, whole: usize| ((at - whole as f64) * 256.0) as u32;
    let (across, down) = (share(x, left), share(y, top));
    let along = |row: &[u8]| u32::from(row[0]) * (256 - across) + u32::from(row[1]) * across;
    let level = along(above) * (256 - down) + along(below) * down;
    Some(((level + (1 << 15)) >> 16) as u8)
}

/// The same, with the picture mirrored at its edges.
fn outer(picture: &GrayImage, x: f64, y: f64) -> u8 {
    let (left, top) = (x.floor(), y.floor());
    let at = |x: f64, side: usize| mirrored(x.rem_euclid(2.0 * side as f64) as usize, side);
    let columns = [at(left, picture.width), at(left + 1.0, picture.width)];
    let level = |row: usize, column: usize| f64::from(picture.levels[row * picture.width + column]);
    let along = |row: usize| {
        let (a, b) = (level(row, columns[0]), level(row, columns[1]));
        a + (b - a) * (x - left)
    };
    let (a, b) = (
        along(at(top, picture.height)),
        along(at(top + 1.0, picture.height)),
    );
    (a + (b - a) * (y - top)).round() as u8
}
