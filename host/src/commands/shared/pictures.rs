//! Finding pictures in folders.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// A picture in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its path below the folder, with slashes on every system.
    pub key: String,
    /// Its file.
    pub path: PathBuf,
}

/// Pictures found in a folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Those that can be objects, ordered by key.
    pub pictures: Vec<Picture>,
    /// Those whose names are not UTF-8, as object keys must be.
    pub not_utf8: Vec<PathBuf>,
}

/// Finds pictures as [`find`], and fails on a name that is not UTF-8.
///
/// # Errors
/// Fails when a folder can't be read or a name is not UTF-8.
pub fn pictures_in(dir: &Path) -> Result<Vec<Picture>> {
    let Found { pictures, not_utf8 } = find(dir)?;
    match not_utf8.first() {
        None => Ok(pictures),
        Some(path) => bail!(
            "{} is not UTF-8, and object keys must be; rename it",
            path.display()
        ),
    }
}

/// Finds every JPEG, PNG and DICOM file in a folder and its subfolders, ordered by key: the path
/// below `dir`.
///
/// Hidden files and macOS's archive metadata (`__MACOSX`) are skipped, so that the Kaggle archive
/// can be used as it is. Symbolic links to folders are not followed.
///
/// # Errors
/// Fails when a folder can't be read.
pub fn find(dir: &Path) -> Result<Found> {
    let mut found = Found::default();
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
                let below = path.strip_prefix(dir).expect("it was found below `dir`");
                let Some(below) = below.to_str() else {
                    found.not_utf8.push(path);
                    continue;
                };
                let key = below
                    .split(std::path::MAIN_SEPARATOR)
                    .collect::<Vec<_>>()
                    .join("/");
                found.pictures.push(Picture { key, path });
            }
        }
    }
    found.pictures.sort_by(|a, b| a.key.cmp(&b.key));
    found.not_utf8.sort_unstable();
    Ok(found)
}

/// Returns the media type for a picture's extension; `None` for files that the function doesn't
/// read.
pub fn content_type(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "jpg" | "jpeg" => Some("image/jpeg"),
        "png" => Some("image/png"),
        "dcm" | "dicom" => Some("application/dicom"),
        _ => None,
    }
}

/// Reports whether a file is a JPEG or PNG by its extension, which browsers and `image` read.
pub fn is_shown(path: &Path) -> bool {
    content_type(path).is_some_and(|kind| kind.starts_with("image/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_in_subfolders_are_found() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "chest_xray/train/NORMAL/IM-0001.jpeg",
            "chest_xray/train/PNEUMONIA/person1_bacteria_1.JPG",
            "chest_xray/test/a b.png",
            "pacs/CR1.DCM",
            "chest_xray/.DS_Store",
            "chest_xray/readme.txt",
            "__MACOSX/chest_xray/._IM-0001.jpeg",
            ".hidden/x.png",
        ] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        let found = pictures_in(dir.path()).unwrap();
        let keys: Vec<_> = found.iter().map(|picture| picture.key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "chest_xray/test/a b.png",
                "chest_xray/train/NORMAL/IM-0001.jpeg",
                "chest_xray/train/PNEUMONIA/person1_bacteria_1.JPG",
                "pacs/CR1.DCM",
            ]
        );
        assert!(pictures_in(&dir.path().join("missing")).is_err());
    }
}
