//! Settings: the defaults are those of spin.toml, bad values are named, and the digest moves with what matters.

use std::collections::BTreeMap;

use xray::{
    config::{Config, DEFAULTS},
    error::Error,
};

fn config(changes: &[(&str, &str)]) -> Result<Config, Error> {
    let mut all: BTreeMap<String, String> = [("s3_access_key", "a"), ("s3_secret_key", "s")]
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .into();
    all.extend(
        changes
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned())),
    );
    Config::from_lookup(|name| all.get(name).cloned())
}

#[test]
fn the_manifest_declares_and_passes_on_every_setting_with_this_default() {
    let manifest =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/spin.toml")).unwrap();
    for (name, default) in DEFAULTS {
        let passed_on = format!("{name} = \"{{{{ {name} }}}}\"");
        assert!(
            manifest.lines().any(|l| l == passed_on),
            "{name} is not passed on"
        );
        let secret = [
            "s3_access_key",
            "s3_secret_key",
            "s3_session_token",
            "pseudonym_key",
        ]
        .contains(&name);
        let declared = match (name, secret) {
            ("s3_access_key" | "s3_secret_key", _) => {
                format!("{name} = {{ required = true, secret = true }}")
            }
            (_, true) => format!("{name} = {{ default = \"{default}\", secret = true }}"),
            (_, false) => format!("{name} = {{ default = \"{default}\" }}"),
        };
        assert!(manifest.lines().any(|l| l == declared), "{declared}");
    }
}

#[test]
fn bad_values_are_named_and_secrets_are_not_shown() {
    for (name, value) in [
        ("s3_endpoint", "rgw:80"),
        ("s3_style", "dns"),
        ("s3_region", " "),
        ("s3_secret_key", ""),
        ("study_id", "none"),
        ("model", "../etc"),
        ("threshold_pneumonia", "1.2"),
        ("threshold_pneumonia", "0.5"),
        ("threshold_normal", "NaN"),
        ("label_size", "0"),
        ("overlay", "yes"),
        ("anonymize", "yes"),
        ("redaction", "none"),
        ("redact_boxes", "somewhere 3x3"),
        ("redact_boxes", ""),
        ("redact_boxes", "none bottom-left 3x3"),
        ("text_detector", "../etc"),
        ("max_redacted", "20%"),
        ("max_redacted", "1.5"),
        ("redact_processed", "yes"),
        ("exam_date", "month"),
        ("quarantine_suffix", "-anonymized"),
        ("quarantine_suffix", "-processed"),
        ("quarantine_suffix", "_q"),
        ("anonymized_label", "1"),
        ("processed_suffix", ""),
        ("processed_suffix", "-anonymized"),
        ("anonymized_suffix", "/x"),
        ("remove_outputs", "yes"),
        ("max_bytes", "0"),
        ("max_pixels", "-1"),
    ] {
        let error = config(&[(name, value)]).unwrap_err();
        assert_eq!(error.status(), 503);
        assert!(
            matches!(error, Error::Config { .. }),
            "{name}={value}: {error}"
        );
    }
    let shown = format!(
        "{:?}",
        config(&[("s3_secret_key", "hunter2"), ("pseudonym_key", "hunter3")]).unwrap()
    );
    assert!(!shown.contains("hunter"), "{shown}");
}

#[test]
fn the_digest_moves_with_what_changes_outputs_and_nothing_else() {
    let plain = config(&[]).unwrap().settings_digest(None);
    assert_eq!(plain.len(), 16);
    for (name, value, moves) in [
        ("s3_endpoint", "http://other", false),
        ("s3_secret_key", "other", false),
        ("s3_region", "other", false),
        ("remove_outputs", "true", false),
        ("pseudonym_key", "k", true),
        ("study_id", "seed", true),
        ("threshold_normal", "0.5", true),
        ("label_size", "40", true),
        ("overlay", "heatmap", true),
        ("redaction", "blur", true),
        ("redact_boxes", "top-left 10%x10%", true),
        ("anonymize", "all", true),
        ("anonymized_label", "true", true),
        ("max_redacted", "0.3", true),
        ("redact_processed", "true", true),
        ("exam_date", "year", true),
        ("quarantine_suffix", "", false),
    ] {
        let digest = config(&[(name, value)]).unwrap().settings_digest(None);
        assert_eq!(digest != plain, moves, "{name}");
    }
    // Another model that finds text finds other text.
    let by = |detector| config(&[]).unwrap().settings_digest(detector);
    assert!(by(Some("a")) != by(Some("b")) && by(Some("a")) != plain);
}

#[test]
fn no_boxes_only_where_something_finds_text() {
    let boxes = |changes: &[(&str, &str)]| config(changes).map(|config| config.pixels.boxes);
    assert_eq!(boxes(&[("redact_boxes", "none")]).unwrap(), []);
    assert!(boxes(&[("redact_boxes", "none"), ("text_detector", "")]).is_err());
    assert_eq!(boxes(&[("text_detector", "")]).unwrap().len(), 1);
}
