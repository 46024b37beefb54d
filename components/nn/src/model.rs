//! Models in rten: their input ports, and running them.

use std::{borrow::Cow, sync::Arc};

use bytemuck::NoUninit;
use rten::{
    DataType, Dimension, ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueOrView,
    ValueType,
};
use rten_tensor::{AsView, Layout, Tensor as RtenTensor, TensorView};

use crate::{
    error::{ErrorCode, NnError},
    source::{self, Declared},
    tensor::{NamedTensor, Port, Tensor, TensorType},
};

/// An ONNX model, ready to run.
pub struct Model(rten::Model);

impl Model {
    /// Loads an ONNX file.
    ///
    /// # Errors
    /// `security` when it keeps weights in other files, `unsupported-operation` when an input or
    /// output has a float type that rten lacks, `runtime-error` when rten can't load it.
    pub fn load(onnx: Vec<u8>) -> Result<Self, NnError> {
        source::check(&onnx)?;
        let declared = source::declared(&onnx);
        let model = Self::usable(rten::Model::load(onnx).map_err(NnError::runtime)?)?;
        model.check_floats(&declared)?;
        Ok(model)
    }

    /// Loads a model that is embedded in the program, with its weights outside of the ONNX file.
    /// The weights are not copied.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn embedded(onnx: &'static [u8], weights: &'static [u8]) -> Result<Self, NnError> {
        let mut options = ModelOptions::with_all_ops();
        // The name that `build.rs` gives them.
        options.external_data_static("weights.data", weights);
        let model = options.load_static_slice(onnx);
        Self::usable(model.map_err(NnError::runtime)?)
    }

    /// Rejects models without inputs or outputs: rten accepts the first half of a file as a model.
    fn usable(model: rten::Model) -> Result<Self, NnError> {
        if model.input_ids().is_empty() || model.output_ids().is_empty() {
            return Err(NnError::runtime("the model has no inputs or no outputs"));
        }
        Ok(Self(model))
    }

    /// Rejects floats of other lengths than 32 bits as input and output. rten would convert them
    /// silently, where other backends expect and return those that the file declares.
    fn check_floats(&self, declared: &[Declared]) -> Result<(), NnError> {
        let inputs = self.inputs();
        let is_port = |declared: &&Declared| {
            declared.is_output || inputs.iter().any(|port| port.name == declared.name)
        };
        for port in declared.iter().filter(is_port) {
            let ty = match port.element {
                10 => "float16",
                11 => "float64",
                16 => "bfloat16",
                _ => continue,
            };
            let kind = if port.is_output { "output" } else { "input" };
            return Err(NnError::unsupported(format!(
                "{kind} {:?} is {ty}, which rten does not support; export the model with float32 inputs and outputs",
                port.name
            )));
        }
        Ok(())
    }

    /// Returns the model's input ports.
    pub fn inputs(&self) -> Vec<Port> {
        let ids = self.0.input_ids().iter();
        ids.map(|&id| self.port(id)).collect()
    }

    /// Runs the model on inputs that fit its ports, on the given threads or on rten's own.
    ///
    /// # Errors
    /// `unsupported-operation` for types that rten lacks, `invalid-argument` for integers beyond 32
    /// bits, `runtime-error` when the run fails.
    pub fn run(
        &self,
        inputs: &[NamedTensor],
        threads: Option<Arc<ThreadPool>>,
    ) -> Result<Vec<NamedTensor>, NnError> {
        let mut values = Vec::with_capacity(inputs.len());
        for (name, tensor) in inputs {
            let id = self.0.node_id(name).map_err(NnError::runtime)?;
            values.push((id, to_value(tensor)?));
        }
        let ids = self.0.output_ids();
        let options = RunOptions::default().with_thread_pool(threads);
        let outputs = self.0.run(values, ids, Some(options));
        let outputs = outputs.map_err(NnError::runtime)?;
        let names = ids.iter().map(|&id| self.name(id));
        names
            .zip(outputs)
            .map(|(name, value)| Ok((name, from_value(value)?)))
            .collect()
    }

    fn name(&self, id: NodeId) -> String {
        let info = self.0.node_info(id);
        let name = info.as_ref().and_then(|info| info.name());
        name.unwrap_or_default().to_owned()
    }

    fn port(&self, id: NodeId) -> Port {
        let info = self.0.node_info(id);
        let fixed = |dim: &Dimension| match dim {
            Dimension::Fixed(size) => u32::try_from(*size).ok(),
            Dimension::Symbolic(_) => None,
        };
        let dims = info.as_ref().and_then(|info| info.shape());
        let ty = match info.and_then(|info| info.dtype()) {
            Some(ValueType::Tensor(DataType::Float)) => Some(TensorType::Fp32),
            Some(ValueType::Tensor(DataType::UInt8)) => Some(TensorType::U8),
            // rten converts 64-bit integers to 32 bits, so that a model's `Int32` may be either.
            _ => None,
        };
        Port {
            name: self.name(id),
            ty,
            dims: dims.map(|dims| dims.iter().map(fixed).collect()),
        }
    }
}

/// Converts a tensor. Its bytes are not copied if they are aligned.
fn to_value(tensor: &Tensor) -> Result<ValueOrView<'_>, NnError> {
    let dims: Vec<usize> = tensor.dims.iter().map(|&dim| dim as usize).collect();
    macro_rules! value {
        ($ty:ty) => {
            match tensor.elements::<$ty>() {
                Cow::Borrowed(elements) => TensorView::from_data(&dims[..], elements).into(),
                Cow::Owned(elements) => RtenTensor::from_data(&dims[..], elements).into(),
            }
        };
    }
    Ok(match tensor.ty {
        TensorType::Fp32 => value!(f32),
        TensorType::I32 => value!(i32),
        TensorType::U8 => value!(u8),
        TensorType::I64 => {
            let (elements, _) = tensor.data.as_chunks();
            let elements: Result<Vec<_>, _> = elements
                .iter()
                .map(|b| i32::try_from(i64::from_le_bytes(*b)))
                .collect();
            let message = "integers must fit 32 bits for rten";
            let elements =
                elements.map_err(|_| NnError::new(ErrorCode::InvalidArgument, message))?;
            RtenTensor::from_data(&dims[..], elements).into()
        }
        TensorType::Fp16 | TensorType::Fp64 | TensorType::Bf16 => {
            let message = format!("rten does not support {:?} tensors", tensor.ty);
            return Err(NnError::unsupported(message));
        }
    })
}

fn from_value(value: Value) -> Result<Tensor, NnError> {
    fn tensor<T: NoUninit>(from: &RtenTensor<T>, ty: TensorType) -> Tensor {
        let dims = from
            .shape()
            .iter()
            .map(|&dim| u32::try_from(dim).unwrap_or(u32::MAX))
            .collect();
        Tensor {
            dims,
            ty,
            data: bytemuck::cast_slice(&from.to_vec()).to_vec(),
        }
    }
    match value {
        Value::FloatTensor(from) => Ok(tensor(&from, TensorType::Fp32)),
        Value::Int32Tensor(from) => Ok(tensor(&from, TensorType::I32)),
        Value::UInt8Tensor(from) => Ok(tensor(&from, TensorType::U8)),
        other => {
            let message = format!(
                "an output has type {:?}, which wasi:nn does not support",
                other.dtype()
            );
            Err(NnError::unsupported(message))
        }
    }
}
