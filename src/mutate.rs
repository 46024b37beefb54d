//! Seeded mutations of valid inputs, for tests that run on stable what `fuzz/` runs on nightly.
//!
//! `XRAY_SEED` and `XRAY_ROUNDS` choose another run; a failure names both.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A small generator (SplitMix64): the same seed gives the same inputs on every machine.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Returns a number below `end`, or 0 for an empty range.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % (end.max(1) as u64)) as usize
    }

    pub fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}

/// Runs `check` for thousands of seeds; a panic ends with the seed of its round.
pub fn rounds(count: u64, mut check: impl FnMut(&mut Rng)) {
    let from_env = |name| std::env::var(name).ok().and_then(|v| v.parse().ok());
    let first: u64 = from_env("XRAY_SEED").unwrap_or(1);
    let count = from_env("XRAY_ROUNDS").unwrap_or(count);
    for seed in first..first.saturating_add(count) {
        let run = catch_unwind(AssertUnwindSafe(|| check(&mut Rng::new(seed))));
        if let Err(panic) = run {
            eprintln!("failed with XRAY_SEED={seed} XRAY_ROUNDS=1");
            resume_unwind(panic);
        }
    }
}

/// Mutates `bytes` a few times: flips, cuts, copies, and splices of `words`.
pub fn mutate(rng: &mut Rng, mut bytes: Vec<u8>, words: &[&str]) -> Vec<u8> {
    for _ in 0..=rng.below(4) {
        let at = rng.below(bytes.len() + 1);
        match rng.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
            1 if at < bytes.len() => bytes[at] = rng.next() as u8,
            2 => bytes.truncate(at),
            3 => {
                let end = (at + 1 + rng.below(16)).min(bytes.len());
                bytes.drain(at.min(end)..end);
            }
            4 => {
                let end = (at + 1 + rng.below(64)).min(bytes.len());
                let part = bytes[at.min(end)..end].to_vec();
                let to = rng.below(bytes.len() + 1);
                bytes.splice(to..to, part);
            }
            5 => {
                let word = rng.pick(words).bytes();
                bytes.splice(at..at, word);
            }
            _ => {
                // One word in place of another, so that structured inputs stay well-formed.
                let (old, new) = (rng.pick(words), rng.pick(words));
                let found = bytes
                    .windows(old.len().max(1))
                    .position(|w| w == old.as_bytes());
                if let Some(start) = found {
                    bytes.splice(start..start + old.len(), new.bytes());
                }
            }
        }
    }
    bytes
}

/// Mutates text; bytes that are no longer UTF-8 become replacement characters.
pub fn mutate_text(rng: &mut Rng, text: &str, words: &[&str]) -> String {
    String::from_utf8_lossy(&mutate(rng, text.as_bytes().to_vec(), words)).into_owned()
}

#[test]
fn mutations_are_repeatable_and_change_most_inputs() {
    let run = |seed| mutate_text(&mut Rng::new(seed), "one two three", &["one", "four"]);
    assert_eq!(run(7), run(7));
    let changed = (0..1000)
        .filter(|&seed| run(seed) != "one two three")
        .count();
    assert!(changed > 700, "only {changed} of 1000 inputs were changed");
}
