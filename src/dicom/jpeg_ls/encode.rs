//! Samples to streams, without loss.

use super::{Params, RUN_LENGTHS, State, bits::Writer, lines::Lines};

/// Encodes samples of so many bits; `None` if they don't fit their size.
pub(crate) fn encode(samples: &[u16], width: usize, height: usize, bits: u8) -> Option<Vec<u8>> {
    let (w, h) = (u16::try_from(width).ok()?, u16::try_from(height).ok()?);
    let params = Params::new((1 << bits) - 1, 0, [0; 3], 0)?;
    if width == 0
        || samples.len() != width * height
        || samples.iter().any(|s| i32::from(*s) > params.most)
    {
        return None;
    }
    let mut out = vec![0xFF, 0xD8, 0xFF, 0xF7, 0, 11, bits];
    out.extend(h.to_be_bytes());
    out.extend(w.to_be_bytes());
    out.extend([1, 1, 0x11, 0, 0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0, 0]);

    let mut state = State::new(params);
    let mut writer = Writer::default();
    let mut lines = Lines::new(width);
    for line in samples.chunks(width) {
        lines.advance();
        let mut x = 0;
        while x < width {
            match state.regular(lines.near(x)) {
                Some(regular) => {
                    let sample = i32::from(line[x]);
                    let error = regular.sign * (sample - regular.predicted);
                    let error = reduced(error, &params);
                    let found = &mut state.contexts[regular.context];
                    let k = found.golomb(found.size);
                    let is_odd = (error < 0) != found.is_negative(k, 0);
                    let size = if error < 0 { -error - 1 } else { error };
                    let code = 2 * size + i32::from(is_odd);
                    writer.golomb(code, k, params.limit, params.error_bits);
                    found.update(error, &params);
                    lines.put(x, sample);
                    x += 1;
                }
                None => x = run(&mut state, &mut writer, &mut lines, line, x),
            }
        }
    }
    out.extend(writer.finish());
    out.extend([0xFF, 0xD9]);
    Some(out)
}

/// Returns the error of the same sample that is nearest to zero.
fn reduced(error: i32, params: &Params) -> i32 {
    let error = if error < 0 {
        error + params.range
    } else {
        error
    };
    match error >= (params.range + 1) / 2 {
        true => error - params.range,
        false => error,
    }
}

/// Encodes a run and the sample that ends it; returns the position after it.
fn run(
    state: &mut State,
    writer: &mut Writer,
    lines: &mut Lines,
    line: &[u16],
    from: usize,
) -> usize {
    let sample = lines.near(from).left;
    let same = line[from..].iter().take_while(|s| i32::from(**s) == sample);
    let mut length = same.count();
    let x = from + length;
    (from..x).for_each(|x| lines.put(x, sample));
    while length >= 1 << RUN_LENGTHS[state.run_index] {
        writer.bits(1, 1);
        length -= 1 << RUN_LENGTHS[state.run_index];
        state.run_index = (state.run_index + 1).min(RUN_LENGTHS.len() - 1);
    }
    if x == line.len() {
        if length > 0 {
            writer.bits(1, 1);
        }
        return x;
    }
    writer.bits(0, 1);
    writer.bits(length as u32, RUN_LENGTHS[state.run_index].into());
    let end = state.run_end(lines.near(x));
    let params = state.params;
    let sample = i32::from(line[x]);
    let error = reduced(end.sign * (sample - end.predicted), &params);
    let found = &mut state.contexts[end.context];
    let is_swapped = end.k != 0 || 2 * found.bias >= found.count;
    let is_odd = error != 0 && (error < 0) == is_swapped;
    let code = 2 * error.abs() - end.kind - i32::from(is_odd);
    writer.golomb(code, end.k, end.limit, params.error_bits);
    found.update_run(error, code, end.kind, &params);
    lines.put(x, sample);
    state.run_index = state.run_index.saturating_sub(1);
    x + 1
}
