//! HTTP servers of the tests.

mod server;
mod sink;

pub use server::{Server, forward, status};
pub use sink::{HttpSink, Then, field};
