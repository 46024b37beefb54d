//! Models by name: `/models/<name>/model.onnx`, if it is the one that the contract beside it names.
//!
//! When the contract names an embedded model, that one is used, since reading and hashing a file
//! costs as much as running the model twice. Any other model is read from its file and hashed. So
//! is a file that clearly differs from the embedded model: a new model under an old contract is
//! thus rejected, not ignored.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read, Seek, SeekFrom},
    path::Path,
};

use sha2::{Digest, Sha256};

use crate::{
    error::{ErrorCode, NnError},
    model::Model,
};

/// Folder of the models in a component's file system.
pub const FOLDER: &str = "/models";

/// A model embedded in the component.
pub struct Embedded {
    /// SHA-256 of its ONNX file: 64 lower-case hex digits.
    pub sha256: &'static str,
    /// Size of that file in bytes.
    pub length: u64,
    /// Middle and end of that file, each with its offset.
    pub pieces: [(u64, &'static [u8]); 2],
    /// ONNX file without weights.
    pub graph: &'static [u8],
    /// Weights as ONNX external data.
    pub weights: &'static [u8],
}

/// The embedded models; see `build.rs`.
pub static EMBEDDED: &[Embedded] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// Size of a single read in bytes; hosts return no more than this.
const READ_SIZE: usize = 64 << 10;

/// Loads the model with this name below `root`, or the one of `embedded` that its contract names.
///
/// # Errors
/// `not-found` when no model or no contract has that name, `security` when the model is not the one
/// that its contract names, and as [`Model::load`].
pub fn load(root: &Path, name: &str, embedded: &[Embedded]) -> Result<Model, NnError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        let message = "a model's name may contain only letters, digits, `-` and `_`";
        return Err(NnError::new(ErrorCode::NotFound, message));
    }
    let folder = root.join(name);
    let path = folder.join("model.onnx");
    let wanted = digest_of(&folder.join("contract.json"), name)?;
    if let Some(known) = embedded.iter().find(|known| known.sha256 == wanted)
        && may_be(&path, known)
    {
        return Model::embedded(known.graph, known.weights);
    }
    let onnx = fs::read(&path).map_err(|error| not_found(&path, error))?;
    let sha256 = hex::encode(Sha256::digest(&onnx));
    if sha256 != wanted {
        let message = format!(
            "the model {name:?} is not the one that its contract names: the file has SHA-256 {sha256}, the contract {wanted}"
        );
        return Err(NnError::new(ErrorCode::Security, message));
    }
    Model::load(onnx)
}

fn digest_of(contract: &Path, name: &str) -> Result<String, NnError> {
    let bytes = read_short(contract).map_err(|error| not_found(contract, error))?;
    let contract: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
    let digest = contract.as_ref().and_then(|c| c["model_sha256"].as_str());
    let message = format!("the contract of the model {name:?} has no `model_sha256`");
    let digest = digest.ok_or_else(|| NnError::new(ErrorCode::NotFound, message))?;
    Ok(digest.to_ascii_lowercase())
}

fn not_found(path: &Path, error: std::io::Error) -> NnError {
    NnError::new(ErrorCode::NotFound, format!("{}: {error}", path.display()))
}

/// Reads a short file in as few calls as possible: each call switches to another thread in the
/// host, which takes tenths of a millisecond under load.
fn read_short(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut bytes = vec![0; READ_SIZE];
    let read = file.read(&mut bytes)?;
    bytes.truncate(read);
    if !bytes.trim_ascii_end().ends_with(b"}") {
        file.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Reports whether the file may be the embedded model: it is missing, or has the same length,
/// middle and end. A retrained model differs there.
fn may_be(path: &Path, known: &Embedded) -> bool {
    let equal = |mut file: File| -> std::io::Result<bool> {
        if file.metadata()?.len() != known.length {
            return Ok(false);
        }
        for (start, piece) in known.pieces {
            let mut bytes = vec![0; piece.len()];
            file.seek(SeekFrom::Start(start))?;
            file.read_exact(&mut bytes)?;
            if bytes != piece {
                return Ok(false);
            }
        }
        Ok(true)
    };
    match File::open(path) {
        Ok(file) => equal(file).unwrap_or(false),
        Err(error) => error.kind() == ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(bytes: &[u8]) -> String {
        hex::encode(Sha256::digest(bytes))
    }

    fn contract(bytes: &[u8]) -> String {
        format!(r#"{{"model_sha256": "{}"}}"#, digest(bytes))
    }

    /// Returns the error of loading these two files, beside an embedded "model" of `BYTES`. Nothing
    /// here is a valid model, so that `runtime-error` means that one was accepted.
    fn outcome(onnx: Option<&[u8]>, contract: &str) -> ErrorCode {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("chest");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("contract.json"), contract).unwrap();
        if let Some(onnx) = onnx {
            fs::write(folder.join("model.onnx"), onnx).unwrap();
        }
        let embedded = [Embedded {
            sha256: digest(BYTES).leak(),
            length: 200_000,
            pieces: [(99_000, &BYTES[..2_000]), (199_000, &BYTES[..1_000])],
            graph: b"no model",
            weights: b"",
        }];
        load(dir.path(), "chest", &embedded).err().unwrap().code
    }

    const BYTES: &[u8] = &[7; 200_000];

    /// Returns the embedded model's bytes with one changed.
    fn changed(at: usize) -> Vec<u8> {
        let mut bytes = BYTES.to_vec();
        bytes[at] = 8;
        bytes
    }

    #[test]
    fn load_accepts_only_the_model_that_the_contract_names() {
        let accepted = ErrorCode::RuntimeError;
        assert_eq!(outcome(Some(BYTES), &contract(BYTES)), accepted);
        assert_eq!(outcome(None, &contract(BYTES)), accepted);
        let (middle, end) = (changed(100_000), changed(199_999));
        for other in [b"other".to_vec(), BYTES[1..].to_vec(), middle, end] {
            assert_eq!(outcome(Some(&other), &contract(&other)), accepted);
            assert_eq!(outcome(Some(&other), &contract(BYTES)), ErrorCode::Security);
            assert_eq!(outcome(Some(BYTES), &contract(&other)), ErrorCode::Security);
            assert_eq!(outcome(None, &contract(&other)), ErrorCode::NotFound);
        }
    }

    #[test]
    fn load_reads_contracts_of_any_length() {
        let named = contract(BYTES);
        let long = format!("{}{named}\n\n", " ".repeat(2 * READ_SIZE));
        assert_eq!(outcome(None, &long), ErrorCode::RuntimeError);
        for invalid in ["", "{}", "[]", "not JSON", r#"{"model_sha256": 1}"#] {
            assert_eq!(
                outcome(Some(BYTES), invalid),
                ErrorCode::NotFound,
                "{invalid}"
            );
        }
    }

    #[test]
    fn load_rejects_names_that_are_paths() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["", ".", "..", "a/b", "/a", "a.b", "ä"] {
            let error = load(dir.path(), name, &[]).err().unwrap();
            assert_eq!(error.code, ErrorCode::NotFound, "{name}");
        }
    }
}
