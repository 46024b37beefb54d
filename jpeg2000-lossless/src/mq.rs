//! The MQ coder (annex C): an adaptive binary arithmetic coder.

use crate::context::{CONTEXTS, RUN, UNIFORM, ZERO};

/// Table C.2: probability of the less probable symbol, next states after either symbol, and whether
/// the symbols change their roles.
const STATES: [(u16, u8, u8, bool); 47] = [
    (0x5601, 1, 1, true),
    (0x3401, 2, 6, false),
    (0x1801, 3, 9, false),
    (0x0AC1, 4, 12, false),
    (0x0521, 5, 29, false),
    (0x0221, 38, 33, false),
    (0x5601, 7, 6, true),
    (0x5401, 8, 14, false),
    (0x4801, 9, 14, false),
    (0x3801, 10, 14, false),
    (0x3001, 11, 17, false),
    (0x2401, 12, 18, false),
    (0x1C01, 13, 20, false),
    (0x1601, 29, 21, false),
    (0x5601, 15, 14, true),
    (0x5401, 16, 14, false),
    (0x5101, 17, 15, false),
    (0x4801, 18, 16, false),
    (0x3801, 19, 17, false),
    (0x3401, 20, 18, false),
    (0x3001, 21, 19, false),
    (0x2801, 22, 19, false),
    (0x2401, 23, 20, false),
    (0x2201, 24, 21, false),
    (0x1C01, 25, 22, false),
    (0x1801, 26, 23, false),
    (0x1601, 27, 24, false),
    (0x1401, 28, 25, false),
    (0x1201, 29, 26, false),
    (0x1101, 30, 27, false),
    (0x0AC1, 31, 28, false),
    (0x09C1, 32, 29, false),
    (0x08A1, 33, 30, false),
    (0x0521, 34, 31, false),
    (0x0441, 35, 32, false),
    (0x02A1, 36, 33, false),
    (0x0221, 37, 34, false),
    (0x0141, 38, 35, false),
    (0x0111, 39, 36, false),
    (0x0085, 40, 37, false),
    (0x0049, 41, 38, false),
    (0x0025, 42, 39, false),
    (0x0015, 43, 40, false),
    (0x0009, 44, 41, false),
    (0x0005, 45, 42, false),
    (0x0001, 45, 43, false),
    (0x5601, 46, 46, false),
];

/// A state with its more probable symbol in the lowest bit.
#[derive(Clone, Copy)]
struct Step {
    probability: u32,
    more: u8,
    less: u8,
}

static STEPS: [Step; 128] = steps();

const fn steps() -> [Step; 128] {
    let mut steps = [Step {
        probability: 0,
        more: 0,
        less: 0,
    }; 128];
    let mut at = 0;
    while at < 2 * STATES.len() {
        let (probability, more, less, switches) = STATES[at / 2];
        let symbol = (at % 2) as u8;
        steps[at] = Step {
            probability: probability as u32,
            more: 2 * more + symbol,
            less: 2 * less + (symbol ^ switches as u8),
        };
        at += 1;
    }
    steps
}

/// The encoder (C.2).
pub(crate) struct Encoder {
    states: [u8; CONTEXTS],
    interval: u32,
    code: u32,
    /// Shifts until the next byte is complete.
    left: u32,
    /// The bytes, after one that stands before the first.
    bytes: Vec<u8>,
}

impl Encoder {
    /// Starts a code block, with the contexts in their first states (C.2.8, table D.7).
    pub(crate) fn new() -> Encoder {
        let mut states = [0; CONTEXTS];
        states[usize::from(ZERO)] = 2 * 4;
        states[usize::from(RUN)] = 2 * 3;
        states[usize::from(UNIFORM)] = 2 * 46;
        Encoder {
            states,
            interval: 0x8000,
            code: 0,
            left: 12,
            bytes: vec![0],
        }
    }

    /// Encodes a symbol, 0 or 1 (C.2.2 to C.2.4).
    #[inline(always)]
    pub(crate) fn encode(&mut self, context: u8, symbol: u8) {
        let state = &mut self.states[usize::from(context)];
        let step = STEPS[usize::from(*state & 127)];
        self.interval -= step.probability;
        let is_more = *state & 1 == symbol;
        if is_more && self.interval & 0x8000 != 0 {
            self.code += step.probability;
            return;
        }
        // The larger part of the interval is the more probable symbol's.
        if is_more == (self.interval < step.probability) {
            self.interval = step.probability;
        } else {
            self.code += step.probability;
        }
        *state = if is_more { step.more } else { step.less };
        self.renormalize();
    }

    /// Doubles the interval until it is large enough (C.2.6).
    fn renormalize(&mut self) {
        let mut shifts = self.interval.leading_zeros() - 16;
        self.interval <<= shifts;
        while shifts >= self.left {
            shifts -= self.left;
            self.code <<= self.left;
            self.byte_out();
        }
        self.code <<= shifts;
        self.left -= shifts;
    }

    /// Moves a byte out of the register; one after 0xFF has room for a carry (C.2.7).
    fn byte_out(&mut self) {
        let mut last = self.bytes.pop().unwrap_or_default();
        if last != 0xFF && self.code & 0x800_0000 != 0 {
            last += 1;
            self.code &= 0x7FF_FFFF;
        }
        self.bytes.push(last);
        let bits = if last == 0xFF { 20 } else { 19 };
        self.bytes.push((self.code >> bits) as u8);
        self.code &= (1 << bits) - 1;
        self.left = 27 - bits;
    }

    /// Ends the code block (C.2.9) and returns its bytes.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let end = self.code + self.interval;
        self.code |= 0xFFFF;
        if self.code >= end {
            self.code -= 0x8000;
        }
        for _ in 0..2 {
            self.code <<= self.left;
            self.byte_out();
        }
        if self.bytes.last() == Some(&0xFF) {
            self.bytes.pop();
        }
        self.bytes.remove(0);
        self.bytes
    }
}
