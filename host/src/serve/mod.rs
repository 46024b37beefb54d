//! What runs an application: the runtime, the HTTP server before it, its outbound HTTP, its logs and its metrics.

pub mod egress;
pub mod logs;
pub mod metrics;
pub mod problem;
pub mod runtime;
pub mod server;
