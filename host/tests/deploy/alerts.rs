//! The alerts and the dashboard, without a server: their unit tests pass, and every metric that
//! they name is one of ours.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::Value;
use testkit::{missing, root};

use crate::cluster::{self, text};

/// Returns the groups of the PrometheusRule, as Prometheus reads them from a file.
pub fn rules() -> Option<Value> {
    let rule = cluster::all()?
        .iter()
        .find(|found| found.is("PrometheusRule"));
    Some(rule.expect("a PrometheusRule").document["spec"].clone())
}

/// Returns the alerts of all groups.
pub fn alerts(rules: &Value) -> Vec<&Value> {
    let groups = rules["groups"].as_array().expect("groups");
    let alerts = groups.iter().map(|group| &group["rules"]);
    alerts
        .flat_map(|rules| rules.as_array().expect("rules"))
        .collect()
}

/// Returns the dashboard, and the panels that have queries.
pub fn dashboard() -> Value {
    let text = fs::read_to_string(root().join("deploy/grafana/xray.json")).expect("the dashboard");
    serde_json::from_str(&text).expect("JSON")
}

/// Returns the queries of a dashboard with their panels' titles.
pub fn queries(dashboard: &Value) -> Vec<(&str, &str)> {
    let panels = dashboard["panels"].as_array().expect("panels");
    let queries = panels.iter().flat_map(|panel| {
        let targets = panel["targets"].as_array().into_iter().flatten();
        targets.map(|target| (text(&panel["title"]), text(&target["expr"])))
    });
    queries.collect()
}

/// Names of metrics in a text: words of ours and those of the process.
fn metrics(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_metric = |word: &&str| word.starts_with("xray_") || word.starts_with("process_");
    words.filter(is_metric).collect()
}

#[test]
fn alerts_and_dashboard_name_only_metrics_of_ours() {
    let Some(rules) = rules() else {
        return;
    };
    let read = |page: &str| fs::read_to_string(root().join(page)).expect("a page");
    let pages = read("docs/host.md") + &read("docs/kafka.md");
    let documented = metrics(&pages);
    let dashboard = dashboard();
    let in_alerts = alerts(&rules).into_iter().map(|alert| text(&alert["expr"]));
    let in_panels = queries(&dashboard).into_iter().map(|(_, query)| query);
    let mut count = 0;
    for query in in_alerts.chain(in_panels) {
        for metric in metrics(query) {
            let parts = ["_bucket", "_sum", "_count"];
            let histogram = parts.iter().find_map(|part| metric.strip_suffix(part));
            let is_known = documented.contains(metric)
                || histogram.is_some_and(|name| documented.contains(name));
            assert!(is_known, "no page has {metric}, which {query} asks for");
            count += 1;
        }
    }
    assert!(count > 50, "only {count} metrics");
}

#[test]
fn every_alert_has_a_unit_test_and_an_explanation() {
    let Some(rules) = rules() else {
        return;
    };
    let read = |file: &str| fs::read_to_string(root().join(file)).expect("a file");
    let (tests, page) = (read("tests/deploy/alerts.yaml"), read("docs/operating.md"));
    let alerts = alerts(&rules);
    assert!(alerts.len() >= 8, "only {} alerts", alerts.len());
    for alert in alerts {
        let name = text(&alert["alert"]);
        let fires = format!("{{alertname=\"{name}\"}}', value: 1}}");
        assert!(tests.contains(&fires), "no test fires {name}");
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
        let severity = text(&alert["labels"]["severity"]);
        assert!(["warning", "critical"].contains(&severity), "{name}");
        for annotation in ["summary", "description"] {
            assert!(
                !text(&alert["annotations"][annotation]).is_empty(),
                "{name}"
            );
        }
    }
}

#[test]
fn alerts_pass_their_unit_tests() {
    let Some(rules) = rules() else {
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("rules.yaml"), rules.to_string()).expect("a file");
    let tests = root().join("tests/deploy/alerts.yaml");
    fs::copy(tests, dir.path().join("alerts.yaml")).expect("the tests");
    promtool(&["check", "rules", "rules.yaml"], dir.path());
    promtool(&["test", "rules", "alerts.yaml"], dir.path());
}

fn promtool(arguments: &[&str], dir: &Path) {
    let output = Command::new("promtool")
        .args(arguments)
        .current_dir(dir)
        .output();
    let Ok(output) = output else {
        missing("promtool", "install the package prometheus");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// Panels don't overlap, and each has a title and a query.
#[test]
fn panels_are_laid_out() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut cells = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in panels {
        let title = text(&panel["title"]);
        assert!(
            !title.is_empty() && ids.insert(panel["id"].as_u64()),
            "{title}"
        );
        let place = |key: &str| panel["gridPos"][key].as_u64().expect("a number");
        assert!(place("x") + place("w") <= 24, "{title} is too wide");
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(cells.insert((x, y)), "{title} covers another panel");
            }
        }
        let has_query = !panel["targets"].as_array().is_none_or(Vec::is_empty);
        assert_eq!(has_query, panel["type"] != "row", "{title}");
    }
}
