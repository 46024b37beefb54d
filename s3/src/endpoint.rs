//! The address of a store.

use http::Uri;

use crate::{Error, sigv4::uri_encode};

/// Way of addressing a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// In the path: `http://host/bucket/key`.
    Path,
    /// In the host: `http://bucket.host/key`.
    VirtualHost,
}

/// Address of a store: scheme, host, port and the way buckets are addressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    scheme: &'static str,
    authority: String,
    addressing: Addressing,
}

/// Reason why a text is not an endpoint. The text reads on from the name of the setting or flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The scheme is missing or another.
    #[error("must begin with http:// or https://")]
    Scheme,
    /// There is no valid host, or more than a host and a port.
    #[error("must be a scheme, a host and an optional port, as in https://rgw.example.com:8443")]
    Authority,
}

impl Endpoint {
    /// Parses `http://host[:port]` or `https://host[:port]`, with or without a slash at the end.
    ///
    /// ```
    /// use s3::{Addressing, Endpoint};
    ///
    /// let endpoint = Endpoint::parse("http://rgw:7480/", Addressing::Path)?;
    /// assert_eq!(endpoint.url(), "http://rgw:7480");
    /// assert!(Endpoint::parse("rgw:7480", Addressing::Path).is_err());
    /// # Ok::<_, s3::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// Fails on any other text: user info, a path and a query have no place in an endpoint.
    pub fn parse(text: &str, addressing: Addressing) -> Result<Endpoint, EndpointError> {
        let (scheme, rest) = if let Some(rest) = text.strip_prefix("http://") {
            ("http", rest)
        } else if let Some(rest) = text.strip_prefix("https://") {
            ("https", rest)
        } else {
            return Err(EndpointError::Scheme);
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let valid = authority.parse::<http::uri::Authority>().is_ok_and(|a| {
            // `host:` and ports over 65535 parse too, but the signed host would differ from the one
            // sent.
            !a.host().is_empty() && (a.port_u16().is_some() || a.as_str() == a.host())
        });
        if !valid || authority.contains(['/', '?', '#', '@']) {
            return Err(EndpointError::Authority);
        }
        Ok(Endpoint {
            scheme,
            authority: authority.to_owned(),
            addressing,
        })
    }

    /// Returns scheme and authority, as in `https://rgw.example.com:8443`.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// Returns the way buckets are addressed.
    pub fn addressing(&self) -> Addressing {
        self.addressing
    }

    /// Returns the URI of an object; of a bucket if `key` is empty, and of the service if `bucket`
    /// is empty too.
    ///
    /// Keys are encoded byte by byte and never normalized: `a//b` and `a/../b` are keys of their
    /// own. `query` is everything after the question mark, encoded.
    ///
    /// # Errors
    /// [`Error::Uri`] when the bucket's name can't be part of a URI.
    pub fn uri(&self, bucket: &str, key: &str, query: &str) -> Result<Uri, Error> {
        let key = uri_encode(key.as_bytes(), false);
        let (scheme, authority) = (self.scheme, &self.authority);
        let mut uri = match self.addressing {
            _ if bucket.is_empty() => format!("{scheme}://{authority}/"),
            Addressing::Path => format!("{scheme}://{authority}/{bucket}/{key}"),
            Addressing::VirtualHost => format!("{scheme}://{bucket}.{authority}/{key}"),
        };
        if !query.is_empty() {
            uri.push('?');
            uri.push_str(query);
        }
        uri.parse().map_err(|_| Error::Uri)
    }
}
