//! The OpenVINO backend, loaded at run time by its path.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use ::openvino::{
    CompiledModel, Core, DeviceType, ElementType, InferRequest, Node, RwPropertyKey, Shape,
    Tensor as OvTensor,
};
use anyhow::{Context, Result, anyhow, bail};

use super::{
    backend::{Backend, Loaded, Session, Target},
    error::NnError,
    library,
    tensor::{NamedTensor, Port, Tensor, TensorType},
};

/// OpenVINO on one target.
pub struct OpenVino {
    core: Mutex<Core>,
    target: Target,
    version: String,
}

struct OvSession {
    request: InferRequest,
    outputs: Vec<String>,
    /// Names of the inputs that have 16-bit integers.
    i16_inputs: Vec<String>,
    // A request refers to its compiled model, which must live as long as the last request.
    _model: Arc<Mutex<CompiledModel>>,
}

impl OpenVino {
    /// Loads the library and checks that it supports the target.
    ///
    /// # Errors
    /// When the library does not load or finds no such device.
    pub fn open(path: &Path, target: Target) -> Result<Self> {
        library::load(path)?;
        openvino_sys::library::load_from(path.to_owned()).map_err(|error| anyhow!(error))?;
        let build = ::openvino::version().build_number;
        let version = format!(
            "OpenVINO {}",
            build.split('-').next().unwrap_or("(no version)")
        );
        let core = Core::new().with_context(|| format!("{version} did not start"))?;
        let devices = core
            .available_devices()
            .with_context(|| format!("{version} lists no devices"))?;
        let names: Vec<&str> = devices.iter().map(AsRef::as_ref).collect();
        // With several cards the names are `GPU.0`, `GPU.1`.
        if !names
            .iter()
            .any(|name| name.split('.').next() == Some(target.name()))
        {
            bail!(
                "{version} sees no {} here, only {}",
                target.name(),
                names.join(", ")
            );
        }
        Ok(Self {
            core: Mutex::new(core),
            target,
            version,
        })
    }

    fn device(&self) -> DeviceType<'static> {
        match self.target {
            Target::Cpu => DeviceType::CPU,
            Target::Gpu => DeviceType::GPU,
            Target::Npu => DeviceType::NPU,
        }
    }

    fn compile(&self, model: &[u8], sessions: usize) -> Result<Loaded, ::openvino::InferenceError> {
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        let device = self.device();
        if self.target != Target::Npu {
            // OpenVINO would use a shorter type if the hardware has one, and scores would differ in
            // the third digit from those that the model's makers measured.
            core.set_property(&device, &RwPropertyKey::HintInferencePrecision, "f32")?;
        }
        if self.target == Target::Cpu {
            let count = sessions.to_string();
            core.set_property(&device, &RwPropertyKey::NumStreams, &count)?;
            core.set_property(&device, &RwPropertyKey::InferenceNumThreads, &count)?;
        }
        let model = core.read_model_from_buffer(model, None)?;
        let mut inputs = Vec::new();
        let mut i16_inputs = Vec::new();
        for index in 0..model.get_inputs_len()? {
            let node = model.get_input_by_index(index)?;
            if node.get_element_type()? == ElementType::I16 {
                i16_inputs.push(node.get_name()?);
            }
            inputs.push(port(&node)?);
        }
        let mut outputs = Vec::new();
        for index in 0..model.get_outputs_len()? {
            outputs.push(model.get_output_by_index(index)?.get_name()?);
        }
        let compiled = Arc::new(Mutex::new(core.compile_model(&model, device)?));
        let mut loaded = Loaded {
            inputs,
            sessions: Vec::new(),
        };
        for _ in 0..sessions {
            let request = compiled
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .create_infer_request()?;
            loaded.sessions.push(Box::new(OvSession {
                request,
                outputs: outputs.clone(),
                i16_inputs: i16_inputs.clone(),
                _model: compiled.clone(),
            }));
        }
        Ok(loaded)
    }
}

impl Backend for OpenVino {
    fn version(&self) -> String {
        self.version.clone()
    }

    fn load(&self, model: &[u8], sessions: usize) -> Result<Loaded, NnError> {
        self.compile(model, sessions).map_err(NnError::runtime)
    }
}

impl OvSession {
    fn compute(&mut self, inputs: &[NamedTensor]) -> Result<(), NnError> {
        for (name, tensor) in inputs {
            let set = if self.i16_inputs.contains(name) {
                let elements = tensor.to_i16()?.into_iter();
                let data: Vec<u8> = elements.flat_map(i16::to_le_bytes).collect();
                self.set(name, ElementType::I16, tensor, &data)
            } else {
                self.set(name, element_type(tensor.ty), tensor, &tensor.data)
            };
            set.map_err(NnError::runtime)?;
        }
        self.request.infer().map_err(NnError::runtime)
    }

    fn set(
        &mut self,
        name: &str,
        ty: ElementType,
        tensor: &Tensor,
        data: &[u8],
    ) -> Result<(), ::openvino::InferenceError> {
        let shape = Shape::new(&tensor.dims_i64())?;
        let mut input = OvTensor::new(ty, &shape)?;
        // The port's check compared shape and length, so both sides have equal sizes.
        input.get_raw_data_mut()?.copy_from_slice(data);
        self.request.set_tensor(name, &input)
    }
}

impl Session for OvSession {
    fn run(&mut self, inputs: &[NamedTensor]) -> Result<Vec<NamedTensor>, NnError> {
        self.compute(inputs)?;
        let mut results = Vec::with_capacity(self.outputs.len());
        for (index, name) in self.outputs.iter().enumerate() {
            let output = self
                .request
                .get_output_tensor_by_index(index)
                .map_err(NnError::runtime)?;
            let element = output.get_element_type().map_err(NnError::runtime)?;
            let Some(ty) = tensor_type(element) else {
                let message = format!("output {name:?} has type {element}, which wasi:nn lacks");
                return Err(NnError::unsupported(message));
            };
            let shape = output.get_shape().map_err(NnError::runtime)?;
            let dims: Result<Vec<u32>, _> = shape
                .get_dimensions()
                .iter()
                .map(|&dim| u32::try_from(dim))
                .collect();
            let data = output.get_raw_data().map_err(NnError::runtime)?.to_vec();
            results.push((
                name.clone(),
                Tensor {
                    dims: dims.map_err(NnError::runtime)?,
                    ty,
                    data,
                },
            ));
        }
        Ok(results)
    }
}

fn port(node: &Node) -> Result<Port, ::openvino::InferenceError> {
    let shape = node.get_partial_shape()?;
    let dims = (!shape.get_rank().is_dynamic()).then(|| {
        let fixed = |dim: &::openvino::Dimension| {
            (!dim.is_dynamic())
                .then(|| u32::try_from(dim.get_min()).ok())
                .flatten()
        };
        shape.get_dimensions().iter().map(fixed).collect()
    });
    Ok(Port {
        name: node.get_name()?,
        // `wasi:nn` has no 16-bit integers; they are passed as 32-bit ones.
        ty: match node.get_element_type()? {
            ElementType::I16 => Some(TensorType::I32),
            ty => tensor_type(ty),
        },
        dims,
    })
}

fn tensor_type(ty: ElementType) -> Option<TensorType> {
    Some(match ty {
        ElementType::F16 => TensorType::Fp16,
        ElementType::F32 => TensorType::Fp32,
        ElementType::F64 => TensorType::Fp64,
        ElementType::Bf16 => TensorType::Bf16,
        ElementType::U8 => TensorType::U8,
        ElementType::I32 => TensorType::I32,
        ElementType::I64 => TensorType::I64,
        _ => return None,
    })
}

fn element_type(ty: TensorType) -> ElementType {
    match ty {
        TensorType::Fp16 => ElementType::F16,
        TensorType::Fp32 => ElementType::F32,
        TensorType::Fp64 => ElementType::F64,
        TensorType::Bf16 => ElementType::Bf16,
        TensorType::U8 => ElementType::U8,
        TensorType::I32 => ElementType::I32,
        TensorType::I64 => ElementType::I64,
    }
}
