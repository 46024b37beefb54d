//! A redacted copy that is searched around its covers only gets the verdict of a whole look.

use std::cell::Cell;

use super::*;
use crate::text::{map::Map, piece::Piece, squares::Squares};

/// The cells around a cell that this model sees, on each side.
const REACH: usize = 2;

/// A model that sees [`REACH`] cells around each: text is brighter than its surroundings. Beyond
/// the input it sees black, as a network does that fills up with zeros.
fn contrast(input: &InputTensor) -> Result<Vec<NamedTensor>, Error> {
    let (rows, columns) = (input.dims[2] as usize / 8, input.dims[3] as usize / 8);
    let brightest_cells = RefCell::new(Vec::with_capacity(rows * columns));
    map(input, |pixels| {
        brightest_cells.borrow_mut().push(brightest(pixels));
        (0.0, 0.0)
    });
    let cells = brightest_cells.into_inner();
    let score = |at: usize| {
        let (x, y) = (at % columns, at / columns);
        let mut sum = 0.0;
        for row in y.saturating_sub(REACH)..(y + REACH + 1).min(rows) {
            let from = row * columns + x.saturating_sub(REACH);
            let to = row * columns + (x + REACH + 1).min(columns);
            sum += cells[from..to].iter().sum::<f32>();
        }
        let around = (2 * REACH + 1) * (2 * REACH + 1);
        ((cells[at] - sum / around as f32) / 128.0).clamp(0.0, 0.99)
    };
    let mut data = vec![0.0; 3 * rows * columns];
    for at in 0..rows * columns {
        data[rows * columns + at] = score(at);
    }
    let dims = vec![1, 3, rows as u32, columns as u32];
    Ok(vec![NamedTensor {
        name: "cells".into(),
        tensor: Tensor { dims, data },
    }])
}

/// Numbers that look random and are the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(end)) as u32
    }
}

/// Draws a picture with noise, shades and up to five words of upright strokes.
fn written(dice: &mut Dice) -> GrayImage {
    let size = match dice.below(60) {
        // Two pieces, and a picture that is enlarged.
        0 => (1560 + dice.below(100), 50 + dice.below(30)),
        1 => (50 + dice.below(30), 50 + dice.below(30)),
        _ => (100 + dice.below(180), 80 + dice.below(140)),
    };
    let mut gray = picture(size.0, size.1, &[]);
    let (slope, noise) = (dice.below(60), 1 + dice.below(20));
    for (at, level) in gray.levels.iter_mut().enumerate() {
        *level = (slope * (at as u32 % size.0) / size.0 + dice.below(noise)) as u8;
    }
    for _ in 0..dice.below(6) {
        let (width, height) = (20 + dice.below(60), 8 + dice.below(16));
        let (left, top) = (dice.below(size.0 - 20), dice.below(size.1 - 8));
        let level = (70 + dice.below(180)) as u8;
        for y in top..(top + height).min(size.1) {
            for x in (left..(left + width).min(size.0)).filter(|x| (x - left) % 6 < 2) {
                gray.levels[(y * size.0 + x) as usize] = level;
            }
        }
    }
    gray
}

/// Returns the covers of a redaction that goes wrong: some are left out, moved, or too small.
fn misplaced(found: &[Rect], (width, height): (u32, u32), dice: &mut Dice) -> Vec<Rect> {
    let covers = found.iter().filter_map(|rect| match dice.below(10) {
        0 => None,
        1 => Some(Rect {
            x: (rect.x + 8 * dice.below(5)).min(width - 1),
            y: (rect.y + 8 * dice.below(3)).min(height - 1),
            ..*rect
        }),
        2 => Some(Rect {
            width: rect.width.div_ceil(2),
            ..*rect
        }),
        _ => Some(*rect),
    });
    let mut covers: Vec<Rect> = covers.collect();
    if dice.below(3) == 0 {
        covers.push(rect([dice.below(width), dice.below(height), 60, 40]));
    }
    for cover in &mut covers {
        cover.width = cover.width.min(width - cover.x);
        cover.height = cover.height.min(height - cover.y);
    }
    covers
}

#[test]
fn verdict_is_that_of_a_whole_look() {
    let contract = contract_with(|contract| {
        contract["input"]["multiple"] = 16.into();
        contract["min_side"] = 96.into();
        contract["field"] = (2 * 8 * (REACH + 1)).into();
    })
    .unwrap();
    let pixels = Cell::new(0);
    let infer = |input: &InputTensor| {
        pixels.set(pixels.get() + input.dims[2] * input.dims[3]);
        contrast(input)
    };
    let detector = detector(&contract, &infer);
    let mut dice = Dice(7);
    let (mut dirty, mut cheaper) = (0, 0);
    for at in 0..2_000 {
        let gray = written(&mut dice);
        let size = (gray.width as u32, gray.height as u32);
        let (found, looks) = detector.look(from_ref(&gray)).unwrap();
        let covers = misplaced(&found.text, size, &mut dice);
        let copy = covered(&gray, &covers);
        let copy = from_ref(&copy);
        let markers = &found.side_markers;
        pixels.set(0);
        let whole = detector.residual(copy, &covers, markers).unwrap();
        let all = pixels.replace(0);
        let around = detector.residual_around(copy, &covers, markers, &looks);
        assert_eq!(around.unwrap(), whole, "picture {at}");
        dirty += usize::from(whole > 0);
        cheaper += usize::from(whole == 0 && pixels.get() * 4 <= all * 3);

        // The whole look decides where the parts show text, so maps are compared as well.
        if at % 8 > 0 {
            continue;
        }
        let former = Piece::all(&gray, &contract, &infer).unwrap();
        let changed = Squares::of(&gray).changes(&copy[0]).unwrap();
        let (again, _) = Piece::all_again(&former, &changed, &copy[0], &contract, &infer).unwrap();
        let expect = Map::of(&copy[0], &contract, &infer).unwrap();
        let map = Map::joined(&again, &copy[0], 8);
        assert!(map.text == expect.text, "picture {at}: the maps differ");
    }
    assert!((400..1_600).contains(&dirty), "{dirty} with residual text");
    assert!(cheaper >= 100, "{cheaper} were searched in part");
}

#[test]
fn unchanged_copy_takes_no_run() {
    let contract = contract_with(|contract| contract["field"] = 64.into()).unwrap();
    let runs = Cell::new(0);
    let infer = |input: &InputTensor| {
        runs.set(runs.get() + 1);
        hundredths(input)
    };
    let detector = detector(&contract, &infer);
    let gray = picture(300, 200, &[([100, 100, 40, 16], 90)]);
    let (found, looks) = detector.look(from_ref(&gray)).unwrap();
    assert_eq!(runs.replace(0), 1);
    // The text is still there, at the score that it had.
    let residual = |copy: &GrayImage, redacted: &[Rect]| {
        detector
            .residual_around(from_ref(copy), redacted, &[], &looks)
            .unwrap()
    };
    assert_eq!(residual(&gray, &[]), 1);
    assert_eq!(residual(&gray, &found.text), 0);
    assert_eq!(runs.replace(0), 0);
    // A picture of another size has nothing in common with it.
    assert_eq!(residual(&picture(300, 208, &[]), &[]), 0);
    assert_eq!(runs.get(), 1);
}

#[test]
fn near_text_on_a_part_has_the_whole_copy_searched() {
    // The threshold is 30.
    for (level, whole) in [(19, 0), (25, 1), (35, 1)] {
        let contract = contract_with(|contract| contract["field"] = 64.into()).unwrap();
        let runs = Cell::new(0);
        let infer = |input: &InputTensor| {
            runs.set(runs.get() + usize::from(input.dims == [1, 1, 640, 640]));
            hundredths(input)
        };
        let detector = detector(&contract, &infer);
        let cells = [([200, 200, 16, 16], 90), ([240, 200, 8, 8], level)];
        let gray = picture(640, 640, &cells);
        let (found, looks) = detector.look(from_ref(&gray)).unwrap();
        let redacted = &found.text[..1];
        let copy = covered(&gray, redacted);
        runs.set(0);
        let places = detector.residual_around(from_ref(&copy), redacted, &[], &looks);
        assert_eq!(places.unwrap(), usize::from(level >= 30), "{level}");
        assert_eq!(runs.get(), whole, "{level}");
    }
}
