//! A folder of test pictures, from phantoms or real X-rays, each with an invented patient burned
//! in, and the ground truth about them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use image::{GrayImage, codecs::jpeg::JpegEncoder};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde::Serialize;

use crate::{
    burn::{self, Format, Style, TextBox},
    dicom,
    patient::Patient,
    phantom::{Kind, Phantom},
    seed::Seed,
};

/// JPEG quality of all pictures.
const QUALITY: u8 = 90;

/// Name of the ground-truth file in the folder of pictures.
pub const TRUTH_FILE: &str = "truth.json";

/// Ground truth about one picture.
#[derive(Debug, Clone, Serialize)]
pub struct Truth {
    /// File name, of the pattern that the function de-identifies.
    pub file: String,
    /// The X-ray it was made from; absent for a phantom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Severity of a phantom, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<f32>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The patient.
    pub patient: Patient,
    /// True if the patient is burned in; if not, only the file name identifies the patient.
    pub burned_in: bool,
    /// Text burned in by this crate. Text that a real X-ray already had is not listed.
    pub texts: Vec<TextBox>,
}

/// Source of the pictures.
#[derive(Debug, Clone)]
pub enum Subject {
    /// This many phantoms.
    Phantoms(Kind, usize),
    /// Real X-rays, JPEG or PNG.
    Xrays(Vec<PathBuf>),
}

impl Format {
    /// Returns a file name of the pattern that the function de-identifies, with the extension of
    /// this format.
    pub fn file_name(self, patient: &Patient) -> String {
        let name = patient.file_name();
        match self {
            Format::Jpeg => name,
            Format::Dicom => name.replace(".jpeg", ".dcm"),
        }
    }
}

/// Writes the pictures and [`TRUTH_FILE`] to the folder `out`, on all cores; calls `progress` after
/// each picture.
///
/// # Errors
/// Fails when an X-ray can't be read or a file can't be written.
pub fn make_images(
    subject: &Subject,
    style: &Style<'_>,
    seed: u64,
    out: &Path,
    progress: impl Fn() + Sync,
) -> Result<Vec<Truth>> {
    fs::create_dir_all(out).with_context(|| format!("creating {}", out.display()))?;
    let count = match subject {
        Subject::Phantoms(_, count) => *count,
        Subject::Xrays(paths) => paths.len(),
    };
    let one = |index: usize| -> Result<Truth> {
        let (bytes, truth) = match subject {
            Subject::Phantoms(kind, _) => phantom(seed, index, *kind, style),
            Subject::Xrays(paths) => xray(&paths[index], seed, index, style)?,
        };
        let path = out.join(&truth.file);
        fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
        progress();
        Ok(truth)
    };
    let truths = (0..count)
        .into_par_iter()
        .map(one)
        .collect::<Result<Vec<_>>>()?;
    let path = out.join(TRUTH_FILE);
    let text = serde_json::to_string_pretty(&truths)? + "\n";
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    Ok(truths)
}

fn phantom(seed: u64, index: usize, kind: Kind, style: &Style<'_>) -> (Vec<u8>, Truth) {
    let (mut phantom, object) = match style.format {
        Format::Jpeg => (Phantom::draw_as(seed, index, kind, style), None),
        Format::Dicom => {
            let (phantom, object) = Phantom::draw_dicom(seed, index, kind, style);
            (phantom, Some(object))
        }
    };
    let bytes = object.unwrap_or_else(|| std::mem::take(&mut phantom.jpeg));
    let truth = Truth {
        file: style.format.file_name(&phantom.patient),
        source: None,
        severity: Some(phantom.severity),
        width: phantom.width,
        height: phantom.height,
        patient: phantom.patient,
        burned_in: style.burned_in,
        texts: phantom.texts,
    };
    (bytes, truth)
}

fn xray(path: &Path, seed: u64, index: usize, style: &Style<'_>) -> Result<(Vec<u8>, Truth)> {
    let read = image::open(path).with_context(|| format!("reading {}", path.display()))?;
    let mut picture = read.to_luma8();
    let mut seed = Seed::new(seed).part(index as u64);
    let mut patient = Patient::invent(&mut seed, index);
    if style.format == Format::Dicom {
        patient = patient.into_child();
    }
    let texts = burn::patient(&mut picture, &patient.lines(), style, &mut seed);
    let truth = Truth {
        file: style.format.file_name(&patient),
        source: Some(path.display().to_string()),
        severity: None,
        width: picture.width(),
        height: picture.height(),
        patient,
        burned_in: style.burned_in,
        texts,
    };
    let bytes = match style.format {
        Format::Jpeg => encode(&picture),
        Format::Dicom => dicom::encode(&picture, &truth.patient),
    };
    Ok((bytes, truth))
}

pub(crate) fn encode(picture: &GrayImage) -> Vec<u8> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .encode_image(picture)
        .expect("encoding into a vector can't fail");
    jpeg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xray_changes_only_where_the_truth_has_text() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("child.png");
        GrayImage::from_fn(640, 480, |x, y| image::Luma([(x / 4 + y / 8) as u8]))
            .save(&source)
            .unwrap();
        let out = dir.path().join("out");
        let subject = Subject::Xrays(vec![source.clone(); 3]);
        let truths = make_images(&subject, &Style::default(), 9, &out, || {}).unwrap();
        assert_eq!(truths.len(), 3);
        for truth in &truths {
            assert!(truth.file.starts_with("demo_") && truth.file.ends_with(".jpeg"));
            assert_eq!(truth.texts.len(), 4);
            let before = image::open(&source).unwrap().to_luma8();
            let after = image::open(out.join(&truth.file)).unwrap().to_luma8();
            let mut changed = 0;
            for (x, y, pixel) in after.enumerate_pixels() {
                let moved = pixel.0[0].abs_diff(before.get_pixel(x, y).0[0]) > 24;
                // JPEG rings up to a block around an edge.
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
            serde_json::from_slice(&fs::read(out.join(TRUTH_FILE)).unwrap()).unwrap();
        assert_eq!(written[2]["patient"]["id"], truths[2].patient.id.as_str());
        assert_eq!(written[0]["texts"][0]["what"], "patient");
        assert_eq!(written[0]["burned_in"], true);
    }

    #[test]
    fn side_marker_is_the_only_text_without_a_patient() {
        let dir = tempfile::tempdir().unwrap();
        let style = Style {
            burned_in: false,
            ..Style::default()
        };
        let subject = Subject::Phantoms(Kind::Normal, 1);
        let without = make_images(&subject, &style, 1, &dir.path().join("a"), || {}).unwrap();
        let with =
            make_images(&subject, &Style::default(), 1, &dir.path().join("b"), || {}).unwrap();
        assert_eq!(
            (&without[0].file, &without[0].patient),
            (&with[0].file, &with[0].patient)
        );
        let texts: Vec<_> = without[0].texts.iter().map(|t| t.text.as_str()).collect();
        assert_eq!(texts, ["R"]);
        let json = fs::read(dir.path().join("a").join(TRUTH_FILE)).unwrap();
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
    fn unreadable_xray_is_named_in_the_error() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("notes.jpeg");
        fs::write(&source, "not a picture").unwrap();
        let made = make_images(
            &Subject::Xrays(vec![source]),
            &Style::default(),
            1,
            dir.path(),
            || {},
        );
        assert!(format!("{:#}", made.unwrap_err()).contains("notes.jpeg"));
    }
}
