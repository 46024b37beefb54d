//! Subbands of the wavelet transform, where [`crate::wavelet`] leaves them in the picture (B.5).

/// Levels of the wavelet transform of large pictures.
const LEVELS: u32 = 5;

/// The filters that made a subband: its orientation in the tables of annex D.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Low-pass in both directions.
    LowLow,
    /// High-pass horizontally.
    HighLow,
    /// High-pass vertically.
    LowHigh,
    /// High-pass in both directions.
    HighHigh,
}

impl Kind {
    /// Returns the bits that the filters add to the range of the samples (table E.1).
    pub(crate) fn gain(self) -> u8 {
        match self {
            Kind::LowLow => 0,
            Kind::HighLow | Kind::LowHigh => 1,
            Kind::HighHigh => 2,
        }
    }
}

/// A subband: every `step`th coefficient of every `step`th row of the picture, from `x` and `y` on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Band {
    pub(crate) kind: Kind,
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) step: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Band {
    fn new(kind: Kind, level: u32, width: usize, height: usize) -> Band {
        let step = 1 << level;
        let high = step / 2;
        let (x, y) = match kind {
            Kind::LowLow => (0, 0),
            Kind::HighLow => (high, 0),
            Kind::LowHigh => (0, high),
            Kind::HighHigh => (high, high),
        };
        Band {
            kind,
            x,
            y,
            step,
            width: width.saturating_sub(x).div_ceil(step),
            height: height.saturating_sub(y).div_ceil(step),
        }
    }
}

/// A resolution level: the subbands that it adds to the level below.
#[derive(Debug)]
pub(crate) struct Resolution {
    pub(crate) bands: Vec<Band>,
    /// Side of a precinct in coefficients of a subband (B.6): that of the largest there are.
    pub(crate) precinct: usize,
}

/// Returns the number of levels for a picture: no subband is empty.
pub(crate) fn levels(width: usize, height: usize) -> u32 {
    width.min(height).max(1).ilog2().min(LEVELS)
}

/// Returns the resolution levels, the lowest first.
pub(crate) fn resolutions(width: usize, height: usize, levels: u32) -> Vec<Resolution> {
    let lowest = Resolution {
        bands: vec![Band::new(Kind::LowLow, levels, width, height)],
        precinct: 1 << 15,
    };
    let above = (1..=levels).rev().map(|level| Resolution {
        bands: [Kind::HighLow, Kind::LowHigh, Kind::HighHigh]
            .map(|kind| Band::new(kind, level, width, height))
            .to_vec(),
        precinct: 1 << 14,
    });
    std::iter::once(lowest).chain(above).collect()
}
