//! Storing instances in an archive by DICOMweb (STOW-RS, PS3.18, 10.5).
//!
//! Each instance is a request of its own: the body holds a copy of it, so memory is bounded by the
//! largest, and the response is about nothing else.

mod address;
mod response;

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};

pub(crate) use address::{credentials, url};

use crate::{
    error::Error,
    ports::{NoResponse, Ports, SendError},
    secret::sha256_hex,
};

/// Bytes of a response that are read.
const MAX_RESPONSE: u64 = 64 << 10;

/// An archive that takes instances.
#[derive(Debug, Clone, PartialEq)]
pub struct Archive {
    /// Setting that names its address, for messages.
    pub setting: &'static str,
    /// Address of the service.
    pub url: String,
    /// Credentials, marked as sensitive.
    pub authorization: Option<HeaderValue>,
}

impl Archive {
    /// Stores an instance. One that the archive has already is a success, since the same event
    /// makes the same instance again.
    ///
    /// # Errors
    /// [`Error::Archive`] without anything from the instance or the response's text.
    pub(crate) async fn store(&self, ports: &impl Ports, instance: &[u8]) -> Result<(), Error> {
        let request = self.request(instance)?;
        let response = ports.send(request, MAX_RESPONSE).await;
        let response = response.map_err(|error| {
            self.failed(match error {
                SendError::Transport(NoResponse::Denied) => {
                    let host = self.setting.replace("_url", "_host");
                    format!("the host denied the request; set {host} to its origin")
                }
                SendError::Transport(kind) => format!("no response: {kind}"),
                // Perhaps a page of something else; a list of one instance is short.
                SendError::TooLarge { .. } => {
                    "the response is too long; check that this is a DICOMweb service".into()
                }
            })
        })?;
        self.judge(&response)
    }

    /// Returns the request that stores an instance, for a client of another kind.
    ///
    /// # Errors
    /// [`Error::Archive`] if the address or the credentials can't be in one.
    pub fn request(&self, instance: &[u8]) -> Result<Request<Bytes>, Error> {
        let request = self.stow(instance);
        request.map_err(|_| {
            self.failed("its address or its credentials can't be in a request; check them".into())
        })
    }

    /// Decides by the response whether the archive has the instance of a request.
    ///
    /// # Errors
    /// [`Error::Archive`] with the status and the standard's failure reasons.
    pub fn judge(&self, response: &Response<Bytes>) -> Result<(), Error> {
        let judged = response::judge(response.status(), response.body());
        judged.map_err(|problem| self.failed(problem))
    }

    fn failed(&self, problem: String) -> Error {
        Error::Archive(format!("{}: {problem}", self.setting))
    }

    fn stow(&self, instance: &[u8]) -> http::Result<Request<Bytes>> {
        // No instance holds its own digest.
        let boundary = sha256_hex(instance);
        let head = format!("--{boundary}\r\nContent-Type: application/dicom\r\n\r\n");
        let tail = format!("\r\n--{boundary}--\r\n");
        let body = [head.as_bytes(), instance, tail.as_bytes()].concat();
        let kind =
            format!("multipart/related; type=\"application/dicom\"; boundary=\"{boundary}\"");
        let mut request = Request::post(format!("{}/studies", self.url))
            .header(CONTENT_TYPE, kind)
            .header(ACCEPT, "application/dicom+json")
            .body(body.into())?;
        if let Some(authorization) = &self.authorization {
            let headers = request.headers_mut();
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        Ok(request)
    }
}
