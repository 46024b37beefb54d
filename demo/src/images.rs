//! Pictures to try the pipeline with: phantoms, or X-rays that somebody has, each with a patient who never lived burned in, and the
//! truth about where.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use anyhow::{Context, Result};
use image::{GrayImage, codecs::jpeg::JpegEncoder};
use serde::Serialize;

use crate::{
    burn::{self, Style, TextBox},
    patient::Patient,
    phantom::{Kind, Phantom},
    seed::Seed,
};

/// JPEG quality of what is made.
pub(crate) const QUALITY: u8 = 90;

/// The file that holds the truth, in the folder of the pictures.
pub const TRUTH: &str = "truth.json";

/// What is known of one picture.
#[derive(Debug, Clone, Serialize)]
pub struct Truth {
    /// Its name, after the pattern that the pipeline de-identifies.
    pub file: String,
    /// The X-ray it was made from; none for a phantom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// How ill a phantom was drawn, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<f32>,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Whose it is.
    pub patient: Patient,
    /// Whether the patient is written on it; else only the file's name tells.
    pub burned_in: bool,
    /// What was written, and where. Marks that an X-ray brought along are not known.
    pub texts: Vec<TextBox>,
}

/// What to make.
#[derive(Debug, Clone)]
pub enum Subject {
    /// Phantoms, this many.
    Phantoms(Kind, usize),
    /// These X-rays, JPEG or PNG.
    Xrays(Vec<PathBuf>),
}

/// Makes the pictures and the truth about them in the folder `out`, on all cores; `made` hears of each.
///
/// # Errors
/// When an X-ray can't be read or a file can't be written.
pub fn make(
    subject: &Subject,
    style: &Style<'_>,
    seed: u64,
    out: &Path,
    made: impl Fn() + Sync,
) -> Result<Vec<Truth>> {
    fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))?;
    let count = match subject {
        Subject::Phantoms(_, count) => *count,
        Subject::Xrays(paths) => paths.len(),
    };
    let one = |index: usize| -> Result<Truth> {
        let (jpeg, truth) = match subject {
            Subject::Phantoms(kind, _) => phantom(seed, index, *kind, style),
            Subject::Xrays(paths) => xray(&paths[index], seed, index, style)?,
        };
        let path = out.join(&truth.file);
        fs::write(&path, jpeg).with_context(|| format!("writing {}", path.display()))?;
        made();
        Ok(truth)
    };
    let truths = on_all_cores(count, one)
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    let path = out.join(TRUTH);
    let text = serde_json::to_string_pretty(&truths)? + "\n";
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    Ok(truths)
}

fn phantom(seed: u64, index: usize, kind: Kind, style: &Style<'_>) -> (Vec<u8>, Truth) {
    let phantom = Phantom::draw_as(seed, index, kind, style);
    let truth = Truth {
        file: phantom.patient.file_name(),
        source: None,
        severity: Some(phantom.severity),
        width: phantom.width,
        height: phantom.height,
        patient: phantom.patient,
        burned_in: style.burned_in,
        texts: phantom.texts,
    };
    (phantom.jpeg, truth)
}

fn xray(path: &Path, seed: u64, index: usize, style: &Style<'_>) -> Result<(Vec<u8>, Truth)> {
    let read = image::open(path).with_context(|| format!("reading {}", path.display()))?;
    let mut picture = read.to_luma8();
    let mut seed = Seed::new(seed).part(index as u64);
    let patient = Patient::invent(&mut seed, index);
    let texts = burn::patient(&mut picture, &patient.lines(), style, &mut seed);
    let truth = Truth {
        file: patient.file_name(),
        source: Some(path.display().to_string()),
        severity: None,
        width: picture.width(),
        height: picture.height(),
        patient,
        burned_in: style.burned_in,
        texts,
    };
    Ok((encode(&picture), truth))
}

pub(crate) fn encode(picture: &GrayImage) -> Vec<u8> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .encode_image(picture)
        .expect("a vector takes every picture of this size");
    jpeg
}

/// `work` of 0 to `count`, in order, made on all cores.
pub(crate) fn on_all_cores<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(count.max(1));
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(count));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    let made = work(index);
                    done.lock().expect("no thread panicked").push((index, made));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no thread panicked");
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, made)| made).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_xray_gets_a_patient_where_the_truth_says_and_stays_the_same_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("child.png");
        GrayImage::from_fn(640, 480, |x, y| image::Luma([(x / 4 + y / 8) as u8]))
            .save(&source)
            .unwrap();
        let out = dir.path().join("out");
        let subject = Subject::Xrays(vec![source.clone(); 3]);
        let truths = make(&subject, &Style::default(), 9, &out, || {}).unwrap();
        assert_eq!(truths.len(), 3);
        for truth in &truths {
            assert!(truth.file.starts_with("demo_") && truth.file.ends_with(".jpeg"));
            assert_eq!(truth.texts.len(), 4);
            let before = image::open(&source).unwrap().to_luma8();
            let after = image::open(out.join(&truth.file)).unwrap().to_luma8();
            let mut changed = 0;
            for (x, y, pixel) in after.enumerate_pixels() {
                let moved = pixel.0[0].abs_diff(before.get_pixel(x, y).0[0]) > 24;
                // JPEG rings for up to a block around an edge.
                let near = truth.texts.iter().any(|t| {
                    (t.x.saturating_sub(8)..t.x + t.width + 8).contains(&x)
                        && (t.y.saturating_sub(8)..t.y + t.height + 8).contains(&y)
                });
                assert!(near || !moved, "{x},{y}");
                changed += usize::from(moved);
            }
            assert!(changed > 500, "{changed}");
        }
        let written: serde_json::Value =
            serde_json::from_slice(&fs::read(out.join(TRUTH)).unwrap()).unwrap();
        assert_eq!(written[2]["patient"]["id"], truths[2].patient.id.as_str());
        assert_eq!(written[0]["texts"][0]["what"], "patient");
        assert_eq!(written[0]["burned_in"], true);
    }

    #[test]
    fn without_a_patient_the_marks_are_all_that_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let style = Style {
            burned_in: false,
            ..Style::default()
        };
        let subject = Subject::Phantoms(Kind::Normal, 1);
        let without = make(&subject, &style, 1, &dir.path().join("a"), || {}).unwrap();
        let with = make(&subject, &Style::default(), 1, &dir.path().join("b"), || {}).unwrap();
        assert_eq!(
            (&without[0].file, &without[0].patient),
            (&with[0].file, &with[0].patient)
        );
        let texts: Vec<_> = without[0].texts.iter().map(|t| t.text.as_str()).collect();
        assert_eq!(texts, ["R"]);
        let json = fs::read(dir.path().join("a").join(TRUTH)).unwrap();
        let written: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(written[0]["burned_in"], false);
        let open = |folder: &str| {
            image::open(dir.path().join(folder).join(&with[0].file))
                .unwrap()
                .to_luma8()
        };
        let (a, b) = (open("a"), open("b"));
        let lowest = b.height() - 108;
        let differs = |(x, y, pixel): (u32, u32, &image::Luma<u8>)| {
            (pixel != b.get_pixel(x, y)).then_some((x, y))
        };
        let differing: Vec<(u32, u32)> = a.enumerate_pixels().filter_map(differs).collect();
        assert!(differing.len() > 500 && differing.iter().all(|(x, y)| *x < 308 && *y >= lowest));
    }

    #[test]
    fn a_file_that_is_no_picture_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("notes.jpeg");
        fs::write(&source, "not a picture").unwrap();
        let made = make(
            &Subject::Xrays(vec![source]),
            &Style::default(),
            1,
            dir.path(),
            || {},
        );
        assert!(format!("{:#}", made.unwrap_err()).contains("notes.jpeg"));
    }
}
