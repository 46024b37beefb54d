//! Uploads pictures, several at a time, with a progress bar.

mod one;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

pub use self::one::{Failure, Manner, Sent, send_one};
use crate::Client;

/// A picture and the key it is going to have.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The object's key.
    pub key: String,
    /// Where the bytes are.
    pub source: Source,
}

/// Where the bytes of an upload are.
#[derive(Debug, Clone)]
pub enum Source {
    /// In a file, read when its turn comes.
    File(PathBuf),
    /// In memory.
    Bytes(Bytes),
}

/// Every JPEG and PNG in a folder and the folders in it, in order, with the path below `dir` as the key.
///
/// Hidden files and what macOS packs into archives (`__MACOSX`) are left out, so that the Kaggle archive can be taken
/// as it is. Linked folders are not entered.
///
/// # Errors
/// When a folder can't be read or a name is not UTF-8.
pub fn pictures_in(dir: &Path) -> Result<Vec<Upload>> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries: io::Result<Vec<_>> =
            fs::read_dir(&folder).and_then(|entries| entries.collect());
        for entry in entries.with_context(|| format!("reading {}", folder.display()))? {
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".") || name == "__MACOSX" {
                continue;
            }
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if content_type(&path).is_some() && path.is_file() {
                let below = path.strip_prefix(dir).expect("it was found below");
                let below = below.to_str().with_context(|| {
                    format!("{} is not UTF-8, and keys must be", path.display())
                })?;
                let key = below
                    .split(std::path::MAIN_SEPARATOR)
                    .collect::<Vec<_>>()
                    .join("/");
                found.push(Upload {
                    key,
                    source: Source::File(path),
                });
            }
        }
    }
    found.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(found)
}

/// What a picture's extension says that it is, if it is one that the pipeline takes.
pub fn content_type(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "jpg" | "jpeg" => Some("image/jpeg"),
        "png" => Some("image/png"),
        _ => None,
    }
}

/// Uploads everything, at most `concurrency` at a time; `sent` hears of each one that is there.
///
/// # Errors
/// With the first upload that fails; those under way are dropped.
pub async fn send_all(
    client: &Client,
    bucket: &str,
    uploads: &[Upload],
    concurrency: usize,
    sent: impl Fn(&Upload),
) -> Result<()> {
    stream::iter(uploads)
        .map(async |upload| {
            match send_one(client, bucket, upload, &Manner::default()).await {
                Ok(_) => sent(upload),
                Err(Failure::File(error)) => return Err(error),
                Err(Failure::Store(error)) => {
                    return Err(error.context(format!("uploading {}", upload.key)));
                }
            }
            Ok(())
        })
        .buffer_unordered(concurrency.max(1))
        .try_collect()
        .await
}

/// A bar on standard error, where there is a terminal to draw it on and nobody asked for quiet.
pub fn progress_bar(what: &'static str, length: usize, quiet: bool) -> ProgressBar {
    let target = if quiet {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let style = ProgressStyle::with_template("{prefix:<10} {bar:40} {pos}/{len} {elapsed} {msg}")
        .expect("the template is fixed");
    ProgressBar::with_draw_target(Some(length as u64), target)
        .with_style(style)
        .with_prefix(what)
}
