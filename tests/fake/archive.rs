//! Archives that take instances by STOW-RS, at any host below `.archive`.

use std::cell::{Cell, RefCell};

use bytes::Bytes;
use http::{Request, Response};

/// An instance as it came.
#[derive(Clone)]
pub struct Instance {
    pub host: String,
    pub authorization: Option<String>,
    pub bytes: Vec<u8>,
    /// The processed object was stored already.
    pub had_processed: bool,
}

#[derive(Default)]
pub struct Archives {
    instances: RefCell<Vec<Instance>>,
    status: Cell<Option<(u16, &'static str)>>,
}

impl Archives {
    pub fn instances(&self, host: &str) -> Vec<Instance> {
        let mut instances = self.instances.borrow().clone();
        instances.retain(|instance| instance.host == host);
        instances
    }

    /// Responds to everything with this status and body.
    pub fn respond_with(&self, response: Option<(u16, &'static str)>) {
        self.status.set(response);
    }

    pub fn are_meant(request: &Request<Bytes>) -> bool {
        let host = request.uri().host();
        host.is_some_and(|host| host.ends_with(".archive"))
    }

    pub fn respond(&self, request: &Request<Bytes>, had_processed: bool) -> Response<Bytes> {
        assert_eq!(
            (request.method().as_str(), request.uri().path()),
            ("POST", "/web/studies")
        );
        let header = |name: &str| {
            let value = request.headers().get(name);
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        let kind = header("content-type").unwrap();
        let boundary = kind
            .strip_prefix("multipart/related; type=\"application/dicom\"; boundary=\"")
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap();
        let head = format!("--{boundary}\r\nContent-Type: application/dicom\r\n\r\n");
        let tail = format!("\r\n--{boundary}--\r\n");
        let bytes = request.body().strip_prefix(head.as_bytes()).unwrap();
        let bytes = bytes.strip_suffix(tail.as_bytes()).unwrap();
        self.instances.borrow_mut().push(Instance {
            host: request.uri().host().unwrap().to_owned(),
            authorization: header("authorization"),
            bytes: bytes.to_vec(),
            had_processed,
        });
        let (status, body) = self.status.get().unwrap_or((200, "{}"));
        let response = Response::builder().status(status);
        response.body(Bytes::from_static(body.as_bytes())).unwrap()
    }
}
