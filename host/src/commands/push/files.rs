//! Files that a component sees, each with the path at which it sees them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::app::manifest::FileMount;

/// Lists the files selected by a manifest's `files`, by path without the leading slash. If two
/// entries put a file at one path, the later one wins, as in Spin.
///
/// # Errors
/// Returns an error if a source is missing, or a name is not UTF-8.
pub fn list(files: &[FileMount], dir: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut all = BTreeMap::new();
    for entry in files {
        match entry {
            FileMount::Placed {
                source,
                destination,
            } => {
                let source = dir.join(source);
                let place = destination.trim_matches('/');
                if source.is_dir() {
                    add(&mut all, "**/*", &source, place)?;
                } else if source.is_file() {
                    all.insert(place.to_owned(), source);
                } else {
                    bail!("files: {} does not exist", source.display());
                }
            }
            FileMount::Pattern(pattern) if dir.join(pattern).is_dir() => {
                add(&mut all, "**/*", &dir.join(pattern), pattern)?;
            }
            FileMount::Pattern(pattern) => add(&mut all, pattern, dir, "")?,
        }
    }
    Ok(all)
}

/// Adds the matching files in `dir`, below `place`.
fn add(all: &mut BTreeMap<String, PathBuf>, pattern: &str, dir: &Path, place: &str) -> Result<()> {
    // Matches below `.` come without it, which would leave their location unknown.
    let dir = dir.canonicalize()?;
    let escaped = glob::Pattern::escape(&dir.to_string_lossy());
    let full = format!("{escaped}/{pattern}");
    for path in glob::glob(&full).with_context(|| format!("files: {pattern:?}"))? {
        let path = path?;
        if !path.is_file() {
            continue;
        }
        let inside = path.strip_prefix(&dir).ok().and_then(Path::to_str);
        let inside = inside.with_context(|| format!("files: cannot name {}", path.display()))?;
        let name = if place.is_empty() {
            inside.to_owned()
        } else {
            format!("{}/{inside}", place.trim_end_matches('/'))
        };
        all.insert(name, path);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::manifest::Manifest;

    #[test]
    fn files_are_listed_where_the_component_sees_them() {
        let app = tempfile::tempdir().unwrap();
        for file in ["models/a/model.onnx", "models/.hidden", "t/1.txt", "t/2.md"] {
            let path = app.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file).unwrap();
        }
        let placed = |source: &str, destination: &str| FileMount::Placed {
            source: source.into(),
            destination: destination.into(),
        };
        let names = |files: &[FileMount]| -> Vec<String> {
            list(files, app.path()).unwrap().into_keys().collect()
        };
        assert_eq!(
            names(&[placed("models", "/models")]),
            ["models/.hidden", "models/a/model.onnx"]
        );
        assert_eq!(names(&[placed("t", "/")]), ["1.txt", "2.md"]);
        assert_eq!(names(&[placed("t/1.txt", "/x/y")]), ["x/y"]);
        assert_eq!(names(&[FileMount::Pattern("t/*.txt".into())]), ["t/1.txt"]);
        assert_eq!(
            names(&[FileMount::Pattern("t".into())]),
            ["t/1.txt", "t/2.md"]
        );
        let both = [placed("t/1.txt", "/x"), placed("t/2.md", "/x")];
        assert!(list(&both, app.path()).unwrap()["x"].ends_with("2.md"));
        let error = list(&[placed("nothing", "/x")], app.path()).unwrap_err();
        assert!(format!("{error:#}").contains("nothing"));
    }

    #[test]
    fn pushed_application_has_only_models_and_contracts() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let shipped = [
            "models/markers/contract.json",
            "models/markers/model.onnx",
            "models/pneumonia/contract.json",
            "models/pneumonia/model.onnx",
            "models/text/contract.json",
            "models/text/model.onnx",
        ];
        for manifest in ["spin.toml", "spin-kafka.toml"] {
            let manifest = Manifest::load(&root.join(manifest)).unwrap();
            let files = list(&manifest.components["xray"].files, &manifest.dir).unwrap();
            assert!(files.keys().eq(shipped), "{files:?}");
        }
    }

    #[test]
    fn pushed_application_has_models_that_users_add() {
        let app = tempfile::tempdir().unwrap();
        for file in ["model.onnx", "contract.json", "README.md", "train.py"] {
            let path = app.path().join("models/mine").join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file).unwrap();
        }
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let manifest = Manifest::load(root).unwrap();
        let files = list(&manifest.components["xray"].files, app.path()).unwrap();
        let shipped = ["models/mine/contract.json", "models/mine/model.onnx"];
        assert!(files.keys().eq(shipped), "{files:?}");
    }
}
