//! Draws chest X-rays of patients who never lived, with burned-in annotations and the ground truth
//! about them.
//!
//! [`Phantom::draw`] makes one picture in memory; [`make_images`] writes a folder of them, drawn or
//! from real X-rays, with a [`TRUTH_FILE`] that says whose each picture is and where each line of
//! text stands. Equal seeds give equal bytes on every machine and with every release.
//!
//! ```
//! use phantoms::{DEFAULT_SEED, Phantom};
//!
//! let phantom = Phantom::draw(DEFAULT_SEED, 0);
//! assert!(phantom.jpeg.starts_with(&[0xFF, 0xD8]));
//! assert_eq!(phantom.texts.last().unwrap().text, format!("d.o.xray:{}", phantom.patient.exam));
//! ```
#![forbid(unsafe_code)]

mod burn;
mod chest;
mod dicom;
mod images;
mod patient;
mod phantom;
mod seed;

pub use burn::{Format, Style, TextBox, TextKind};
pub use images::{Subject, TRUTH_FILE, Truth, make_images};
pub use patient::Patient;
pub use phantom::{DEFAULT_SEED, Kind, Phantom};
pub use xray::picture::boxes::Corner;
