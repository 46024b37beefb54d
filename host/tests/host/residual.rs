//! The shipped text detector searches a copy around its covers with the verdict of a whole look.
//!
//! `PICTURES=2000` runs it on as many pictures.

use std::{cell::RefCell, fs, slice::from_ref};

use image::{DynamicImage, GenericImageView, Luma};
use testkit::root;
use xray::{
    model::tensor::{Elements, InputTensor, NamedTensor, Tensor as Read},
    picture::{annotate::draw_label, boxes::Rect, gray::GrayImage},
    text::{Detector, Withheld, contract::TextContract},
};
use xray_host::nn::tensor::{Tensor, TensorType};

use crate::inference::backends;

/// Pictures where the environment does not say how many.
const PICTURES: usize = 24;

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

/// Draws up to four lines on a part of a phantom.
fn written(phantoms: &[image::GrayImage], dice: &mut Dice) -> GrayImage {
    let phantom = &phantoms[dice.below(phantoms.len() as u32) as usize];
    let (width, height) = (phantom.width().min(1024), phantom.height().min(768));
    let left = dice.below(phantom.width() - width + 1);
    let top = dice.below(phantom.height() - height + 1);
    let mut picture = phantom.view(left, top, width, height).to_image();
    for _ in 0..dice.below(5) {
        let letters = (0..3 + dice.below(14)).map(|_| char::from(b'A' + dice.below(26) as u8));
        let text: String = letters.collect();
        let mut line = DynamicImage::new_luma8(600, 80);
        draw_label(&mut line, &text, (12 + dice.below(40)) as f32).expect("the label is drawn");
        let line = line.to_luma8();
        let (x, y) = (dice.below(width - 100), dice.below(height - 40));
        let level = 60 + dice.below(196);
        for (dx, dy, ink) in line.enumerate_pixels() {
            if x + dx < width && y + dy < height {
                let ink = u32::from(ink.0[0]);
                let ground = u32::from(picture.get_pixel(x + dx, y + dy).0[0]);
                let mixed = (ground * (255 - ink) + level * ink) / 255;
                picture.put_pixel(x + dx, y + dy, Luma([mixed as u8]));
            }
        }
    }
    GrayImage::of(&picture.into())
}

/// Covers what was found, but for some that is left out, moved or covered in half, and a box.
/// Returns the copy and its covers.
fn redacted(gray: &GrayImage, found: &[Rect], dice: &mut Dice) -> (GrayImage, Vec<Rect>) {
    let (width, height) = (gray.width as u32, gray.height as u32);
    let mut covers = vec![Rect {
        x: 0,
        y: height - 96,
        width: 296,
        height: 96,
    }];
    for rect in found {
        let kind = dice.below(10);
        let moved = if kind == 1 { 8 + 8 * dice.below(5) } else { 0 };
        let cover = Rect {
            x: (rect.x + moved).min(width - 1),
            width: if kind == 2 {
                rect.width.div_ceil(2)
            } else {
                rect.width
            },
            ..*rect
        };
        covers.extend((kind > 0).then_some(cover));
    }
    let mut copy = gray.clone();
    for cover in &mut covers {
        cover.width = cover.width.min(width - cover.x);
        for y in cover.y..cover.y + cover.height {
            let from = (y * width + cover.x) as usize;
            copy.levels[from..from + cover.width as usize].fill(0);
        }
    }
    (copy, covers)
}

#[test]
fn verdict_around_covers_is_that_of_a_whole_look() {
    let count = std::env::var("PICTURES").ok();
    let count = count.map_or(PICTURES, |count| {
        count.parse().expect("a number of pictures")
    });
    let folder = root().join("models/text");
    let model = fs::read(folder.join("model.onnx")).unwrap();
    let mut contract =
        TextContract::parse(&fs::read_to_string(folder.join("contract.json")).unwrap()).unwrap();
    // Enlarged pictures would take as long as large ones.
    contract.min_side = None;
    let backends = backends();
    let backend = backends.get(1).unwrap_or(&backends[0]);
    let loaded = RefCell::new(backend.load(&model, 1).unwrap());
    let pixels = RefCell::new(0u64);
    let infer = |input: &InputTensor| {
        *pixels.borrow_mut() += u64::from(input.dims[2]) * u64::from(input.dims[3]);
        let tensor = match &input.data {
            Elements::F32(values) => Tensor::f32(&input.dims, values),
            Elements::U8(values) => Tensor {
                dims: input.dims.clone(),
                ty: TensorType::U8,
                data: values.clone(),
            },
            Elements::I16(_) => panic!("the shipped detector takes no 16-bit integers"),
        };
        let named = (contract.input.name.clone(), tensor);
        let outputs = loaded.borrow_mut().sessions[0].run(&[named]).unwrap();
        let read = |(name, tensor): (String, Tensor)| NamedTensor {
            name,
            tensor: Read {
                data: tensor.to_f32().unwrap(),
                dims: tensor.dims,
            },
        };
        Ok(outputs.into_iter().map(read).collect())
    };
    let detector = Detector {
        contract: &contract,
        keep_side_markers: true,
        withheld: Withheld::default(),
        recognizer: None,
        infer: &infer,
    };
    let phantoms: Vec<_> = phantoms::Phantom::draw_all(3, 12)
        .iter()
        .map(|phantom| image::load_from_memory(&phantom.jpeg).unwrap().to_luma8())
        .collect();
    let mut dice = Dice(11);
    let (mut dirty, mut whole_pixels, mut part_pixels, mut differ) = (0, 0, 0, Vec::new());
    for at in 0..count {
        let gray = written(&phantoms, &mut dice);
        let (found, looks) = detector.look(from_ref(&gray)).unwrap();
        let (copy, covers) = redacted(&gray, &found.text, &mut dice);
        let (copy, markers) = (from_ref(&copy), &found.stays());
        pixels.replace(0);
        let whole = detector.residual(copy, &covers, markers).unwrap();
        let all = pixels.replace(0);
        let around = detector
            .residual_around(copy, &covers, markers, &looks)
            .unwrap();
        if (whole > 0) != (around > 0) {
            differ.push(at);
        }
        dirty += usize::from(whole > 0);
        if whole == 0 {
            whole_pixels += all;
            part_pixels += *pixels.borrow();
        }
    }
    let share = 100 * part_pixels / whole_pixels.max(1);
    println!("{count} pictures, {dirty} with residual text; the others took {share} % of a look");
    assert!(differ.is_empty(), "other verdicts on {differ:?}");
    assert!(
        dirty * 8 > count && dirty * 8 < 7 * count,
        "{dirty} of {count}"
    );
}
