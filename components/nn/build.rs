//! Embeds the repository's models into the component: reading a model through WASI and hashing it
//! costs each request as much as running it twice. Native builds embed nothing, since the host
//! loads models once.
//!
//! A model's weights move from its ONNX file to ONNX external data, which the component can use in
//! place. In the file they are not aligned, and copying them cost a fresh instance a fifth of a
//! run.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use rten_onnx::onnx::{DataLocation, DataType, ModelProto, StringStringEntryProto, TensorProto};
use sha2::{Digest, Sha256};

type BuildResult<T> = Result<T, Box<dyn Error>>;

/// Name of the external data in the rewritten file. `model.rs` uses the same name.
const WEIGHTS: &str = "weights.data";
/// Tensors smaller than this, in bytes, stay in the file.
const SMALL: usize = 256;
/// Largest alignment of a vector load, in bytes.
const ALIGNMENT: usize = 64;
/// Length in bytes of the pieces by which a file is compared with an embedded model.
const PIECE: usize = 16 << 10;

fn main() -> BuildResult<()> {
    let models = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../models");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", models.display());
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut list = String::from("&[");
    if env::var("CARGO_CFG_TARGET_FAMILY")? == "wasm" {
        // Function names would take a tenth of the file.
        println!("cargo::rustc-link-arg-cdylib=--strip-all");
        let folders: Result<Vec<_>, _> = fs::read_dir(&models)?.collect();
        let mut folders: Vec<_> = folders?.into_iter().map(|entry| entry.path()).collect();
        folders.sort();
        for folder in folders.iter().filter(|f| f.join("model.onnx").is_file()) {
            match read(folder).and_then(|(sha256, onnx)| embed(&sha256, &onnx, &out)) {
                Ok(entry) => list += &entry,
                Err(why) => println!("cargo::warning={} is not embedded: {why}", folder.display()),
            }
        }
    }
    fs::write(out.join("embedded.rs"), list + "]")?;
    Ok(())
}

/// Reads a folder's model, and checks it against the digest in its contract.
fn read(folder: &Path) -> BuildResult<(String, Vec<u8>)> {
    let onnx = fs::read(folder.join("model.onnx"))?;
    let sha256 = hex::encode(Sha256::digest(&onnx));
    let contract: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("contract.json"))?)?;
    if contract["model_sha256"] != sha256.as_str() {
        return Err(format!(
            "model_sha256 in contract.json differs from the file's digest, {sha256}"
        )
        .into());
    }
    Ok((sha256, onnx))
}

/// Writes a model's parts. Returns the `Embedded` expression that includes them.
fn embed(sha256: &str, onnx: &[u8], out: &Path) -> BuildResult<String> {
    let mut model = ModelProto::parse_buf(onnx)?;
    let mut weights = Vec::new();
    for tensor in model
        .graph
        .iter_mut()
        .flat_map(|graph| &mut graph.initializer)
    {
        if tensor.data_location == Some(DataLocation::EXTERNAL) {
            return Err("it keeps weights in another file; save it as one file".into());
        }
        externalize(tensor, &mut weights);
    }
    let length = onnx.len();
    let piece = PIECE.min(length);
    let last = length - piece;
    let mut entry = format!("Embedded {{ sha256: {sha256:?}, length: {length}, pieces: [");
    for (name, start) in [("middle", last / 2), ("end", last)] {
        let file = format!("{sha256}.{name}");
        fs::write(out.join(&file), &onnx[start..start + piece])?;
        write!(entry, "({start}, include_bytes!({file:?})),")?;
    }
    let (graph, data) = (format!("{sha256}.graph"), format!("{sha256}.weights"));
    fs::write(out.join(&graph), model.write_buf()?)?;
    fs::write(out.join(&data), weights)?;
    write!(
        entry,
        "], graph: include_bytes!({graph:?}), weights: rten::include_external_data!({data:?}) }},"
    )?;
    Ok(entry)
}

/// Moves a tensor's data to `weights`, unless it is small.
fn externalize(tensor: &mut TensorProto, weights: &mut Vec<u8>) {
    let Some(raw) = tensor.raw_data.take().map(|raw| raw.into_inner()) else {
        return;
    };
    if tensor.data_type != Some(DataType::FLOAT) || raw.len() < SMALL {
        tensor.raw_data = Some(raw.into());
        return;
    }
    weights.resize(weights.len().next_multiple_of(ALIGNMENT), 0);
    let entry = |key: &str, value: String| StringStringEntryProto {
        key: Some(key.to_owned()),
        value: Some(value),
    };
    tensor.data_location = Some(DataLocation::EXTERNAL);
    tensor.external_data = vec![
        entry("location", WEIGHTS.to_owned()),
        entry("offset", weights.len().to_string()),
        entry("length", raw.len().to_string()),
    ];
    weights.extend(raw);
}
