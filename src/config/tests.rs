use std::collections::BTreeMap;

use super::*;

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
fn defaults_match_manifest() {
    let manifest =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/spin.toml")).unwrap();
    for (name, default) in DEFAULTS {
        let passed = format!("{name} = \"{{{{ {name} }}}}\"");
        assert!(
            manifest.lines().any(|l| l == passed),
            "{name} is not passed to the component"
        );
        let secret = [
            "s3_access_key",
            "s3_secret_key",
            "s3_session_token",
            "pseudonym_key",
            "dicomweb_credentials",
            "dicomweb_research_credentials",
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
fn invalid_values_are_rejected_and_secrets_stay_hidden() {
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
        ("dicom_result", "pr"),
        ("dicom_dates", "year"),
        ("dicom_options", "retain-names"),
        ("anonymize", "yes"),
        ("redaction", "none"),
        ("redact_boxes", "somewhere 3x3"),
        ("redact_boxes", ""),
        ("redact_boxes", "none bottom-left 3x3"),
        ("text_detector", "../etc"),
        ("marker_recognizer", "../etc"),
        ("max_redacted", "20%"),
        ("max_redacted", "1.5"),
        ("redact_processed", "yes"),
        ("exam_date", "month"),
        ("folders", "keep"),
        ("folders", ""),
        ("keep_folders", "a/b"),
        ("keep_folders", "a,,b"),
        ("quarantine_suffix", "-anonymized"),
        ("quarantine_suffix", "-processed"),
        ("quarantine_suffix", "_q"),
        ("quarantine_suffix", "-audit"),
        ("anonymized_suffix", "-x-audit"),
        ("anonymized_label", "1"),
        ("processed_suffix", ""),
        ("processed_suffix", "-anonymized"),
        ("anonymized_suffix", "/x"),
        ("remove_outputs", "yes"),
        ("dicomweb_url", "pacs.example.com"),
        (
            "dicomweb_research_url",
            "https://user:password@pacs.example.com",
        ),
        ("dicomweb_credentials", "hunter2"),
        ("dicomweb_research_credentials", "Bearer a\nb"),
        ("max_bytes", "0"),
        ("max_pixels", "-1"),
        ("max_memory_picture", "448MiB"),
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
        config(&[
            ("s3_secret_key", "hunter2"),
            ("pseudonym_key", "hunter3"),
            ("dicomweb_url", "https://pacs.example.com"),
            ("dicomweb_credentials", "Bearer hunter4"),
        ])
        .unwrap()
    );
    assert!(!shown.contains("hunter"), "{shown}");
    // Results name the patient, so the two archives are not one.
    let url = "https://pacs.example.com/dicom-web";
    let one = [
        ("dicomweb_url", url),
        ("dicomweb_research_url", &format!("{url}/")),
    ];
    assert!(config(&one).is_err());
}

#[test]
fn settings_digest_depends_on_settings_that_change_outputs_only() {
    let plain = config(&[]).unwrap().settings_digest(None, None);
    assert_eq!(plain.len(), 16);
    for (name, value, moves) in [
        ("s3_endpoint", "http://other", false),
        ("s3_secret_key", "other", false),
        ("s3_region", "other", false),
        ("remove_outputs", "true", false),
        ("pseudonym_key", "k", true),
        ("study_id", "legacy", true),
        ("threshold_normal", "0.5", true),
        ("label_size", "40", true),
        ("overlay", "heatmap", true),
        ("redaction", "blur", true),
        ("redact_boxes", "top-left 10%x10%", true),
        ("anonymize", "all", true),
        ("anonymized_label", "true", true),
        ("max_redacted", "0.4", true),
        ("redact_processed", "true", true),
        ("exam_date", "year", true),
        ("folders", "checked", true),
        ("keep_folders", "ward-*", true),
        ("quarantine_suffix", "", false),
        ("dicomweb_url", "http://archive", false),
        ("dicomweb_credentials", "user:password", false),
        ("max_bytes", "1000", false),
        ("max_pixels", "1000", false),
        ("max_memory_picture", "1000", false),
        // Other spellings of the default.
        ("threshold_normal", "0.6", false),
        ("label_size", "50.0", false),
        ("redact_boxes", " bottom-left  300x100+0+0;", false),
    ] {
        let digest = config(&[(name, value)])
            .unwrap()
            .settings_digest(None, None);
        assert_eq!(digest != plain, moves, "{name}");
    }
    let with_detector = |detector| config(&[]).unwrap().settings_digest(detector, None);
    assert!(with_detector(Some("a")) != with_detector(Some("b")));
    assert!(with_detector(Some("a")) != plain);
    let with_markers = config(&[]).unwrap().settings_digest(None, Some("a"));
    assert!(with_markers != plain && with_markers != with_detector(Some("a")));
}

/// Every stored output of every installation carries these digits. If this test fails, all of them
/// are out of date: either undo the change, or raise [`OUTPUTS`] if the outputs differ, or
/// update the digests if a setting was added. Then say so in the changelog.
#[test]
fn settings_digest_is_pinned() {
    let defaults = config(&[]).unwrap();
    assert_eq!(
        defaults.digest_text,
        "outputs=8\n\
         anonymize=pneumonia\n\
         anonymized_label=false\n\
         dicom_dates=remove\n\
         dicom_options=\n\
         dicom_result=sc\n\
         exam_date=keep\n\
         folders=digest\n\
         keep_folders=\n\
         label_size=50\n\
         max_redacted=0.3\n\
         overlay=none\n\
         pseudonym_key=\n\
         redact_boxes=bottom-left 300x100+0+0\n\
         redact_processed=false\n\
         redaction=fill\n\
         study_id=keyed\n\
         threshold_normal=0.6\n\
         threshold_pneumonia=0.8\n"
    );
    assert_eq!(defaults.settings_digest(None, None), "4e664ff8d83c06df");
    let detector = "0f".repeat(32);
    assert_eq!(
        defaults.settings_digest(Some(&detector), None),
        "3163c2639b6ea362"
    );

    let full = config(&[
        ("s3_endpoint", "https://rgw.example.com"),
        ("s3_region", "eu"),
        ("s3_style", "virtual"),
        ("s3_session_token", "token"),
        ("pseudonym_key", "a key"),
        ("study_id", "legacy"),
        ("exam_date", "shift"),
        ("folders", "checked"),
        ("model", "another"),
        ("threshold_pneumonia", "0.755"),
        ("threshold_normal", "0.25"),
        ("label_size", "32.5"),
        ("overlay", "heatmap"),
        ("anonymize", "all"),
        ("dicom_result", "both"),
        ("dicom_dates", "shift"),
        ("dicom_options", "retain-uids, clean-descriptors"),
        ("redaction", "blur"),
        ("redact_boxes", "top-right 25%x8%+10+1.5%; bottom-right 3x4"),
        ("text_detector", "other"),
        ("marker_recognizer", "other"),
        ("max_redacted", "1"),
        ("redact_processed", "true"),
        ("anonymized_label", "true"),
        ("processed_suffix", "-p"),
        ("anonymized_suffix", "-a"),
        ("quarantine_suffix", "-q"),
        ("remove_outputs", "true"),
        ("max_bytes", "1000"),
        ("max_pixels", "2000"),
        ("max_memory_picture", "3000"),
    ])
    .unwrap();
    assert_eq!(
        full.digest_text,
        "outputs=8\n\
         anonymize=all\n\
         anonymized_label=true\n\
         dicom_dates=shift\n\
         dicom_options=clean-descriptors,retain-uids\n\
         dicom_result=both\n\
         exam_date=shift\n\
         folders=checked\n\
         keep_folders=\n\
         label_size=32.5\n\
         max_redacted=1\n\
         overlay=heatmap\n\
         pseudonym_key=8fa3aab2faa9b79e0a0398da5b5abd0780142442a5be80b9a64608d718cb1fcd\n\
         redact_boxes=top-right 25%x8%+10+1.5%; bottom-right 3x4+0+0\n\
         redact_processed=true\n\
         redaction=blur\n\
         study_id=legacy\n\
         threshold_normal=0.25\n\
         threshold_pneumonia=0.755\n"
    );
    assert_eq!(
        full.settings_digest(Some(&detector), None),
        "29ca12b78c3d21a9"
    );
    let markers = "0e".repeat(32) + " 0.99 0.999";
    assert_eq!(
        full.settings_digest(Some(&detector), Some(&markers)),
        "d86234ace904d175"
    );
}

#[test]
fn keep_folders_without_effect_is_rejected() {
    let of = |folders| config(&[("folders", folders), ("keep_folders", "ward-*, 20??")]);
    let error = of("checked").unwrap_err().to_string();
    assert!(
        error.contains("`keep_folders`") && error.contains("no effect under folders = checked"),
        "{error}"
    );
    let text = of("digest").unwrap().digest_text;
    assert!(text.contains("\nkeep_folders=ward-*,20??\n"), "{text}");
}

#[test]
fn study_id_accepts_its_former_name() {
    let digest = |word| {
        config(&[("study_id", word)])
            .unwrap()
            .settings_digest(None, None)
    };
    assert_eq!(digest("seed"), digest("legacy"));
}

#[test]
fn redact_boxes_may_be_none_only_with_a_detector() {
    let boxes = |changes: &[(&str, &str)]| config(changes).map(|config| config.pixels.boxes);
    assert_eq!(boxes(&[("redact_boxes", "none")]).unwrap(), []);
    assert!(boxes(&[("redact_boxes", "none"), ("text_detector", "")]).is_err());
    assert_eq!(boxes(&[("text_detector", "")]).unwrap().len(), 1);
}
