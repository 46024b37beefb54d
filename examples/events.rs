//! The function's work on pictures, compiled natively and without inference or a store, for
//! `make bench` and `make bench-dicom`: reads paths of pictures, one a line, and prints a line when
//! one is done.
//!
//! `events no-copy` makes the labeled picture, `events copy` the anonymized copy as well.

use std::{
    io::{BufRead as _, Write as _},
    time::Duration,
};

use xray::{
    config::{Config, DEFAULTS},
    error::Error,
    model::{
        contract::Contract,
        tensor::{InputTensor, NamedTensor, Tensor},
    },
    picture::sniff::is_dicom,
    pipeline::{dicom, process},
};

const CONTRACT: &str = include_str!("../models/pneumonia/contract.json");

fn output(name: &str, dims: Vec<u32>, value: f32) -> NamedTensor {
    let length = dims.iter().product::<u32>() as usize;
    NamedTensor {
        name: name.into(),
        tensor: Tensor {
            dims,
            data: vec![value; length],
        },
    }
}

/// A confident prediction of pneumonia.
fn predict(_input: &InputTensor) -> Result<Vec<NamedTensor>, Error> {
    Ok(vec![
        output("risk", vec![1], 0.97),
        output("view", vec![3], 0.0),
        output("distance", vec![1], 0.0),
        output("map", vec![1, 10, 10, 1], 0.0),
    ])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let outputs = std::env::args().nth(1).ok_or("events {no-copy|copy}")?;
    let lookup = |name: &str| {
        let default = DEFAULTS.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        match name {
            "s3_access_key" | "s3_secret_key" | "pseudonym_key" => Some("k"),
            "anonymize" if outputs == "copy" => Some("all"),
            "anonymize" => Some("none"),
            "max_bytes_dicom" => Some("268435456"),
            _ => default,
        }
        .map(str::to_owned)
    };
    let config = Config::from_lookup(lookup)?;
    let contract = Contract::parse(CONTRACT)?;
    let mut out = std::io::stdout();
    writeln!(out, "ready")?;
    for path in std::io::stdin().lock().lines() {
        let bytes = std::fs::read(path?)?;
        let (pixels, clock) = (&config.pixels, || Duration::ZERO);
        let made = match is_dicom(&bytes) {
            true => dicom::process(
                &bytes,
                pixels,
                &config.dicom,
                &contract,
                None,
                clock,
                predict,
            )?,
            false => process(&bytes, pixels, &contract, None, clock, predict)?,
        };
        writeln!(out, "{}", made.processed.len())?;
    }
    Ok(())
}
