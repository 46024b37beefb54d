//! The ONNX Runtime backend, loaded at run time by its path.

mod convert;

use std::{
    ffi::CStr,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result, anyhow, bail};
use ort::{
    environment::Environment,
    logging::LogLevel,
    memory::DeviceType,
    session::{
        Session as OrtSession, SessionInputValue,
        builder::{GraphOptimizationLevel, PrepackedWeights},
    },
    value::TensorElementType,
};

use self::convert::{from_value, port, to_i16_value, to_value};
use super::{
    backend::{Backend, Loaded, Session, Target},
    error::NnError,
    library,
    tensor::NamedTensor,
};

/// ONNX Runtime's environment. There is one per process: it rejects a second one even after the
/// first is gone. This is the only state that the host shares between runtimes.
static ENVIRONMENT: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// ONNX Runtime on one target.
pub struct OnnxRuntime {
    environment: Environment,
    target: Target,
    version: String,
}

struct OnnxSession(OrtSession);

impl OnnxRuntime {
    /// Loads the library and checks that it supports the target.
    ///
    /// # Errors
    /// When the library does not load, is too old, or has no such device.
    pub fn open(library: &Path, target: Target) -> Result<Self> {
        let environment = environment(library)?;
        let version = format!("ONNX Runtime {}", library_version(library)?);
        let this = Self {
            environment,
            target,
            version,
        };
        if target != Target::Cpu && !this.devices().any(|device| device == target.name()) {
            let mut have: Vec<_> = this.devices().collect();
            have.dedup();
            bail!(
                "{} offers no {} here, only {}",
                this.version(),
                target.name(),
                have.join(", ")
            );
        }
        Ok(this)
    }

    fn devices(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.environment
            .devices()
            .map(|device| device_name(device.hardware_device().ty()))
    }

    fn session(&self, model: &[u8], weights: &PrepackedWeights) -> ort::Result<OrtSession> {
        // Single-threaded: the pool provides the parallelism, and spinning threads would take CPU
        // time from decoding the next picture.
        let mut builder = OrtSession::builder(&self.environment)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .with_intra_op_spinning(false)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_prepacked_weights(weights)?;
        if self.target != Target::Cpu {
            let name = self.target.name();
            let devices = self
                .environment
                .devices()
                .filter(|device| device_name(device.hardware_device().ty()) == name);
            builder = builder.with_devices(devices, None)?;
            builder = builder.with_disable_cpu_fallback()?;
        }
        builder.commit_from_memory(model)
    }
}

impl Backend for OnnxRuntime {
    fn version(&self) -> String {
        self.version.clone()
    }

    fn load(&self, model: &[u8], sessions: usize) -> Result<Loaded, NnError> {
        let weights = PrepackedWeights::new();
        let mut loaded = Loaded {
            inputs: Vec::new(),
            sessions: Vec::new(),
        };
        for _ in 0..sessions {
            let session = self.session(model, &weights).map_err(NnError::runtime)?;
            if loaded.inputs.is_empty() {
                loaded.inputs = session
                    .inputs()
                    .iter()
                    .map(|i| port(i.name(), i.dtype()))
                    .collect();
            }
            loaded.sessions.push(Box::new(OnnxSession(session)));
        }
        Ok(loaded)
    }
}

impl OnnxSession {
    /// Reports whether the input of this name has 16-bit integers.
    fn takes_i16(&self, name: &str) -> bool {
        self.0.inputs().iter().any(|input| {
            input.name() == name && input.dtype().tensor_type() == Some(TensorElementType::Int16)
        })
    }
}

impl Session for OnnxSession {
    fn run(&mut self, inputs: &[NamedTensor]) -> Result<Vec<NamedTensor>, NnError> {
        let mut values: Vec<(&str, SessionInputValue)> = Vec::with_capacity(inputs.len());
        for (name, tensor) in inputs {
            let value = if self.takes_i16(name) {
                to_i16_value(tensor)?.into()
            } else {
                to_value(tensor).map_err(NnError::runtime)?
            };
            values.push((name, value));
        }
        let outputs = self.0.run(values).map_err(NnError::runtime)?;
        outputs
            .iter()
            .map(|(name, value)| Ok((name.to_owned(), from_value(name, &value)?)))
            .collect()
    }
}

fn environment(path: &Path) -> Result<Environment> {
    let mut held = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((first, environment)) = &*held {
        if first != path {
            bail!(
                "this process already uses the ONNX Runtime at {}",
                first.display()
            );
        }
        return Ok(environment.clone());
    }
    library::load(path)?;
    let environment = ort::init_from(path)
        .map_err(|error| anyhow!("{error}"))?
        .with_name("xray")
        .with_telemetry(false)
        .build()
        .context("ONNX Runtime did not start")?;
    environment.set_log_level(LogLevel::Error);
    *held = Some((path.to_owned(), environment.clone()));
    Ok(environment)
}

/// Returns the version that the library reports, which may differ from its file name. `ort` reads
/// it too, but does not expose it.
fn library_version(path: &Path) -> Result<String> {
    let library = library::load(path)?;
    // SAFETY: `ort` has called the same two functions of this library before. Their types are those
    // of ONNX Runtime's C interface, which also guarantees a static string; it is copied while the
    // library is held.
    #[expect(unsafe_code, reason = "a call into a C library")]
    unsafe {
        let base: libloading::Symbol<unsafe extern "system" fn() -> *const ort::sys::OrtApiBase> =
            library.get(b"OrtGetApiBase")?;
        let Some(base) = base().as_ref() else {
            bail!("OrtGetApiBase returned null")
        };
        let version = CStr::from_ptr((base.GetVersionString)());
        Ok(version.to_string_lossy().into_owned())
    }
}

fn device_name(ty: DeviceType) -> &'static str {
    if ty == DeviceType::CPU {
        Target::Cpu.name()
    } else if ty == DeviceType::GPU {
        Target::Gpu.name()
    } else {
        Target::Npu.name()
    }
}
