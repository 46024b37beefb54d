//! A small S3 client for Ceph's RADOS Gateway (RGW).
//!
//! The core does no I/O. An [`Action`] makes a request for an [`Endpoint`], [`sigv4::sign`] signs
//! it, any HTTP client sends it, and the action reads the response. The time is a parameter, so
//! everything can be tested without a clock or a socket. The feature `client` adds [`Client`],
//! which does all of that over hyper.
//!
//! ```
//! use s3::{Action, Addressing, Endpoint, GetObject, Secret, sigv4};
//!
//! let endpoint = Endpoint::parse("http://rgw:7480", Addressing::Path)?;
//! let get = GetObject { bucket: "xray-data-in", key: "ward 7/a.png", ..GetObject::default() };
//! let mut request = get.request(&endpoint)?;
//! let secret_key = Secret::new("secret");
//! let scope = sigv4::Scope {
//!     access_key: "key",
//!     secret_key: &secret_key,
//!     session_token: None,
//!     region: "us-east-1",
//!     service: GetObject::SERVICE,
//! };
//! sigv4::sign(&mut request, &scope, "2026-01-01T00:00:00Z".parse()?)?;
//! assert_eq!(request.uri(), "http://rgw:7480/xray-data-in/ward%207/a.png");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Differences of RGW from AWS
//!
//! The versions in parentheses are those of Ceph on which a behavior was seen.
//!
//! Conditions:
//! - `If-Match` on PUT is compared with the stored ETag verbatim: it must be sent without quotes
//!   (16.2.15). AWS, MinIO and s3s take both forms.
//! - `If-None-Match: *` on an existing key and a wrong `If-Match` are 412 (16, 18, 20).
//! - In a bucket with versioning `If-Match` never holds on 16 and 18, because it is compared with
//!   the version about to be made; 20 checks it. [`Precondition::Seen`] is for that case.
//!
//! Errors:
//! - `<Message>` is usually empty and `<Key>` is missing. HEAD has no body at all, so a missing
//!   bucket and a missing object look alike, and a HEAD of an object under a customer's key (SSE-C)
//!   is a bare 400.
//! - A GET of such an object is 400 `InvalidArgument`; only its message tells
//!   ([`Reason::CustomerKey`], 16.2.15).
//! - 403 `InvalidAccessKeyId` may mean that the key service lacks a key ([`Reason::KeyService`],
//!   16.2.15).
//! - A GET of a delete marker's version is 405, as S3 specifies.
//! - A kept-alive 404 on `?publicAccessBlock` sends more bytes than its `Content-Length` (18, 20).
//!
//! Bodies and headers:
//! - A wrong `Content-MD5` is 400 `BadDigest`; `x-amz-checksum-*` is ignored before 20. PUTs here
//!   carry the MD5.
//! - PUT and POST need a `Content-Length`, even if it is zero.
//! - Names of user metadata are returned in lower case.
//! - Continuation tokens of a listing are keys, written without encoding, so that the document may
//!   be invalid XML (16.2.15). [`ListObjects`] goes by the last key instead.
//! - A listed key encodes a space as `%20`, where AWS writes `+`.
//! - Parameters of SNS actions count in the body only; in the query they are silently ignored
//!   ([`Sns`]).
//! - Deleting several objects in one request aborts 16.2.15 if a notification pushes to HTTP,
//!   so this crate has no such action.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod actions;
mod body;
mod endpoint;
mod error;
mod object;
mod refusal;
mod secret;
pub mod sigv4;
pub mod xml;

#[cfg(feature = "client")]
mod client;

pub use actions::{
    AbortMultipartUpload, Action, CompleteMultipartUpload, CreateMultipartUpload, DeleteObject,
    GetObject, HeadObject, ListObjects, Listed, NewObject, Page, Precondition, PutObject, Raw, Sns,
    UploadPart, form, multipart_etag,
};
pub use body::Body;
#[cfg(feature = "client")]
pub use client::{
    Client, Credentials, Multipart, Retry, Source, Transport, Upload, UploadError, UploadOptions,
    Uploaded,
};
pub use endpoint::{Addressing, Endpoint, EndpointError};
pub use error::{BoxError, Error};
pub use object::{Object, ObjectHead, etag};
pub use refusal::{Reason, Refusal, error_code};
pub use secret::Secret;
