//! Markers of the codestream (annex A).

use crate::{Format, bands, packet::GUARD};

const SOC: u16 = 0xFF4F;
const SIZ: u16 = 0xFF51;
const COD: u16 = 0xFF52;
const QCD: u16 = 0xFF5C;
const SOT: u16 = 0xFF90;
const SOD: u16 = 0xFF93;
const EOC: u16 = 0xFFD9;

/// Writes the codestream around the packets.
pub(crate) fn write(format: &Format, levels: u32, packets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(packets.len() + 128);
    out.extend(SOC.to_be_bytes());
    segment(&mut out, SIZ, &size(format));
    segment(&mut out, COD, &coding(levels));
    segment(&mut out, QCD, &exponents(format, levels));
    // The tile-part: its number 0 of one, and its length from here to the end of the packets. A
    // length of 0 is one up to the end of the stream (A.4.2).
    let length = u32::try_from(packets.len() + 14).unwrap_or(0);
    let tile = [&[0, 0][..], &length.to_be_bytes(), &[0, 1]].concat();
    segment(&mut out, SOT, &tile);
    out.extend(SOD.to_be_bytes());
    out.extend(packets);
    out.extend(EOC.to_be_bytes());
    out
}

fn segment(out: &mut Vec<u8>, marker: u16, payload: &[u8]) {
    out.extend(marker.to_be_bytes());
    out.extend((payload.len() as u16 + 2).to_be_bytes());
    out.extend(payload);
}

/// A.5.1: picture, its offset, the one tile, its offset, and one component.
fn size(format: &Format) -> Vec<u8> {
    let Format { width, height, .. } = *format;
    let mut out = vec![0, 0];
    for side in [width, height, 0, 0, width, height, 0, 0] {
        out.extend(side.to_be_bytes());
    }
    let sign = if format.is_signed { 0x80 } else { 0 };
    out.extend([0, 1, sign | (format.bits - 1), 1, 1]);
    out
}

/// A.6.1: layer by layer with one layer, code blocks of 2^6 by 2^6, the 5/3 wavelet.
fn coding(levels: u32) -> [u8; 10] {
    [0, 0, 0, 1, 0, levels as u8, 6 - 2, 6 - 2, 0, 1]
}

/// A.6.4: no quantization; for each subband the exponent of its range (E.1).
fn exponents(format: &Format, levels: u32) -> Vec<u8> {
    let side = 1 << levels;
    let resolutions = bands::resolutions(side, side, levels);
    let bands = resolutions.iter().flat_map(|resolution| &resolution.bands);
    let exponents = bands.map(|band| (format.bits + band.kind.gain()) << 3);
    std::iter::once(GUARD << 5).chain(exponents).collect()
}
