//! A loaded model and its pool of sessions.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::{
    backend::{Loaded, Session},
    error::NnError,
    tensor::{self, NamedTensor, Port},
};

/// A model shared by all requests. Its pool of sessions limits concurrent inferences.
pub struct Graph {
    inputs: Vec<Port>,
    pool: Arc<Pool>,
}

/// Shared reference to a graph, as held by guests' handles.
pub type GraphRef = Arc<Graph>;

struct Pool {
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Box<dyn Session>>>,
    total: usize,
}

/// Returns its session to the pool when dropped, even if the inference panicked or was abandoned.
struct Lease {
    session: Option<Box<dyn Session>>,
    pool: Arc<Pool>,
}

impl Graph {
    /// Creates a graph from a loaded model.
    pub fn new(loaded: Loaded) -> Self {
        let total = loaded.sessions.len();
        let pool = Pool {
            permits: Arc::new(Semaphore::new(total)),
            idle: Mutex::new(loaded.sessions),
            total,
        };
        Self {
            inputs: loaded.inputs,
            pool: Arc::new(pool),
        }
    }

    /// Returns the number of sessions.
    pub fn sessions(&self) -> usize {
        self.pool.total
    }

    /// Returns the number of sessions that are computing.
    pub fn sessions_in_use(&self) -> usize {
        self.pool.total - self.pool.permits.available_permits()
    }

    /// Computes on the next free session, on a blocking thread.
    ///
    /// # Errors
    /// `invalid-argument` when the inputs do not match the model, otherwise the backend's error.
    pub async fn compute(&self, inputs: Vec<NamedTensor>) -> Result<Vec<NamedTensor>, NnError> {
        tensor::check(&self.inputs, &inputs)?;
        let permit = self
            .pool
            .permits
            .clone()
            .acquire_owned()
            .await
            .map_err(NnError::runtime)?;
        let mut lease = Pool::lease(&self.pool)?;
        let work = tokio::task::spawn_blocking(move || {
            let result = lease.run(&inputs);
            drop(lease);
            drop(permit);
            result
        });
        // The panic's payload is meaningless to a guest, and has been printed already.
        work.await
            .map_err(|_| NnError::runtime("the backend panicked"))?
    }
}

impl Pool {
    fn lease(pool: &Arc<Self>) -> Result<Lease, NnError> {
        let session = pool
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        // Each permit corresponds to an idle session, so there is one.
        let session = session.ok_or_else(|| NnError::runtime("no session is idle"))?;
        Ok(Lease {
            session: Some(session),
            pool: pool.clone(),
        })
    }
}

impl Lease {
    fn run(&mut self, inputs: &[NamedTensor]) -> Result<Vec<NamedTensor>, NnError> {
        let session = self
            .session
            .as_mut()
            .ok_or_else(|| NnError::runtime("no session"))?;
        session.run(inputs)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.pool
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(session);
        }
    }
}
