//! Parses damaged files: parsing always ends, and files that are accepted can be edited and read
//! again.

use std::time::Instant;

use jpeg_blocks::{Jpeg, Keep, Limits};

/// Number of damaged files.
const MUTATIONS: u32 = 24_000;

/// Xorshift generator; yields the same numbers on every machine.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

fn damage(bytes: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) {
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(bytes.len());
        match numbers.below(9) {
            0 | 1 => bytes[at] ^= 1 << numbers.below(8),
            2 => bytes[at] = numbers.below(256) as u8,
            3 => bytes.truncate(at.max(2)),
            4 => drop(bytes.drain(at..(at + 1 + numbers.below(9)).min(bytes.len()))),
            5 => (0..=numbers.below(9)).for_each(|_| bytes.insert(at, numbers.below(256) as u8)),
            6 => {
                // Insert a piece of another file.
                let from = numbers.below(other.len());
                let piece = &other[from..(from + numbers.below(200)).min(other.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            7 => {
                // Headers are short but matter most.
                let early = numbers.below(bytes.len().min(700));
                bytes[early] = numbers.below(256) as u8;
            }
            _ => {
                let marker = [0xFF, 0xC0 + numbers.below(64) as u8];
                bytes.splice(at..at, marker);
            }
        }
        if bytes.is_empty() {
            return;
        }
    }
}

#[test]
fn damaged_files_are_rejected_or_stay_editable() {
    let mut names: Vec<_> = std::fs::read_dir("tests/files")
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    names.retain(|path| path.extension().is_some_and(|e| e == "jpg"));
    names.sort();
    let files: Vec<Vec<u8>> = names
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    let limits = Limits {
        max_pixels: 1 << 20,
        max_scans: 20,
    };
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    let (start, mut accepted) = (Instant::now(), 0);
    for i in 0..MUTATIONS {
        let mut bytes = files[i as usize % files.len()].clone();
        let other = &files[numbers.below(files.len())];
        damage(&mut bytes, other, &mut numbers);
        let Ok(jpeg) = Jpeg::parse(&bytes, &limits) else {
            continue;
        };
        accepted += 1;
        let area = jpeg.area(0, jpeg.height() / 2, 40, 20).unwrap();
        let pixels = jpeg.read(area).unwrap();
        let edits = [
            jpeg.fill(area, [9, 9, 9]),
            jpeg.replace(area, &pixels).unwrap(),
        ];
        for edits in [&edits[..0], &edits[..1], &edits[..]] {
            let written = jpeg.write(edits, Keep::Picture { icc: true }).unwrap();
            let again = Jpeg::parse(&written, &limits).unwrap();
            assert_eq!(
                (again.width(), again.height()),
                (jpeg.width(), jpeg.height())
            );
            if edits.is_empty() {
                assert_eq!(again.read(area).unwrap(), pixels, "mutation {i}");
            }
        }
        (1..=8).for_each(|factor| drop(jpeg.reduced(factor)));
    }
    println!(
        "{MUTATIONS} damaged files, {accepted} accepted, {:?}",
        start.elapsed()
    );
}
