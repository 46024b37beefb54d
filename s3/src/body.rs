//! The bytes of an object to store, with the digests that its request carries.

use std::{ops::Deref, sync::OnceLock};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use md5::{Digest, Md5};

use crate::sigv4::sha256_hex;

/// The bytes of an object. Their digests are computed once: when a request needs them, or before,
/// while another one is under way.
#[derive(Debug, Clone, Default)]
pub struct Body {
    bytes: Bytes,
    digests: OnceLock<Digests>,
}

#[derive(Debug, Clone)]
pub(crate) struct Digests {
    /// In Base64, as `content-md5` has it.
    pub(crate) md5: String,
    /// In hex, as `x-amz-content-sha256` has it.
    pub(crate) sha256: PayloadHash,
}

/// The SHA-256 of a request's body, among its extensions until it is signed.
#[derive(Debug, Clone)]
pub(crate) struct PayloadHash(pub(crate) String);

impl Body {
    /// Computes the digests, unless they are known.
    pub fn digest(&self) {
        self.digests();
    }

    pub(crate) fn digests(&self) -> &Digests {
        self.digests.get_or_init(|| Digests {
            md5: STANDARD.encode(Md5::digest(&self.bytes)),
            sha256: PayloadHash(sha256_hex(&self.bytes)),
        })
    }

    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Body {
        Body {
            bytes: bytes.into(),
            digests: OnceLock::new(),
        }
    }
}
