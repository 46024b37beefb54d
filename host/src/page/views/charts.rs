//! The charts, as SVG: their sizes are attributes, so that no inline style is needed.

use super::{
    html::{Html, html},
    words::group,
};
use crate::page::live::counts::{BINS, Counts, MINUTES};

/// Height of the charts in their own units; a bar is ten units wide.
const HEIGHT: f64 = 80.0;

/// Renders all charts.
pub(in crate::page) fn charts(counts: &Counts) -> Html {
    html![(risks(counts))(classes(counts))(medians(counts))]
}

fn bar(style: &str, index: usize, top: f64, height: f64) -> Html {
    html![
        r#"<rect class=""# (style) r#"" x=""# (index * 10 + 1) r#"" width="8" y=""# (format!("{top:.1}"))
        r#"" height=""# (format!("{height:.1}")) r#""/>"#
    ]
}

fn chart(bars: usize, text: &str, content: Html) -> Html {
    html![
        r#"<svg class="chart" viewBox="0 0 "# (bars * 10) r#" 80" preserveAspectRatio="none" role="img" aria-label=""#
        (text) r#"">"# (content) "</svg>"
    ]
}

fn risks(counts: &Counts) -> Html {
    let most = counts.risks.iter().copied().max().unwrap_or(0).max(1) as f64;
    let all: u64 = counts.risks.iter().sum();
    let high: u64 = counts.risks[BINS * 4 / 5..].iter().sum();
    let text = format!("Histogram of {all} risks; {high} are at least 80 %.");
    let bars = counts.risks.iter().enumerate().map(|(index, count)| {
        let (style, height) = match (count, index) {
            (0, _) => ("zero", 1.0),
            (count, index) => {
                let style = match index {
                    0..=11 => "normal",
                    12..=15 => "unsure",
                    _ => "pneumonia",
                };
                (style, (*count as f64 / most * HEIGHT).max(3.0))
            }
        };
        bar(style, index, HEIGHT - height, height)
    });
    html![
        r#"<section class="card"><h2>Risks</h2>"#
        (chart(BINS, &text, bars.collect()))
        r#"<div class="axis of-risks" aria-hidden="true"><span>0 %</span><span>60 %</span><span>80 %</span>"#
        "<span>100</span></div></section>"
    ]
}

fn classes(counts: &Counts) -> Html {
    let newest = counts.minutes.back().map_or(0, |minute| minute.minute);
    let sums = counts
        .minutes
        .iter()
        .map(|minute| minute.classes.iter().sum::<u64>());
    let most = sums.max().unwrap_or(0).max(1) as f64;
    let [pneumonia, unsure, normal] = counts.classes;
    let text = format!(
        "Pictures by minute and class; in all {pneumonia} Pneumonia, {unsure} Unsure, {normal} Normal."
    );
    let ground = (0..MINUTES).map(|index| bar("zero", index, HEIGHT - 1.0, 1.0));
    let shown = counts.minutes.iter().filter_map(|minute| {
        let age = usize::try_from(newest - minute.minute).ok()?;
        Some((MINUTES.checked_sub(1 + age)?, minute.classes))
    });
    let stacks = shown.flat_map(|(index, classes)| {
        stacked(classes).map(|(style, from, to)| {
            let (top, height) = (
                to as f64 / most * HEIGHT,
                (to - from) as f64 / most * HEIGHT,
            );
            bar(style, index, HEIGHT - top, height)
        })
    });
    html![
        r#"<section class="card"><h2>Classes by minute</h2>"#
        (chart(MINUTES, &text, ground.chain(stacks).collect()))
        r#"<div class="axis" aria-hidden="true"><span>30 min ago</span><span>now</span></div>"#
        r#"<ul class="legend" aria-hidden="true"><li class="pneumonia">Pneumonia</li>"#
        r#"<li class="unsure">Unsure</li><li class="normal">Normal</li></ul></section>"#
    ]
}

/// Returns the parts of a stack from the bottom: style, start and end.
fn stacked([pneumonia, unsure, normal]: [u64; 3]) -> [(&'static str, u64, u64); 3] {
    let (first, second) = (pneumonia, pneumonia + unsure);
    [
        ("pneumonia", 0, first),
        ("unsure", first, second),
        ("normal", second, second + normal),
    ]
}

fn medians(counts: &Counts) -> Html {
    let steps = counts.steps();
    let most = steps.iter().map(|(_, ms)| *ms).fold(0.1, f64::max);
    let content = if steps.is_empty() {
        html![r#"<p class="muted">No picture yet.</p>"#]
    } else {
        html![
            (table(steps.into_iter(), most))
            r#"<ul class="legend" aria-hidden="true"><li class="store">store</li>"#
            r#"<li class="picture">picture</li><li class="model">model</li></ul>"#
        ]
    };
    html![r#"<section class="card"><h2>Time by step, median</h2>"# (content) "</section>"]
}

/// Renders durations of steps as a table with bars; `most` is the longest bar's.
pub(super) fn table(steps: impl Iterator<Item = (&'static str, f64)>, most: f64) -> Html {
    let rows = steps.map(|(step, ms)| {
        let width = (ms / most * 100.0).clamp(0.5, 100.0);
        let style = if step == "total" { "zero" } else { group(step) };
        html![
            r#"<tr><th scope="row">"# (step) r#"</th><td><svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">"#
            r#"<rect class=""# (style) r#"" x="0" y="0" height="8" width=""# (format!("{width:.1}"))
            r#""/></svg></td><td class="number">"# (format!("{ms:.1}")) " ms</td></tr>"
        ]
    });
    html![r#"<table class="steps"><tbody>"# (rows.collect::<Html>()) "</tbody></table>"]
}

#[cfg(test)]
mod tests {
    use super::stacked;

    #[test]
    fn stacks_are_in_one_piece() {
        let parts = stacked([2, 0, 3]).map(|(_, from, to)| (from, to));
        assert_eq!(parts, [(0, 2), (2, 2), (2, 5)]);
    }
}
