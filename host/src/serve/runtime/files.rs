//! The application's files as a component sees them: read-only, at the manifest's paths.
//!
//! Folders are mounted in place. Single files and patterns are copied to a staging folder first,
//! because WASI mounts only folders.

use std::path::{Component as PathPart, Path, PathBuf};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::{app::manifest::FileMount, nn::models::GUEST_FOLDER};

/// Folders mounted for one component.
#[derive(Debug, Default)]
pub struct Mounts {
    folders: Vec<(PathBuf, String)>,
    temp: Option<PathBuf>,
    // Removed when dropped.
    staging: Option<TempDir>,
}

impl Mounts {
    /// Prepares a manifest's `files`, which are relative to `dir`. Copies are made below `temp`.
    ///
    /// # Errors
    /// When a source does not exist or a path leaves the application's folder.
    pub fn prepare(files: &[FileMount], dir: &Path, temp: Option<&Path>) -> Result<Self> {
        let mut mounts = Self {
            temp: temp.map(Path::to_owned),
            ..Self::default()
        };
        for file in files {
            match file {
                FileMount::Placed {
                    source,
                    destination,
                } => {
                    let source = dir.join(source);
                    if source.is_dir() {
                        mounts.folders.push((source, trimmed(destination)));
                    } else {
                        mounts.stage(&source, destination)?;
                    }
                }
                FileMount::Pattern(pattern) => mounts.add_pattern(pattern, dir)?,
            }
        }
        if let Some(staging) = &mounts.staging {
            mounts.folders.push((staging.path().to_owned(), "/".into()));
        }
        Ok(mounts)
    }

    fn add_pattern(&mut self, pattern: &str, dir: &Path) -> Result<()> {
        inside(pattern).with_context(|| format!("files: {pattern:?}"))?;
        if dir.join(pattern).is_dir() {
            self.folders
                .push((dir.join(pattern), trimmed(&format!("/{pattern}"))));
            return Ok(());
        }
        let escaped = glob::Pattern::escape(&dir.to_string_lossy());
        let full = format!("{escaped}/{pattern}");
        for path in glob::glob(&full).with_context(|| format!("files: {pattern:?}"))? {
            let path = path?;
            if path.is_file() {
                let guest = path
                    .strip_prefix(dir)
                    .unwrap_or(&path)
                    .to_string_lossy()
                    .into_owned();
                self.stage(&path, &guest)?;
            }
        }
        Ok(())
    }

    fn stage(&mut self, source: &Path, guest: &str) -> Result<()> {
        if self.staging.is_none() {
            let temp = self.temp.clone().unwrap_or_else(std::env::temp_dir);
            let made = std::fs::create_dir_all(&temp).and_then(|()| tempfile::tempdir_in(&temp));
            self.staging = Some(made.with_context(|| {
                format!("cannot create a folder for the files in {}", temp.display())
            })?);
        }
        let staging = self
            .staging
            .as_ref()
            .context("there is no staging folder")?;
        let target = staging.path().join(guest.trim_start_matches('/'));
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::copy(source, &target)
            .with_context(|| format!("files: cannot copy {}", source.display()))?;
        Ok(())
    }

    /// Mounts the folders for one instance.
    ///
    /// # Errors
    /// When a folder has disappeared since the start.
    pub fn open(&self, builder: &mut WasiCtxBuilder) -> wasmtime::Result<()> {
        for (host, guest) in &self.folders {
            builder.preopened_dir(host, guest, FsPerms::ReadOnly)?;
        }
        Ok(())
    }

    /// Lists the models that the component sees, with their names and host folders.
    pub fn models(&self) -> Vec<(String, PathBuf)> {
        let mut models = Vec::new();
        for (host, guest) in &self.folders {
            if let Some(name) = guest
                .strip_prefix(GUEST_FOLDER)
                .and_then(|rest| rest.strip_prefix('/'))
            {
                // A single model's folder.
                models.push((name.to_owned(), host.clone()));
            } else if let Ok(below) = Path::new(GUEST_FOLDER).strip_prefix(guest) {
                let entries = std::fs::read_dir(host.join(below))
                    .into_iter()
                    .flatten()
                    .flatten();
                models.extend(
                    entries.filter_map(|e| Some((e.file_name().into_string().ok()?, e.path()))),
                );
            }
        }
        models.retain(|(_, folder)| folder.join("model.onnx").is_file());
        models.sort();
        models
    }
}

fn trimmed(guest: &str) -> String {
    let path = guest.trim_end_matches('/');
    if path.is_empty() {
        "/".into()
    } else {
        path.into()
    }
}

fn inside(path: &str) -> Result<()> {
    if !Path::new(path)
        .components()
        .all(|part| matches!(part, PathPart::Normal(_) | PathPart::CurDir))
    {
        bail!("the path leaves the application's folder");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in [
            "models/a/model.onnx",
            "models/b/model.onnx",
            "models/b/contract.json",
            "models/b/README.md",
            "t/1.txt",
            "t/2.md",
        ] {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file).unwrap();
        }
        dir
    }

    fn placed(source: &str, destination: &str) -> FileMount {
        FileMount::Placed {
            source: source.into(),
            destination: destination.into(),
        }
    }

    #[test]
    fn models_are_found_at_their_guest_paths() {
        let app = app();
        let names = |files: &[FileMount]| -> Vec<String> {
            let mounts = Mounts::prepare(files, app.path(), None).unwrap();
            mounts.models().into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(&[placed("models", "/models")]), ["a", "b"]);
        assert_eq!(names(&[placed("models", "/models/")]), ["a", "b"]);
        assert_eq!(names(&[placed(".", "/")]), ["a", "b"]);
        assert_eq!(names(&[placed("models/a", "/models/chest")]), ["chest"]);
        assert_eq!(
            names(&[placed("models/a/model.onnx", "/models/one/model.onnx")]),
            ["one"]
        );
        assert_eq!(
            names(&[FileMount::Pattern("models/**/*.onnx".into())]),
            ["a", "b"]
        );
        assert_eq!(
            names(&[FileMount::Pattern("models/*/model.onnx".into())]),
            ["a", "b"]
        );
        assert_eq!(names(&[FileMount::Pattern("models".into())]), ["a", "b"]);
        assert!(names(&[placed("models", "/other")]).is_empty());
        assert!(names(&[]).is_empty());
    }

    #[test]
    fn patterns_keep_their_paths_and_stay_inside() {
        let app = app();
        let mounts =
            Mounts::prepare(&[FileMount::Pattern("t/*.txt".into())], app.path(), None).unwrap();
        let staging = mounts.staging.as_ref().unwrap().path();
        assert!(staging.join("t/1.txt").is_file() && !staging.join("t/2.md").exists());
        for bad in ["../x", "/etc/passwd"] {
            let error =
                Mounts::prepare(&[FileMount::Pattern(bad.into())], app.path(), None).unwrap_err();
            assert!(format!("{error:#}").contains(bad));
        }
        let error = Mounts::prepare(&[placed("nothing", "/x")], app.path(), None).unwrap_err();
        assert!(format!("{error:#}").contains("nothing"));
    }
}
