//! The built-in backend, rten. It needs no library and computes on the CPU.

use std::sync::Arc;

use anyhow::{Result, bail};
use rten::ThreadPool;
use xray_nn::model::Model;

use super::{
    backend::{Backend, Loaded, Session, Target},
    error::NnError,
    tensor::NamedTensor,
};

/// The embedded backend.
pub struct Embedded(());

struct RtenSession {
    model: Arc<Model>,
    threads: Arc<ThreadPool>,
}

impl Embedded {
    /// Opens the backend.
    ///
    /// # Errors
    /// When the target is not the CPU.
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
        let model = Arc::new(Model::load(model.to_vec())?);
        let inputs = model.inputs();
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
        self.model.run(inputs, Some(self.threads.clone()))
    }
}
