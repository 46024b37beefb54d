//! The address that browsers have to use: against DNS rebinding and requests of other sites.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context, Result, ensure};
use http::{HeaderMap, Method, Uri, header};

use super::users::secret;

/// Names under which the page is served.
#[derive(Debug, Clone)]
pub struct Origin {
    scheme: &'static str,
    hosts: Vec<String>,
}

/// Reason for a refused request.
#[derive(Debug, PartialEq, Eq)]
pub enum Foreign {
    /// The header `Host` names another host.
    Host,
    /// Another site made the request.
    Site,
}

impl Origin {
    /// Draws a name for a page on loopback. Browsers resolve it themselves, and send its cookies
    /// to no other server of this machine: cookies go to every port of a host, and other users'
    /// servers have other ports of `localhost`. With TLS of the page's own its certificate names
    /// the host.
    ///
    /// # Errors
    /// When that name does not lead to the address.
    pub fn loopback(address: SocketAddr, has_tls: bool) -> Result<Self> {
        let (ip, port) = (address.ip(), address.port());
        if has_tls {
            let hosts = ["127.0.0.1", "localhost", "[::1]"];
            return Ok(Self {
                scheme: "https",
                hosts: hosts.map(|host| format!("{host}:{port}")).into(),
            });
        }
        ensure!(
            ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST,
            "browsers find a page of this machine on 127.0.0.1 and [::1], not on {ip}"
        );
        let name = &secret()[..32];
        Ok(Self {
            scheme: "http",
            hosts: vec![format!("x{name}.localhost:{port}")],
        })
    }

    /// Returns the address for browsers.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.hosts[0])
    }

    /// Parses the address at which browsers reach the page, itself or a proxy in front of it.
    ///
    /// # Errors
    /// When it is not `https://HOST` or `https://HOST:PORT`.
    pub fn parse(url: &str) -> Result<Self> {
        let uri: Uri = url.parse().context("not a URL")?;
        ensure!(
            uri.scheme_str() == Some("https")
                && matches!(uri.path(), "" | "/")
                && uri.query().is_none(),
            "expected https://HOST or https://HOST:PORT"
        );
        let host = uri.authority().context("the host is missing")?.as_str();
        ensure!(!host.contains('@'), "a URL with a login is not expected");
        let host = host.strip_suffix(":443").unwrap_or(host);
        Ok(Self {
            scheme: "https",
            hosts: vec![host.to_ascii_lowercase()],
        })
    }

    /// Reports whether browsers reach the page by HTTPS.
    pub fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    /// Checks that a request is for this page and, unless a person opens an address, made by it.
    ///
    /// # Errors
    /// The reason for which the request must be refused.
    pub fn check(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<(), Foreign> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let host = text(header::HOST).unwrap_or_default().to_ascii_lowercase();
        let host = host
            .strip_suffix(":443")
            .filter(|_| self.is_https())
            .unwrap_or(&host);
        if !self.hosts.iter().any(|own| own == host) {
            return Err(Foreign::Host);
        }
        let own = format!("{}://{host}", self.scheme);
        let is_safe = *method == Method::GET || *method == Method::HEAD;
        match text(header::ORIGIN) {
            Some(origin) if !origin.eq_ignore_ascii_case(&own) => return Err(Foreign::Site),
            None if !is_safe => return Err(Foreign::Site),
            _ => {}
        }
        let site = headers.get("sec-fetch-site").map(|value| value.as_bytes());
        let is_foreign = site.is_some_and(|site| site != b"same-origin" && site != b"none");
        let is_opened = headers
            .get("sec-fetch-dest")
            .is_some_and(|dest| dest == "document");
        let is_entrance =
            ["/", "/login", "/review", "/upload"].contains(&path) || path.starts_with("/enter/");
        if is_foreign && !(is_safe && is_opened && is_entrance) {
            return Err(Foreign::Site);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        origin: &Origin,
        method: &str,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<(), Foreign> {
        let pairs = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()));
        let headers: HeaderMap = pairs.collect();
        origin.check(&method.parse().unwrap(), path, &headers)
    }

    #[test]
    fn requests_of_other_hosts_and_sites_are_foreign() {
        let local = Origin::loopback("127.0.0.1:8080".parse().unwrap(), false).unwrap();
        let (name, url) = (local.hosts[0].clone(), local.url());
        let (host, own) = (("host", name.as_str()), ("origin", url.as_str()));
        let upper = name.to_ascii_uppercase();
        let other_port = name.replace("8080", "8081");
        let other_origin = url.replace("8080", "8081");
        let cross = ("sec-fetch-site", "cross-site");
        let document = ("sec-fetch-dest", "document");
        let (get, post) = ("GET", "POST");
        for (method, path, headers, expect) in [
            (get, "/", vec![host], Ok(())),
            (get, "/", vec![("host", upper.as_str())], Ok(())),
            (get, "/", vec![], Err(Foreign::Host)),
            // Names that other servers of this machine share.
            (
                get,
                "/",
                vec![("host", "localhost:8080")],
                Err(Foreign::Host),
            ),
            (
                get,
                "/",
                vec![("host", "127.0.0.1:8080")],
                Err(Foreign::Host),
            ),
            // A name of the attacker's that resolves to this machine.
            (
                get,
                "/",
                vec![("host", "evil.example:8080")],
                Err(Foreign::Host),
            ),
            (
                get,
                "/",
                vec![("host", other_port.as_str())],
                Err(Foreign::Host),
            ),
            (post, "/logout", vec![host, own], Ok(())),
            (post, "/logout", vec![host], Err(Foreign::Site)),
            (
                post,
                "/logout",
                vec![host, ("origin", "null")],
                Err(Foreign::Site),
            ),
            (
                post,
                "/logout",
                vec![host, ("origin", other_origin.as_str())],
                Err(Foreign::Site),
            ),
            // The origin has to be the one that the request names, not any of ours.
            (
                post,
                "/logout",
                vec![host, ("origin", "http://localhost:8080")],
                Err(Foreign::Site),
            ),
            (post, "/logout", vec![host, own, cross], Err(Foreign::Site)),
            (get, "/", vec![host, cross, document], Ok(())),
            (get, "/enter/abc", vec![host, cross, document], Ok(())),
            (get, "/upload", vec![host, cross, document], Ok(())),
            (
                get,
                "/",
                vec![host, cross, ("sec-fetch-dest", "iframe")],
                Err(Foreign::Site),
            ),
            (
                get,
                "/picture/1/source",
                vec![host, cross, ("sec-fetch-dest", "image")],
                Err(Foreign::Site),
            ),
            (
                get,
                "/picture/1/source",
                vec![host, cross, document],
                Err(Foreign::Site),
            ),
            (
                get,
                "/events",
                vec![host, ("sec-fetch-site", "same-site")],
                Err(Foreign::Site),
            ),
        ] {
            assert_eq!(
                check(&local, method, path, &headers),
                expect,
                "{method} {path} {headers:?}"
            );
        }
    }

    #[test]
    fn name_on_loopback_is_drawn_at_each_start() {
        let draw = |address: &str| Origin::loopback(address.parse().unwrap(), false);
        let [one, two] = ["127.0.0.1:80", "[::1]:80"].map(|address| draw(address).unwrap().url());
        assert_ne!(one, two);
        let label = one.strip_prefix("http://").unwrap().split('.').next();
        assert_eq!(label.unwrap().len(), 33);
        assert!(one.ends_with(".localhost:80"), "{one}");
        assert!(draw("127.0.0.2:80").is_err());
    }

    #[test]
    fn public_address_is_https_alone() {
        for bad in [
            "http://a.example",
            "https://a.example/x",
            "https://u@a.example",
            "a.example",
            "https://",
        ] {
            assert!(Origin::parse(bad).is_err(), "{bad}");
        }
        let public = Origin::parse("https://Xray.example.com/").unwrap();
        let ok = |host: &str, origin: &str| {
            check(
                &public,
                "POST",
                "/login",
                &[("host", host), ("origin", origin)],
            )
            .is_ok()
        };
        assert!(ok("xray.example.com", "https://xray.example.com"));
        assert!(ok("xray.example.com:443", "https://xray.example.com"));
        assert!(!ok("xray.example.com", "http://xray.example.com"));
        assert!(!ok("other.example.com", "https://other.example.com"));
        assert!(!ok(
            "xray.example.com:8443",
            "https://xray.example.com:8443"
        ));
    }
}
