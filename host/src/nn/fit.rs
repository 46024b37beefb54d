//! The fit of a model and its contract, seen by a trial run at the start.

use anyhow::{Context, Result};
use serde_json::Value;
use xray::{
    config::ModelKind,
    error::Error,
    model::{
        contract::Contract,
        tensor::{self as function, Elements, InputTensor},
    },
    pipeline::trial,
    text::{contract::TextContract, marker_contract::MarkerContract},
};
use xray_nn::tensor::{self, NamedTensor, Tensor, TensorType};

use super::{
    backend::Loaded,
    models::{GUEST_FOLDER, ModelFile},
};

/// Runs a loaded model once by its contract. A contract that is not one of the function's, because
/// it has the digest alone, is not checked further.
///
/// # Errors
/// When the contract can't be read or the model does not fit it; the error names the model.
pub fn check(model: &ModelFile, loaded: &mut Loaded) -> Result<()> {
    let name = &model.name;
    try_out(&model.contract, loaded).with_context(|| {
        format!(
            "the model {name:?} does not fit its contract; correct {GUEST_FOLDER}/{name}/contract.json, or export the \
             model again"
        )
    })
}

fn try_out(contract: &str, loaded: &mut Loaded) -> Result<()> {
    let value: Value = serde_json::from_str(contract)?;
    let has = |key| value.get(key).is_some();
    match ModelKind::of(&value) {
        ModelKind::MarkerRecognizer => {
            let contract = MarkerContract::parse(contract)?;
            trial::marker_recognizer(&contract, |input| run(loaded, &contract.input.name, input))?;
        }
        ModelKind::TextDetector => {
            let contract = TextContract::parse(contract)?;
            trial::text_detector(&contract, |input| run(loaded, &contract.input.name, input))?;
        }
        ModelKind::Classifier if has("version") || has("input") || has("output") => {
            let contract = Contract::parse(contract)?;
            trial::classifier(&contract, |input| run(loaded, &contract.input.name, input))?;
        }
        ModelKind::Classifier => {}
    }
    Ok(())
}

/// Runs the model as the function does through `wasi:nn`.
fn run(
    loaded: &mut Loaded,
    name: &str,
    input: &InputTensor,
) -> Result<Vec<function::NamedTensor>, Error> {
    let inputs = [(name.to_owned(), encoded(input))];
    let failed = |error: xray_nn::error::NnError| Error::Model(error.message);
    tensor::check(&loaded.inputs, &inputs).map_err(failed)?;
    let Some(session) = loaded.sessions.first_mut() else {
        return Ok(Vec::new());
    };
    let outputs = session.run(&inputs).map_err(failed)?;
    outputs.into_iter().map(read).collect()
}

fn encoded(input: &InputTensor) -> Tensor {
    let (ty, data) = match &input.data {
        Elements::F32(values) => return Tensor::f32(&input.dims, values),
        Elements::U8(values) => (TensorType::U8, values.clone()),
        Elements::I16(values) => {
            let values = values.iter().map(|value| i32::from(*value));
            (TensorType::I32, values.flat_map(i32::to_le_bytes).collect())
        }
    };
    Tensor {
        dims: input.dims.clone(),
        ty,
        data,
    }
}

fn read((name, tensor): NamedTensor) -> Result<function::NamedTensor, Error> {
    let Some(data) = tensor.to_f32() else {
        return Err(Error::Model(format!(
            "output `{name}` is not f32; export the model with f32 outputs"
        )));
    };
    let dims = tensor.dims;
    Ok(function::NamedTensor {
        name,
        tensor: function::Tensor { dims, data },
    })
}
