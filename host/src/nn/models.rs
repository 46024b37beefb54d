//! Models and their contracts.
//!
//! Models are found at the component's paths, `/models/<name>/model.onnx`. The contract beside each
//! holds the model's SHA-256. A mismatch is an error at start, because the thresholds in the
//! contract would silently apply to the scores of another model.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use sha2::{Digest, Sha256};
use xray_nn::source;

/// Folder of the models as the component sees it.
pub const GUEST_FOLDER: &str = "/models";

/// A model that matches its contract.
#[derive(Debug, Clone)]
pub struct ModelFile {
    /// Name for `load-by-name`, which is the folder's.
    pub name: String,
    /// The ONNX file.
    pub bytes: Vec<u8>,
    /// Its SHA-256 in hex.
    pub sha256: String,
    /// The text of its contract.
    pub contract: String,
}

/// Reads the models in these host folders, given with their names.
///
/// # Errors
/// When a contract is missing or names another digest, or two different models share a name; the
/// error names the model.
pub fn read_all(folders: &[(String, PathBuf)]) -> Result<Vec<ModelFile>> {
    let mut models: Vec<ModelFile> = Vec::new();
    for (name, folder) in folders {
        let model = read(name, folder)?;
        // Two components may bring the same model, but a name must be unique.
        match models.iter().find(|other| other.name == model.name) {
            None => models.push(model),
            Some(other) if other.sha256 == model.sha256 => {}
            Some(_) => bail!("two components have different models named {name:?}"),
        }
    }
    Ok(models)
}

fn read(name: &str, folder: &Path) -> Result<ModelFile> {
    // Errors name paths in the application, because the folder may be a temporary copy.
    let guest = format!("{GUEST_FOLDER}/{name}");
    let bytes = std::fs::read(folder.join("model.onnx"))
        .with_context(|| format!("cannot read {guest}/model.onnx"))?;
    let sha256 = hex::encode(Sha256::digest(&bytes));
    let (contract, wanted) = contract(&folder.join("contract.json")).with_context(|| {
        format!("the model {name:?} has no usable contract at {guest}/contract.json")
    })?;
    if !wanted.eq_ignore_ascii_case(&sha256) {
        bail!(
            "the model {name:?} does not match its contract: {guest}/model.onnx has SHA-256 {sha256}, \
             {guest}/contract.json requires {wanted}"
        );
    }
    source::check(&bytes)
        .map_err(|error| anyhow!("the model {name:?} can't be used: {}", error.message))?;
    Ok(ModelFile {
        name: name.to_owned(),
        bytes,
        sha256,
        contract,
    })
}

/// Reads a contract. Returns its text and the digest in it.
fn contract(path: &Path) -> Result<(String, String)> {
    let text = std::fs::read_to_string(path)?;
    let contract: serde_json::Value = serde_json::from_str(&text)?;
    let digest = contract
        .get("model_sha256")
        .and_then(serde_json::Value::as_str)
        .context("the key `model_sha256` is missing")?
        .to_owned();
    Ok((text, digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(contract: Option<&str>) -> (tempfile::TempDir, Vec<(String, PathBuf)>) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("model.onnx"), "weights").unwrap();
        if let Some(contract) = contract {
            std::fs::write(dir.path().join("contract.json"), contract).unwrap();
        }
        let folders = vec![("chest".to_owned(), dir.path().to_owned())];
        (dir, folders)
    }

    #[test]
    fn model_must_match_its_contract() {
        let digest = hex::encode(Sha256::digest("weights"));
        let good = format!(r#"{{"model_sha256": "{}"}}"#, digest.to_uppercase());
        let (_dir, folders) = model(Some(&good));
        assert_eq!(read_all(&folders).unwrap()[0].sha256, digest);

        let other = format!(r#"{{"model_sha256": "{}"}}"#, "0".repeat(64));
        // A graph with one tensor, whose data is in another file.
        let external = [0x3a, 4, 0x2a, 2, 0x70, 1];
        let (dir, folders) = model(Some(&format!(
            r#"{{"model_sha256": "{}"}}"#,
            hex::encode(Sha256::digest(external))
        )));
        std::fs::write(dir.path().join("model.onnx"), external).unwrap();
        let error = format!("{:#}", read_all(&folders).unwrap_err());
        assert!(error.contains("in another file"), "{error}");

        for (contract, said) in [
            (Some(other.as_str()), "does not match its contract"),
            (Some("{}"), "`model_sha256` is missing"),
            (Some("no json"), "no usable contract"),
            (None, "no usable contract"),
        ] {
            let (_dir, folders) = model(contract);
            let error = format!("{:#}", read_all(&folders).unwrap_err());
            assert!(
                error.contains(said) && error.contains("\"chest\""),
                "{error}"
            );
        }
    }
}
