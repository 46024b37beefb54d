//! Secrets and the digests made with them.

pub use s3::{
    Secret,
    sigv4::{hmac_sha256, sha256_hex},
};
