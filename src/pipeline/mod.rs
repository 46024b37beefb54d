//! Makes the outputs of one picture, without a network: decode, predict, find text, annotate,
//! redact, encode, verify.

pub mod dicom;
mod drawing;
mod stopwatch;
pub mod stored;
#[cfg(test)]
pub(crate) mod tests;
pub mod trial;
pub mod verify;

use std::time::Duration;

use self::{drawing::Drawing, stopwatch::Stopwatch};
use crate::{
    dicom::Companion,
    error::Error,
    model::contract::Contract,
    model::predict::{Class, Prediction, Thresholds},
    model::tensor::{InputTensor, NamedTensor},
    picture::annotate::Label,
    picture::boxes::{BoxSpec, Rect},
    picture::heatmap::Heatmap,
    picture::limits::Limits,
    picture::memory::Work,
    picture::redact::{self, Method},
    picture::sniff::Format,
    picture::source::{Source, Written},
    pipeline::verify::{Redacted, Unclean, Verifier},
    text::{Detector, Found},
};

/// The pictures that get an anonymized copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnonymizeWhen {
    /// Those classified as pneumonia.
    Pneumonia,
    /// All.
    All,
    /// None.
    None,
}

impl AnonymizeWhen {
    /// Reports whether a picture with this prediction gets a copy. One that fails an
    /// out-of-distribution check never does: its content, and so the place of a patient's name on
    /// it, is unknown.
    pub fn applies(self, prediction: &Prediction) -> bool {
        prediction.failed_check.is_none()
            && match self {
                AnonymizeWhen::Pneumonia => prediction.class == Class::Pneumonia,
                AnonymizeWhen::All => true,
                AnonymizeWhen::None => false,
            }
    }
}

/// The drawing on the labeled picture besides the label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlay {
    /// Nothing.
    None,
    /// An outline of the source of the risk.
    Heatmap,
}

/// The settings that the outputs depend on, besides the picture and the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The limits on a source.
    pub limits: Limits,
    /// The limits between the classes.
    pub thresholds: Thresholds,
    /// The label's em, in pixels.
    pub label_size: f32,
    /// The drawing on the labeled picture besides the label.
    pub overlay: Overlay,
    /// The boxes that are redacted on the anonymized copy, besides the text that is found.
    pub boxes: Vec<BoxSpec>,
    /// The share of the picture that found text may cover, besides the boxes, 0 to 1. A copy with
    /// more is not clean.
    pub max_redacted: f64,
    /// Redacts the labeled picture too.
    pub redact_processed: bool,
    /// The redaction method.
    pub method: Method,
    /// The pictures that get an anonymized copy.
    pub anonymize: AnonymizeWhen,
    /// Draws the label on that copy too.
    pub anonymized_label: bool,
}

impl Settings {
    /// Returns the heatmap to outline, if there is to be one. Nothing is claimed of a picture that
    /// fails a check, so there is nothing to outline on it.
    fn heatmap(
        &self,
        prediction: &Prediction,
        inferred: &[NamedTensor],
        contract: &Contract,
    ) -> Result<Option<Heatmap>, Error> {
        let is_due = self.overlay == Overlay::Heatmap && prediction.failed_check.is_none();
        is_due
            .then(|| Heatmap::read(inferred, contract.heatmap.as_ref()))
            .transpose()
    }
}

/// The duration of each step.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Timings {
    /// Bytes to pixels.
    pub decode: Duration,
    /// Pixels to the model's tensor.
    pub prepare: Duration,
    /// The model's run.
    pub predict: Duration,
    /// Finding text.
    pub detect: Duration,
    /// Drawing the label and the overlay.
    pub annotate: Duration,
    /// Redacting the boxes.
    pub redact: Duration,
    /// Pixels to bytes, all outputs.
    pub encode: Duration,
    /// Looking for residual text.
    pub verify: Duration,
}

/// Everything that is made of one picture. All of it exists before any of it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Outputs {
    /// The model's result.
    pub prediction: Prediction,
    /// The format of the source and of the outputs.
    pub format: Format,
    /// The way in which the outputs were made.
    pub written: Written,
    /// Pixels across, as a viewer shows it.
    pub width: u32,
    /// Pixels down, as a viewer shows it.
    pub height: u32,
    /// The labeled picture, encoded.
    pub processed: Vec<u8>,
    /// Further results, if the source is a DICOM object.
    pub companions: Vec<(Companion, Vec<u8>)>,
    /// The redacted picture, if one is due.
    pub anonymized: Option<Redacted>,
    /// The text and the side markers that were found, if they were searched for.
    pub found: Option<Found>,
    /// The duration of each step.
    pub timings: Timings,
}

/// Makes the outputs of one picture.
///
/// `detector` finds text, if one is configured; it runs only when something is to be redacted.
/// `clock` is monotonic with any start; `infer` runs the model on one input tensor.
///
/// # Errors
/// Those of [`crate::picture::decode::decode`], [`Prediction::read`], [`Heatmap::read`],
/// [`Detector::find`], the encoders and `infer`.
pub fn process(
    bytes: &[u8],
    settings: &Settings,
    contract: &Contract,
    detector: Option<&Detector<'_>>,
    clock: impl Fn() -> Duration,
    infer: impl FnOnce(&InputTensor) -> Result<Vec<NamedTensor>, Error>,
) -> Result<Outputs, Error> {
    let mut timings = Timings::default();
    let mut watch = Stopwatch::start(clock);

    let work = Work {
        copy: settings.anonymize != AnonymizeWhen::None,
        search: detector.is_some(),
        whole: settings.overlay == Overlay::Heatmap
            || settings.redact_processed
            || settings.method == Method::Blur
            || settings.anonymized_label,
    };
    Source::check_memory(bytes, &settings.limits, work)?;
    let source = Source::open(bytes, &settings.limits)?;
    let (format, written) = (source.format(), source.written());
    timings.decode = watch.lap();
    let tensor = source.tensor(contract)?;
    timings.prepare = watch.lap();
    let inferred = infer(&tensor)?;
    let prediction = Prediction::read(&inferred, contract, &settings.thresholds)?;
    let heatmap = settings.heatmap(&prediction, &inferred, contract)?;
    timings.predict = watch.lap();
    let due = settings.anonymize.applies(&prediction);
    let found = detector
        .filter(|_| due || settings.redact_processed)
        .map(|detector| detector.look(&source.planes()?))
        .transpose()?;
    let (mut found, looks) = found.unzip();
    timings.detect = watch.lap();

    let (width, height) = source.size();
    let specified = redact::boxes(&settings.boxes, width, height);
    let texts = found.iter().flat_map(|found| &found.text).copied();
    let mut boxes: Vec<Rect> = specified.iter().copied().chain(texts).collect();
    let label = Label::lay_out(&prediction.label(), settings.label_size, (width, height))?;
    let drawing = Drawing {
        settings,
        label: &label,
        heatmap: heatmap.as_ref(),
        is_due: due,
        is_verified: detector.is_some(),
    };
    let mut drawn = drawing.on(source, &boxes, &mut watch, &mut timings)?;
    let mut unclean = None;
    if let (Some(copy), Some(detector), Some(found)) = (&drawn.anonymized, detector, &mut found) {
        let verifier = Verifier {
            detector,
            // Only a copy that is edited in place and stored as it is verified shows its source
            // outside of its covers.
            looks: looks.filter(|_| written == Written::Blocks && copy.bare.is_none()),
            settings,
            specified: &specified,
            size: (width, height),
        };
        let stays = found.stays();
        unclean = verifier.verdict(copy, &boxes, &stays)?;
        if let Some(Unclean::ResidualText(_)) = unclean {
            // Text that was missed is covered, too. What is left then is for people to look at.
            let left = verifier.left(copy, &stays)?;
            timings.verify = watch.lap();
            boxes.extend(&left);
            found.text.extend(left);
            let source = Source::open(bytes, &settings.limits)?;
            drawn = drawing.on(source, &boxes, &mut watch, &mut timings)?;
            if let Some(copy) = &drawn.anonymized {
                unclean = verifier.verdict(copy, &boxes, &stays)?;
            }
        }
    }
    timings.verify += watch.lap();
    let anonymized = drawn.anonymized.map(|copy| Redacted {
        bytes: copy.bytes,
        redaction: copy.redaction,
        unclean,
    });
    Ok(Outputs {
        prediction,
        format,
        written,
        width,
        height,
        processed: drawn.processed,
        companions: Vec::new(),
        anonymized,
        found,
        timings,
    })
}
