//! Writing a file with edits.

use crate::{
    edit::Edits,
    edited::EditedMcus,
    error::Error,
    file::{Body, File, Item},
    headers::{Frame, Part, ScanHeader, Steps, ZIGZAG},
    markers::{self, Segment},
    metadata::{self, Keep},
    recode::{self, Blocks},
    scan::Layout,
};

/// Writes the file with `edits`.
pub(crate) fn write(
    file: &File,
    bytes: &[u8],
    edits: &Edits<'_>,
    keep: Keep,
) -> Result<Vec<u8>, Error> {
    let mut out = match &file.body {
        Body::Progressive(_) => progressive(file, bytes, edits, keep)?,
        Body::Sequential(scans) => {
            // When an edit needs a symbol that a table lacks, all scans get new tables, since later
            // scans may use the same table again.
            let mut written = Vec::new();
            for scan in scans {
                match scan.write(edits, Vec::new())? {
                    Ok(data) => written.push(data),
                    Err(_) => break,
                }
            }
            let recoded = written.len() < scans.len();
            let mut out = start(file, bytes, keep)?;
            let mut next = 0;
            for item in &file.items {
                match item {
                    Item::Segment(marker, _)
                        if metadata::is_metadata(*marker)
                            || (recoded && *marker == markers::DHT) => {}
                    Item::Segment(_, place) => out.extend_from_slice(&bytes[place.clone()]),
                    Item::Scan(place) => {
                        out = if recoded {
                            scans[next].recode(
                                &file.frame,
                                &mut EditedMcus::new(file, edits),
                                out,
                            )?
                        } else {
                            out.extend_from_slice(&bytes[place.clone()]);
                            if keep != Keep::Everything
                                && let Some(band) = out.last_chunk_mut()
                            {
                                // Some encoders write zeros, which strict decoders refuse.
                                *band = [0u8, 63, 0];
                            }
                            out.extend_from_slice(&written[next]);
                            out
                        };
                        next += 1;
                    }
                }
            }
            out
        }
    };
    out.extend([0xFF, markers::EOI]);
    if keep == Keep::Everything {
        out.extend_from_slice(&bytes[file.tail.clone()]);
    }
    Ok(out)
}

/// Returns the start of a file with the metadata to keep. It all comes first, wherever it was.
fn start(file: &File, bytes: &[u8], keep: Keep) -> Result<Vec<u8>, Error> {
    let mut out = vec![0xFF, markers::SOI];
    let mut rotated = keep != Keep::Everything && file.orientation != 1;
    let mut jfif = false;
    for item in &file.items {
        let Item::Segment(marker, place) = item else {
            continue;
        };
        if !metadata::is_metadata(*marker) {
            continue;
        }
        let segment = Segment::read(bytes, place.start)?;
        // A second JFIF segment adds nothing, or holds a thumbnail.
        if keep != Keep::Everything
            && metadata::is_jfif(&segment)
            && std::mem::replace(&mut jfif, true)
        {
            continue;
        }
        if let Some(filtered) = metadata::filtered(&segment, keep) {
            out.extend(filtered);
        }
        // JFIF must be the first segment, so EXIF follows it.
        if rotated && metadata::is_jfif(&segment) {
            out.extend(metadata::orientation_only(file.orientation));
            rotated = false;
        }
    }
    if rotated {
        out.extend(metadata::orientation_only(file.orientation));
    }
    Ok(out)
}

/// Writes a progressive file as a sequential file with the same coefficients.
fn progressive(file: &File, bytes: &[u8], edits: &Edits<'_>, keep: Keep) -> Result<Vec<u8>, Error> {
    let out = start(file, bytes, keep)?;
    let mut blocks = EditedMcus::new(file, edits);
    sequential(&file.frame, &file.steps, out, &mut blocks)
}

/// Reports whether all components are written in one scan. An MCU holds at most ten blocks (T.81,
/// B.2.3); with more, each component gets its own.
pub(crate) fn is_one_scan(frame: &Frame) -> bool {
    frame.components.iter().map(|c| c.h * c.v).sum::<usize>() <= 10
}

/// Appends tables, frame and scans with these blocks. Only what they need is written: their
/// quantization tables, each once, and Huffman tables made from their statistics.
pub(crate) fn sequential(
    frame: &Frame,
    steps: &[Steps],
    mut out: Vec<u8>,
    blocks: &mut impl Blocks,
) -> Result<Vec<u8>, Error> {
    let mut tables: Vec<&Steps> = Vec::new();
    let mut slots = Vec::new();
    for steps in steps {
        let known = tables.iter().position(|&table| table == steps);
        slots.push(known.unwrap_or(tables.len()) as u8);
        if known.is_none() {
            tables.push(steps);
        }
    }
    for (i, steps) in tables.iter().enumerate() {
        let big = steps.iter().any(|&s| s > 255);
        let mut table = vec![i as u8 | if big { 0x10 } else { 0 }];
        for &place in &ZIGZAG {
            let step = steps[usize::from(place)];
            if big {
                table.extend(step.to_be_bytes());
            } else {
                table.push(step as u8);
            }
        }
        out.extend(metadata::segment_bytes(markers::DQT, &table));
    }
    let mut header = vec![8];
    header.extend((frame.height as u16).to_be_bytes());
    header.extend((frame.width as u16).to_be_bytes());
    header.push(frame.components.len() as u8);
    for (c, slot) in frame.components.iter().zip(slots) {
        header.extend([c.id, (c.h << 4 | c.v) as u8, slot]);
    }
    let wide = tables.iter().any(|steps| steps.iter().any(|&s| s > 255));
    let sof = if wide { markers::SOF1 } else { markers::SOF0 };
    out.extend(metadata::segment_bytes(sof, &header));

    let part = |component| Part {
        component,
        dc: 0,
        ac: 0,
    };
    let all: Vec<Part> = (0..frame.components.len()).map(part).collect();
    let scans = if is_one_scan(frame) {
        vec![all]
    } else {
        all.into_iter().map(|p| vec![p]).collect()
    };
    for parts in scans {
        let header = ScanHeader {
            parts,
            from: 0,
            to: 63,
            high: 0,
            low: 0,
        };
        let layout = Layout::new(frame, &header, 0);
        out = recode::scan(frame, &header, &layout, out, blocks)?;
    }
    Ok(out)
}
