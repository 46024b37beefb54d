//! Routing of paths to components by Spin's rules.
//!
//! A route is exact, has single wildcards (`/:name`), or ends in `/...`, which matches any rest,
//! even an empty one. The most specific route wins, independent of the order in the manifest. A
//! trailing slash makes no difference.

use std::cmp::Ordering;

use anyhow::{Result, bail};

/// Routes, the most specific first.
#[derive(Debug, Clone)]
pub struct Router {
    base: String,
    routes: Vec<Route>,
}

#[derive(Debug, Clone)]
struct Route {
    raw: String,
    component: String,
    segments: Vec<Segment>,
    open: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Named(String),
}

/// Result of a match.
#[derive(Debug, PartialEq, Eq)]
pub struct Match<'a> {
    /// Id of the component.
    pub component: &'a str,
    /// Base path of the application.
    pub base: &'a str,
    /// Route as written in the manifest.
    pub raw_route: &'a str,
    /// Part of the path that the final wildcard matched.
    pub path_info: String,
    /// Names and values of the single wildcards.
    pub named: Vec<(&'a str, String)>,
}

impl Router {
    /// Builds the router from routes and component ids.
    ///
    /// # Errors
    /// When a route does not parse, or two are equal.
    pub fn new<'a>(base: &str, routes: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let mut table = Vec::new();
        for (raw, component) in routes {
            table.push(Route::parse(base, raw, component)?);
        }
        table.sort_by(Route::specificity);
        for pair in table.windows(2) {
            if pair[0].specificity(&pair[1]) == Ordering::Equal
                && pair[0].literals() == pair[1].literals()
            {
                bail!(
                    "the routes {:?} and {:?} are equal",
                    pair[0].raw,
                    pair[1].raw
                );
            }
        }
        Ok(Self {
            base: base.to_owned(),
            routes: table,
        })
    }

    /// Returns the most specific route that matches a path.
    pub fn find(&self, path: &str) -> Option<Match<'_>> {
        let segments: Vec<&str> = split(path).collect();
        self.routes
            .iter()
            .find_map(|route| route.matches(&self.base, &segments, path))
    }
}

impl Route {
    fn parse(base: &str, raw: &str, component: &str) -> Result<Self> {
        if !raw.starts_with('/') {
            bail!("the route {raw:?} does not start with a slash");
        }
        let (fixed, open) = match raw.strip_suffix("/...") {
            Some(fixed) => (fixed, true),
            None => (raw, false),
        };
        if fixed.contains("...") {
            bail!("the route {raw:?} has `...` before its last segment");
        }
        let segments = split(base)
            .chain(split(fixed))
            .map(Segment::parse)
            .collect();
        Ok(Self {
            raw: raw.to_owned(),
            component: component.to_owned(),
            segments,
            open,
        })
    }

    fn literals(&self) -> Vec<&Segment> {
        self.segments
            .iter()
            .filter(|segment| matches!(segment, Segment::Literal(_)))
            .collect()
    }

    /// Orders routes segment by segment: literals before wildcards, and closed routes before open
    /// ones.
    fn specificity(&self, other: &Self) -> Ordering {
        let rank = |route: &Self, index: usize| match route.segments.get(index) {
            Some(Segment::Literal(_)) => 0,
            Some(Segment::Named(_)) => 1,
            None if route.open => 3,
            None => 2,
        };
        let longest = self.segments.len().max(other.segments.len());
        (0..=longest)
            .map(|index| rank(self, index).cmp(&rank(other, index)))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| {
                self.literals()
                    .iter()
                    .map(|s| s.text())
                    .cmp(other.literals().iter().map(|s| s.text()))
            })
    }

    fn matches<'a>(&'a self, base: &'a str, path: &[&str], whole: &str) -> Option<Match<'a>> {
        let fits =
            path.len() == self.segments.len() || (self.open && path.len() > self.segments.len());
        if !fits {
            return None;
        }
        let mut named = Vec::new();
        for (segment, part) in self.segments.iter().zip(path) {
            match segment {
                Segment::Literal(text) if text == part => {}
                Segment::Literal(_) => return None,
                Segment::Named(name) => named.push((name.as_str(), (*part).to_owned())),
            }
        }
        let path_info = if self.open {
            rest(whole, self.segments.len())
        } else {
            String::new()
        };
        Some(Match {
            component: &self.component,
            base,
            raw_route: &self.raw,
            path_info,
            named,
        })
    }
}

impl Segment {
    fn parse(text: &str) -> Self {
        match text.strip_prefix(':') {
            Some(name) => Self::Named(name.to_owned()),
            None => Self::Literal(text.to_owned()),
        }
    }

    fn text(&self) -> &str {
        let (Self::Literal(text) | Self::Named(text)) = self;
        text
    }
}

fn split(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

/// Returns the path after its first `skip` segments as it was sent, with all slashes.
fn rest(path: &str, skip: usize) -> String {
    let mut remaining = path;
    for _ in 0..skip {
        remaining = remaining.trim_start_matches('/');
        remaining = &remaining[remaining.find('/').unwrap_or(remaining.len())..];
    }
    remaining.to_owned()
}

#[cfg(test)]
mod tests;
