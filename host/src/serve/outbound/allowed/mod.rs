//! `allowed_outbound_hosts`, in Spin's syntax.
//!
//! An entry is `scheme://host:port`. The scheme may be `*`, the host `*`, `*.example.com`, a
//! network such as `10.0.0.0/8` or `self`, and the port `*` or a half-open range `8000..8010`. The
//! default port is the scheme's.

use std::{net::IpAddr, str::FromStr};

use anyhow::{Context, Result, bail};
use http::Uri;

/// Hosts that one component may call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedHosts(Vec<AllowedHost>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct AllowedHost {
    /// `None` allows any.
    scheme: Option<String>,
    host: HostRule,
    /// Inclusive at both ends.
    ports: std::ops::RangeInclusive<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostRule {
    Any,
    /// The application itself, under the name `self.alt`.
    Itself,
    /// Hosts that end in this suffix, which starts with a dot.
    Below(String),
    Exactly(String),
    Network(IpAddr, u8),
}

/// Host name under which a component calls its own application.
pub const SELF: &str = "self.alt";

impl AllowedHosts {
    /// Parses entries whose templates have been expanded.
    ///
    /// # Errors
    /// When an entry does not parse; the error names it.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self> {
        let parse = |entry: &S| {
            entry
                .as_ref()
                .parse()
                .with_context(|| format!("allowed_outbound_hosts: {:?}", entry.as_ref()))
        };
        Ok(Self(entries.iter().map(parse).collect::<Result<_>>()?))
    }

    /// Reports whether requests to this URI are allowed.
    pub fn allows(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return false;
        };
        let Some(port) = uri.port_u16().or_else(|| default_port(scheme)) else {
            return false;
        };
        self.0.iter().any(|entry| entry.allows(scheme, host, port))
    }
}

impl AllowedHost {
    fn allows(&self, scheme: &str, host: &str, port: u16) -> bool {
        if self.scheme.as_deref().is_some_and(|own| own != scheme) {
            return false;
        }
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        let fits = match &self.host {
            HostRule::Any => true,
            // On any port that the application may listen on.
            HostRule::Itself => return host == SELF,
            HostRule::Below(suffix) => host
                .strip_suffix(suffix.as_str())
                .is_some_and(|rest| !rest.is_empty()),
            HostRule::Exactly(own) => *own == host,
            HostRule::Network(network, bits) => host
                .parse()
                .is_ok_and(|address| in_network(address, *network, *bits)),
        };
        fits && self.ports.contains(&port)
    }
}

impl FromStr for AllowedHost {
    type Err = anyhow::Error;

    fn from_str(entry: &str) -> Result<Self> {
        let Some((scheme, rest)) = entry.trim().split_once("://") else {
            bail!("expected SCHEME://HOST, as in `https://example.com` or `*://example.com:80`");
        };
        let any_scheme = scheme == "*";
        if !any_scheme
            && !scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        {
            bail!("{scheme:?} is not a scheme");
        }
        let scheme = scheme.to_ascii_lowercase();
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest == "self" || rest == SELF {
            return Ok(Self {
                scheme: None,
                host: HostRule::Itself,
                ports: 0..=u16::MAX,
            });
        }
        let (host, port) = split_port(rest);
        let host = host_rule(&host.to_ascii_lowercase())?;
        let ports = match port {
            Some("*") => 0..=u16::MAX,
            Some(port) => ports(port)?,
            None => match default_port(&scheme) {
                Some(port) => port..=port,
                None => bail!("the port is missing, and the scheme `{scheme}` has no default"),
            },
        };
        Ok(Self {
            scheme: (!any_scheme).then_some(scheme),
            host,
            ports,
        })
    }
}

/// Splits at the last colon, unless it is inside the brackets of an IPv6 address.
fn split_port(rest: &str) -> (&str, Option<&str>) {
    match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (rest, None),
    }
}

fn host_rule(host: &str) -> Result<HostRule> {
    if host == "*" {
        return Ok(HostRule::Any);
    }
    if host.ends_with(".spin.internal") {
        bail!("calls between components (`*.spin.internal`) are not supported by this host");
    }
    if let Some((network, bits)) = host.split_once('/')
        && let Ok(network) = network.trim_matches(['[', ']']).parse::<IpAddr>()
    {
        let most = if network.is_ipv4() { 32 } else { 128 };
        return match bits.parse() {
            Ok(bits) if bits <= most => Ok(HostRule::Network(network, bits)),
            _ => bail!("{host:?} is not a network"),
        };
    }
    let (host, below) = match host.strip_prefix('*') {
        Some(suffix) if suffix.starts_with('.') => (suffix, true),
        Some(_) => bail!("`*` replaces whole labels only, as in `*.example.com`"),
        None => (host.trim_matches(['[', ']']), false),
    };
    if host.is_empty() || host == "." {
        bail!("the host is missing");
    }
    if host.contains('*') {
        bail!("`*` is allowed at the start only, as in `*.example.com`");
    }
    if host.contains(['/', '?', '#', '@']) {
        bail!("an allowed host can't have a path or a user");
    }
    Ok(if below {
        HostRule::Below(host.to_owned())
    } else {
        HostRule::Exactly(host.to_owned())
    })
}

fn ports(text: &str) -> Result<std::ops::RangeInclusive<u16>> {
    let number = |text: &str| {
        text.parse::<u16>()
            .with_context(|| format!("{text:?} is not a port"))
    };
    let Some((first, end)) = text.split_once("..") else {
        let port = number(text)?;
        return Ok(port..=port);
    };
    let (first, end) = (number(first)?, number(end)?);
    if first >= end {
        bail!("the port range {text:?} is empty");
    }
    Ok(first..=end - 1)
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "redis" => Some(6379),
        "postgres" => Some(5432),
        "mysql" => Some(3306),
        "mqtt" => Some(1883),
        _ => None,
    }
}

fn in_network(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let (address, network, width) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (u128::from(a.to_bits()), u128::from(n.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => (a.to_bits(), n.to_bits(), 128),
        _ => return false,
    };
    let ignored = width - u32::from(bits);
    address.checked_shr(ignored) == network.checked_shr(ignored)
}

#[cfg(test)]
mod tests;
