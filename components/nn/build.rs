//! Builds the repository's models into the component, because reading one through WASI for each request costs half as much as
//! running it. Natively, where the host has loaded them once, there are none.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    let models = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../models");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", models.display());
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut list = String::from("&[");
    if env::var("CARGO_CFG_TARGET_FAMILY")? == "wasm" {
        // The names of functions would be a tenth of the file.
        println!("cargo::rustc-link-arg-cdylib=--strip-all");
        let folders: Result<Vec<_>, _> = fs::read_dir(&models)?.collect();
        let mut folders: Vec<_> = folders?.into_iter().map(|entry| entry.path()).collect();
        folders.sort();
        for folder in folders.iter().filter(|f| f.join("model.onnx").is_file()) {
            match read(folder) {
                Ok((sha256, onnx)) => {
                    // From a copy of what was digested, so that the file may change meanwhile.
                    fs::write(out.join(&sha256), onnx)?;
                    write!(
                        list,
                        "BuiltIn {{ sha256: {sha256:?}, onnx: include_bytes!({sha256:?}) }},"
                    )?;
                }
                Err(why) => println!("cargo::warning={} is not built in: {why}", folder.display()),
            }
        }
    }
    fs::write(out.join("built_in.rs"), list + "]")?;
    Ok(())
}

/// The model of a folder, if it is the one that its contract names.
fn read(folder: &Path) -> Result<(String, Vec<u8>), Box<dyn Error>> {
    let onnx = fs::read(folder.join("model.onnx"))?;
    let sha256 = hex::encode(Sha256::digest(&onnx));
    let contract: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("contract.json"))?)?;
    if contract["model_sha256"] != sha256.as_str() {
        return Err(
            format!("model_sha256 in its contract.json is not the file's, {sha256}").into(),
        );
    }
    Ok((sha256, onnx))
}
