//! The reversible 5/3 wavelet transform (F.4), in place: coefficients stay where their samples were
//! and are not sorted by subband, so every level works on every second row and column of the one
//! before.

/// Transforms a picture. The sides have at least `2^levels` samples.
pub(crate) fn forward(samples: &mut [i32], width: usize, height: usize, levels: u32) {
    for step in (0..levels).map(|level| 1 << level) {
        vertical(samples, width, height.div_ceil(step), step);
        for row in samples.chunks_exact_mut(width).step_by(step) {
            horizontal(row, step);
        }
    }
}

/// Returns the neighbors of a position on a line of so many, mirrored beyond its ends (F.4.7).
fn neighbors(at: usize, count: usize) -> (usize, usize) {
    match at {
        0 => (1, 1),
        _ if at + 1 == count => (at - 1, at - 1),
        _ => (at - 1, at + 1),
    }
}

/// A high-pass coefficient (F.4.8).
fn predicted(sample: i32, before: i32, after: i32) -> i32 {
    sample - ((before + after) >> 1)
}

/// A low-pass coefficient (F.4.8).
fn updated(sample: i32, before: i32, after: i32) -> i32 {
    sample + ((before + after + 2) >> 2)
}

fn vertical(samples: &mut [i32], width: usize, count: usize, step: usize) {
    let mut lift = |from: usize, lifted: fn(i32, i32, i32) -> i32| {
        for at in (from..count).step_by(2) {
            let (before, after) = neighbors(at, count);
            let row = |at: usize| at * step * width;
            let (at, before, after) = (row(at), row(before), row(after));
            for x in (0..width).step_by(step) {
                samples[at + x] = lifted(samples[at + x], samples[before + x], samples[after + x]);
            }
        }
    };
    lift(1, predicted);
    lift(0, updated);
}

fn horizontal(row: &mut [i32], step: usize) {
    let count = row.len().div_ceil(step);
    let mut lift = |from: usize, lifted: fn(i32, i32, i32) -> i32| {
        for at in (from..count).step_by(2) {
            let (before, after) = neighbors(at, count);
            row[at * step] = lifted(row[at * step], row[before * step], row[after * step]);
        }
    };
    lift(1, predicted);
    lift(0, updated);
}
