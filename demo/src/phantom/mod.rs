//! Pictures that look like chest X-rays at a glance, of patients who never lived: the same for the same seed, always.
//!
//! They are drawn, not taken. A share of them is drawn ill enough for the shipped model to call them pneumonia, a share
//! healthy, and a share between.

mod anatomy;
mod bones;
mod mark;
mod noise;
mod patient;
mod render;
mod seed;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use ab_glyph::FontRef;
use image::{GrayImage, codecs::jpeg::JpegEncoder};

pub use patient::Patient;

use anatomy::Chest;
use render::{Exposure, render};
use seed::Seed;

/// The seed of the default run, chosen for a good mix of all three classes under the shipped model.
pub const DEFAULT_SEED: u64 = 5;

/// One picture as it would come from a modality.
#[derive(Debug, Clone)]
pub struct Phantom {
    /// Who is written on it.
    pub patient: Patient,
    /// How ill it was drawn, from 0 to 1.
    pub severity: f32,
    /// The picture as a JPEG file.
    pub jpeg: Vec<u8>,
}

impl Phantom {
    /// Picture number `index` of the run with this seed.
    pub fn draw(seed: u64, index: usize) -> Self {
        let mut seed = Seed::new(seed).part(index as u64);
        let patient = Patient::invent(&mut seed, index);
        let severity = severity(&mut seed, index);
        let picture = picture(&mut seed, &patient, severity);
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, 90)
            .encode_image(&picture)
            .expect("a vector takes every picture of this size");
        Self {
            patient,
            severity,
            jpeg,
        }
    }

    /// Pictures 0 to `count` of the run with this seed, on all cores.
    pub fn draw_all(seed: u64, count: usize) -> Vec<Self> {
        let threads = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(count.max(1));
        let next = AtomicUsize::new(0);
        let work = || {
            let mut drawn = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return drawn;
                }
                drawn.push((index, Self::draw(seed, index)));
            }
        };
        let mut all: Vec<(usize, Self)> = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers
                .into_iter()
                .flat_map(|worker| worker.join().expect("drawing"))
                .collect()
        });
        all.sort_by_key(|(index, _)| *index);
        all.into_iter().map(|(_, phantom)| phantom).collect()
    }
}

/// Healthy, ill and in between by turns. Those in between climb a ladder, so that some rung of it is where the model
/// can't tell, wherever that may be.
fn severity(seed: &mut Seed, index: usize) -> f32 {
    match index % 3 {
        0 => 0.0,
        1 => seed.between(0.8, 1.0),
        _ => 0.23 + 0.025 * ((index / 3 % 8) as f32 + seed.unit()),
    }
}

fn picture(seed: &mut Seed, patient: &Patient, severity: f32) -> GrayImage {
    let exposure = Exposure::choose(seed, severity);
    let chest = Chest::grow(seed, severity);
    let mut picture = render(&chest, &exposure, seed.next());
    let font =
        FontRef::try_from_slice(xray::annotate::FONT).expect("the font is part of the program");
    mark::ticks(&mut picture);
    mark::side_marker(&mut picture, &font);
    mark::burn_in(&mut picture, patient, &font);
    picture
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// One picture with its patient, and with the same lines about nobody.
    fn with_and_without(index: usize) -> (GrayImage, GrayImage) {
        let mut seed = Seed::new(1).part(index as u64);
        let patient = Patient::invent(&mut seed, index);
        let with = picture(&mut seed.clone(), &patient, 0.5);
        let nobody = Patient {
            name: String::new(),
            id: String::new(),
            birth: String::new(),
            exam: String::new(),
        };
        (with, picture(&mut seed, &nobody, 0.5))
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
                (900..=1400).contains(&picture.width()),
                "{}",
                picture.width()
            );
            assert!(picture.height() >= 500 && picture.color() == image::ColorType::L8);
        }
    }
}
