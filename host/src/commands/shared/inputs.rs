//! Selection of local pictures, and the key of each.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use super::pictures::{ADDED, Found, Picture, content_type, find, is_dicom};

/// Folders of labeled pictures, anonymized copies, and copies in quarantine.
pub(crate) const FOLDERS: [&str; 3] = ["processed", "anonymized", "quarantine"];

/// A local picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    /// The path as the user would write it.
    pub(crate) path: PathBuf,
    /// The key, which is also the path of the outputs below the output folder.
    pub(crate) key: String,
}

/// Local pictures, and the files that can't be taken.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) inputs: Vec<Input>,
    pub(crate) unusable: Vec<Unusable>,
    /// Files in folders that are no pictures.
    skipped: Vec<PathBuf>,
}

impl Gathered {
    /// Describes the files in folders that are no pictures, if there are any; with the first names
    /// if they are to be shown.
    pub(crate) fn skipped(&self, show_names: bool) -> Option<String> {
        const SHOWN: usize = 5;
        let count = self.skipped.len();
        let left_out = match count {
            0 => return None,
            1 => "1 file was left out".to_owned(),
            _ => format!("{count} files were left out"),
        };
        let names = self.skipped.iter().take(SHOWN);
        let names: Vec<_> = names.map(|path| path.display().to_string()).collect();
        let names = match (show_names, count > SHOWN) {
            (false, _) => " (--show-keys names them)".to_owned(),
            (true, false) => format!(": {}", names.join(", ")),
            (true, true) => format!(": {} and {} more", names.join(", "), count - SHOWN),
        };
        Some(format!("{left_out}, neither JPEG, PNG nor DICOM{names}"))
    }
}

/// A file that can't be taken, and the reason.
#[derive(Debug)]
pub(crate) struct Unusable {
    pub(crate) path: PathBuf,
    pub(crate) why: &'static str,
}

const NOT_UTF8: &str = "the name is not UTF-8, and object keys must be; rename the file";
const NOT_A_FILE: &str = "neither a regular file nor a folder; copy the picture to a file";

/// Lists every picture that is named or lies in a named folder, each once, in order. Outputs of an
/// earlier run in the output folder `out` are left out of folders.
///
/// The key of a named file is its name; that of a picture in a folder is its path below it. If two
/// pictures would get one key, all keys are the paths below the deepest folder that holds them all.
/// A DICOM file without its extension gets it in its key, because gateways notify by extensions.
///
/// A file that can't be taken does not keep the others from being taken: one whose name is not
/// UTF-8, and one that is not regular, since opening a named pipe would wait for a writer.
pub(crate) fn gather(named: &[PathBuf], out: Option<&Path>) -> Result<Gathered> {
    let made = FOLDERS.map(|folder| out?.join(folder).canonicalize().ok());
    let is_made = |real: &Path| made.iter().flatten().any(|folder| real.starts_with(folder));
    let mut inputs = Vec::new();
    let (mut unusable, mut skipped) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for path in named {
        for input in expand(path, &mut unusable, &mut skipped)? {
            let real = input.path.canonicalize();
            let real = real.with_context(|| format!("opening {}", input.path.display()))?;
            let left_over = path.is_dir() && is_made(&real);
            if !left_over && seen.insert(real.clone()) {
                inputs.push((real, input));
            }
        }
    }
    skipped.retain(|path| !path.canonicalize().is_ok_and(|real| is_made(&real)));
    skipped.sort_unstable();
    skipped.dedup();
    if inputs.is_empty() && unusable.is_empty() {
        bail!("found no JPEG, PNG or DICOM file");
    }
    let keys: HashSet<&str> = inputs.iter().map(|(_, input)| input.key.as_str()).collect();
    if keys.len() < inputs.len() {
        let above = common_folder(inputs.iter().map(|(real, _)| real.as_path()));
        for (real, input) in &mut inputs {
            input.key = key_of(real.strip_prefix(&above)?)? + input.added();
        }
    }
    let mut inputs: Vec<Input> = inputs.into_iter().map(|(_, input)| input).collect();
    keep_added_apart(&mut inputs);
    Ok(Gathered {
        inputs,
        unusable,
        skipped,
    })
}

/// Gives keys with an added extension another one where a file has that name already.
fn keep_added_apart(inputs: &mut [Input]) {
    let (added, named): (Vec<_>, Vec<_>) = inputs
        .iter_mut()
        .partition(|input| !input.added().is_empty());
    let mut taken: HashSet<String> = named.into_iter().map(|input| input.key.clone()).collect();
    for input in added {
        while !taken.insert(input.key.clone()) {
            input.key.push_str(ADDED);
        }
    }
}

impl Input {
    /// Returns the extension that the key has in addition to the file's name.
    fn added(&self) -> &'static str {
        let is_added = content_type(&self.path).is_none() && self.key.ends_with(ADDED);
        if is_added { ADDED } else { "" }
    }
}

fn expand(
    path: &Path,
    unusable: &mut Vec<Unusable>,
    skipped: &mut Vec<PathBuf>,
) -> Result<Vec<Input>> {
    let mut leave_out = |path: PathBuf, why| unusable.push(Unusable { path, why });
    if !path.is_dir() {
        let name = path
            .file_name()
            .with_context(|| format!("{} is not a file", path.display()))?;
        if name.to_str().is_none() {
            leave_out(path.to_owned(), NOT_UTF8);
            return Ok(Vec::new());
        }
        // A missing file is an error of its own.
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            leave_out(path.to_owned(), NOT_A_FILE);
            return Ok(Vec::new());
        }
        let is_added = content_type(path).is_none() && is_dicom(path);
        let input = Input {
            path: path.to_owned(),
            key: key_of(Path::new(name))? + if is_added { ADDED } else { "" },
        };
        return Ok(vec![input]);
    }
    let Found {
        pictures,
        not_utf8,
        skipped: others,
    } = find(path)?;
    skipped.extend(others);
    for path in not_utf8 {
        leave_out(path, NOT_UTF8);
    }
    let input = |Picture { key, path }| Input { path, key };
    Ok(pictures.into_iter().map(input).collect())
}

/// Turns a relative path into a key, with slashes on every system.
fn key_of(below: &Path) -> Result<String> {
    let segments: Option<Vec<&str>> = below.iter().map(|segment| segment.to_str()).collect();
    let segments = segments.with_context(|| {
        format!(
            "{} is not UTF-8, and object keys must be; rename it",
            below.display()
        )
    })?;
    Ok(segments.join("/"))
}

fn common_folder<'a>(mut files: impl Iterator<Item = &'a Path>) -> PathBuf {
    let mut above = files
        .next()
        .and_then(Path::parent)
        .unwrap_or(Path::new("/"))
        .to_owned();
    for file in files {
        while !file.starts_with(&above) && above.pop() {}
    }
    above
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn check(files: &[&str], named: &[&str], keys: &[&str]) {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        let named: Vec<PathBuf> = named.iter().map(|name| dir.path().join(name)).collect();
        let inputs = gather(&named, None).unwrap().inputs;
        let found: Vec<&str> = inputs.iter().map(|input| input.key.as_str()).collect();
        assert_eq!(found, keys);
        assert!(inputs.iter().all(|input| input.path.is_file()));
    }

    #[test]
    fn keys_are_names_or_paths_below_the_folder() {
        check(
            &["a.png", "d/b.jpeg", "d/e/c.JPG"],
            &["a.png", "d"],
            &["a.png", "b.jpeg", "e/c.JPG"],
        );
    }

    #[test]
    fn a_file_that_is_named_is_taken_whatever_its_name() {
        check(
            &["scan.tif", "d/notes.txt", "d/a.png"],
            &["scan.tif", "d"],
            &["scan.tif", "a.png"],
        );
    }

    #[test]
    fn dicom_file_without_extension_gets_it_in_its_key() {
        let object = format!("{}DICM", "\0".repeat(128));
        let dir = tempfile::tempdir().unwrap();
        let named = |folders: &[&str]| {
            let named: Vec<_> = folders.iter().map(|name| dir.path().join(name)).collect();
            gather(&named, None).unwrap()
        };
        let keys = |folders: &[&str]| {
            let inputs = named(folders).inputs;
            let keys = inputs.into_iter().map(|input| input.key);
            keys.collect::<Vec<_>>()
        };
        for name in ["a/IM1", "b/IM1", "b/IM1.dcm", "b/IM2"] {
            fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
            fs::write(dir.path().join(name), &object).unwrap();
        }
        fs::write(dir.path().join("b/notes"), "").unwrap();
        assert_eq!(keys(&["a", "b/IM2"]), ["IM1.dcm", "IM2.dcm"]);
        assert_eq!(
            keys(&["a", "b"]),
            ["a/IM1.dcm", "b/IM1.dcm.dcm", "b/IM1.dcm", "b/IM2.dcm"]
        );
        assert_eq!(named(&["a"]).skipped(true), None);
        let said = named(&["b"]).skipped(true).unwrap();
        assert!(said.starts_with("1 file was left out"), "{said}");
        assert!(said.ends_with("b/notes"), "{said}");
        let said = named(&["b"]).skipped(false).unwrap();
        assert!(!said.contains("notes"), "{said}");
    }

    #[test]
    fn a_picture_named_twice_is_taken_once() {
        check(&["d/a.png"], &["d", "d/a.png", "d/../d"], &["a.png"]);
    }

    #[test]
    fn equal_names_are_told_apart_by_their_folders() {
        check(
            &["x/y/1/a.png", "x/y/2/a.png", "x/y/2/b.png"],
            &["x/y/1", "x/y/2/a.png", "x/y/2/b.png"],
            &["1/a.png", "2/a.png", "2/b.png"],
        );
    }

    #[test]
    fn the_outputs_of_an_earlier_run_are_no_inputs() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        fs::create_dir_all(out.join("processed")).unwrap();
        fs::write(dir.path().join("a.png"), "").unwrap();
        fs::write(out.join("processed/a-processed.png"), "").unwrap();
        fs::create_dir_all(out.join("quarantine")).unwrap();
        fs::write(out.join("quarantine/c.png"), "").unwrap();
        fs::write(out.join("b.png"), "").unwrap();
        let inputs = gather(&[dir.path().to_owned()], Some(&out)).unwrap().inputs;
        let keys: Vec<&str> = inputs.iter().map(|input| input.key.as_str()).collect();
        assert_eq!(keys, ["a.png", "out/b.png"]);
    }

    #[test]
    fn nothing_found_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        assert!(gather(&[dir.path().to_owned()], Some(&out)).is_err());
        assert!(gather(&[dir.path().join("missing.png")], Some(&out)).is_err());
    }
}
