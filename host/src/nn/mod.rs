//! Our own implementation of `wasi:nn` over replaceable backends.

pub mod library;
