//! Models by name: `/models/<name>/model.onnx`, as long as it is what the contract beside it says.
//!
//! The contract decides. A model that it names and that is built in is taken from here, because reading and digesting it costs
//! as much as two runs. Any other is read from its file, whose digest is then computed. A file that is clearly
//! not what is built in counts as any other, so that a new model under an old contract is refused and not passed over.

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

/// Where models lie for a component.
pub const FOLDER: &str = "/models";

/// A model that is part of the component.
pub struct BuiltIn {
    /// SHA-256 of its ONNX file, 64 lower-case hex digits.
    pub sha256: &'static str,
    /// Bytes in that file.
    pub length: u64,
    /// Two pieces of it and where they begin: its middle and its end.
    pub pieces: [(u64, &'static [u8]); 2],
    /// The file without its weights.
    pub graph: &'static [u8],
    /// The weights.
    pub weights: &'static [u8],
}

/// The models that are built in; see `build.rs`.
pub static BUILT_IN: &[BuiltIn] = include!(concat!(env!("OUT_DIR"), "/built_in.rs"));

/// How much is read at once; a host gives no more.
const AT_ONCE: usize = 64 << 10;

/// Loads the model of this name below `root`, or the one of `built_in` that its contract names.
///
/// # Errors
/// `not-found` when there is no model or no contract of that name, `security` when the model is not the one of its contract, and
/// as [`Model::load`].
pub fn load(root: &Path, name: &str, built_in: &[BuiltIn]) -> Result<Model, NnError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        let message = "a model's name has letters, digits, `-` and `_`";
        return Err(NnError::new(ErrorCode::NotFound, message));
    }
    let folder = root.join(name);
    let path = folder.join("model.onnx");
    let wanted = digest_of(&folder.join("contract.json"), name)?;
    if let Some(known) = built_in.iter().find(|known| known.sha256 == wanted)
        && may_be(&path, known)
    {
        return Model::built_in(known.graph, known.weights);
    }
    let onnx = fs::read(&path).map_err(|error| not_found(&path, error))?;
    let sha256 = hex::encode(Sha256::digest(&onnx));
    if sha256 != wanted {
        let message = format!(
            "the model {name:?} is not the one of its contract: the file has SHA-256 {sha256}, the contract wants {wanted}"
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

/// A short file, in as few calls as can be: each of them is another thread's turn in the host, tenths of a millisecond where
/// that is busy.
fn read_short(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut bytes = vec![0; AT_ONCE];
    let read = file.read(&mut bytes)?;
    bytes.truncate(read);
    if !bytes.trim_ascii_end().ends_with(b"}") {
        file.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Whether the file does not contradict what is built in: it is not there, or has its length, its middle and its end. A model
/// that was trained again differs there.
fn may_be(path: &Path, known: &BuiltIn) -> bool {
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

    /// What comes of these two files beside a built-in "model". None of the texts here is a model, so that a
    /// `runtime-error` tells that one was taken.
    fn outcome(onnx: Option<&[u8]>, contract: &str) -> ErrorCode {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("chest");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("contract.json"), contract).unwrap();
        if let Some(onnx) = onnx {
            fs::write(folder.join("model.onnx"), onnx).unwrap();
        }
        let built_in = [BuiltIn {
            sha256: digest(BYTES).leak(),
            length: 200_000,
            pieces: [(99_000, &BYTES[..2_000]), (199_000, &BYTES[..1_000])],
            graph: b"no model",
            weights: b"",
        }];
        load(dir.path(), "chest", &built_in).err().unwrap().code
    }

    const BYTES: &[u8] = &[7; 200_000];

    /// What is built in, with another byte at this place.
    fn changed(at: usize) -> Vec<u8> {
        let mut bytes = BYTES.to_vec();
        bytes[at] = 8;
        bytes
    }

    #[test]
    fn what_the_contract_names_is_taken_and_nothing_else() {
        let taken = ErrorCode::RuntimeError;
        assert_eq!(outcome(Some(BYTES), &contract(BYTES)), taken);
        assert_eq!(outcome(None, &contract(BYTES)), taken);
        let (middle, end) = (changed(100_000), changed(199_999));
        for other in [b"other".to_vec(), BYTES[1..].to_vec(), middle, end] {
            assert_eq!(outcome(Some(&other), &contract(&other)), taken);
            assert_eq!(outcome(Some(&other), &contract(BYTES)), ErrorCode::Security);
            assert_eq!(outcome(Some(BYTES), &contract(&other)), ErrorCode::Security);
            assert_eq!(outcome(None, &contract(&other)), ErrorCode::NotFound);
        }
    }

    #[test]
    fn a_contract_may_have_any_length() {
        let named = contract(BYTES);
        let long = format!("{}{named}\n\n", " ".repeat(2 * AT_ONCE));
        assert_eq!(outcome(None, &long), ErrorCode::RuntimeError);
        for none in ["", "{}", "[]", "no json", r#"{"model_sha256": 1}"#] {
            assert_eq!(outcome(Some(BYTES), none), ErrorCode::NotFound, "{none}");
        }
    }

    #[test]
    fn a_name_is_no_path() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["", ".", "..", "a/b", "/a", "a.b", "ä"] {
            let error = load(dir.path(), name, &[]).err().unwrap();
            assert_eq!(error.code, ErrorCode::NotFound, "{name}");
        }
    }
}
