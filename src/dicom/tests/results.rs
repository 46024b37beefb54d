//! Results and copies, read again here and by other programs.

use std::fs;

use super::reference::{Folder, python, references, script};
use super::*;
use crate::{
    dicom::{Companion, frame::Frame, render::Tables},
    model::{
        predict::Class,
        tensor::{Elements, InputTensor},
    },
    picture::source::Written,
    pipeline::{tests::detected::text_contract, verify::Unclean},
};

fn companion(outputs: &Outputs, companion: Companion) -> Option<&Vec<u8>> {
    let mut all = outputs.companions.iter();
    all.find(|(kind, _)| *kind == companion)
        .map(|(_, file)| file)
}

fn text_of(bytes: &[u8], tag: u32) -> Option<String> {
    open(bytes).data_set().unwrap().text(tag)
}

#[test]
fn capture_is_in_the_study_of_its_source() {
    let bytes = file(&object(12, &slope(640, 480), 640));
    let outputs = process(&bytes, 0.9, &[], None).unwrap();
    let result = &outputs.processed;
    for (tag, expect) in [
        (tag::STUDY_INSTANCE, "1.2.3"),
        (tag::PATIENT_NAME, NAME),
        (tag::MODALITY, "OT"),
        (tag::CONVERSION_TYPE, "WSD"),
        (tag::BURNED_IN, "YES"),
        (tag::LOSSY, "00"),
    ] {
        assert_eq!(text_of(result, tag).as_deref(), Some(expect), "{tag:08X}");
    }
    assert_ne!(
        text_of(result, tag::SERIES_INSTANCE),
        Some("1.2.3.4".into())
    );
    let container = open(result);
    let data = container.data_set().unwrap();
    let frame = Frame::decode(&data, container.syntax, &LIMITS).unwrap();
    let label = frame.samples[..640 * 40]
        .iter()
        .filter(|s| **s == 255)
        .count();
    assert!(label > 1000, "the label is printed: {label} white pixels");
    // The same event gives the same bytes, another risk does not.
    assert!(*result == process(&bytes, 0.9, &[], None).unwrap().processed);
    let settings = [("threshold_pneumonia", "0.7")];
    let other = process(&bytes, 0.9, &settings, None).unwrap().processed;
    assert_ne!(
        text_of(result, tag::SOP_INSTANCE),
        text_of(&other, tag::SOP_INSTANCE)
    );
}

#[test]
fn presentation_state_is_beside_the_capture_or_in_its_place() {
    let bytes = file(&object(12, &slope(640, 480), 640));
    let of = |kind| process(&bytes, 0.9, &[("dicom_result", kind)], None).unwrap();
    let modality = |file: &[u8]| text_of(file, tag::MODALITY).unwrap();
    for (kind, processed, has_state) in [
        ("sc", "OT", false),
        ("gsps", "PR", false),
        ("both", "OT", true),
    ] {
        let outputs = of(kind);
        assert_eq!(modality(&outputs.processed), processed, "{kind}");
        assert_eq!(
            modality(companion(&outputs, Companion::Report).unwrap()),
            "SR"
        );
        let state = companion(&outputs, Companion::Presentation);
        assert_eq!(
            state.map(|s| modality(s)).as_deref(),
            has_state.then_some("PR")
        );
    }
    // The same event gives the same bytes, and other settings give another instance.
    let state = of("gsps").processed;
    assert!(state == of("gsps").processed);
    let both = of("both");
    let beside = companion(&both, Companion::Presentation).unwrap();
    assert_ne!(
        text_of(&state, tag::SOP_INSTANCE),
        text_of(beside, tag::SOP_INSTANCE)
    );
}

#[test]
fn contradicted_object_gets_no_risk_and_no_copy() {
    let mut data = object(12, &slope(640, 480), 640);
    data.put_text(tag::AGE, b"AS", "044Y");
    let outputs = process(&file(&data), 0.99, &[("anonymize", "all")], None).unwrap();
    assert_eq!(outputs.prediction.class, Class::Unsure);
    assert_eq!(outputs.prediction.label(), "Unsure, age");
    assert!(outputs.anonymized.is_none());
    let report = companion(&outputs, Companion::Report).unwrap();
    let holds = |text: &[u8]| report.windows(text.len()).any(|w| w == text);
    assert!(holds(b"Unsure, age") && !holds(b"Certainty of Finding"));
}

/// A detector that finds cells with both black and white in them.
fn contrasts(input: &InputTensor) -> Result<Vec<NamedTensor>, Error> {
    let (height, width) = (input.dims[2] as usize, input.dims[3] as usize);
    let Elements::F32(levels) = &input.data else {
        return Err(Error::Model("f32 only".into()));
    };
    let (rows, columns) = (height / 8, width / 8);
    let cell = |row: usize, column: usize| {
        let level = |i: usize| levels[(row * 8 + i / 8) * width + column * 8 + i % 8];
        let any = |test: &dyn Fn(f32) -> bool| (0..64).any(|i| test(level(i)));
        if any(&|v| v > 230.0) && any(&|v| v < 25.0) {
            1.0
        } else {
            0.0
        }
    };
    let mut data = vec![0.0; 3 * rows * columns];
    for at in 0..rows * columns {
        data[rows * columns + at] = cell(at / columns, at % columns);
    }
    Ok(vec![NamedTensor {
        name: "y".into(),
        tensor: Tensor {
            dims: vec![1, 3, rows as u32, columns as u32],
            data,
        },
    }])
}

/// Returns samples in the middle of the range with letters that a narrow window hides, and that are
/// `scale` times as large as legible ones.
fn hidden_letters(width: usize, height: usize, scale: usize) -> Vec<u16> {
    let mut samples = vec![1000u16; width * height];
    for y in 100 * scale..130 * scale {
        for x in (300 * scale..380 * scale).step_by(10 * scale) {
            samples[y * width + x..y * width + x + 4 * scale].fill(4000);
        }
    }
    samples
}

#[test]
fn text_that_the_window_hides_is_covered() {
    // The second is so large that other views than the shown one are searched at half size.
    for (width, height, scale) in [(640, 480, 1), (2401, 1801, 3)] {
        let samples = hidden_letters(width, height, scale);
        let mut data = object(12, &samples, width as u16);
        // Everything is black at this window.
        data.put_text(tag::WINDOW_CENTER, b"DS", "8000");
        data.put_text(tag::WINDOW_WIDTH, b"DS", "100");
        let contract = text_contract();
        let detector = Detector {
            contract: &contract,
            keep_side_markers: false,
            withheld: Withheld::default(),
            recognizer: None,
            infer: &contrasts,
        };
        let settings = [("redact_boxes", "bottom-left 30x30")];
        let outputs = process(&file(&data), 0.9, &settings, Some(&detector)).unwrap();
        assert!(outputs.found.is_some_and(|found| !found.text.is_empty()));
        let copy = outputs.anonymized.unwrap();
        assert_eq!(copy.unclean, None);
        assert!(copy.redaction.area < 0.1, "{}", copy.redaction.area);
        let container = open(&copy.bytes);
        let data = container.data_set().unwrap();
        let frame = Frame::decode(&data, container.syntax, &LIMITS).unwrap();
        assert!(frame.samples.iter().all(|s| *s != 4000), "{width}");
    }
}

#[test]
fn quarantined_copy_says_that_it_may_show_text() {
    let data = object(12, &hidden_letters(640, 480, 1), 640);
    let contract = text_contract();
    let detector = Detector {
        contract: &contract,
        keep_side_markers: false,
        withheld: Withheld::default(),
        recognizer: None,
        infer: &contrasts,
    };
    let settings = [
        ("redact_boxes", "bottom-left 30x30"),
        ("max_redacted", "0.0001"),
    ];
    let outputs = process(&file(&data), 0.9, &settings, Some(&detector)).unwrap();
    let copy = outputs.anonymized.unwrap();
    assert_eq!(copy.unclean, Some(Unclean::TooMuchText));
    assert_eq!(text_of(&copy.bytes, tag::BURNED_IN).as_deref(), Some("YES"));
}

#[test]
fn views_that_show_the_same_are_searched_once() {
    let found = |center: &str, width: &str| {
        let mut data = object(12, &slope(640, 480), 640);
        data.put_text(tag::WINDOW_CENTER, b"DS", center);
        data.put_text(tag::WINDOW_WIDTH, b"DS", width);
        let bytes = file(&data);
        let container = open(&bytes);
        let data = container.data_set().unwrap();
        let frame = Frame::decode(&data, container.syntax, &LIMITS).unwrap();
        Tables::read(&data, &frame).unwrap().others.len()
    };
    // Only the inverse differs from a window that is the range of the samples.
    assert_eq!(found("2048", "4096"), 1);
    assert_eq!(found("2048", "3000"), 2);
}

/// Every syntax through the whole pipeline; the copies, captures and reports are then checked by
/// programs that share no code with this one.
#[test]
fn copies_and_results_hold_by_other_programs() {
    let Some(python) = python() else { return };
    let sources = Folder::new("sources");
    script(&python, "reference.py", &sources.0);
    let made = Folder::new("made");
    for (name, bytes) in references(&sources.0) {
        let settings = [("label_size", "20"), ("dicom_result", "both")];
        let outputs = process(&bytes, 0.9725, &settings, None).unwrap();
        let copy = outputs.anonymized.as_ref().unwrap();
        let expect = match name.get(..2) {
            Some("50") => Written::Blocks,
            Some("51") => Written::Uncompressed,
            Some("91") => Written::Lossless,
            _ => Written::Reencoded,
        };
        assert_eq!(outputs.written, expect, "{name}");
        let options = [
            ("dicom_dates", "shift"),
            (
                "dicom_options",
                "retain-device-identity,retain-patient-characteristics,retain-safe-private",
            ),
        ];
        let optioned = process(&bytes, 0.9725, &[&settings[..], &options].concat(), None);
        let optioned = optioned.unwrap().anonymized.unwrap().bytes;
        for (part, bytes) in [
            ("source", &bytes),
            ("options", &optioned),
            ("processed", &outputs.processed),
            ("report", companion(&outputs, Companion::Report).unwrap()),
            (
                "state",
                companion(&outputs, Companion::Presentation).unwrap(),
            ),
            ("copy", &copy.bytes),
        ] {
            fs::write(made.0.join(format!("{name}.{part}")), bytes).unwrap();
        }
        let boxes: Vec<String> = copy
            .redaction
            .boxes
            .iter()
            .map(|b| format!("{} {} {} {}", b.x, b.y, b.width, b.height))
            .collect();
        fs::write(made.0.join(format!("{name}.boxes")), boxes.join("\n")).unwrap();
    }
    script(&python, "check.py", &made.0);
}

#[test]
fn source_without_a_study_is_damaged() {
    let mut data = object(12, &slope(640, 480), 640);
    data.put_text(tag::STUDY_INSTANCE, b"UI", "");
    let error = process(&file(&data), 0.9, &[], None)
        .unwrap_err()
        .to_string();
    assert!(error.contains("Study Instance UID is missing"), "{error}");
}
