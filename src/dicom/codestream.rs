//! Tiles, precincts and code-blocks of a JPEG 2000 codestream (T.800, annexes A and B), before a
//! decoder sets them up: a small file may describe as many as it has samples, or more.

const SOC: u16 = 0xFF4F;
const SIZ: u16 = 0xFF51;
const COD: u16 = 0xFF52;
#[cfg(test)]
const COC: u16 = 0xFF53;
const TLM: u16 = 0xFF55;
const PLM: u16 = 0xFF57;
const PLT: u16 = 0xFF58;
const QCD: u16 = 0xFF5C;
const QCC: u16 = 0xFF5D;
const RGN: u16 = 0xFF5E;
const POC: u16 = 0xFF5F;
const PPM: u16 = 0xFF60;
const PPT: u16 = 0xFF61;
const CRG: u16 = 0xFF63;
const COM: u16 = 0xFF64;
const SOT: u16 = 0xFF90;
const SOD: u16 = 0xFF93;
const EOC: u16 = 0xFFD9;

/// Precincts of this exponent are as large as their resolution.
const LARGEST: u8 = 15;

/// Coding style of all tiles.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Style {
    levels: u8,
    /// Exponents of a code-block's width and height.
    block: [u8; 2],
    /// Exponents of the precincts, from the lowest resolution on; if empty, [`LARGEST`].
    precincts: Vec<[u8; 2]>,
}

/// Reports whether the parts of a codestream are no more than those of usual ones: tiles that are
/// not tiny, and code-blocks of 16 by 16 samples or more. A stream without a readable main header,
/// or with a coding style of its own for a component or a tile, does not count as one.
pub(super) fn is_usual(bytes: &[u8]) -> bool {
    parts(bytes).is_some_and(|(parts, samples)| parts <= samples / 128 + 8192)
}

/// Counts tiles, precincts and code-blocks, and samples.
fn parts(bytes: &[u8]) -> Option<(u64, u64)> {
    if word(bytes, 0)? != SOC || word(bytes, 2)? != SIZ {
        return None;
    }
    let size = [long(bytes, 8)?, long(bytes, 12)?];
    let tile = [long(bytes, 24)?, long(bytes, 28)?];
    let offsets = [16, 20, 32, 36].map(|at| long(bytes, at));
    if offsets != [Some(0); 4] || size.contains(&0) || tile.contains(&0) {
        return None;
    }
    let (style, first) = main_header(bytes)?;
    if are_tiles_plain(bytes, first) != Some(true) {
        return None;
    }
    let tiles = u64::from(size[0].div_ceil(tile[0])) * u64::from(size[1].div_ceil(tile[1]));
    let tile = [0, 1].map(|axis| tile[axis].min(size[axis]));
    let samples = u64::from(size[0]) * u64::from(size[1]);
    Some((tiles.checked_mul(style.parts(tile))?, samples))
}

impl Style {
    fn read(segment: &[u8]) -> Option<Style> {
        let &[scod, _, _, _, _, levels, width, height, _, _, ref rest @ ..] = segment else {
            return None;
        };
        if levels > 32 || width > 8 || height > 8 {
            return None;
        }
        // A size for each resolution, or none.
        let sizes = usize::from(scod & 1) * (usize::from(levels) + 1);
        if rest.len() != sizes {
            return None;
        }
        let precincts = rest.iter().map(|size| [size & 15, size >> 4]).collect();
        Some(Style {
            levels,
            block: [width + 2, height + 2],
            precincts,
        })
    }

    /// Counts a tile, and its precincts and code-blocks.
    fn parts(&self, tile: [u32; 2]) -> u64 {
        let mut parts = 1;
        for resolution in 0..=self.levels {
            let precinct = self.precincts.get(usize::from(resolution));
            let precinct = precinct.copied().unwrap_or([LARGEST; 2]);
            let size = tile.map(|side| shrunk(side, self.levels - resolution));
            let precincts = [0, 1].map(|axis| shrunk(size[axis], precinct[axis]));
            parts += u64::from(precincts[0]) * u64::from(precincts[1]);
            // But for the lowest one, a resolution has three bands of half its size.
            let (bands, half) = if resolution == 0 { (1, 0) } else { (3, 1) };
            let blocks = [0, 1].map(|axis| {
                let block = self.block[axis].min(precinct[axis].saturating_sub(half));
                u64::from(shrunk(shrunk(size[axis], half), block))
            });
            parts += bands * blocks[0] * blocks[1];
        }
        parts
    }
}

/// Divides by a power of two, and rounds up.
fn shrunk(side: u32, exponent: u8) -> u32 {
    u64::from(side).div_ceil(1 << exponent) as u32
}

/// Returns the coding style of the main header, and the place of the first tile part.
fn main_header(bytes: &[u8]) -> Option<(Style, usize)> {
    let (mut at, mut style) = (2, None);
    loop {
        match word(bytes, at)? {
            SOT => break,
            SIZ if at == 2 => {}
            COD if style.is_none() => style = Some(Style::read(segment(bytes, at)?)?),
            RGN | QCD | QCC | POC | TLM | PLM | PPM | CRG | COM => {}
            _ => return None,
        }
        at += 4 + segment(bytes, at)?.len();
    }
    // A decoder that takes a segment for a shorter one finds no other style in it.
    (styles(&bytes[..at]) == 1).then_some((style?, at))
}

/// Reports whether no tile part has a coding style of its own.
fn are_tiles_plain(bytes: &[u8], first: usize) -> Option<bool> {
    let mut at = first;
    while word(bytes, at) == Some(SOT) {
        let length = long(bytes, at + 6)?;
        let mut inner = at + 4 + segment(bytes, at)?.len();
        loop {
            match word(bytes, inner)? {
                SOD | EOC => break,
                RGN | QCD | QCC | POC | PLT | PPT => {}
                _ => return None,
            }
            inner += 4 + segment(bytes, inner)?.len();
        }
        if styles(&bytes[at..inner]) > 0 {
            return Some(false);
        }
        // The last part may leave its length out.
        if length == 0 {
            break;
        }
        at = at
            .checked_add(length as usize)
            .filter(|next| *next > inner)?;
    }
    Some(true)
}

/// Counts what could be coding styles, of all or of one component.
fn styles(bytes: &[u8]) -> usize {
    let pairs = bytes.windows(2);
    pairs.filter(|p| matches!(p, [0xFF, 0x52 | 0x53])).count()
}

/// Returns the segment of the marker at a place.
fn segment(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let length = usize::from(word(bytes, at + 2)?);
    bytes.get(at + 4..at + 2 + length.max(2))
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jpeg2000_lossless::{Format, encode};

    fn stream() -> Vec<u8> {
        let format = Format {
            width: 640,
            height: 480,
            bits: 12,
            is_signed: false,
        };
        encode((0..640 * 480).map(|i| i % 4096).collect(), &format).unwrap()
    }

    fn place(stream: &[u8], marker: u16) -> usize {
        let marker = marker.to_be_bytes();
        stream.windows(2).position(|w| w == marker).unwrap()
    }

    #[test]
    fn parts_are_counted_by_tiles_levels_precincts_and_blocks() {
        let style = |levels, block, precincts: &[[u8; 2]]| Style {
            levels,
            block,
            precincts: precincts.to_vec(),
        };
        for (style, tile, expect) in [
            // The tile, a precinct, a block.
            (style(0, [6, 6], &[]), [64, 64], 3),
            (style(0, [6, 6], &[]), [65, 64], 4),
            // Two resolutions: 1 + 1, and 1 + 3 bands of 32 by 32.
            (style(1, [6, 6], &[]), [64, 64], 7),
            (style(1, [4, 4], &[]), [64, 64], 1 + 1 + 4 + 1 + 3 * 4),
            // Precincts of 16 by 16, whose bands have blocks of 8 by 8.
            (
                style(1, [6, 6], &[[4, 4]; 2]),
                [64, 64],
                1 + 4 + 4 + 16 + 3 * 16,
            ),
        ] {
            assert_eq!(style.parts(tile), expect, "{style:?}");
        }
    }

    #[test]
    fn streams_with_tiny_parts_are_not_usual() {
        let usual = stream();
        assert!(is_usual(&usual));
        let changed = |at: usize, bytes: &[u8]| {
            let mut stream = usual.clone();
            stream[at..at + bytes.len()].copy_from_slice(bytes);
            stream
        };
        let tiles = |side: u32| {
            let side = side.to_be_bytes();
            changed(24, &[side, side].concat())
        };
        assert!(is_usual(&tiles(256)) && is_usual(&tiles(64)));
        assert!(!is_usual(&tiles(4)) && !is_usual(&tiles(0)));
        // Exponents of code-blocks, less two.
        let block = place(&usual, COD) + 4 + 6;
        assert!(is_usual(&changed(block, &[3, 3])));
        assert!(!is_usual(&changed(block, &[0, 0])) && !is_usual(&changed(block, &[9, 0])));
        // A style in a tile part, and one of a component.
        let at = place(&usual, COD);
        let length = usize::from(word(&usual, at + 2).unwrap()) + 2;
        let part = place(&usual, SOT) + 12;
        let mut in_tile = usual.clone();
        in_tile.splice(part..part, usual[at..at + length].to_vec());
        assert!(!is_usual(&in_tile));
        let component = [&COC.to_be_bytes()[..], &[0, 9, 0, 0, 5, 4, 4, 0, 0]].concat();
        let mut with = usual.clone();
        with.splice(at..at, component);
        assert!(!is_usual(&with) && !is_usual(&usual[..60]));
    }
}
