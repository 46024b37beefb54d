//! Drawn pictures that pass for chest X-rays at a glance.
//!
//! One third is drawn ill enough for the shipped model to report pneumonia, one third healthy, and
//! one third in between.

use image::GrayImage;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::{
    burn::{self, Style, TextBox},
    chest::{Chest, Exposure, render},
    dicom,
    images::encode,
    patient::Patient,
    seed::Seed,
};

/// Default seed, chosen for a good mix of all three classes under the shipped model.
pub const DEFAULT_SEED: u64 = 1;

/// Severity of the phantoms of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Healthy, ill and in between, in turn.
    Mixed,
    /// All healthy.
    Normal,
    /// All severely ill.
    Pneumonia,
}

/// One picture, as a modality would deliver it.
#[derive(Debug, Clone)]
pub struct Phantom {
    /// The patient, burned in unless the style says otherwise.
    pub patient: Patient,
    /// Severity, from 0 to 1.
    pub severity: f32,
    /// Burned-in lines with their positions.
    pub texts: Vec<TextBox>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The JPEG file.
    pub jpeg: Vec<u8>,
}

impl Phantom {
    /// Draws picture `index` of the run with this seed.
    pub fn draw(seed: u64, index: usize) -> Self {
        Self::draw_as(seed, index, Kind::Mixed, &Style::default())
    }

    /// Draws picture `index` with a given severity and text style.
    pub fn draw_as(seed: u64, index: usize, kind: Kind, style: &Style<'_>) -> Self {
        Self::drawn(seed, index, kind, style, |patient| patient).0
    }

    /// Draws a picture as [`Phantom::draw_as`] does, of a child, and returns it also as a DICOM
    /// object: Digital X-Ray, 12 bit, with the patient in every attribute in which hospitals write
    /// one.
    pub fn draw_dicom(seed: u64, index: usize, kind: Kind, style: &Style<'_>) -> (Self, Vec<u8>) {
        let (phantom, picture) = Self::drawn(seed, index, kind, style, Patient::into_child);
        let object = dicom::encode(&picture, &phantom.patient);
        (phantom, object)
    }

    /// Draws a mixed delivery on all cores: pictures `0..count` of the run with this seed, every
    /// eighth of them also as a DICOM object, which stands in for the JPEG. Eight and the three
    /// degrees of illness are coprime, so three objects are of all three.
    pub fn draw_delivery(seed: u64, count: usize) -> Vec<(Self, Option<Vec<u8>>)> {
        let one = |index: usize| match index % 8 {
            7 => {
                let style = Style::default();
                let (phantom, object) = Self::draw_dicom(seed, index, Kind::Mixed, &style);
                (phantom, Some(object))
            }
            _ => (Self::draw(seed, index), None),
        };
        (0..count).into_par_iter().map(one).collect()
    }

    fn drawn(
        seed: u64,
        index: usize,
        kind: Kind,
        style: &Style<'_>,
        change: impl FnOnce(Patient) -> Patient,
    ) -> (Self, GrayImage) {
        let mut seed = Seed::new(seed).part(index as u64);
        let patient = change(Patient::invent(&mut seed, index));
        let severity = severity(&mut seed, index, kind);
        let (picture, texts) = picture(&mut seed, &patient.lines(), severity, style);
        let phantom = Self {
            patient,
            severity,
            texts,
            width: picture.width(),
            height: picture.height(),
            jpeg: encode(&picture),
        };
        (phantom, picture)
    }

    /// Draws pictures `0..count` of the run with this seed, on all cores.
    pub fn draw_all(seed: u64, count: usize) -> Vec<Self> {
        (0..count)
            .into_par_iter()
            .map(|index| Self::draw(seed, index))
            .collect()
    }
}

/// Severities in between rise in steps, so that one of them falls where the model is unsure,
/// wherever that is.
fn severity(seed: &mut Seed, index: usize, kind: Kind) -> f32 {
    match (kind, index % 3) {
        (Kind::Normal, _) | (Kind::Mixed, 0) => 0.0,
        (Kind::Pneumonia, _) | (Kind::Mixed, 1) => seed.between(0.8, 1.0),
        _ => 0.36 + 0.025 * ((index / 3 % 8) as f32 + seed.unit()),
    }
}

fn picture(
    seed: &mut Seed,
    lines: &[String],
    severity: f32,
    style: &Style<'_>,
) -> (GrayImage, Vec<TextBox>) {
    let exposure = Exposure::choose(seed, severity);
    let chest = Chest::grow(seed, severity);
    let mut picture = render(&chest, &exposure, seed.next());
    burn::ticks(&mut picture, 125);
    let mut texts: Vec<TextBox> = burn::side_marker(&mut picture).into_iter().collect();
    texts.extend(burn::patient(&mut picture, lines, style, seed));
    (picture, texts)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Draws one picture with its patient and without.
    fn with_and_without(index: usize) -> (GrayImage, GrayImage) {
        let mut seed = Seed::new(1).part(index as u64);
        let patient = Patient::invent(&mut seed, index);
        let draw = |lines: &[String]| picture(&mut seed.clone(), lines, 0.5, &Style::default()).0;
        (draw(&patient.lines()), draw(&[]))
    }

    #[test]
    fn patient_is_burned_into_the_default_box() {
        for index in 0..4 {
            let (with, without) = with_and_without(index);
            assert_eq!(with.dimensions(), without.dimensions());
            let top = with.height() - 100;
            let mut lines = [0; 4];
            for (x, y, pixel) in with.enumerate_pixels() {
                if pixel != without.get_pixel(x, y) {
                    assert!(x < 300 && y >= top, "picture {index} differs at {x},{y}");
                    lines[((y - top) / 25) as usize] += 1;
                }
            }
            assert!(lines.iter().all(|changed| *changed > 150), "{lines:?}");
        }
    }

    #[test]
    fn equal_seeds_give_equal_pictures() {
        let all = Phantom::draw_all(3, 4);
        for (index, phantom) in all.iter().enumerate() {
            let again = Phantom::draw(3, index);
            assert_eq!(
                (&again.patient, &again.jpeg),
                (&phantom.patient, &phantom.jpeg)
            );
        }
        assert_ne!(all[0].jpeg, Phantom::draw(4, 0).jpeg);
    }

    #[test]
    fn pictures_differ_and_have_plausible_sizes() {
        let all = Phantom::draw_all(DEFAULT_SEED, 6);
        let names: HashSet<_> = all
            .iter()
            .map(|phantom| phantom.patient.file_name())
            .collect();
        assert_eq!(names.len(), 6);
        for phantom in &all {
            let picture = image::load_from_memory(&phantom.jpeg).unwrap();
            assert!(
                (1000..=1800).contains(&picture.width()),
                "{}",
                picture.width()
            );
            assert!(picture.height() >= 500 && picture.color() == image::ColorType::L8);
        }
    }
}
