//! rten, compiled in: needs nothing on the machine, computes on the processor.

use std::sync::Arc;

use anyhow::{Result, bail};
use rten::{
    DataType, Dimension, Model, NodeId, RunOptions, ThreadPool, Value, ValueOrView, ValueType,
};
use rten_tensor::{AsView, Layout, Tensor as RtenTensor};

use super::{
    backend::{Backend, Loaded, Session, Target},
    bindings::wasi::nn::{errors::ErrorCode, tensor::TensorType},
    error::NnError,
    tensor::{NamedTensor, Port, Tensor},
};

/// The embedded backend.
pub struct Embedded(());

struct RtenSession {
    model: Arc<Model>,
    threads: Arc<ThreadPool>,
}

impl Embedded {
    /// Refuses every target but the processor.
    ///
    /// # Errors
    /// For GPU and NPU.
    pub fn open(target: Target) -> Result<Self> {
        if target != Target::Cpu {
            bail!(
                "the embedded backend computes on the CPU only, not on a {}",
                target.name()
            );
        }
        Ok(Self(()))
    }
}

impl Backend for Embedded {
    fn version(&self) -> String {
        format!("rten {}", env!("RTEN_VERSION"))
    }

    fn load(&self, model: &[u8], sessions: usize) -> Result<Loaded, NnError> {
        let model = Arc::new(Model::load(model.to_vec()).map_err(NnError::runtime)?);
        // rten takes the first half of a file for a model.
        if model.input_ids().is_empty() || model.output_ids().is_empty() {
            return Err(NnError::runtime("the model has no inputs or no outputs"));
        }
        let inputs = model
            .input_ids()
            .iter()
            .map(|&id| port(&model, id))
            .collect();
        let session = |_| -> Box<dyn Session> {
            let threads = Arc::new(ThreadPool::with_num_threads(1));
            Box::new(RtenSession {
                model: model.clone(),
                threads,
            })
        };
        Ok(Loaded {
            inputs,
            sessions: (0..sessions).map(session).collect(),
        })
    }
}

impl Session for RtenSession {
    fn run(&mut self, inputs: &[NamedTensor]) -> Result<Vec<NamedTensor>, NnError> {
        let mut values = Vec::with_capacity(inputs.len());
        for (name, tensor) in inputs {
            let id = self.model.node_id(name).map_err(NnError::runtime)?;
            values.push((id, ValueOrView::Value(to_value(tensor)?)));
        }
        let ids = self.model.output_ids();
        let options = RunOptions::default().with_thread_pool(Some(self.threads.clone()));
        let outputs = self
            .model
            .run(values, ids, Some(options))
            .map_err(NnError::runtime)?;
        let names = ids.iter().map(|&id| name(&self.model, id));
        names
            .zip(outputs)
            .map(|(name, value)| Ok((name, from_value(value)?)))
            .collect()
    }
}

fn name(model: &Model, id: NodeId) -> String {
    model
        .node_info(id)
        .and_then(|info| info.name())
        .unwrap_or_default()
        .to_owned()
}

fn port(model: &Model, id: NodeId) -> Port {
    let info = model.node_info(id);
    let fixed = |dim: &Dimension| match dim {
        Dimension::Fixed(size) => u32::try_from(*size).ok(),
        Dimension::Symbolic(_) => None,
    };
    let dims = info.as_ref().and_then(|info| info.shape());
    let ty = match info.and_then(|info| info.dtype()) {
        Some(ValueType::Tensor(DataType::Float)) => Some(TensorType::Fp32),
        Some(ValueType::Tensor(DataType::UInt8)) => Some(TensorType::U8),
        // rten reads 64-bit integers as 32-bit ones, so a model's `Int32` may be either.
        _ => None,
    };
    Port {
        name: name(model, id),
        ty,
        dims: dims.map(|dims| dims.iter().map(fixed).collect()),
    }
}

fn to_value(tensor: &Tensor) -> Result<Value, NnError> {
    let dims: Vec<usize> = tensor.dims.iter().map(|&dim| dim as usize).collect();
    Ok(match tensor.ty {
        TensorType::Fp32 => {
            let (elements, _) = tensor.data.as_chunks();
            let elements: Vec<_> = elements.iter().map(|b| f32::from_le_bytes(*b)).collect();
            RtenTensor::from_data(&dims, elements).into()
        }
        TensorType::I32 => {
            let (elements, _) = tensor.data.as_chunks();
            let elements: Vec<_> = elements.iter().map(|b| i32::from_le_bytes(*b)).collect();
            RtenTensor::from_data(&dims, elements).into()
        }
        TensorType::I64 => {
            let (elements, _) = tensor.data.as_chunks();
            let elements: Result<Vec<_>, _> = elements
                .iter()
                .map(|b| i32::try_from(i64::from_le_bytes(*b)))
                .collect();
            let elements = elements.map_err(|_| {
                NnError::new(
                    ErrorCode::InvalidArgument,
                    "the embedded backend takes 32-bit integers",
                )
            })?;
            RtenTensor::from_data(&dims, elements).into()
        }
        TensorType::U8 => RtenTensor::from_data(&dims, tensor.data.clone()).into(),
        TensorType::Fp16 | TensorType::Fp64 | TensorType::Bf16 => {
            let message = format!("the embedded backend has no {:?} tensors", tensor.ty);
            return Err(NnError::unsupported(message));
        }
    })
}

fn from_value(value: Value) -> Result<Tensor, NnError> {
    fn tensor<T: Copy, const N: usize>(
        from: &RtenTensor<T>,
        ty: TensorType,
        bytes: fn(T) -> [u8; N],
    ) -> Tensor {
        let dims = from
            .shape()
            .iter()
            .map(|&dim| u32::try_from(dim).unwrap_or(u32::MAX))
            .collect();
        Tensor {
            dims,
            ty,
            data: from.to_vec().into_iter().flat_map(bytes).collect(),
        }
    }
    match value {
        Value::FloatTensor(from) => Ok(tensor(&from, TensorType::Fp32, f32::to_le_bytes)),
        Value::Int32Tensor(from) => Ok(tensor(&from, TensorType::I32, i32::to_le_bytes)),
        Value::UInt8Tensor(from) => Ok(tensor(&from, TensorType::U8, u8::to_le_bytes)),
        other => {
            let message = format!(
                "an output has type {:?}, which wasi:nn lacks",
                other.dtype()
            );
            Err(NnError::unsupported(message))
        }
    }
}
