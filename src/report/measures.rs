use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::pipeline::Outputs;

/// Sizes in bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Bytes {
    /// Size of the source.
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    pub source: Option<u64>,
    /// Size of the labeled picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processed: Option<u64>,
    /// Size of the anonymized picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonymized: Option<u64>,
}

/// Returns milliseconds with three decimals.
pub fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// Declares the timed steps in the order in which they run.
macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Durations of the steps that ran, in milliseconds with three decimals.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Millis {
            $($(#[$doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $name: Option<f64>,)*
            /// The whole record.
            pub total: f64,
        }

        impl Millis {
            /// Returns the names and durations of the steps that ran, and the total last.
            pub fn steps(&self) -> impl Iterator<Item = (&'static str, f64)> {
                [$((stringify!($name), self.$name),)* ("total", Some(self.total))]
                    .into_iter()
                    .filter_map(|(name, duration)| Some((name, duration?)))
            }
        }
    };
}

steps! {
    /// HEAD of the processed object.
    head,
    /// GET of the source.
    fetch,
    /// Bytes to pixels.
    decode,
    /// Pixels to the model's tensor.
    prepare,
    /// Inference of the model.
    predict,
    /// Detection of text.
    detect,
    /// Drawing of the label and the overlay.
    annotate,
    /// Covering of the boxes.
    redact,
    /// Pixels to bytes.
    encode,
    /// Detection of residual text.
    verify,
    /// PUTs of the outputs, with the requests that must precede them.
    store,
}

impl Millis {
    /// Records the durations of the pipeline's steps that ran.
    pub(super) fn record_outputs(&mut self, outputs: &Outputs) {
        let timings = &outputs.timings;
        let detected = outputs.found.is_some();
        let verified = detected && outputs.anonymized.is_some();
        self.decode = Some(millis(timings.decode));
        self.prepare = Some(millis(timings.prepare));
        self.predict = Some(millis(timings.predict));
        self.detect = detected.then(|| millis(timings.detect));
        self.annotate = Some(millis(timings.annotate));
        self.redact = Some(millis(timings.redact));
        self.encode = Some(millis(timings.encode));
        self.verify = verified.then(|| millis(timings.verify));
    }
}
