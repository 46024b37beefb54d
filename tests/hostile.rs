//! Hostile DICOM objects are refused within the memory that is counted for sound ones.
//!
//! One test, since the allocator counts for the whole process.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use peak_alloc::PeakAlloc;
use xray::{
    config::{Config, DEFAULTS},
    error::Error,
    model::{
        contract::Contract,
        tensor::{InputTensor, NamedTensor, Tensor},
    },
    pipeline::{Outputs, dicom},
};

#[path = "fake/hostile.rs"]
mod hostile;
#[path = "../src/mutate.rs"]
mod mutate;

use mutate::{mutate, rounds};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const CONTRACT: &str = include_str!("../models/pneumonia/contract.json");

fn risk(_: &InputTensor) -> Result<Vec<NamedTensor>, Error> {
    let output = |name: &str, dims: Vec<u32>, value: f32| NamedTensor {
        name: name.into(),
        tensor: Tensor {
            data: vec![value; dims.iter().product::<u32>() as usize],
            dims,
        },
    };
    Ok(vec![
        output("risk", vec![1], 0.97),
        output("view", vec![3], 0.0),
        output("distance", vec![1], 0.0),
        output("map", vec![1, 10, 10, 1], 0.0),
    ])
}

/// Processes an object at high risk by the defaults, and returns the most memory that this took.
fn run(bytes: &[u8]) -> (Result<Outputs, Error>, usize) {
    let lookup = |name: &str| {
        let required = ["s3_access_key", "s3_secret_key", "pseudonym_key"].contains(&name);
        let default = DEFAULTS.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        let own = (name == "label_size").then_some("8");
        own.or(required.then_some("k"))
            .or(default)
            .map(str::to_owned)
    };
    let config = Config::from_lookup(lookup).unwrap();
    let contract = Contract::parse(CONTRACT).unwrap();
    ALLOCATED.reset_peak_usage();
    let before = ALLOCATED.current_usage();
    let made = dicom::process(
        bytes,
        &config.pixels,
        &config.dicom,
        &contract,
        None,
        || Duration::ZERO,
        risk,
    );
    (made, ALLOCATED.peak_usage() - before)
}

/// The count for a picture of so many pixels: its file, 22 bytes a pixel, and 48 MiB.
fn counted(bytes: &[u8], pixels: usize) -> usize {
    bytes.len() + 22 * pixels + (48 << 20)
}

#[test]
fn hostile_objects_take_no_more_memory_than_is_counted() {
    let size = (usize::from(hostile::SIZE.0), usize::from(hostile::SIZE.1));
    let sound = hostile::sound();
    for (name, bytes) in &sound {
        let (made, _) = run(bytes);
        assert!(
            made.is_ok_and(|outputs| outputs.anonymized.is_some()),
            "{name}"
        );
    }
    let mut faults = Vec::new();
    for (name, bytes) in hostile::bombs() {
        let started = Instant::now();
        let made = catch_unwind(AssertUnwindSafe(|| run(&bytes)));
        let Ok((made, peak)) = made else {
            faults.push(format!("{name}: panics"));
            continue;
        };
        let taken = started.elapsed();
        let said = made
            .as_ref()
            .map_or_else(ToString::to_string, |_| "it is read".to_owned());
        println!("{name}: {} MiB, {taken:.1?}: {said}", peak >> 20);
        // What a deflated object may become, and a vector that grows.
        let inflated = if name.starts_with("deflate") {
            2 << 26
        } else {
            0
        };
        if made.is_ok() || peak > counted(&bytes, 1_000_000) + inflated {
            faults.push(format!("{name}: {} MiB, {said}", peak >> 20));
        }
        if taken > Duration::from_secs(10) {
            faults.push(format!("{name}: takes {taken:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));

    rounds(5000, |rng| {
        let (name, bytes) = &sound[rng.below(sound.len())];
        // Headers of streams are short, and in the data before them other tests look for faults.
        let stream = bytes.windows(4).position(|w| w == [0xE0, 0x7F, 0x10, 0]);
        let from = stream.unwrap_or(132) + rng.below(300);
        let (head, tail) = bytes.split_at(from.min(bytes.len()));
        let (part, rest) = tail.split_at(tail.len().min(120));
        let words = ["\u{0}\u{1}", "\u{7f}\u{7f}\u{7f}\u{7f}"];
        let bytes = [head, &mutate(rng, part.to_vec(), &words), rest].concat();
        let (_, peak) = run(&bytes);
        let most = counted(&bytes, size.0 * size.1);
        assert!(peak <= most, "{name}: {peak} bytes");
    });
}
