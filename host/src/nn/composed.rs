//! Inference by the application's own components, without the host.

use super::{
    backend::{Backend, Loaded},
    error::NnError,
};

/// Placeholder backend for applications whose composed-in component does the inference.
pub struct Composed;

impl Backend for Composed {
    fn version(&self) -> String {
        "the application's own component".to_owned()
    }

    fn load(&self, _model: &[u8], _sessions: usize) -> Result<Loaded, NnError> {
        Err(NnError::unsupported(
            "the application's own component does the inference; the host loads no models",
        ))
    }
}
