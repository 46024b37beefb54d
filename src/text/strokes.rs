//! Tells print from anatomy by the pixels: strokes of print are brighter or darker than their
//! ground and end within a few pixels, bones fade.

use crate::picture::{boxes::Rect, gray::GrayImage};

use super::{
    blobs::{Blob, blobs},
    components::Component,
    contrast::Levels,
    near::Near,
};

/// The least contrast of strokes to their ground, in gray levels.
const MIN_CONTRAST: i32 = 40;
/// Ink is what has at least this share of the contrast, in percent.
const INK: i32 = 65;
/// A border of ink is sharp if this share of the contrast is gone within the width of an edge of
/// print, in percent.
const DROP: i32 = 45;
/// The least share of the ink's border that is sharp, in percent.
const SHARP: usize = 60;
/// The greatest standard deviation of the levels inside of the ink: metal is uneven.
const MAX_DEVIATION: f64 = 6.0;
/// The deviation counts if at least this share of the ink is inside, in percent.
const MIN_INSIDE: usize = 10;
/// The greatest side of a square of ink, in percent of the shorter side of all of it: strokes are
/// thin.
const MAX_STROKE: u32 = 30;
/// The least and the greatest share of ink among the pixels, in percent.
const INK_SHARE: (usize, usize) = (1, 60);
/// The least height of letters of one line that the picture's edge cuts, in percent of the highest.
const SAME_HEIGHT: usize = 80;

/// The pixels around a component that are looked at, too.
const MARGIN: u32 = 8;
/// The blobs of larger components are not looked at, which bounds the memory: their strokes decide.
const MAX_PIXELS: u64 = 4_000_000;

/// The print that is expected.
pub(super) struct Print {
    /// Its edges end within this many pixels.
    pub edge: usize,
    /// The number of pixels of the picture for one of the copy on which it was found.
    pub step: usize,
    /// The least thickness of its strokes, in pixels.
    pub least_stroke: u32,
    /// The least height of one of its letters, in pixels.
    pub least_height: usize,
}

/// Reports whether a component shows strokes of print.
pub(super) fn printed(picture: &GrayImage, found: &Component, print: &Print) -> bool {
    let rects = &found.covers[..];
    let mut levels: Vec<u8> = Vec::new();
    for rect in rects {
        for row in rows(picture, rect) {
            levels.extend_from_slice(row);
        }
    }
    if levels.is_empty() {
        return false;
    }
    let pixels = levels.len();
    let Levels { ground, contrasts } = Levels::of(&levels);
    let thickest = found.rect.width.min(found.rect.height) * MAX_STROKE / 100;
    contrasts
        .into_iter()
        .filter(|contrast| contrast.abs() >= MIN_CONTRAST)
        .any(|contrast| {
            let ink = Ink::new(picture, ground, contrast);
            let strokes = ink.strokes(rects, print);
            strokes.are_print(pixels)
                && (print.least_stroke..=thickest).contains(&strokes.thickest)
                && ink.is_enclosed(&found.rect, print.least_height)
        })
}

fn rows<'p>(picture: &'p GrayImage, rect: &Rect) -> impl Iterator<Item = &'p [u8]> {
    let (x, width) = (rect.x as usize, rect.width as usize);
    (rect.y as usize..(rect.y + rect.height) as usize)
        .map(move |y| &picture.levels[y * picture.width + x..][..width])
}

/// The pixels of a picture that differ from the ground by most of the contrast.
struct Ink<'p> {
    picture: &'p GrayImage,
    contrast: i32,
    /// The levels of ink.
    levels: [bool; 256],
}

/// Figures of the ink in some rectangles.
#[derive(Default)]
struct Strokes {
    /// Pixels of ink.
    ink: usize,
    /// Pixels beside ink, counted from each side.
    border: usize,
    /// Those where the contrast is gone within a few pixels.
    sharp: usize,
    /// Pixels of ink with ink all around, up to the width of an edge.
    inside: usize,
    /// The sum of their levels.
    sum: f64,
    /// The sum of the squares of their levels.
    squares: f64,
    /// The side of the largest square of ink.
    thickest: u32,
}

impl Strokes {
    fn are_print(&self, pixels: usize) -> bool {
        let count = self.inside.max(1) as f64;
        let mean = self.sum / count;
        let variance = self.squares / count - mean * mean;
        let is_even =
            self.inside * 100 < MIN_INSIDE * self.ink || variance <= MAX_DEVIATION * MAX_DEVIATION;
        is_even
            && self.ink * 100 >= INK_SHARE.0 * pixels
            && self.ink * 100 <= INK_SHARE.1 * pixels
            && self.border > 0
            && self.sharp * 100 >= SHARP * self.border
    }
}

impl<'p> Ink<'p> {
    fn new(picture: &'p GrayImage, ground: i32, contrast: i32) -> Ink<'p> {
        let over = |level: i32| (level - ground) * contrast.signum();
        let levels = std::array::from_fn(|at| over(at as i32) * 100 >= INK * contrast.abs());
        Ink {
            picture,
            contrast,
            levels,
        }
    }

    fn is_ink(&self, level: u8) -> bool {
        self.levels[usize::from(level)]
    }

    /// Reports whether most of the ink in a rectangle is in blobs that end inside of it, one of
    /// them at least this high: bones and metal go on, print does not. A line of print at the edge
    /// of the picture may be cut by it.
    fn is_enclosed(&self, rect: &Rect, height: usize) -> bool {
        if u64::from(rect.width) * u64::from(rect.height) > MAX_PIXELS {
            return true;
        }
        let size = (self.picture.width as u32, self.picture.height as u32);
        let around = rect.grown(MARGIN, size.0, size.1);
        let window = self.picture.part(&around);
        let ink: Vec<bool> = window.levels.iter().map(|l| self.is_ink(*l)).collect();
        let rows = ink.len() / window.width;
        let blobs = blobs(&ink, window.width);
        let all: usize = blobs.iter().map(|blob| blob.pixels.len()).sum();
        let beyond = |blob: &Blob| {
            [
                blob.left == 0,
                blob.top == 0,
                blob.left + blob.width == window.width,
                blob.top + blob.height == rows,
            ]
        };
        let (inside, others): (Vec<_>, Vec<_>) = blobs
            .into_iter()
            .partition(|blob| beyond(blob) == [false; 4]);
        let edges = [
            around.x == 0,
            around.y == 0,
            around.x + around.width == size.0,
            around.y + around.height == size.1,
        ];
        let edge = (0..4).find(|side| {
            let is_cut = |blob: &Blob| (0..4).all(|at| !beyond(blob)[at] || at == *side);
            edges[*side] && others.iter().all(is_cut)
        });
        let cut = edge.map_or(Vec::new(), |side| {
            letters_of_one_height(&others, side % 2 == 0)
        });
        let (mut ended, mut highest) = (0, 0);
        for blob in inside.iter().chain(cut) {
            ended += blob.pixels.len();
            highest = highest.max(blob.height);
        }
        2 * ended >= all && highest >= height
    }

    fn strokes(&self, rects: &[Rect], print: &Print) -> Strokes {
        let mut strokes = Strokes::default();
        for rect in rects {
            // The side of the largest square of ink that ends at each pixel of a row.
            let mut squares = vec![0u32; rect.width as usize + 1];
            for (y, row) in (rect.y as usize..).zip(rows(self.picture, rect)) {
                let near = Near::new(self.picture, y, print.edge, print.edge * print.step);
                let mut corner = 0;
                for (column, &own) in row.iter().enumerate() {
                    let above = squares[column + 1];
                    squares[column + 1] = if self.is_ink(own) {
                        self.add(&near, rect.x as usize + column, own, &mut strokes);
                        1 + above.min(squares[column]).min(corner)
                    } else {
                        0
                    };
                    corner = above;
                    strokes.thickest = strokes.thickest.max(squares[column + 1]);
                }
            }
        }
        strokes
    }

    /// Counts a pixel of ink.
    fn add(&self, near: &Near<'_>, x: usize, own: u8, strokes: &mut Strokes) {
        let is_ink = |level: Option<u8>| level.is_some_and(|level| self.is_ink(level));
        strokes.ink += 1;
        if near.around(x).into_iter().all(is_ink) {
            strokes.inside += 1;
            strokes.sum += f64::from(own);
            strokes.squares += f64::from(own) * f64::from(own);
        }
        for (beside, beyond) in near.sides(x) {
            let (Some(beside), Some(beyond)) = (beside, beyond) else {
                continue;
            };
            if self.is_ink(beside) {
                continue;
            }
            strokes.border += 1;
            let drop = (i32::from(own) - i32::from(beyond)) * self.contrast.signum();
            strokes.sharp += usize::from(drop * 100 >= DROP * self.contrast.abs());
        }
    }
}

/// Returns the blobs at an edge of a picture if there are two or more of about one height, measured
/// from the edge.
fn letters_of_one_height(blobs: &[Blob], upright: bool) -> Vec<&Blob> {
    let height = |blob: &Blob| if upright { blob.width } else { blob.height };
    let highest = blobs.iter().map(height).max().unwrap_or(0);
    let high = blobs
        .iter()
        .filter(|blob| height(blob) * 100 >= SAME_HEIGHT * highest);
    let letters: Vec<&Blob> = high.collect();
    if letters.len() < 2 {
        return Vec::new();
    }
    letters
}
