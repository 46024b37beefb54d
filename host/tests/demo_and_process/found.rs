//! Patients that are burned in elsewhere than in the usual box, found by the shipped detector.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use image::{GenericImageView, GrayImage};
use phantoms::{Corner, DEFAULT_SEED, Kind, Style, Subject, TextKind, make_images};
use serde_json::Value;
use testkit::root;

use crate::{function_is_built, picture, run, text, xray};

/// Position of a marker: left, top, across, down.
type Place = [u32; 4];

/// Every picture of a folder through `xray process`, whatever its risk; the anonymized copy of each
/// file, and the report on it.
fn anonymized(input: &Path, out: &Path) -> BTreeMap<String, (Option<PathBuf>, Value)> {
    let mut command = xray("process");
    command
        .arg(input)
        .arg("-o")
        .arg(out)
        .args(["--json", "--variable", "anonymize=all"]);
    command.args(["--variable", "pseudonym_key=a key for tests, long enough"]);
    let output = run(&mut command);
    let lines = text(&output.stdout);
    assert!(!lines.is_empty(), "{}", text(&output.stderr));
    lines
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let source = Path::new(line["source"].as_str().unwrap());
            let name = source.file_name().unwrap().to_str().unwrap().to_owned();
            (name, (line["anonymized"].as_str().map(PathBuf::from), line))
        })
        .collect()
}

fn part(picture: &GrayImage, [x, y, width, height]: Place) -> Vec<u8> {
    let width = width.min(picture.width() - x);
    let height = height.min(picture.height() - y);
    picture
        .view(x, y, width, height)
        .pixels()
        .map(|(_, _, level)| level.0[0])
        .collect()
}

#[test]
fn a_patient_in_any_corner_is_covered_and_the_side_marker_stays() {
    if !function_is_built() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (dir.path().join("in"), dir.path().join("out"));
    let style = Style {
        em: (20.0, 56.0),
        corners: Corner::ALL.to_vec(),
        gray: (120, 255),
        ..Style::default()
    };
    let subject = Subject::Phantoms(Kind::Mixed, 16);
    let truths = make_images(&subject, &style, DEFAULT_SEED, &input, || {}).unwrap();
    let copies = anonymized(&input, &out);
    let (mut stored, mut kept) = (0, 0);
    for truth in &truths {
        let (Some(path), report) = &copies[&truth.file] else {
            continue;
        };
        stored += 1;
        assert!(
            report["redaction"]["detected"].as_u64().unwrap() > 0,
            "{report}"
        );
        let (before, after) = (picture(&input.join(&truth.file)), picture(path));
        for written in &truth.texts {
            let place = [written.x, written.y, written.width, written.height];
            match written.kind {
                TextKind::Patient => assert!(
                    part(&after, place).iter().all(|level| *level < 3),
                    "the patient is seen at {place:?} of {}",
                    truth.file
                ),
                TextKind::Marker => kept += u32::from(part(&before, place) == part(&after, place)),
            }
        }
    }
    println!(
        "{stored} of {} copies, {kept} with their marker",
        truths.len()
    );
    assert!(stored >= 14, "{stored}");
    // Where the patient stands beside it a marker goes too.
    assert!(kept >= 12, "{kept}");
}

fn place(burned: &Value) -> Place {
    ["x", "y", "w", "h"].map(|key| burned[key].as_u64().unwrap() as u32)
}

/// Reports whether it is a single L or R with nothing nearer than its height. Other markers could
/// be a part of a name, and may be covered.
fn is_side_marker(burned: &Value, all: &[Value]) -> bool {
    let [x, y, width, height] = place(burned);
    let is_near = |other: &Value| {
        let [left, top, across, down] = place(other);
        left < x + width + height
            && x < left + across + height
            && top < y + height + height
            && y < top + down + height
    };
    ["L", "R"].map(Value::from).contains(&burned["says"])
        && all.iter().all(|other| other == burned || !is_near(other))
}

#[test]
fn the_demonstration_xrays_keep_their_side_markers() {
    let xrays = root().join("../shared/data/demo");
    if !xrays.is_dir() {
        eprintln!(
            "SKIP ../shared/data/demo is missing; real X-rays are not part of the repository"
        );
        return;
    }
    if !function_is_built() {
        return;
    }
    let marks = fs::read(root().join("training/text/annotations.json")).unwrap();
    let marks: BTreeMap<String, Vec<Value>> = serde_json::from_slice(&marks).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let copies = anonymized(&xrays, &dir.path().join("out"));
    assert_eq!(copies.len(), 16);
    let mut stored = 0;
    for kind in ["NORMAL", "PNEUMONIA"] {
        for entry in fs::read_dir(xrays.join(kind)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let (Some(copy), _) = &copies[name] else {
                continue;
            };
            stored += 1;
            let (before, after) = (picture(&path), picture(copy));
            for burned in &marks[name] {
                let place = place(burned);
                if is_side_marker(burned, &marks[name]) {
                    assert_eq!(
                        part(&before, place),
                        part(&after, place),
                        "a mark of {name} is gone"
                    );
                } else if burned["what"] != "marker" {
                    assert!(
                        part(&after, place).iter().all(|level| *level < 3),
                        "{name} at {place:?}"
                    );
                }
            }
        }
    }
    println!("{stored} of 16 copies");
    assert!(stored >= 15, "{stored}");
}
