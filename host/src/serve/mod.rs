//! Serving of applications: the runtime, the HTTP server in front of it, outbound HTTP, logs,
//! metrics and traces.

pub mod logs;
pub mod metrics;
pub mod outbound;
pub mod problem;
pub mod runtime;
pub mod server;
pub mod tls;
pub mod traces;
