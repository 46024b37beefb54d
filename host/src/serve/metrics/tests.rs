use super::*;
use crate::{page::Figures, serve::logs::Stream};

#[test]
fn report_lines_are_counted() {
    let metrics = Arc::new(Metrics::default());
    let listener = metrics.listener();
    let line =
        r#"{"event":"object","outcome":"done","class":"Pneumonia","ms":{"decode":2.5,"total":9}}"#;
    listener(Stream::Stdout, line);
    listener(Stream::Stdout, line);
    listener(Stream::Stderr, line);
    listener(Stream::Stdout, "not a report");
    metrics.request(http::StatusCode::OK, Duration::from_millis(3), None);
    let text = metrics.render((2, 1));
    for part in [
        r#"xray_objects_total{outcome="done",class="Pneumonia",reason=""} 2"#,
        r#"xray_step_duration_seconds_count{step="decode"} 2"#,
        r#"xray_step_duration_seconds_bucket{le="0.0025",step="decode"} 2"#,
        r#"xray_requests_total{status="200"} 1"#,
        "xray_sessions 2",
        "xray_sessions_in_use 1",
        "process_resident_memory_bytes",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn exemplars_are_trace_ids() {
    let metrics = Arc::new(Metrics::default());
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let took = Duration::from_millis(3);
    metrics.request(http::StatusCode::OK, took, Some(trace.to_owned()));
    let listener = metrics.listener();
    let line = |id: &str, step: &str| {
        let line = format!(
            r#"{{"event":"object","outcome":"done","ms":{{"{step}":2.5}},"trace_id":"{id}"}}"#
        );
        listener(Stream::Stdout, &line);
    };
    line(trace, "decode");
    line("DOE JANE", "encode");
    let text = metrics.render((0, 0));
    let exemplar = format!(r##" 1 # {{trace_id="{trace}"}} 0.00"##);
    for name in [
        r#"xray_request_duration_seconds_bucket{le="0.005"}"#,
        r#"xray_step_duration_seconds_bucket{le="0.0025",step="decode"}"#,
    ] {
        let part = format!("{name}{exemplar}");
        assert!(text.contains(&part), "{part} is not in\n{text}");
    }
    assert!(
        text.contains(r#"step="encode"} 1"#) && !text.contains("DOE"),
        "{text}"
    );
}

#[test]
fn kinds_start_at_zero() {
    let text = Metrics::default().render((0, 0));
    for (name, kinds) in [("rejected", REJECTIONS), ("failures", FAILURES)] {
        for kind in kinds {
            let line = format!("xray_{name}_total{{kind=\"{kind}\"}} 0");
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
    }
}

#[test]
fn risks_models_and_unfamiliar_pictures_are_counted() {
    let metrics = Arc::new(Metrics::default());
    let listener = metrics.listener();
    let digest = "0a".repeat(32);
    let labeled = |rest: &str, name: &str, digest: &str| {
        let line = format!(
            r#"{{"event":"object","outcome":"done",{rest},"model":{{"name":"{name}","sha256":"{digest}"}}}}"#
        );
        listener(Stream::Stdout, &line);
    };
    labeled(r#""class":"Pneumonia","risk":0.85"#, "chest", &digest);
    labeled(r#""class":"Normal","risk":0.3"#, "chest", &digest);
    labeled(
        r#""class":"Unsure","input_check":"inverted""#,
        "chest",
        &digest,
    );
    // A report without a class is of an event that the model has not seen.
    labeled(r#""reason":"duplicate""#, "chest", &digest);
    labeled(r#""class":"Normal","risk":0.3"#, "DOE JANE", &digest);
    labeled(r#""class":"Normal","risk":0.3"#, "chest", "DOE JANE");
    let text = metrics.render((0, 0));
    for part in [
        r#"xray_risk_bucket{le="0.8"} 3"#,
        r#"xray_risk_bucket{le="0.9"} 4"#,
        "xray_unfamiliar_total 1",
        &format!(r#"xray_labeled_total{{model="chest",sha256="{digest}"}} 3"#),
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(!text.contains("DOE"), "{text}");
}

/// Names of the metrics in a page's table, in its order.
fn documented(page: &str) -> Vec<&str> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let names = rows.filter_map(|row| row.split('`').next());
    names
        .filter(|name| name.starts_with("xray_") || name.starts_with("process_"))
        .collect()
}

#[test]
fn every_metric_is_documented() {
    let metrics = Arc::new(Metrics::default());
    metrics.describe("embedded", "cpu");
    metrics.request(http::StatusCode::OK, Duration::from_millis(3), None);
    metrics.rejected("no-route");
    metrics.failure("trap");
    metrics.aot("hit");
    let line = r#"{"event":"object","outcome":"done","class":"Normal","ms":{"decode":2.5},"model":{"name":"a","sha256":"DIGEST"}}"#;
    metrics.listener()(Stream::Stdout, &line.replace("DIGEST", &"0".repeat(64)));
    metrics.register(|registry| Figures::default().register(registry));
    let text = metrics.render((1, 0));
    let lines = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let mut registered: Vec<String> = lines
        .map(|line| match line.split_once(' ').expect("a type") {
            (name, "counter") => format!("{name}_total"),
            (name, "info") => format!("{name}_info"),
            (name, _) => name.to_owned(),
        })
        .collect();
    // A family without a value is not rendered: one that this test does not touch is noticed here.
    let source = concat!(
        include_str!("mod.rs"),
        include_str!("objects.rs"),
        include_str!("../../page/figures.rs")
    );
    let registrations = [".register(\n", ".register(\"", ".register_with_unit("];
    let count: usize = registrations
        .iter()
        .map(|call| source.matches(call).count())
        .sum();
    assert_eq!(registered.len(), count, "{registered:?}");

    let page = include_str!("../../../../docs/host.md");
    let mut documented = documented(page);
    documented.sort_unstable();
    registered.sort_unstable();
    assert_eq!(documented, registered);
}

/// The trigger's documentation lists its metrics; the guide has the same rows, with their prefix.
#[test]
fn every_metric_of_the_trigger_is_documented() {
    let source = include_str!("../../../../kafka-trigger/src/metrics.rs");
    let rows = source
        .lines()
        .filter_map(|line| line.strip_prefix("/// | `"));
    let expected: Vec<String> = rows
        .map(|row| format!("xray_kafka_{}", row.split('`').next().expect("a name")))
        .collect();
    let registrations = [".register(\n", ".register(\"", ".register_with_unit("];
    let count: usize = registrations
        .iter()
        .map(|call| source.matches(call).count())
        .sum();
    assert_eq!(expected.len(), count, "{expected:?}");
    assert_eq!(
        documented(include_str!("../../../../docs/kafka.md")),
        expected
    );
}
