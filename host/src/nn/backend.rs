//! The interface of inference backends.

use super::{
    bindings::wasi::nn::graph::ExecutionTarget,
    error::NnError,
    tensor::{NamedTensor, Port},
};

/// Device on which graphs are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Target {
    /// The processor.
    #[default]
    Cpu,
    /// A graphics card.
    Gpu,
    /// A neural processing unit.
    Npu,
}

impl Target {
    /// Returns the name that the libraries use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Gpu => "GPU",
            Self::Npu => "NPU",
        }
    }
}

impl From<ExecutionTarget> for Target {
    fn from(target: ExecutionTarget) -> Self {
        match target {
            ExecutionTarget::Cpu => Self::Cpu,
            ExecutionTarget::Gpu => Self::Gpu,
            ExecutionTarget::Tpu => Self::Npu,
        }
    }
}

/// An inference library, ready to load models for one target.
pub trait Backend: Send + Sync {
    /// Returns the library's name and version.
    fn version(&self) -> String;

    /// Loads an ONNX model into `sessions` independent, single-threaded sessions.
    fn load(&self, model: &[u8], sessions: usize) -> Result<Loaded, NnError>;
}

/// A model loaded by a backend.
pub struct Loaded {
    /// Inputs of the model.
    pub inputs: Vec<Port>,
    /// Sessions, each of which runs one inference at a time.
    pub sessions: Vec<Box<dyn Session>>,
}

/// A session that computes a graph.
pub trait Session: Send {
    /// Computes and blocks. The inputs have been checked against the ports.
    fn run(&mut self, inputs: &[NamedTensor]) -> Result<Vec<NamedTensor>, NnError>;
}
