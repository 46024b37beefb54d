//! Streams to samples.

use super::{Params, RUN_LENGTHS, State, bits::Reader, lines::Lines};

const FRAME: u8 = 0xF7;
const SCAN: u8 = 0xDA;
const PRESETS: u8 = 0xF8;
const RESTARTS: u8 = 0xDD;

/// Decodes the samples of a stream of this size; `Err` says what it can't be.
pub(crate) fn decode(bytes: &[u8], width: usize, height: usize) -> Result<Vec<u16>, &'static str> {
    const SHORT: &str = "it ends early";
    let mut at = 2;
    let (mut precision, mut presets) = (None, [0; 5]);
    if !bytes.starts_with(&[0xFF, 0xD8]) {
        return Err("it is not a JPEG-LS");
    }
    loop {
        let &[0xFF, marker, high, low] =
            bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(SHORT)?
        else {
            return Err("a marker is missing");
        };
        if marker == 0xFF {
            at += 1;
            continue;
        }
        let end = at + 2 + usize::from(u16::from_be_bytes([high, low]));
        let payload = bytes.get(at + 4..end).ok_or(SHORT)?;
        at = end;
        match (marker, payload) {
            (FRAME, &[bits, h1, h0, w1, w0, 1, _, _, _]) => {
                let side = |high, low| usize::from(u16::from_be_bytes([high, low]));
                if (side(w1, w0), side(h1, h0)) != (width, height) || !(2..=16).contains(&bits) {
                    return Err("it doesn't fit its size");
                }
                precision = Some(bits);
            }
            (FRAME, _) => return Err("it has several components"),
            (PRESETS, [1, values @ ..]) if values.len() == 10 => {
                for (preset, pair) in presets.iter_mut().zip(values.as_chunks().0) {
                    *preset = i32::from(u16::from_be_bytes(*pair));
                }
            }
            (PRESETS, _) => return Err("it has a table"),
            (RESTARTS, payload) if payload.iter().any(|b| *b != 0) => {
                return Err("it has restart intervals");
            }
            (SCAN, &[1, _, 0, near, 0, 0]) => {
                let precision = precision.ok_or("its frame header is missing")?;
                let [most, low, middle, high, reset] = presets;
                let default = (1 << precision) - 1;
                let most = if most == 0 { default } else { most };
                let params = Params::new(most, near.into(), [low, middle, high], reset)
                    .filter(|params| params.most <= default)
                    .ok_or("its parameters are out of range")?;
                return scan(&bytes[at..], width, height, params).ok_or(SHORT);
            }
            (SCAN, _) => return Err("its scan is of an unknown kind"),
            _ => {}
        }
    }
}

fn scan(bytes: &[u8], width: usize, height: usize, params: Params) -> Option<Vec<u16>> {
    let mut state = State::new(params);
    let mut reader = Reader::new(bytes);
    let mut lines = Lines::new(width);
    let mut out = Vec::with_capacity(width * height);
    for _ in 0..height {
        lines.advance();
        let mut x = 0;
        while x < width {
            let near = lines.near(x);
            match state.regular(near) {
                Some(regular) => {
                    let (context, sign) = (regular.context, regular.sign);
                    let found = &mut state.contexts[context];
                    let k = found.golomb(found.size);
                    let code = reader.golomb(k, params.limit, params.error_bits)?;
                    let error = match (found.is_negative(k, params.near), code & 1) {
                        (false, 0) => code >> 1,
                        (false, _) => -(code >> 1) - 1,
                        (true, 0) => -(code >> 1) - 1,
                        (true, _) => code >> 1,
                    };
                    found.update(error, &params);
                    lines.put(x, params.restored(regular.predicted, sign * error));
                    x += 1;
                }
                None => x = run(&mut state, &mut reader, &mut lines, x, width)?,
            }
        }
        out.extend(lines.samples().iter().map(|sample| *sample as u16));
    }
    Some(out)
}

/// Decodes a run and the sample that ends it; returns the position after it.
fn run(
    state: &mut State,
    reader: &mut Reader<'_>,
    lines: &mut Lines,
    from: usize,
    width: usize,
) -> Option<usize> {
    let sample = lines.near(from).left;
    let mut x = from;
    loop {
        let power = RUN_LENGTHS[state.run_index];
        let is_full = reader.bits(1)? == 1;
        let length = match is_full {
            true => (1 << power).min(width - x),
            false => reader.bits(power.into())? as usize,
        };
        if length > width - x {
            return None;
        }
        (x..x + length).for_each(|x| lines.put(x, sample));
        x += length;
        if !is_full {
            break;
        }
        if length == 1 << power {
            state.run_index = (state.run_index + 1).min(RUN_LENGTHS.len() - 1);
        }
        if x == width {
            return Some(x);
        }
    }
    if x == width {
        return None;
    }
    let end = state.run_end(lines.near(x));
    let params = state.params;
    let code = reader.golomb(end.k, end.limit, params.error_bits)?;
    let found = &mut state.contexts[end.context];
    let mapped = code + end.kind;
    let size = (mapped + 1) >> 1;
    let is_swapped = end.k != 0 || 2 * found.bias >= found.count;
    let error = if is_swapped == (mapped & 1 == 1) {
        -size
    } else {
        size
    };
    found.update_run(error, code, end.kind, &params);
    lines.put(x, params.restored(end.predicted, end.sign * error));
    state.run_index = state.run_index.saturating_sub(1);
    Some(x + 1)
}
