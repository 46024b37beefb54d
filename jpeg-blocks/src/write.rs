//! A file put together again, with edits.

use crate::{
    dct::Coefficients,
    edit::Edits,
    error::Error,
    file::{Body, File, Item, payload},
    metadata::{self, Keep},
    progressive::Store,
    recode,
    scan::Layout,
    segments::{Part, ScanHeader, ZIGZAG},
};

/// Writes the file with `edits`.
pub(crate) fn write(
    file: &File,
    bytes: &[u8],
    edits: &Edits<'_>,
    keep: Keep,
) -> Result<Vec<u8>, Error> {
    let mut out = match &file.body {
        Body::Progressive(store) => progressive(file, store, bytes, edits, keep)?,
        Body::Sequential(scans) => {
            // Tables that lack a symbol for an edit are replaced in all scans, as later ones may use them again.
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
                        if metadata::is_extra(*marker) || (recoded && *marker == 0xC4) => {}
                    Item::Segment(_, place) => out.extend_from_slice(&bytes[place.clone()]),
                    Item::Scan(place) => {
                        out = if recoded {
                            scans[next].recode(&file.frame, edits, out)?
                        } else {
                            out.extend_from_slice(&bytes[place.clone()]);
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
    out.extend([0xFF, 0xD9]);
    if keep == Keep::Everything {
        out.extend_from_slice(&bytes[file.tail.clone()]);
    }
    Ok(out)
}

/// The start of a file with the extra segments that are kept. They all come first, wherever they stood.
fn start(file: &File, bytes: &[u8], keep: Keep) -> Result<Vec<u8>, Error> {
    let mut out = vec![0xFF, 0xD8];
    let mut turned = keep != Keep::Everything && file.orientation != 1;
    let mut jfif = false;
    for item in &file.items {
        let Item::Segment(marker, place) = item else {
            continue;
        };
        if !metadata::is_extra(*marker) {
            continue;
        }
        let segment = payload(bytes, place)?;
        // A file is a JFIF or not; a second such segment says nothing, or holds a thumbnail.
        if keep != Keep::Everything
            && metadata::is_jfif(&segment)
            && std::mem::replace(&mut jfif, true)
        {
            continue;
        }
        if let Some(kept) = metadata::kept(&segment, keep) {
            out.extend(kept);
        }
        // JFIF wants to be first, so EXIF comes right behind it.
        if turned && metadata::is_jfif(&segment) {
            out.extend(metadata::orientation_only(file.orientation));
            turned = false;
        }
    }
    if turned {
        out.extend(metadata::orientation_only(file.orientation));
    }
    Ok(out)
}

/// Writes a progressive file as a sequential one with the same coefficients.
fn progressive(
    file: &File,
    store: &Store,
    bytes: &[u8],
    edits: &Edits<'_>,
    keep: Keep,
) -> Result<Vec<u8>, Error> {
    let mut out = start(file, bytes, keep)?;
    let frame = &file.frame;
    // Each component's steps under its own number; four tables are as many as there can be components.
    let mut wide = false;
    for (i, steps) in file.steps.iter().enumerate() {
        let big = steps.iter().any(|&s| s > 255);
        wide |= big;
        let mut table = vec![i as u8 | if big { 0x10 } else { 0 }];
        for &place in &ZIGZAG {
            let step = steps[usize::from(place)];
            if big {
                table.extend(step.to_be_bytes());
            } else {
                table.push(step as u8);
            }
        }
        out.extend(metadata::marked(0xDB, &table));
    }
    let mut header = vec![8];
    header.extend((frame.height as u16).to_be_bytes());
    header.extend((frame.width as u16).to_be_bytes());
    header.push(frame.components.len() as u8);
    for (i, c) in frame.components.iter().enumerate() {
        header.extend([c.id, (c.h << 4 | c.v) as u8, i as u8]);
    }
    out.extend(metadata::marked(if wide { 0xC1 } else { 0xC0 }, &header));

    let part = |component| Part {
        component,
        dc: 0,
        ac: 0,
    };
    let all: Vec<Part> = (0..frame.components.len()).map(part).collect();
    let blocks: usize = frame.components.iter().map(|c| c.h * c.v).sum();
    // An MCU holds ten blocks at most (T.81, B.2.3); beyond that each component has a scan of its own.
    let scans = if blocks <= 10 {
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
        out = recode::scan(
            frame,
            &header,
            &layout,
            out,
            |unit, out: &mut Vec<Coefficients>| {
                out.clear();
                for &place in &layout.blocks {
                    let component = header.parts[place.0].component;
                    let (x, y) = layout.place(unit, place);
                    let c = &frame.components[component];
                    out.push(match edits.at((x / c.h, y / c.v)) {
                        Some(edit) => edit.block(component, (x, y)),
                        None => *store.block(component, (x, y)),
                    });
                }
                Ok(())
            },
        )?;
    }
    Ok(out)
}
