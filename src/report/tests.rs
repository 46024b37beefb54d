use http::Response;

use super::{
    response::{NoReport, read},
    *,
};

fn response(status: u16, body: &str) -> Response<bytes::Bytes> {
    Response::builder()
        .status(status)
        .body(body.to_owned().into())
        .unwrap()
}

#[test]
fn report_ignores_what_it_does_not_know() {
    let body = r#"{"outcome":"done","records":[{"event":"object","outcome":"done","class":"Normal",
        "risk":0.25,"ms":{"decode":1.5,"total":3.0,"dream":1.0},"processed":"elsewhere","reason":"brand-new","new":"field"}]}"#;
    let report = read(&response(200, body)).unwrap();
    assert_eq!(
        (report.class, report.risk),
        (Some(Class::Normal), Some(0.25))
    );
    assert_eq!(report.processed, None);
    assert_eq!(report.reason, Some(Reason::Other("brand-new".into())));
    assert_eq!((report.ms.total, report.failure()), (3.0, None));
    let steps: Vec<_> = report.ms.steps().collect();
    assert_eq!(steps, [("decode", 1.5), ("total", 3.0)]);
}

#[test]
fn report_reads_and_writes_former_key_names() {
    let former = r#"{"event":"object","outcome":"quarantined","doubt":"inverted",
        "redaction":{"method":"fill","boxes":2,"area":0.1,"marks":1,"left":3}}"#;
    let report: Report = serde_json::from_str(former).unwrap();
    let redaction = report.redaction.clone().unwrap();
    assert_eq!(report.input_check(), Some("inverted"));
    assert_eq!(redaction.side_markers(), Some(1));
    assert_eq!(redaction.residual_text(), Some(3));

    let both = Report {
        input_check: Some("inverted".into()),
        doubt: Some("inverted".into()),
        ..Report::new(Outcome::Done)
    };
    let line = both.line();
    assert!(
        line.contains(r#""input_check":"inverted","doubt":"inverted""#),
        "{line}"
    );
    assert_eq!(serde_json::from_str::<Report>(&line).unwrap(), both);
}

#[test]
fn failure_joins_outcome_reason_and_detail() {
    let body = r#"{"outcome":"rejected","records":[{"event":"object","outcome":"rejected","reason":"damaged","detail":"no end"}]}"#;
    let report = read(&response(200, body)).unwrap();
    assert_eq!(report.failure().unwrap(), "rejected: damaged: no end");
    for (error, expected) in [
        (
            Error::Damaged("JPEG: no end".into()),
            "rejected: damaged picture: JPEG: no end",
        ),
        (
            Error::Store("no response".into()),
            "retry: store: no response",
        ),
        (
            Error::NotAnImage("TIFF".into()),
            "rejected: not-an-image: not a JPEG, PNG or DICOM image: TIFF",
        ),
        (
            Error::TooLarge {
                what: "the object, in bytes,",
                limit: 1,
            },
            "rejected: too large: the object, in bytes, is over the limit of 1",
        ),
    ] {
        let report = Report::new(error.outcome()).failed(&error);
        assert_eq!(report.failure().unwrap(), expected);
    }
}

#[test]
fn response_without_a_report_is_an_error() {
    let problem = read(&response(400, r#"{"detail":"not an event"}"#)).unwrap_err();
    assert_eq!(
        problem.to_string(),
        "the function responded 400 Bad Request: not an event"
    );
    let empty = read(&response(429, "")).unwrap_err();
    assert!(matches!(empty, NoReport::Other(status) if status == 429));
    assert!(empty.to_string().contains("429"));
}

#[test]
fn only_report_lines_are_read() {
    for (line, expect) in [
        (r#"{"event":"object","outcome":"done"}"#, true),
        (
            r#"{"event":"object","outcome":"retry","reason":"store-down","class":null}"#,
            true,
        ),
        (
            r#"{"event":"object","outcome":"retry","reason":"store-down"}"#,
            true,
        ),
        (r#"{"event":"other","outcome":"done"}"#, false),
        (r#"{"event":"object","outcome":"DOE JANE 1960"}"#, false),
        (
            r#"{"event":"object","outcome":"done","reason":"DOE JANE 1960"}"#,
            false,
        ),
        (r#"{"event":"object""#, false),
        ("hello", false),
    ] {
        assert_eq!(
            serde_json::from_str::<Report>(line).is_ok(),
            expect,
            "{line}"
        );
    }
}
