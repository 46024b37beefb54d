//! One picture's way from bytes to outputs, without a network: decode, predict, annotate, redact, encode.

use std::time::Duration;

use crate::{
    annotate,
    contract::Contract,
    decode::{self, Limits},
    error::Error,
    predict::{self, Class, NamedTensor, Prediction, Tensor, Thresholds},
    redact::{self, BoxSpec, Method, Redaction},
    sniff::Format,
};

/// Which pictures get an anonymized copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnonymizeWhen {
    /// Those called pneumonia.
    Pneumonia,
    /// All.
    All,
    /// None.
    None,
}

impl AnonymizeWhen {
    /// True when a picture of this class gets a copy.
    pub fn applies(self, class: Class) -> bool {
        match self {
            AnonymizeWhen::Pneumonia => class == Class::Pneumonia,
            AnonymizeWhen::All => true,
            AnonymizeWhen::None => false,
        }
    }
}

/// What the outputs depend on, besides the picture and the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What a source may weigh.
    pub limits: Limits,
    /// Where the classes part.
    pub thresholds: Thresholds,
    /// The label's em, in pixels.
    pub label_size: f32,
    /// What is covered on the anonymized copy.
    pub boxes: Vec<BoxSpec>,
    /// How it is covered.
    pub method: Method,
    /// Which pictures get an anonymized copy.
    pub anonymize: AnonymizeWhen,
    /// Whether that copy carries the label too.
    pub anonymized_label: bool,
}

/// How long each step took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Timings {
    /// Bytes to pixels.
    pub decode: Duration,
    /// Pixels to the model's tensor.
    pub prepare: Duration,
    /// The model's run.
    pub predict: Duration,
    /// Drawing the label.
    pub annotate: Duration,
    /// Covering the boxes.
    pub redact: Duration,
    /// Pixels to bytes, all outputs.
    pub encode: Duration,
}

/// Everything that is made of one picture. All of it exists before any of it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Outputs {
    /// The model's word.
    pub prediction: Prediction,
    /// The format of the source and of the outputs.
    pub format: Format,
    /// Pixels across, as a viewer shows it.
    pub width: u32,
    /// Pixels down, as a viewer shows it.
    pub height: u32,
    /// The labelled picture, encoded.
    pub processed: Vec<u8>,
    /// The redacted picture, encoded, and what was covered on it; none when it is not due.
    pub anonymized: Option<(Vec<u8>, Redaction)>,
    /// How long each step took.
    pub timings: Timings,
}

/// Makes the outputs of one picture.
///
/// `clock` is monotonic with any start; `infer` runs the model on one input tensor.
///
/// # Errors
/// Those of [`decode::decode`], [`predict::read`] and the encoders, and what `infer` returns.
pub fn process(
    bytes: &[u8],
    settings: &Settings,
    contract: &Contract,
    clock: impl Fn() -> Duration,
    infer: impl FnOnce(&Tensor) -> Result<Vec<NamedTensor>, Error>,
) -> Result<Outputs, Error> {
    let mut timings = Timings::default();
    let mut mark = clock();
    let mut lap = || {
        let now = clock();
        let taken = now.saturating_sub(mark);
        mark = now;
        taken
    };

    let source = decode::decode(bytes, &settings.limits)?;
    timings.decode = lap();
    let tensor = predict::tensor(&source, contract);
    timings.prepare = lap();
    let risk = predict::read(&infer(&tensor)?, contract)?;
    let prediction = Prediction::new(risk, &settings.thresholds);
    timings.predict = lap();

    let label = prediction.label();
    let due = settings.anonymize.applies(prediction.class);
    let format = source.format();
    let (width, height) = (source.pixels().width(), source.pixels().height());
    // The anonymized copy starts from the source's pixels, so one copy of them is needed where it is due.
    let mut clean = due.then(|| source.clone());
    let mut labelled = source;
    annotate::draw_label(labelled.pixels_mut(), &label, settings.label_size)?;
    timings.annotate = lap();
    let mut redaction = None;
    if let Some(clean) = &mut clean {
        clean.drop_icc();
        redaction = Some(redact::redact(
            clean.pixels_mut(),
            &settings.boxes,
            settings.method,
        ));
        if settings.anonymized_label {
            annotate::draw_label(clean.pixels_mut(), &label, settings.label_size)?;
        }
    }
    timings.redact = lap();
    let processed = labelled.encode()?;
    let anonymized = match (clean, redaction) {
        (Some(clean), Some(redaction)) => Some((clean.encode()?, redaction)),
        _ => None,
    };
    timings.encode = lap();
    Ok(Outputs {
        prediction,
        format,
        width,
        height,
        processed,
        anonymized,
        timings,
    })
}
