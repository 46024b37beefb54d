//! HTTP triggers: `[application.trigger.http]` and the `[[trigger.http]]` tables.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::{Map, Value};

use super::raw;

/// An HTTP trigger.
#[derive(Debug, Clone)]
pub struct HttpRoute {
    /// The route as written.
    pub route: String,
    /// Id of the component that handles it.
    pub component: String,
}

/// Returns the base path of a locked application from its triggers' common keys.
pub(crate) fn locked_base(common: Option<&Map<String, Value>>) -> Result<String> {
    let http = common.and_then(|common| common.get("http")).cloned();
    let http = http.map(serde_json::from_value).transpose()?;
    base(
        &http
            .map(|table| ("http".to_owned(), table))
            .into_iter()
            .collect(),
    )
}

/// Reads the route of a locked HTTP trigger.
pub(crate) fn locked_route(config: &Map<String, Value>) -> Result<HttpRoute> {
    // Older versions of Spin write unset keys as null, which TOML lacks.
    let mut config = config.clone();
    config.retain(|_, value| !value.is_null());
    read(serde_json::from_value(Value::Object(config))?)
}

pub(super) fn base(triggers: &BTreeMap<String, toml::Table>) -> Result<String> {
    let mut http = triggers.get("http").cloned().unwrap_or_default();
    let base = http.remove("base");
    if let Some(key) = http.keys().next() {
        bail!("unknown key `{key}` in application.trigger.http, expected `base`");
    }
    match base {
        None => Ok("/".into()),
        Some(toml::Value::String(base)) => Ok(base),
        Some(_) => bail!("application.trigger.http.base must be a string"),
    }
}

pub(super) fn read(raw: raw::HttpTrigger) -> Result<HttpRoute> {
    if !raw.components.is_empty() {
        bail!("`components` (middleware) is not supported by this host");
    }
    match raw
        .executor
        .get("type")
        .map(|kind| kind.as_str().unwrap_or_default())
    {
        None | Some("spin" | "http" | "wasip2") => {}
        Some(other) => bail!("executor {other:?} is not supported by this host, only \"spin\""),
    }
    let toml::Value::String(component) = raw.component else {
        bail!("inline components are not supported by this host; use a [component.NAME] table");
    };
    let toml::Value::String(route) = raw.route else {
        bail!("private routes are not supported by this host");
    };
    Ok(HttpRoute { route, component })
}
