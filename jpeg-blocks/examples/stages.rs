//! Times the stages of an edit on given files: `stages FILE...` prints the fastest of many rounds
//! for each stage, averaged over the files.
//!
//! Two files are written from one parsed file: one with drawing in an area, one with a filled area.

use std::time::Instant;

use jpeg_blocks::{Jpeg, Keep, Limits};

const ROUNDS: usize = 30;

fn main() {
    let files: Vec<Vec<u8>> = std::env::args()
        .skip(1)
        .map(|path| std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}")))
        .collect();
    let limits = Limits::default();
    let mut sums = [0.0f64; 4];
    for bytes in &files {
        let mut least = [f64::MAX; 4];
        for _ in 0..ROUNDS {
            let mut mark = Instant::now();
            let mut lap = |stage: usize| {
                least[stage] = least[stage].min(mark.elapsed().as_secs_f64() * 1e3);
                mark = Instant::now();
            };
            let jpeg = Jpeg::parse(bytes, &limits).expect("the file is valid");
            lap(0);
            let reduced = jpeg.reduced(4);
            lap(1);
            let top = jpeg
                .area(0, 0, 660, 60)
                .expect("the rectangle lies on the picture");
            let mut pixels = jpeg.read(top).expect("the area lies on the picture");
            pixels.data.iter_mut().step_by(9).for_each(|v| *v = 255);
            let drawn = jpeg.replace(top, &pixels).expect("the pixels fit");
            let bottom = jpeg.height().saturating_sub(100);
            let filled = jpeg
                .area(0, bottom, 300, 100)
                .map(|area| jpeg.fill(area, [0; 3]));
            lap(2);
            let keep = Keep::Picture { icc: false };
            let one = jpeg.write(&[drawn], keep).expect("the edits fit");
            let two = jpeg
                .write(&filled.into_iter().collect::<Vec<_>>(), keep)
                .expect("the edits fit");
            lap(3);
            std::hint::black_box((reduced, one, two));
        }
        sums.iter_mut().zip(least).for_each(|(sum, ms)| *sum += ms);
    }
    let stages = ["parse", "reduced", "edits", "write twice"];
    for (stage, sum) in stages.iter().zip(sums) {
        println!("{stage:<12} {:7.3} ms", sum / files.len() as f64);
    }
    println!(
        "{:<12} {:7.3} ms",
        "all",
        sums.iter().sum::<f64>() / files.len() as f64
    );
}
