//! What an inference library must offer to be a backend.

use super::{
    bindings::wasi::nn::graph::ExecutionTarget,
    error::NnError,
    tensor::{NamedTensor, Port},
};

/// Where a graph is computed.
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
    /// The name that the libraries use.
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
    /// The library by its own name and version.
    fn version(&self) -> String;

    /// Loads an ONNX model into `sessions` independent sessions of one thread each.
    fn load(&self, model: &[u8], sessions: usize) -> Result<Loaded, NnError>;
}

/// A model in a backend.
pub struct Loaded {
    /// What the model takes.
    pub inputs: Vec<Port>,
    /// The sessions; each runs one inference at a time.
    pub sessions: Vec<Box<dyn Session>>,
}

/// One place in which a graph can be computed.
pub trait Session: Send {
    /// Computes; blocks. The inputs have been checked against the ports.
    fn run(&mut self, inputs: &[NamedTensor]) -> Result<Vec<NamedTensor>, NnError>;
}
