//! Pictures that the demo sends.

use std::path::PathBuf;

use anyhow::{Result, bail};
use phantoms::Phantom;
use s3::{Source, Upload};

use crate::commands::shared::pictures::{Picture, content_type, is_shown, pictures_in};

/// Default number of phantoms.
const PHANTOMS: usize = 24;

/// Returns a function that finds or draws the pictures; it takes about a second, so it should run
/// on its own thread.
pub(super) fn choose(
    images: Option<PathBuf>,
    count: Option<usize>,
    seed: u64,
) -> impl FnOnce() -> Result<Vec<Upload>> + Send + 'static {
    move || {
        let mut pictures = match &images {
            // The page shows pictures, and browsers don't show DICOM.
            Some(dir) => pictures_in(dir)?
                .into_iter()
                .filter(|picture| is_shown(&picture.path))
                .map(from_file)
                .collect(),
            None => draw(seed, count.unwrap_or(PHANTOMS)),
        };
        pictures.truncate(count.unwrap_or(usize::MAX));
        match (&images, pictures.is_empty()) {
            (Some(dir), true) => bail!("{} holds no JPEG or PNG", dir.display()),
            (None, true) => bail!("--count 0 leaves nothing to send"),
            _ => Ok(pictures),
        }
    }
}

fn from_file(Picture { key, path }: Picture) -> Upload {
    Upload {
        key,
        content_type: content_type(&path).unwrap_or("application/octet-stream"),
        source: Source::File(path),
    }
}

fn draw(seed: u64, count: usize) -> Vec<Upload> {
    let phantoms = Phantom::draw_all(seed, count);
    let upload = |phantom: Phantom| Upload {
        key: phantom.patient.file_name(),
        content_type: "image/jpeg",
        source: Source::Bytes(phantom.jpeg.into()),
    };
    phantoms.into_iter().map(upload).collect()
}
