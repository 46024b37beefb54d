//! Pictures that the demo sends.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use phantoms::{Format, Phantom};
use s3::{Source, Upload};

use crate::commands::shared::pictures::{Picture, content_type, pictures_in};

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
            Some(dir) => pictures_in(dir)?.into_iter().map(from_file).collect(),
            None => draw(seed, count.unwrap_or(PHANTOMS)),
        };
        pictures.truncate(count.unwrap_or(usize::MAX));
        match (&images, pictures.is_empty()) {
            (Some(dir), true) => bail!("{} holds no JPEG, PNG or DICOM file", dir.display()),
            (None, true) => bail!("--count 0 leaves nothing to send"),
            _ => Ok(pictures),
        }
    }
}

fn from_file(Picture { key, path }: Picture) -> Upload {
    Upload {
        content_type: content_type(Path::new(&key)).unwrap_or("application/octet-stream"),
        key,
        source: Source::File(path),
    }
}

fn draw(seed: u64, count: usize) -> Vec<Upload> {
    let upload = |(phantom, object): (Phantom, Option<Vec<u8>>)| {
        let (format, content_type, bytes) = match object {
            Some(object) => (Format::Dicom, "application/dicom", object),
            None => (Format::Jpeg, "image/jpeg", phantom.jpeg),
        };
        Upload {
            key: format.file_name(&phantom.patient),
            content_type,
            source: Source::Bytes(bytes.into()),
        }
    };
    let drawn = Phantom::draw_delivery(seed, count);
    drawn.into_iter().map(upload).collect()
}
