//! Spin's headers, which describe the route of a request to the component.

use std::net::SocketAddr;

use http::{HeaderName, HeaderValue, Request, header, uri::Authority};

use super::route::Match;

/// Address of the client. The server adds it to the request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

const NAMES: [&str; 7] = [
    "spin-full-url",
    "spin-path-info",
    "spin-matched-route",
    "spin-component-route",
    "spin-raw-component-route",
    "spin-base-path",
    "spin-client-addr",
];
const NAMED: &str = "spin-path-match-";

/// Sets Spin's headers and removes those that the client sent.
pub fn decorate<B>(request: &mut Request<B>, found: &Match<'_>) {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    let scheme = request.uri().scheme_str().unwrap_or("http").to_owned();
    let host = ensure_host(request);
    let peer = request.extensions().get::<Peer>().copied();

    let headers = request.headers_mut();
    let sent: Vec<HeaderName> = headers
        .keys()
        .filter(|name| NAMES.contains(&name.as_str()) || name.as_str().starts_with(NAMED))
        .cloned()
        .collect();
    for name in sent {
        headers.remove(name);
    }
    let component_route = found
        .raw_route
        .strip_suffix("/...")
        .unwrap_or(found.raw_route);
    let mut set = |name: &str, value: &str| {
        // Paths received over HTTP are always valid header values.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    };
    set("spin-full-url", &format!("{scheme}://{host}{path}"));
    set("spin-path-info", &found.path_info);
    set("spin-matched-route", &joined(found.base, found.raw_route));
    set("spin-component-route", component_route);
    set("spin-raw-component-route", found.raw_route);
    set("spin-base-path", found.base);
    if let Some(Peer(address)) = peer {
        set("spin-client-addr", &address.to_string());
    }
    for (name, value) in &found.named {
        set(&format!("{NAMED}{name}"), value);
    }
}

/// Returns the host, and sets the header if it is missing or invalid: requests made within the
/// process may lack it, but components rely on it.
fn ensure_host<B>(request: &mut Request<B>) -> String {
    let sent = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    if let Some(host) = sent.filter(|host| host.parse::<Authority>().is_ok()) {
        return host.to_owned();
    }
    let host = request
        .uri()
        .authority()
        .map_or("localhost", |authority| authority.as_str())
        .to_owned();
    if let Ok(value) = HeaderValue::from_str(&host) {
        request.headers_mut().insert(header::HOST, value);
    }
    host
}

fn joined(base: &str, route: &str) -> String {
    format!("{}{route}", base.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::runtime::route::Router;

    #[test]
    fn spins_headers_replace_spoofed_ones() {
        let router = Router::new("/api", [("/users/:id/...", "c")].into_iter()).unwrap();
        let mut request = Request::get("/api/users/7/a/b?q=1")
            .header("host", "example.com:3000")
            .header("spin-client-addr", "6.6.6.6:6")
            .header("spin-path-match-admin", "yes")
            .header("SPIN-PATH-INFO", "/etc")
            .header("spin-custom", "kept")
            .extension(Peer("10.0.0.1:5000".parse().unwrap()))
            .body(())
            .unwrap();
        let path = request.uri().path().to_owned();
        decorate(&mut request, &router.find(&path).unwrap());
        let mut headers: Vec<_> = request
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        headers.sort();
        assert_eq!(
            headers,
            [
                "host: example.com:3000",
                "spin-base-path: /api",
                "spin-client-addr: 10.0.0.1:5000",
                "spin-component-route: /users/:id",
                "spin-custom: kept",
                "spin-full-url: http://example.com:3000/api/users/7/a/b?q=1",
                "spin-matched-route: /api/users/:id/...",
                "spin-path-info: /a/b",
                "spin-path-match-id: 7",
                "spin-raw-component-route: /users/:id/...",
            ]
        );
    }

    #[test]
    fn request_within_the_process_gets_a_host_but_no_address() {
        let router = Router::new("/", [("/...", "c")].into_iter()).unwrap();
        let mut request = Request::get("/").body(()).unwrap();
        decorate(&mut request, &router.find("/").unwrap());
        assert_eq!(request.headers()["host"], "localhost");
        assert_eq!(request.headers()["spin-component-route"], "");
        assert!(!request.headers().contains_key("spin-client-addr"));
    }
}
