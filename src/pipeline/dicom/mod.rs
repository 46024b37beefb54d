//! The outputs of one DICOM object: a Secondary Capture with the label, a structured report, and
//! at high risk a de-identified copy.

mod copy;
mod opened;
pub(super) mod views;

use std::time::Duration;

use image::DynamicImage;

use copy::{Copier, Verifier};
pub(super) use opened::decoded;

use crate::{
    dicom::{
        Companion, DicomResult, DicomSettings, UidKey,
        deidentify::{self, Keys, Pixels, cover},
        frame::Frame,
        judge,
        object::{self, Container},
        result::{
            Finding, capture,
            presentation::{self, Placed},
            report,
        },
    },
    error::Error,
    model::contract::Contract,
    model::predict::{Class, Prediction},
    model::tensor::{InputTensor, NamedTensor},
    picture::annotate::Label,
    picture::boxes::Rect,
    picture::gray::GrayImage,
    picture::input,
    picture::limits::Limits,
    picture::redact::{self, Method, Redaction, redact_rects},
    picture::sniff::Format,
    picture::source::Written,
    pipeline::verify::{Redacted, Unclean},
    pipeline::{Outputs, Settings, Timings, stopwatch::Stopwatch},
    text::Detector,
};

/// Makes the outputs of one object, as [`crate::pipeline::process`] does those of a picture.
///
/// # Errors
/// [`Error::NotAnImage`] that names a kind of object or compression that is not read, and those of
/// [`crate::pipeline::process`].
pub fn process(
    bytes: &[u8],
    settings: &Settings,
    dicom: &DicomSettings,
    contract: &Contract,
    detector: Option<&Detector<'_>>,
    clock: impl Fn() -> Duration,
    infer: impl FnOnce(&InputTensor) -> Result<Vec<NamedTensor>, Error>,
) -> Result<Outputs, Error> {
    let mut timings = Timings::default();
    let mut watch = Stopwatch::start(clock);

    let container = Container::open(bytes, dicom.max_bytes)?;
    let data = container.data_set()?;
    let kind = object::kind(&data)?;
    let limits = Limits {
        max_bytes: dicom.max_bytes,
        ..settings.limits
    };
    let syntax = container.syntax;
    let (frame, tables) = decoded(&data, bytes.len(), &container, &limits)?;
    let mut shown = as_image(tables.shown.apply(&frame));
    timings.decode = watch.lap();
    let tensor = input::tensor(&shown, contract);
    timings.prepare = watch.lap();
    let inferred = infer(&tensor)?;
    drop(tensor);
    let mut prediction = Prediction::read(&inferred, contract, &settings.thresholds)?;
    if let Some(reason) = judge::contradiction(&data, contract.age.as_ref()) {
        prediction.class = Class::Unsure;
        prediction.failed_check = Some(reason.to_owned());
    }
    let heatmap = settings.heatmap(&prediction, &inferred, contract)?;
    timings.predict = watch.lap();

    let due = settings.anonymize.applies(&prediction);
    let found = detector
        .filter(|_| due || settings.redact_processed)
        .map(|detector| views::find(detector, &tables, &frame))
        .transpose()?;
    let (mut found, looks) = found.unzip();
    timings.detect = watch.lap();
    let size @ (width, height) = (frame.shape.width, frame.shape.height);
    let specified = redact::boxes(&settings.boxes, width, height);
    let texts = found.iter().flat_map(|found| &found.text).copied();
    let mut boxes: Vec<Rect> = specified.iter().copied().chain(texts).collect();

    let keys = dicom.pseudonym_key.as_ref().filter(|_| due).map(Keys::new);
    let mut written = Written::Reencoded;
    let anonymized = match keys {
        Some(keys) => {
            let pixels = match found {
                Some(_) => Pixels::Clean,
                None => Pixels::Unsearched,
            };
            let copier = Copier {
                data: &data,
                kind,
                syntax,
                frame: &frame,
                keys,
                options: &dicom.options,
                pixels,
                limits: &limits,
            };
            let mut copy = copier.copy(&boxes, &mut watch, &mut timings)?;
            let mut unclean = None;
            if let (Some(detector), Some(found), Some(looks)) = (detector, &mut found, &looks) {
                let verifier = Verifier {
                    detector,
                    tables: &tables,
                    looks,
                    specified: &specified,
                    max_redacted: settings.max_redacted,
                };
                let stays = found.stays();
                unclean = verifier.verdict(&copy, &boxes, &stays)?;
                if let Some(Unclean::ResidualText(_)) = unclean {
                    // As on a picture, what was missed is covered, too.
                    let left = verifier.left(&copy, &stays)?;
                    boxes.extend(&left);
                    found.text.extend(left);
                    drop(copy);
                    copy = copier.copy(&boxes, &mut watch, &mut timings)?;
                    unclean = verifier.verdict(&copy, &boxes, &stays)?;
                }
            }
            written = copy.written;
            drop(copy.frame);
            let bytes = match unclean {
                Some(_) => deidentify::doubtful(&copy.file)?,
                None => copy.file,
            };
            Some(Redacted {
                bytes,
                redaction: copy.redaction,
                unclean,
            })
        }
        // Due, but without a key there is neither a name nor a UID for it: it is not made.
        None if due => Some(Redacted {
            bytes: Vec::new(),
            redaction: Redaction::of(Method::Fill, boxes.clone(), width, height),
            unclean: None,
        }),
        None => None,
    };
    timings.verify = watch.lap();

    let key = UidKey::new(&dicom.result_key, "result");
    let finding = Finding {
        prediction: &prediction,
        contract,
        thresholds: &settings.thresholds,
        settings: &dicom.settings,
        key: &key,
    };
    let text = prediction.label();
    let label = Label::lay_out(&text, settings.label_size, size)?;
    if settings.redact_processed {
        redact_rects(&mut shown, boxes, settings.method);
    }
    if let Some(map) = &heatmap {
        map.outline(&mut shown, &settings.thresholds);
    }
    label.draw(&mut shown, (0, 0));
    timings.annotate = watch.lap();
    let shown = GrayImage {
        width: width as usize,
        height: height as usize,
        levels: shown.into_bytes(),
    };
    let capture = || capture::write(&data, syntax, &shown, &finding);
    let present = || {
        let placed = Placed {
            text: &text,
            rect: label.rect(),
        };
        presentation::write(&data, &tables, size, &placed, &finding)
    };
    let (processed, presented) = match dicom.result {
        DicomResult::Capture => (capture()?, None),
        DicomResult::Presentation => (present()?, None),
        DicomResult::Both => (capture()?, Some(present()?)),
    };
    drop(shown);
    let mut companions = vec![(Companion::Report, report::write(&data, &finding)?)];
    companions.extend(presented.map(|state| (Companion::Presentation, state)));
    timings.encode += watch.lap();
    Ok(Outputs {
        prediction,
        format: Format::Dicom,
        written,
        width,
        height,
        processed,
        companions,
        anonymized,
        found,
        timings,
    })
}

/// Reads the samples of the copy as it will be stored, and compares them with the source's.
///
/// # Errors
/// [`Error::Encode`] if a sample outside the covers has changed.
pub(super) fn read_copy(
    file: &[u8],
    source: &Frame,
    redaction: &Redaction,
    written: Written,
    limits: &Limits,
) -> Result<Frame, Error> {
    let container = Container::open(file, u64::MAX)?;
    let frame = Frame::decode(&container.data_set()?, container.syntax, limits)?;
    let whole = written != Written::Blocks;
    if !cover::agree(source, &frame, &redaction.boxes, whole) {
        return Err(Error::Encode(
            "DICOM: a sample outside the covers changed; please report this".into(),
        ));
    }
    Ok(frame)
}

pub(super) fn as_image(gray: GrayImage) -> DynamicImage {
    let (width, height) = (gray.width as u32, gray.height as u32);
    let picture = image::GrayImage::from_raw(width, height, gray.levels);
    picture.map(DynamicImage::from).unwrap_or_default()
}
