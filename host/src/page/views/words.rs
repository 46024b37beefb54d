//! Words and numbers for people.

use xray::{error::Outcome, model::predict::Class, report::Report, report::Stored};

use crate::page::access::roles::Kind;

/// Percent with up to two decimals, as printed on the picture.
pub(super) fn percent(share: f64) -> String {
    format!("{}\u{a0}%", (share * 1e4).round() / 1e2)
}

/// Returns the noun in the singular or plural with its number.
pub(super) fn count(number: usize, singular: &str, plural: &str) -> String {
    let noun = if number == 1 { singular } else { plural };
    format!("{number} {noun}")
}

/// Name of a CSS class for a class of risk.
pub(super) fn class_style(class: Option<Class>) -> &'static str {
    match class {
        Some(Class::Pneumonia) => "pneumonia",
        Some(Class::Unsure) => "unsure",
        Some(Class::Normal) => "normal",
        None => "none",
    }
}

/// Name of a kind of picture.
pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Source => "As sent",
        Kind::Processed => "Labeled",
        Kind::Anonymized => "Covered",
        Kind::Quarantined => "In quarantine",
    }
}

/// Describes the copy for research.
pub(super) fn copy(report: &Report) -> String {
    let place = match report.anonymized {
        Some(Stored::Stored) => "Copy for research",
        Some(Stored::Unchanged) => "Copy unchanged",
        Some(Stored::Removed) => return "Earlier copy removed".to_owned(),
        Some(Stored::NotDue) => return "No copy due".to_owned(),
        Some(Stored::NoKey) => return "No copy: the pseudonym key is missing".to_owned(),
        Some(Stored::Quarantined) => "Copy in quarantine",
        Some(Stored::Withheld) => return "Copy withheld".to_owned(),
        None => return String::new(),
    };
    let Some(redaction) = &report.redaction else {
        return place.to_owned();
    };
    let boxes = count(redaction.boxes, "box", "boxes");
    let share = percent(redaction.area);
    let markers = match redaction.side_markers() {
        None | Some(0) => String::new(),
        Some(some) => format!(", {} kept", count(some, "side marker", "side markers")),
    };
    format!("{place}: {boxes} covered, {share} of the picture{markers}")
}

/// Says what happens next after a failure.
pub(super) fn next(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Retry => "It is delivered again by itself.",
        Outcome::Rejected => {
            "It can't work as it is. From Kafka it is among the dead letters: `xray dead-letters list`."
        }
        Outcome::Quarantined => {
            "Someone has to look at the copy: in the review, or as docs/privacy.md says."
        }
        Outcome::Done | Outcome::Skipped => "",
    }
}

/// Group of a step, for colors: the store's, the picture's or the model's.
pub(super) fn group(step: &str) -> &'static str {
    match step {
        "head" | "fetch" | "store" => "store",
        "predict" | "detect" | "verify" => "model",
        _ => "picture",
    }
}
