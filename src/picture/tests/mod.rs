//! The picture modules against Pillow's results and against their promises.

mod decode;
mod draw;
mod golden;
mod input;

use image::{DynamicImage, ImageBuffer, Luma};

use crate::picture::{
    boxes::BoxSpec,
    limits::Limits,
    redact::{Method, Redaction, boxes, redact_rects},
};

const LIMITS: Limits = Limits {
    max_bytes: 1 << 22,
    max_pixels: 4_000_000,
    max_memory: u64::MAX,
};

/// Redacts the boxes on a picture.
fn redact(pixels: &mut DynamicImage, specs: &[BoxSpec], method: Method) -> Redaction {
    let boxes = boxes(specs, pixels.width(), pixels.height());
    redact_rects(pixels, boxes, method)
}

fn png(image: &DynamicImage) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    image.write_to(&mut out, image::ImageFormat::Png).unwrap();
    out.into_inner()
}

fn jpeg(image: &DynamicImage, quality: u8) -> Vec<u8> {
    let mut out = Vec::new();
    image
        .write_with_encoder(image::codecs::jpeg::JpegEncoder::new_with_quality(
            &mut out, quality,
        ))
        .unwrap();
    out
}

/// Draws a slope with an edge in it: smooth enough for JPEG, structured enough to reveal a shift.
fn scene(width: u32, height: u32) -> image::GrayImage {
    ImageBuffer::from_fn(width, height, |x, y| {
        Luma([if x > width / 2 {
            (y * 200 / height) as u8
        } else {
            (x * 250 / width) as u8
        }])
    })
}
