//! Conversion between component samples and pixels.

/// Color space of the components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColorSpace {
    /// A single brightness component.
    Gray,
    /// Luma and two color differences (JFIF).
    YCbCr,
    /// Red, green and blue, stored as they are.
    Rgb,
    /// Cyan, magenta, yellow and black inks; Adobe's files store them inverted.
    Cmyk {
        /// True when 255 means no ink.
        inverted: bool,
    },
    /// CMYK with the first three inks coded as YCbCr.
    Ycck {
        /// True when 255 means no ink.
        inverted: bool,
    },
}

impl ColorSpace {
    /// Determines the color space by libjpeg's rules.
    pub(crate) fn detect(ids: &[u8], jfif: bool, adobe: Option<u8>) -> ColorSpace {
        match (ids.len(), adobe) {
            (1, _) => ColorSpace::Gray,
            (3, _) if jfif => ColorSpace::YCbCr,
            (3, Some(0)) => ColorSpace::Rgb,
            (3, None) if ids == b"RGB" => ColorSpace::Rgb,
            (3, _) => ColorSpace::YCbCr,
            (_, Some(2)) => ColorSpace::Ycck { inverted: true },
            (_, adobe) => ColorSpace::Cmyk {
                inverted: adobe.is_some(),
            },
        }
    }

    /// Bytes per pixel in [`Pixels`](crate::Pixels): 1 for gray, 3 for red, green and blue.
    pub fn channels(self) -> usize {
        if self == ColorSpace::Gray { 1 } else { 3 }
    }

    /// Converts samples to a pixel.
    pub(crate) fn pixel(self, s: [u8; 4]) -> [u8; 3] {
        match self {
            ColorSpace::Gray => [s[0]; 3],
            ColorSpace::YCbCr => rgb(s[0], s[1], s[2]),
            ColorSpace::Rgb => [s[0], s[1], s[2]],
            ColorSpace::Cmyk { inverted } => from_inks([s[0], s[1], s[2], s[3]], inverted),
            ColorSpace::Ycck { inverted } => {
                let [r, g, b] = rgb(s[0], s[1], s[2]);
                from_inks([255 - r, 255 - g, 255 - b, s[3]], inverted)
            }
        }
    }

    /// Converts a pixel to samples.
    pub(crate) fn samples(self, p: [u8; 3]) -> [u8; 4] {
        match self {
            ColorSpace::Gray => [p[0], 0, 0, 0],
            ColorSpace::YCbCr => ycc(p),
            ColorSpace::Rgb => [p[0], p[1], p[2], 0],
            ColorSpace::Cmyk { inverted } => inks(p, inverted),
            ColorSpace::Ycck { inverted } => {
                let [c, m, y, k] = inks(p, inverted);
                let [a, b, d, _] = ycc([255 - c, 255 - m, 255 - y]);
                [a, b, d, k]
            }
        }
    }
}

/// Multiplies each color's light by the light that black lets through.
fn from_inks(s: [u8; 4], inverted: bool) -> [u8; 3] {
    let light = s.map(|v| u32::from(if inverted { v } else { 255 - v }));
    [0, 1, 2].map(|i| ((light[i] * light[3] + 127) / 255) as u8)
}

fn inks(p: [u8; 3], inverted: bool) -> [u8; 4] {
    let light = [p[0], p[1], p[2], 255];
    light.map(|v| if inverted { v } else { 255 - v })
}

fn rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    let r = y + ((91881 * cr + 32768) >> 16);
    let g = y + ((-22554 * cb - 46802 * cr + 32768) >> 16);
    let b = y + ((116130 * cb + 32768) >> 16);
    [r, g, b].map(|v| v.clamp(0, 255) as u8)
}

fn ycc(p: [u8; 3]) -> [u8; 4] {
    let [r, g, b] = p.map(i32::from);
    let y = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;
    let cb = (-11059 * r - 21709 * g + 32768 * b + (128 << 16) + 32767) >> 16;
    let cr = (32768 * r - 27439 * g - 5329 * b + (128 << 16) + 32767) >> 16;
    [y as u8, cb.clamp(0, 255) as u8, cr.clamp(0, 255) as u8, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_survive_a_round_trip_in_every_color_space() {
        for space in [
            ColorSpace::YCbCr,
            ColorSpace::Rgb,
            ColorSpace::Cmyk { inverted: true },
            ColorSpace::Cmyk { inverted: false },
            ColorSpace::Ycck { inverted: true },
        ] {
            for p in [[0; 3], [128; 3], [255; 3], [255, 0, 0], [10, 200, 90]] {
                let back = space.pixel(space.samples(p));
                assert!(
                    p.iter().zip(back).all(|(a, b)| a.abs_diff(b) <= 1),
                    "{space:?} {p:?} {back:?}"
                );
            }
        }
    }
}
