//! Mutated box settings: the parser never panics, and every accepted box lies on every picture.

use super::boxes::parse_boxes;
use crate::mutate::{mutate_text, rounds};

const SEEDS: [&str; 4] = [
    "bottom-left 300x100",
    "top-right 25%x8%+10+10; bottom-left 300x100",
    "top-left 100%x3.5%+0+50%;top-right 1x1+4294967295+0",
    "bottom-right 99999x1+1%+2%",
];
const WORDS: [&str; 22] = [
    "top-left",
    "top-right",
    "bottom-left",
    "bottom-right",
    "x",
    "+",
    "%",
    ";",
    " ",
    "\u{a0}",
    "-",
    "0",
    "1",
    "100",
    "4294967295",
    "4294967296",
    "1e9",
    "NaN",
    "inf",
    "-0",
    "0.0000001",
    "𝟙",
];

#[test]
fn box_parser_survives_mutated_settings() {
    rounds(20_000, |rng| {
        let seed = SEEDS[rng.below(SEEDS.len())];
        let text = mutate_text(rng, seed, &WORDS);
        let Ok(boxes) = parse_boxes(&text) else {
            return;
        };
        assert!(!boxes.is_empty(), "{text:?}");
        for spec in boxes {
            for (width, height) in [(1, 1), (1, 4096), (1248, 896), (u32::MAX, u32::MAX)] {
                let Some(rect) = spec.on(width, height) else {
                    continue;
                };
                let inside = |start: u32, length: u32, side: u32| {
                    length > 0 && start.checked_add(length).is_some_and(|end| end <= side)
                };
                assert!(
                    inside(rect.x, rect.width, width) && inside(rect.y, rect.height, height),
                    "{text:?} on {width}x{height}: {rect:?}"
                );
            }
        }
    });
}
