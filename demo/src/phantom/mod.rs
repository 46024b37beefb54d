//! Pictures that look like chest X-rays at a glance, of patients who never lived: the same for the same seed, always.
//!
//! They are drawn, not taken. A share of them is drawn ill enough for the shipped model to call them pneumonia, a share
//! healthy, and a share between.

mod anatomy;
mod bones;
mod noise;
mod render;

use image::GrayImage;

use anatomy::Chest;
use render::{Exposure, render};

use crate::{
    burn::{self, Style, TextBox},
    images::{encode, on_all_cores},
    patient::Patient,
    seed::Seed,
};

/// The seed of the default run, chosen for a good mix of all three classes under the shipped model.
pub const DEFAULT_SEED: u64 = 1;

/// How ill phantoms are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Healthy, ill and in between by turns.
    Mixed,
    /// All healthy.
    Normal,
    /// All plainly ill.
    Pneumonia,
}

/// One picture as it would come from a modality.
#[derive(Debug, Clone)]
pub struct Phantom {
    /// Whose it is, and who is written on it unless the style says otherwise.
    pub patient: Patient,
    /// How ill it was drawn, from 0 to 1.
    pub severity: f32,
    /// What is written on it, and where.
    pub texts: Vec<TextBox>,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// The picture as a JPEG file.
    pub jpeg: Vec<u8>,
}

impl Phantom {
    /// Picture number `index` of the run with this seed.
    pub fn draw(seed: u64, index: usize) -> Self {
        Self::draw_as(seed, index, Kind::Mixed, &Style::default())
    }

    /// The same, as ill and written on as wanted.
    pub fn draw_as(seed: u64, index: usize, kind: Kind, style: &Style<'_>) -> Self {
        let mut seed = Seed::new(seed).part(index as u64);
        let patient = Patient::invent(&mut seed, index);
        let severity = severity(&mut seed, index, kind);
        let (picture, texts) = picture(&mut seed, &patient.lines(), severity, style);
        Self {
            patient,
            severity,
            texts,
            width: picture.width(),
            height: picture.height(),
            jpeg: encode(&picture),
        }
    }

    /// Pictures 0 to `count` of the run with this seed, on all cores.
    pub fn draw_all(seed: u64, count: usize) -> Vec<Self> {
        on_all_cores(count, |index| Self::draw(seed, index))
    }
}

/// Those in between climb a ladder, so that some rung of it is where the model can't tell, wherever that may be.
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

    /// One picture with its patient, and without.
    fn with_and_without(index: usize) -> (GrayImage, GrayImage) {
        let mut seed = Seed::new(1).part(index as u64);
        let patient = Patient::invent(&mut seed, index);
        let draw = |lines: &[String]| picture(&mut seed.clone(), lines, 0.5, &Style::default()).0;
        (draw(&patient.lines()), draw(&[]))
    }

    #[test]
    fn the_patient_is_written_within_the_box_at_the_bottom_left() {
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
    fn the_same_seed_gives_the_same_pictures() {
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
    fn every_picture_is_another_of_a_fitting_size() {
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
