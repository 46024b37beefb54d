//! Moves outputs from the store of one run to the user's folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::Serialize;
use tempfile::TempDir;

use crate::{commands::shared::inputs::FOLDERS, outputs::Outputs};

/// Final paths of a picture's outputs.
#[derive(Debug, Default, Serialize)]
pub(super) struct Paths {
    pub(super) processed: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) report: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) presentation: Option<PathBuf>,
    pub(super) anonymized: Option<PathBuf>,
    pub(super) quarantined: Option<PathBuf>,
}

/// The output folder, with a hidden folder in it for the store of this run.
///
/// The store is new for every run, so each picture is processed again and two pictures that would
/// share a name are kept apart. It lies within the output folder, so its files can be moved without
/// being copied.
#[derive(Debug)]
pub(super) struct Place {
    out: PathBuf,
    store: TempDir,
}

impl Place {
    pub(super) fn open(out: &Path) -> Result<Self> {
        fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))?;
        let store = tempfile::Builder::new()
            .prefix(".xray-process-")
            .tempdir_in(out);
        let store = store.with_context(|| format!("writing to {}", out.display()))?;
        Ok(Self {
            out: out.to_owned(),
            store,
        })
    }

    /// Returns the folder of this run's store.
    pub(super) fn store(&self) -> &Path {
        self.store.path()
    }

    /// Makes a picture of the user an object without copying it.
    pub(super) fn lend(&self, picture: &Path, bucket: &Path, key: &str) -> Result<()> {
        let link = bucket.join(key);
        let lend = || -> io::Result<()> {
            fs::create_dir_all(link.parent().unwrap_or(bucket))?;
            std::os::unix::fs::symlink(picture.canonicalize()?, &link)
        };
        lend().with_context(|| format!("opening {}", picture.display()))
    }

    /// Puts a picture's outputs into their folders. `dirs` are the folders of their buckets.
    pub(super) fn take_all(&self, dirs: [Option<PathBuf>; 3], outputs: Outputs) -> Result<Paths> {
        let [processed, anonymized, quarantine] = FOLDERS;
        let take = |key: Option<String>, dir: &Option<PathBuf>, folder| match (key, dir) {
            (Some(key), Some(dir)) => self.take(dir, &key, folder).map(Some),
            _ => Ok(None),
        };
        Ok(Paths {
            processed: take(outputs.processed, &dirs[0], processed)?,
            report: take(outputs.report, &dirs[0], processed)?,
            presentation: take(outputs.presentation, &dirs[0], processed)?,
            anonymized: take(outputs.anonymized, &dirs[1], anonymized)?,
            quarantined: take(outputs.quarantined, &dirs[2], quarantine)?,
        })
    }

    /// Puts an object into the folder `name` of the output folder and returns its path.
    ///
    /// An existing file is replaced as a whole, never written into.
    fn take(&self, bucket: &Path, key: &str, name: &str) -> Result<PathBuf> {
        let from = bucket.join(key);
        let to = self.out.join(name).join(key);
        let take = || -> io::Result<()> {
            fs::create_dir_all(to.parent().unwrap_or(&self.out))?;
            // The store keeps its copy until the run is over, because later pictures are compared
            // with it.
            let staged = tempfile::Builder::new().make_in(self.store(), |staged| {
                fs::hard_link(&from, staged).or_else(|_| fs::copy(&from, staged).map(drop))
            })?;
            let staged = staged.into_temp_path();
            // Renaming one name of a file onto another name of the same file does nothing, so the
            // old name is removed first.
            match fs::remove_file(&to) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
            staged.persist(&to).map_err(|e| e.error)
        };
        take().with_context(|| format!("writing {}", to.display()))?;
        Ok(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_replace_older_ones_and_nothing_stays_behind() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        fs::create_dir_all(out.join("processed/in")).unwrap();
        fs::write(out.join("processed/in/a.png"), "old").unwrap();
        let place = Place::open(&out).unwrap();
        let bucket = place.store().join("bucket");
        fs::create_dir_all(bucket.join("in")).unwrap();
        fs::write(bucket.join("in/a.png"), "new").unwrap();
        for _ in 0..2 {
            let to = place.take(&bucket, "in/a.png", "processed").unwrap();
            assert_eq!(fs::read_to_string(to).unwrap(), "new");
        }
        assert_eq!(fs::read_to_string(bucket.join("in/a.png")).unwrap(), "new");
        drop(place);
        let left: Vec<_> = fs::read_dir(&out)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(left, ["processed"]);
    }

    #[test]
    fn a_lent_picture_is_read_and_not_changed() {
        let dir = tempfile::tempdir().unwrap();
        let picture = dir.path().join("a.png");
        fs::write(&picture, "mine").unwrap();
        let place = Place::open(&dir.path().join("out")).unwrap();
        let bucket = place.store().join("bucket");
        place.lend(&picture, &bucket, "in/a.png").unwrap();
        assert_eq!(fs::read_to_string(bucket.join("in/a.png")).unwrap(), "mine");
        assert!(
            place
                .lend(&dir.path().join("missing"), &bucket, "b.png")
                .is_err()
        );
        drop(place);
        assert_eq!(fs::read_to_string(picture).unwrap(), "mine");
    }
}
