//! Inference through `wasi:nn`.
//!
//! Graphs are addressed by name: the host, or the inference component composed in, has loaded them
//! already.

use std::cell::RefCell;

use crate::{
    error::Error,
    model::tensor::{Elements, InputTensor, NamedTensor, Tensor},
};

#[allow(unsafe_code, missing_docs)]
mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "ml", generate_all });
}
use bindings::wasi::nn::{
    errors,
    graph::load_by_name,
    inference::GraphExecutionContext,
    tensor::{Tensor as NnTensor, TensorType},
};

/// Graphs in use. Each is loaded once for an event: if inference is a component of its own, loading
/// costs a good part of a run, and a large picture takes many runs.
#[derive(Default)]
pub struct Graphs(RefCell<Vec<(String, GraphExecutionContext)>>);

impl Graphs {
    /// Runs the named graph on `input`, passed under the name `input_name`, and returns every
    /// output.
    ///
    /// # Errors
    /// [`Error::Model`] with the host's code and text when the graph is missing or inference
    /// failed, or when an output is not f32 or its data does not fit its shape.
    pub fn run(
        &self,
        model: &str,
        input_name: &str,
        input: &InputTensor,
    ) -> Result<Vec<NamedTensor>, Error> {
        // `wasi:nn` has no 16-bit integers, so they are passed as 32-bit ones.
        let ty = match input.data {
            Elements::F32(_) => TensorType::Fp32,
            Elements::U8(_) => TensorType::U8,
            Elements::I16(_) => TensorType::I32,
        };
        let tensor = NnTensor::new(&input.dims, ty, &input.data.bytes());
        let mut graphs = self.0.borrow_mut();
        let at = match graphs.iter().position(|(name, _)| name == model) {
            Some(at) => at,
            None => {
                let context = load_by_name(model).and_then(|graph| graph.init_execution_context());
                graphs.push((model.to_owned(), context.map_err(|e| failed(&e))?));
                graphs.len() - 1
            }
        };
        let (_, context) = &graphs[at];
        context
            .compute(vec![(input_name.to_owned(), tensor)])
            .map_err(|e| failed(&e))?
            .into_iter()
            .map(|(name, tensor)| read(name, &tensor))
            .collect()
    }
}

fn failed(error: &errors::Error) -> Error {
    Error::Model(format!("{:?}: {}", error.code(), error.data()))
}

fn read(name: String, tensor: &NnTensor) -> Result<NamedTensor, Error> {
    if tensor.ty() != TensorType::Fp32 {
        return Err(Error::Model(format!(
            "output `{name}` is not f32; export the model with f32 outputs"
        )));
    }
    let dims = tensor.dimensions();
    let bytes = tensor.data();
    let expected = dims
        .iter()
        .try_fold(4usize, |n, &d| n.checked_mul(d as usize));
    if expected != Some(bytes.len()) {
        return Err(Error::Model(format!(
            "output `{name}` does not fit its shape"
        )));
    }
    let data = bytes
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    Ok(NamedTensor {
        name,
        tensor: Tensor { dims, data },
    })
}
