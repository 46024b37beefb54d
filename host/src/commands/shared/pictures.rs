//! Finding pictures in folders.

use std::{
    fs,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// A picture in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its path below the folder, with slashes on every system; that of a DICOM file without its
    /// extension ends in [`ADDED`].
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
    /// Files that are left out because they are no pictures.
    pub skipped: Vec<PathBuf>,
}

/// Extension that the key of a DICOM file without one gets: gateways notify by extensions.
pub const ADDED: &str = ".dcm";

/// Beginning of a DICOM file after 128 bytes of anything.
const MAGIC: &[u8; 4] = b"DICM";
/// Name of the index of a DICOM medium, which is such a file but holds no picture.
const INDEX: &str = "DICOMDIR";

/// Finds pictures as [`find`], and fails on a name that is not UTF-8.
///
/// # Errors
/// Fails when a folder can't be read or a name is not UTF-8.
pub fn pictures_in(dir: &Path) -> Result<Vec<Picture>> {
    let Found {
        pictures, not_utf8, ..
    } = find(dir)?;
    match not_utf8.first() {
        None => Ok(pictures),
        Some(path) => bail!(
            "{} is not UTF-8, and object keys must be; rename it",
            path.display()
        ),
    }
}

/// Finds every JPEG, PNG and DICOM file in a folder and its subfolders, ordered by key: the path
/// below `dir`. DICOM files are also recognized by their contents, since those of a PACS or on a
/// medium often have no extension.
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
            } else if path.is_file() {
                let is_added = content_type(&path).is_none();
                if is_added && !is_dicom(&path) {
                    found.skipped.push(path);
                    continue;
                }
                let below = path.strip_prefix(dir).expect("it was found below `dir`");
                let Some(below) = below.to_str() else {
                    found.not_utf8.push(path);
                    continue;
                };
                let segments: Vec<_> = below.split(std::path::MAIN_SEPARATOR).collect();
                let added = if is_added { ADDED } else { "" };
                let key = segments.join("/") + added;
                found.pictures.push(Picture { key, path });
            }
        }
    }
    found
        .pictures
        .sort_by(|a, b| (&a.key, &a.path).cmp(&(&b.key, &b.path)));
    found.not_utf8.sort_unstable();
    found.skipped.sort_unstable();
    Ok(found)
}

/// Reports whether a file is a DICOM object by its contents. One that can't be read is not.
pub fn is_dicom(path: &Path) -> bool {
    let mut magic = [0; MAGIC.len()];
    let mut read = || {
        let mut file = fs::File::open(path)?;
        file.seek(SeekFrom::Start(128))?;
        file.read_exact(&mut magic)
    };
    let is_index = path.file_name().is_some_and(|name| name == INDEX);
    !is_index && read().is_ok() && magic == *MAGIC
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
        let skipped = find(dir.path()).unwrap().skipped;
        assert_eq!(skipped, [dir.path().join("chest_xray/readme.txt")]);
    }

    #[test]
    fn dicom_files_are_recognized_by_their_contents() {
        let dir = tempfile::tempdir().unwrap();
        let object = [&[0; 128][..], MAGIC, b"the rest"].concat();
        for (name, bytes) in [
            ("IM0001", &object[..]),
            ("1.2.840.113619", &object),
            ("a.dcm", &object),
            ("DICOMDIR", &object),
            ("short", &object[..131]),
            ("text", b"text"),
        ] {
            fs::write(dir.path().join(name), bytes).unwrap();
        }
        let found = find(dir.path()).unwrap();
        let keys: Vec<_> = found.pictures.iter().map(|one| one.key.as_str()).collect();
        assert_eq!(keys, ["1.2.840.113619.dcm", "IM0001.dcm", "a.dcm"]);
        let skipped = ["DICOMDIR", "short", "text"].map(|name| dir.path().join(name));
        assert_eq!(found.skipped, skipped);
    }
}
