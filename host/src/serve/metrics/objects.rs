//! Metrics of processed objects, counted from the components' report lines.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};
use xray::{error::Reason, model::predict::Class, report::Report};

use super::{BUCKETS, Durations, Histograms, observe};

/// Bounds of risks: the default thresholds are among them.
const RISKS: [f64; 12] = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0];
/// Longest name of a model that becomes a label.
const MAX_NAME: usize = 40;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ObjectLabels {
    outcome: &'static str,
    class: &'static str,
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabel {
    step: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelLabels {
    model: String,
    sha256: String,
}

/// Counters and histograms of reports.
pub(super) struct Objects {
    objects: Family<ObjectLabels, Counter>,
    steps: Histograms<StepLabel>,
    risk: Histogram,
    unfamiliar: Counter,
    labeled: Family<ModelLabels, Counter>,
}

impl Default for Objects {
    fn default() -> Self {
        Self {
            objects: Family::default(),
            steps: Family::new_with_constructor(|| Durations::new(BUCKETS.into_iter())),
            risk: Histogram::new(RISKS),
            unfamiliar: Counter::default(),
            labeled: Family::default(),
        }
    }
}

impl Objects {
    /// Adds the metrics to a registry.
    pub(super) fn register(&self, all: &mut Registry) {
        all.register(
            "objects",
            "Objects by outcome, class and reason",
            self.objects.clone(),
        );
        all.register_with_unit(
            "step_duration",
            "Duration of processing steps",
            Unit::Seconds,
            self.steps.clone(),
        );
        all.register(
            "risk",
            "Risks that were printed on pictures",
            self.risk.clone(),
        );
        all.register(
            "unfamiliar",
            "Pictures that failed an input check, so that no risk was printed",
            self.unfamiliar.clone(),
        );
        all.register(
            "labeled",
            "Pictures labeled, by model and its SHA-256",
            self.labeled.clone(),
        );
    }

    /// Counts a report.
    pub(super) fn count(&self, report: &Report) {
        let reason = report.reason.as_ref();
        self.objects
            .get_or_create(&ObjectLabels {
                outcome: report.outcome.as_str(),
                class: report.class.map_or("", Class::name),
                // Each new value takes memory until the process ends; a report holds plain words
                // only.
                reason: reason.map_or("", Reason::as_str).to_owned(),
            })
            .inc();
        // A component can print anything.
        let trace_id = report.trace_id.as_deref().filter(|id| is_trace_id(id));
        for (step, ms) in report.ms.steps() {
            let histogram = self.steps.get_or_create(&StepLabel { step });
            observe(&histogram, ms / 1e3, trace_id);
        }
        if let Some(risk) = report.risk {
            self.risk.observe(risk);
        }
        if report.input_check().is_some() {
            self.unfamiliar.inc();
        }
        if let (Some(_), Some(model)) = (report.class, &report.model) {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            let is_plain = model.name.len() <= MAX_NAME && model.name.bytes().all(plain);
            let is_digest =
                model.sha256.len() == 64 && model.sha256.bytes().all(|b| b.is_ascii_hexdigit());
            // A component can print anything.
            if is_plain && is_digest {
                let (model, sha256) = (model.name.clone(), model.sha256.clone());
                self.labeled
                    .get_or_create(&ModelLabels { model, sha256 })
                    .inc();
            }
        }
    }
}

fn is_trace_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
}
