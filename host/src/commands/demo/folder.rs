//! The demo's output folder: emptied at every run, unless somebody else's files are in it.

use std::{fs, io, path::Path};

use anyhow::{Context, Result, bail};

/// Marker file in folders that the demo may empty.
const MARKER: &str = ".xray-demo";

/// Creates the folder, empty except for the marker.
///
/// # Errors
/// Returns an error if it holds files that no earlier demo has put there.
pub(super) fn prepare(dir: &Path) -> Result<()> {
    let context = || format!("preparing {}", dir.display());
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries
            .collect::<io::Result<Vec<_>>>()
            .with_context(context)?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(e).with_context(context),
    };
    if !entries.is_empty() && !dir.join(MARKER).is_file() {
        bail!(
            "{} holds files that are not the demo's; choose another folder with --out",
            dir.display()
        );
    }
    for entry in entries {
        let path = entry.path();
        let removed = if entry.file_type().with_context(context)?.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.with_context(|| format!("removing {}", path.display()))?;
    }
    fs::create_dir_all(dir).with_context(context)?;
    fs::write(
        dir.join(MARKER),
        "Made by `xray demo`, which empties this folder when it runs again.\n",
    )
    .with_context(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_folder_is_emptied() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("demo-out");
        prepare(&out).unwrap();
        fs::create_dir_all(out.join("bucket/in")).unwrap();
        fs::write(out.join("bucket/in/a"), "old").unwrap();
        prepare(&out).unwrap();
        assert_eq!(fs::read_dir(&out).unwrap().count(), 1);

        let mine = dir.path().join("mine");
        fs::create_dir(&mine).unwrap();
        prepare(&mine).unwrap();
        fs::remove_file(mine.join(MARKER)).unwrap();
        fs::write(mine.join("thesis.txt"), "precious").unwrap();
        assert!(prepare(&mine).unwrap_err().to_string().contains("--out"));
        assert!(mine.join("thesis.txt").exists());
    }
}
