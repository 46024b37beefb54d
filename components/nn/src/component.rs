//! The component's exports: the four interfaces of `wasi:nn`.

use std::{path::Path, rc::Rc};

use crate::{
    error::{ErrorCode, NnError},
    model::Model,
    named,
    tensor::{Port, Tensor, check},
};

#[allow(unsafe_code, missing_docs)]
mod bindings {
    wit_bindgen::generate!({
        inline: "
            package xray:nn;
            world component {
                export wasi:nn/tensor@0.2.0-rc-2024-10-28;
                export wasi:nn/errors@0.2.0-rc-2024-10-28;
                export wasi:nn/graph@0.2.0-rc-2024-10-28;
                export wasi:nn/inference@0.2.0-rc-2024-10-28;
            }
        ",
        path: "../../wit/wasi-nn.wit",
        generate_all,
    });
    use super::Component;
    export!(Component);
}
use bindings::exports::wasi::nn::{errors, graph, inference, tensor};

/// Implementor of the exports. It has no state; everything that persists is in the callers'
/// resources.
struct Component;

/// A model and its input ports, shared by a graph and its execution contexts.
struct Loaded {
    model: Model,
    inputs: Vec<Port>,
}

impl tensor::Guest for Component {
    type Tensor = Tensor;
}

impl tensor::GuestTensor for Tensor {
    // A constructor can't fail, so dimensions, type and data are checked when the tensor is used.
    fn new(dims: Vec<u32>, ty: tensor::TensorType, data: Vec<u8>) -> Self {
        let ty = ty.into();
        Self { dims, ty, data }
    }

    fn dimensions(&self) -> Vec<u32> {
        self.dims.clone()
    }

    fn ty(&self) -> tensor::TensorType {
        self.ty.into()
    }

    fn data(&self) -> Vec<u8> {
        self.data.clone()
    }
}

impl errors::Guest for Component {
    type Error = NnError;
}

impl errors::GuestError for NnError {
    fn code(&self) -> errors::ErrorCode {
        self.code.into()
    }

    fn data(&self) -> String {
        self.message.clone()
    }
}

impl From<NnError> for errors::Error {
    fn from(error: NnError) -> Self {
        Self::new(error)
    }
}

impl graph::Guest for Component {
    type Graph = Rc<Loaded>;

    fn load(
        mut builder: Vec<Vec<u8>>,
        encoding: graph::GraphEncoding,
        target: graph::ExecutionTarget,
    ) -> Result<graph::Graph, errors::Error> {
        use graph::{ExecutionTarget, GraphEncoding};
        if !matches!(encoding, GraphEncoding::Onnx | GraphEncoding::Autodetect) {
            let message = format!("only ONNX models are supported, not {encoding:?}");
            return Err(NnError::new(ErrorCode::InvalidEncoding, message).into());
        }
        if target != ExecutionTarget::Cpu {
            return Err(NnError::unsupported("this component runs models on the CPU only").into());
        }
        let (Some(model), true) = (builder.pop(), builder.is_empty()) else {
            let message = "an ONNX model must be exactly one buffer";
            return Err(NnError::new(ErrorCode::InvalidArgument, message).into());
        };
        loaded(Model::load(model))
    }

    fn load_by_name(name: String) -> Result<graph::Graph, errors::Error> {
        loaded(named::load(
            Path::new(named::FOLDER),
            &name,
            named::EMBEDDED,
        ))
    }
}

fn loaded(model: Result<Model, NnError>) -> Result<graph::Graph, errors::Error> {
    let model = model?;
    let inputs = model.inputs();
    Ok(graph::Graph::new(Rc::new(Loaded { model, inputs })))
}

impl graph::GuestGraph for Rc<Loaded> {
    fn init_execution_context(&self) -> Result<inference::GraphExecutionContext, errors::Error> {
        Ok(inference::GraphExecutionContext::new(self.clone()))
    }
}

impl inference::Guest for Component {
    type GraphExecutionContext = Rc<Loaded>;
}

impl inference::GuestGraphExecutionContext for Rc<Loaded> {
    fn compute(
        &self,
        inputs: Vec<inference::NamedTensor>,
    ) -> Result<Vec<inference::NamedTensor>, errors::Error> {
        let inputs = inputs.into_iter();
        let inputs: Vec<_> = inputs
            .map(|(name, tensor)| (name, tensor.into_inner::<Tensor>()))
            .collect();
        check(&self.inputs, &inputs)?;
        let outputs = self.model.run(&inputs, None)?;
        let outputs = outputs.into_iter();
        Ok(outputs
            .map(|(name, output)| (name, tensor::Tensor::new(output)))
            .collect())
    }
}

crate::convert_bindings!(tensor::TensorType, errors::ErrorCode);
