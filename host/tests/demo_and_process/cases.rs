//! Files of public bug reports and of other people's generators, which are not part of the
//! repository: each name says its kind and the right result.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use phantoms::{DEFAULT_SEED, Phantom};
use serde_json::Value;
use testkit::root;

use crate::{function_is_built, run, text, xray};

/// The result of one file.
struct Case<'a> {
    kind: &'a str,
    source: &'a Path,
    report: &'a Value,
}

impl Case<'_> {
    fn outcome(&self) -> &str {
        self.report["outcome"].as_str().unwrap_or_default()
    }

    fn is_made(&self) -> bool {
        ["done", "quarantined"].contains(&self.outcome())
    }

    /// Reports whether it was rejected with this word in the reason given to people.
    fn is_rejected(&self, word: &str) -> bool {
        let error = self.report["error"].as_str();
        self.outcome() == "rejected" && error.is_some_and(|error| error.contains(word))
    }

    fn is_covered(&self) -> bool {
        let detected = self.report["redaction"]["detected"].as_u64();
        detected.is_some_and(|count| count > 0)
    }

    /// Returns the bytes of an output, if there is one.
    fn output(&self, key: &str) -> Option<Vec<u8>> {
        self.report[key]
            .as_str()
            .map(|path| fs::read(path).unwrap())
    }

    /// Reports whether the result is the expected one, or `None` for an unknown expectation.
    fn is(&self, expected: &str) -> Option<bool> {
        Some(match expected {
            "done" => self.is_made(),
            "done-or-unsupported" => self.is_made() || self.is_rejected("unsupported"),
            "done-or-a-clear-refusal" | "done-or-rejected-no-crash" => {
                self.is_made() || self.is_rejected("")
            }
            "rejected-damaged" => self.is_rejected("damaged"),
            "refused-by-its-kind" => {
                let known = ["aws-chunked", "JPEG-LS"];
                known.iter().any(|name| {
                    self.kind.starts_with(&name.to_lowercase()) && self.is_rejected(name)
                })
            }
            both if both.starts_with("both-kept") => {
                let labeled = self.output("processed")?;
                let has = |chunk: &[u8; 4]| labeled.windows(4).any(|bytes| bytes == chunk);
                has(b"gAMA") && has(b"pHYs")
            }
            "covered" => self.is_covered(),
            "covered-or-quarantine" => self.is_covered() || self.outcome() == "quarantined",
            "gone-from-the-copy" => {
                let copy = self.output("anonymized").or(self.output("quarantined"))?;
                let source = fs::read(self.source).unwrap();
                hidden_contrast(&copy) <= 2 && hidden_contrast(&source) > 32
            }
            "as-the-first-says" => {
                let is_turned = self.kind.starts_with("exif-first-6");
                let side = |key: &str| self.report[key].as_u64();
                let stored = image::image_dimensions(self.source).unwrap();
                let stored = (Some(u64::from(stored.0)), Some(u64::from(stored.1)));
                self.is_made() && ((side("width"), side("height")) == stored) != is_turned
            }
            _ => return None,
        })
    }
}

/// Returns the largest difference between the last visible row and the hidden ones below it.
fn hidden_contrast(bytes: &[u8]) -> u8 {
    let jpeg = jpeg_blocks::Jpeg::parse(bytes, &jpeg_blocks::Limits::default()).unwrap();
    let pixels = jpeg.read(jpeg.full_area()).unwrap();
    let row = pixels.width * pixels.channels;
    let visible = jpeg.width() * pixels.channels;
    let edge = &pixels.data[(jpeg.height() - 1) * row..][..visible];
    let hidden = pixels.data.chunks_exact(row).skip(jpeg.height());
    let differences = hidden.flat_map(|below| below.iter().zip(edge).map(|(a, b)| a.abs_diff(*b)));
    differences.max().unwrap_or(0)
}

/// Lists the entries of the folder of cases, or reports that they are not there.
fn cases() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("../shared/cases"));
    let entries = entries.into_iter().flatten();
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    if cases.is_empty() {
        eprintln!("SKIP the cases are not at hand; they are not part of the repository");
    }
    cases
}

/// Returns the kind of a case and the expected result.
fn named(case: &Path) -> (&str, &str) {
    let name = case.file_stem().unwrap().to_str().unwrap();
    name.split_once("__expect-").unwrap()
}

#[test]
fn pictures_among_the_cases_give_what_their_names_say() {
    let mut files = cases();
    files.retain(|path| path.extension().is_some_and(|e| e == "jpg" || e == "png"));
    if files.is_empty() || !function_is_built() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (dir.path().join("in"), dir.path().join("out"));
    fs::create_dir(&input).unwrap();
    for file in &files {
        fs::copy(file, input.join(file.file_name().unwrap())).unwrap();
    }
    let mut command = xray("process");
    command.arg(&input).arg("-o").arg(&out).arg("--json");
    command.args(["--variable", "anonymize=all"]);
    command.args(["--variable", "pseudonym_key=a key for tests, long enough"]);
    let output = run(&mut command);
    let mut reports = BTreeMap::new();
    for line in text(&output.stdout).lines() {
        let report: Value = serde_json::from_str(line).unwrap();
        let source = PathBuf::from(report["source"].as_str().unwrap());
        reports.insert(source.file_name().unwrap().to_owned(), report);
    }
    let mut wrong = Vec::new();
    for source in &files {
        let (kind, expected) = named(source);
        let report = &reports[source.file_name().unwrap()];
        println!("CASE {kind}: {expected}, {}", report["outcome"]);
        let case = Case {
            kind,
            source,
            report,
        };
        match case.is(expected) {
            Some(true) => {}
            Some(false) => wrong.push(format!("{kind}: expected {expected}, got {report}")),
            None => wrong.push(format!("{kind}: the test does not know `{expected}`")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The manifest of the case names components of another machine.
fn with_own_components(manifest: &str) -> String {
    let built = root().canonicalize().unwrap();
    let built = built.join("target/wasm32-wasip2/release");
    let quoted = manifest.split('"').map(|part| match part.rsplit_once('/') {
        Some((_, name)) if name.ends_with(".wasm") => built.join(name).display().to_string(),
        _ => part.to_owned(),
    });
    quoted.collect::<Vec<_>>().join("\"")
}

#[test]
fn model_with_weights_in_a_second_file_does_not_start() {
    let all = cases();
    let Some(case) = all
        .iter()
        .find(|case| named(case).0.starts_with("model-weights"))
    else {
        return;
    };
    if !function_is_built() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // The case is older than the marker recognizer.
    let cases = case.join("models");
    for (models, model) in [
        (&cases, "m"),
        (&cases, "text"),
        (&root().join("models"), "markers"),
    ] {
        let (from, to) = (models.join(model), dir.path().join("models").join(model));
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
    let manifest = fs::read_to_string(case.join("spin.toml")).unwrap();
    fs::write(dir.path().join("spin.toml"), with_own_components(&manifest)).unwrap();
    let picture = dir.path().join("a.jpeg");
    fs::write(&picture, Phantom::draw(DEFAULT_SEED, 0).jpeg).unwrap();
    // The libraries look for the second file in the current directory.
    for folder in ["no-weights", "other-weights"] {
        for backend in ["auto", "embedded", "component"] {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_xray"));
            command.args(["process", "--nn", backend, "--from"]);
            command.arg(dir.path()).arg(&picture);
            command.arg("-o").arg(dir.path().join("out"));
            let output = run(command.current_dir(case.join(folder)));
            let stderr = text(&output.stderr);
            assert!(!output.status.success(), "{folder}, {backend}: {stderr}");
            assert!(
                stderr.contains("weights in another file"),
                "{folder}, {backend}: {stderr}"
            );
        }
    }
}
