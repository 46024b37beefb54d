//! One picture's way from bytes to outputs, without a network: decode, predict, annotate, redact, encode.

use std::time::Duration;

use crate::{
    annotate::Label,
    contract::Contract,
    decode::Limits,
    error::Error,
    heatmap::Heatmap,
    predict::{Class, NamedTensor, Prediction, Tensor, Thresholds},
    redact::{BoxSpec, Method, Redaction},
    sniff::Format,
    source::{Source, Written},
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
    /// True when a picture that is called this gets a copy. One that the model can't speak about never does: what it shows, and so
    /// where a patient may stand on it, is not known.
    pub fn applies(self, prediction: &Prediction) -> bool {
        prediction.doubt.is_none()
            && match self {
                AnonymizeWhen::Pneumonia => prediction.class == Class::Pneumonia,
                AnonymizeWhen::All => true,
                AnonymizeWhen::None => false,
            }
    }
}

/// What is drawn over the labelled picture besides the label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlay {
    /// Nothing.
    None,
    /// Where the risk comes from.
    Heatmap,
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
    /// What else is drawn on the labelled picture.
    pub overlay: Overlay,
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
    /// Drawing the label and the overlay.
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
    /// How the outputs were made of the source.
    pub written: Written,
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
/// Those of [`crate::decode::decode`], [`Prediction::read`], [`Heatmap::read`] and the encoders, and what `infer` returns.
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

    let source = Source::open(bytes, &settings.limits)?;
    timings.decode = lap();
    let tensor = source.tensor(contract)?;
    timings.prepare = lap();
    let inferred = infer(&tensor)?;
    let prediction = Prediction::read(&inferred, contract, &settings.thresholds)?;
    // Nothing is claimed of a doubtful picture, so there is nothing to outline on it.
    let heatmap = (settings.overlay == Overlay::Heatmap && prediction.doubt.is_none())
        .then(|| Heatmap::read(&inferred, contract.heatmap.as_ref()))
        .transpose()?;
    timings.predict = lap();

    let (width, height) = source.size();
    let label = Label::lay_out(&prediction.label(), settings.label_size, (width, height))?;
    let outline = heatmap.as_ref().map(|map| (map, &settings.thresholds));
    let processed = source.labelled(&label, outline)?;
    timings.annotate = lap();
    // The anonymized copy starts from the source, not from the labelled picture.
    let due = settings.anonymize.applies(&prediction);
    let anonymized = due
        .then(|| {
            let label = settings.anonymized_label.then_some(&label);
            source.redacted(&settings.boxes, settings.method, label)
        })
        .transpose()?;
    timings.redact = lap();
    let processed = source.encode(&processed)?;
    let anonymized = anonymized
        .map(|(draft, redaction)| source.encode(&draft).map(|bytes| (bytes, redaction)))
        .transpose()?;
    timings.encode = lap();
    Ok(Outputs {
        prediction,
        format: source.format(),
        written: source.written(),
        width,
        height,
        processed,
        anonymized,
        timings,
    })
}
