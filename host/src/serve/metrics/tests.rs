use super::*;

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
    metrics.request(http::StatusCode::OK, Duration::from_millis(3));
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
