//! Errors of a running trigger.

/// An error of a broker, of any type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Reason for which a trigger ended without being stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The broker reported an error after which its client cannot go on: for example, another
    /// static member of the group uses the same name.
    #[error(transparent)]
    Broker(BoxError),
    /// The coordinator's task panicked or was canceled with its runtime.
    #[error("the trigger's task failed")]
    Task(#[source] tokio::task::JoinError),
}
