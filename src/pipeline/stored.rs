//! Work on stored copies for the people who review them: covering more of one, and showing a DICOM
//! object as a picture.

use crate::{
    dicom::{
        deidentify::{self, Pixels, cover},
        object::{self, Container},
        write,
    },
    error::Error,
    picture::{
        boxes::Rect,
        limits::Limits,
        memory::Work,
        png,
        redact::{Method, Redaction},
        sniff::{Format, is_dicom, sniff},
        source::Source,
    },
    pipeline::{
        dicom::{as_image, decoded, read_copy, views},
        verify::residual_text,
    },
    text::Detector,
};

/// A copy of which more is covered.
#[derive(Debug, Clone, PartialEq)]
pub struct Covered {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its format.
    pub format: Format,
    /// The boxes that were covered, grown to the borders of blocks.
    pub boxes: Vec<Rect>,
    /// The number of places where text may be left; `None` if it was not searched.
    pub residual: Option<usize>,
}

/// Covers these boxes of a copy, besides what is covered already, and searches the result for text
/// as a new copy is searched.
///
/// # Errors
/// [`Error::Encode`] if no box is on the picture, and those of
/// [`crate::pipeline::process`].
pub fn cover(
    bytes: &[u8],
    boxes: &[Rect],
    limits: &Limits,
    detector: Option<&Detector<'_>>,
) -> Result<Covered, Error> {
    let limits = &limits.of_own_file();
    if is_dicom(bytes) {
        return cover_object(bytes, boxes, limits, detector);
    }
    let work = Work {
        copy: true,
        search: detector.is_some(),
        whole: false,
    };
    Source::check_memory(bytes, limits, work)?;
    let source = Source::open(bytes, limits)?;
    let boxes = on_picture(boxes, source.size())?;
    let (draft, redaction) = source.redacted(&boxes, Method::Fill, None)?;
    let file = source.encode(&draft)?;
    let format = source.format();
    drop((draft, source));
    let left = detector.map(|detector| {
        // Everywhere: elsewhere the copy may hold text too, or it would not be in quarantine.
        residual_text(&file, &redaction.boxes, detector, &[], None, limits)
    });
    Ok(Covered {
        bytes: file,
        format,
        residual: left.transpose()?,
        boxes: redaction.boxes,
    })
}

fn cover_object(
    bytes: &[u8],
    boxes: &[Rect],
    limits: &Limits,
    detector: Option<&Detector<'_>>,
) -> Result<Covered, Error> {
    let container = Container::open(bytes, limits.max_bytes)?;
    let data = container.data_set()?;
    object::kind(&data)?;
    let (frame, tables) = decoded(&data, bytes.len(), &container, limits)?;
    let size = (frame.shape.width, frame.shape.height);
    let boxes = on_picture(boxes, size)?;
    let covered = cover::cover(&data, container.syntax, &frame, &boxes, limits)?;
    let (written, syntax) = (covered.written, covered.syntax);
    let redaction = Redaction::of(Method::Fill, covered.boxes, size.0, size.1);
    let mut copy = data.clone();
    copy.put(covered.element);
    let mut file = write::file(&copy, syntax)?;
    let copied = read_copy(&file, &frame, &redaction, written, limits)?;
    let residual = detector
        .map(|detector| views::residual(detector, &tables, &copied, &redaction.boxes, &[], None))
        .transpose()?;
    let knowledge = match residual {
        Some(0) => Pixels::Clean,
        Some(_) => Pixels::Doubtful,
        None => Pixels::Unsearched,
    };
    deidentify::redeclare(&mut copy, knowledge);
    file = write::file(&copy, syntax)?;
    Ok(Covered {
        bytes: file,
        format: Format::Dicom,
        boxes: redaction.boxes,
        residual,
    })
}

/// Returns a DICOM object as a viewer shows it first, as a PNG; `None` for any other file.
///
/// # Errors
/// As [`crate::pipeline::dicom::process`].
pub fn shown(bytes: &[u8], limits: &Limits) -> Result<Option<Vec<u8>>, Error> {
    if !is_dicom(bytes) {
        // Other files that are no pictures are an error.
        return sniff(bytes).map(|_| None);
    }
    let limits = &limits.of_own_file();
    let container = Container::open(bytes, limits.max_bytes)?;
    let data = container.data_set()?;
    object::kind(&data)?;
    let (frame, tables) = decoded(&data, bytes.len(), &container, limits)?;
    let view = tables.shown.apply(&frame);
    drop(frame);
    png::encode(&as_image(view), &png::PngStyle::default()).map(Some)
}

/// Clips boxes to a picture.
fn on_picture(boxes: &[Rect], (width, height): (u32, u32)) -> Result<Vec<Rect>, Error> {
    let clip = |rect: &Rect| {
        let (x, y) = (rect.x.min(width), rect.y.min(height));
        let rect = Rect {
            x,
            y,
            width: rect.width.min(width - x),
            height: rect.height.min(height - y),
        };
        (rect.width > 0 && rect.height > 0).then_some(rect)
    };
    let boxes: Vec<Rect> = boxes.iter().filter_map(clip).collect();
    if boxes.is_empty() {
        return Err(Error::Encode("no box is on the picture".into()));
    }
    Ok(boxes)
}
