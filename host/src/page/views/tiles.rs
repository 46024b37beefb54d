//! The numbers at the top.

use jiff::Timestamp;

use super::html::{Html, html};
use crate::page::{kafka::Figures, live::counts::Counts};

/// Renders the tiles.
pub(in crate::page) fn tiles(counts: &Counts, kafka: Option<Figures>) -> Html {
    let [done, skipped, quarantined, rejected, retried] = counts.outcomes;
    let [pneumonia, unsure, normal] = counts.classes;
    let labeled: u64 = counts.classes.iter().sum();
    let share = |part: u64| match labeled {
        0 => String::new(),
        all => format!("{:.0} %", 100.0 * part as f64 / all as f64),
    };
    let last_minute = counts.last_minute(Timestamp::now());
    let of_unsure = match counts.unfamiliar {
        0 => share(unsure),
        some => format!("{some} unfamiliar"),
    };
    let median = match counts.median() {
        None => "–".to_owned(),
        // A tile has no room for more digits.
        Some(ms) if ms >= 1000.0 => format!("{:.2}\u{a0}s", ms / 1000.0),
        Some(ms) => format!("{ms:.1}\u{a0}ms"),
    };
    let failed = rejected + retried;
    let style = |count: u64, style: &'static str| if count > 0 { style } else { "" };
    let of_kafka = kafka.map(|Figures { lag, dead }| {
        tile(
            style(dead, "bad"),
            "Kafka lag",
            &lag.to_string(),
            &format!("{dead} dead letters"),
        )
    });
    html![(tile(
        "",
        "Events",
        &counts.events.to_string(),
        &format!("{last_minute} in the last minute")
    ))(tile(
        "pneumonia",
        "Pneumonia",
        &pneumonia.to_string(),
        &share(pneumonia)
    ))(tile(
        "unsure",
        "Unsure",
        &unsure.to_string(),
        &of_unsure
    ))(tile(
        "normal",
        "Normal",
        &normal.to_string(),
        &share(normal)
    ))(tile(
        "",
        "Median",
        &median,
        &format!("{done} done, {skipped} skipped")
    ))(tile(
        style(quarantined, "warn"),
        "To quarantine",
        &quarantined.to_string(),
        ""
    ))(tile(
        style(failed, "bad"),
        "Failed",
        &failed.to_string(),
        &format!("{retried} to be retried")
    ))(of_kafka)]
}

fn tile(style: &str, name: &str, value: &str, note: &str) -> Html {
    html![
        r#"<div class="tile "# (style) r#""><dt>"# (name) "</dt><dd><strong>" (value) "</strong><small>"
        (note) "</small></dd></div>"
    ]
}
