//! Mutated objects are processed or refused, and never panic.

use super::tests::{ending, object, process, slope};
use super::write;
use crate::mutate::{mutate, rounds};

/// Pieces of the format that mean something.
const WORDS: [&str; 8] = [
    "\u{0}\u{0}\u{0}\u{0}",
    "\u{7f}\u{7f}\u{7f}\u{7f}",
    "SQ",
    "UN",
    "OW",
    "US",
    "1.2.840.10008.1.2.5\u{0}",
    "MONOCHROME1 ",
];

#[test]
fn mutated_objects_never_panic() {
    let mut data = object(12, &slope(96, 64), 96);
    let mut item = super::element::DataSet::new();
    item.put_text(super::attributes::CODE_MEANING, b"LO", "Chest");
    data.put_items(super::attributes::VIEW_CODE, vec![item.clone(), item]);
    let files = ["", ".1", ".1.99"].map(|end| write::file(&data, ending(end)).unwrap());
    let settings = [("label_size", "8"), ("max_pixels", "100000")];
    rounds(600, |rng| {
        let seed = files[rng.below(files.len())].clone();
        // Most of a file is pixels, in which nothing goes wrong: cut them off and add them again.
        let at = 132 + rng.below(900);
        let (head, tail) = seed.split_at(at.min(seed.len()));
        let mut bytes = mutate(rng, head[head.len().min(132)..].to_vec(), &WORDS);
        bytes.splice(..0, head[..head.len().min(132)].to_vec());
        bytes.extend_from_slice(tail);
        let _ = process(&bytes, 0.9, &settings, None);
    });
}
