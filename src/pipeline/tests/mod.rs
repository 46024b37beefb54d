//! Whole pictures through the pipeline.

mod blocks;
pub(crate) mod detected;
mod residue;

use std::time::Duration;

use image::{DynamicImage, GenericImageView};

use crate::{
    config::{Config, DEFAULTS},
    error::Error,
    model::{
        contract::Contract,
        tensor::{InputTensor, NamedTensor, Tensor},
    },
    picture::{decode::decode, limits::Limits},
    pipeline::{Outputs, process},
    text::Detector,
};

const LIMITS: Limits = Limits {
    max_bytes: 1 << 26,
    max_pixels: 1 << 26,
    max_memory: u64::MAX,
};

fn contract(side: u32) -> Contract {
    Contract::parse(&format!(
        r#"{{"version":2,"name":"m","model_sha256":"{}","input":{{"name":"x","layout":"NHWC","width":{side},"height":{side},
        "channels":"grey","resize":"box-then-bilinear","scale":1,"offset":0}},"output":{{"name":"y","kind":"probability"}},
        "heatmap":{{"output":"map","width":2,"height":2}}}}"#,
        "0".repeat(64)
    ))
    .unwrap()
}

fn output(name: &str, dims: Vec<u32>, data: Vec<f32>) -> NamedTensor {
    NamedTensor {
        name: name.into(),
        tensor: Tensor { dims, data },
    }
}

/// Processes a picture at high risk, with these settings on top of the defaults. Returns the
/// outputs and the model's input.
fn run(
    bytes: &[u8],
    side: u32,
    settings: &[(&str, &str)],
    detector: Option<&Detector<'_>>,
) -> (Result<Outputs, Error>, Option<InputTensor>) {
    let lookup = |name: &str| {
        let own = settings.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        let needed = ["s3_access_key", "s3_secret_key"]
            .contains(&name)
            .then_some("k");
        let default = DEFAULTS.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        own.or(needed).or(default).map(str::to_owned)
    };
    let config = Config::from_lookup(lookup).unwrap();
    let mut given = None;
    let outputs = process(
        bytes,
        &config.pixels,
        &contract(side),
        detector,
        || Duration::ZERO,
        |input| {
            given = Some(input.clone());
            Ok(vec![
                output("y", vec![1], vec![0.97]),
                output("map", vec![4], vec![9.0, -9.0, -9.0, -9.0]),
            ])
        },
    );
    (outputs, given)
}

/// Reports whether a pixel of the anonymized copy is the source's: to the bit, but close to an edge
/// of the picture, whose blocks are encoded again without what is beyond the edge, nearly.
fn is_kept(before: &DynamicImage, after: &DynamicImage, (x, y): (u32, u32)) -> bool {
    let (a, b) = (before.get_pixel(x, y).0, after.get_pixel(x, y).0);
    let (width, height) = before.dimensions();
    // An MCU is 16 pixels at most here.
    let inside = (16..width - 16).contains(&x) && (16..height - 16).contains(&y);
    let allowed = if inside { 0 } else { 24 };
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= allowed)
}

/// Decodes a file as a viewer shows it: by libjpeg-turbo's algorithms, turned by EXIF.
fn displayed(bytes: &[u8]) -> DynamicImage {
    decode(bytes, &LIMITS).unwrap().into_pixels()
}
