//! Pixels and the samples of the components, there and back.

/// How components make a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// One component.
    Grey,
    /// Brightness and two colour differences (JFIF).
    YCbCr,
    /// As it is.
    Rgb,
    /// Inks; Adobe's files hold them inverted.
    Cmyk {
        /// 255 is no ink.
        inverted: bool,
    },
    /// Inks, of which three are coded as YCbCr.
    Ycck {
        /// 255 is no ink.
        inverted: bool,
    },
}

impl Colour {
    /// What a viewer takes it for; the rules are libjpeg's.
    pub(crate) fn of(ids: &[u8], jfif: bool, adobe: Option<u8>) -> Colour {
        match (ids.len(), adobe) {
            (1, _) => Colour::Grey,
            (3, _) if jfif => Colour::YCbCr,
            (3, Some(0)) => Colour::Rgb,
            (3, None) if ids == b"RGB" => Colour::Rgb,
            (3, _) => Colour::YCbCr,
            (_, Some(2)) => Colour::Ycck { inverted: true },
            (_, adobe) => Colour::Cmyk {
                inverted: adobe.is_some(),
            },
        }
    }

    /// Bytes of a pixel as it is given and taken: grey, or red, green and blue.
    pub fn channels(self) -> usize {
        if self == Colour::Grey { 1 } else { 3 }
    }

    /// The pixel that these samples make.
    pub(crate) fn pixel(self, s: [u8; 4]) -> [u8; 3] {
        match self {
            Colour::Grey => [s[0]; 3],
            Colour::YCbCr => rgb(s[0], s[1], s[2]),
            Colour::Rgb => [s[0], s[1], s[2]],
            Colour::Cmyk { inverted } => from_inks([s[0], s[1], s[2], s[3]], inverted),
            Colour::Ycck { inverted } => {
                let [r, g, b] = rgb(s[0], s[1], s[2]);
                from_inks([255 - r, 255 - g, 255 - b, s[3]], inverted)
            }
        }
    }

    /// Samples that make this pixel.
    pub(crate) fn samples(self, p: [u8; 3]) -> [u8; 4] {
        match self {
            Colour::Grey => [p[0], 0, 0, 0],
            Colour::YCbCr => ycc(p),
            Colour::Rgb => [p[0], p[1], p[2], 0],
            Colour::Cmyk { inverted } => inks(p, inverted),
            Colour::Ycck { inverted } => {
                let [c, m, y, k] = inks(p, inverted);
                let [a, b, d, _] = ycc([255 - c, 255 - m, 255 - y]);
                [a, b, d, k]
            }
        }
    }
}

/// A light of each colour, dimmed by black.
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
    fn black_grey_and_white_are_themselves_in_every_colour() {
        for colour in [
            Colour::YCbCr,
            Colour::Rgb,
            Colour::Cmyk { inverted: true },
            Colour::Cmyk { inverted: false },
            Colour::Ycck { inverted: true },
        ] {
            for p in [[0; 3], [128; 3], [255; 3], [255, 0, 0], [10, 200, 90]] {
                let back = colour.pixel(colour.samples(p));
                assert!(
                    p.iter().zip(back).all(|(a, b)| a.abs_diff(b) <= 1),
                    "{colour:?} {p:?} {back:?}"
                );
            }
        }
    }
}
