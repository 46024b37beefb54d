//! Inference inside the application's components: the host has no part in it.

use super::{
    backend::{Backend, Loaded},
    error::NnError,
};

/// What stands in a backend's place when the manifest's dependency does the work.
pub struct Composed;

impl Backend for Composed {
    fn version(&self) -> String {
        "the application's own component".to_owned()
    }

    fn load(&self, _model: &[u8], _sessions: usize) -> Result<Loaded, NnError> {
        Err(NnError::unsupported("the host loads no models here"))
    }
}
