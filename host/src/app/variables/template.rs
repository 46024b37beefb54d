//! Templates: `{{ name }}` in a manifest's strings.

use anyhow::{Result, bail};

/// Replaces every `{{ name }}` with the value from `lookup`.
///
/// # Errors
/// When a name is unclosed, empty or unknown to `lookup`.
pub fn expand<'a>(template: &str, lookup: impl Fn(&str) -> Option<&'a str>) -> Result<String> {
    let mut result = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((literal, after)) = rest.split_once("{{") {
        result.push_str(literal);
        let Some((name, after)) = after.split_once("}}") else {
            bail!("`{{{{` without `}}}}` in {template:?}");
        };
        let name = name.trim();
        match lookup(name) {
            Some(value) => result.push_str(value),
            None => bail!("{template:?} names the variable `{name}`, which does not exist"),
        }
        rest = after;
    }
    result.push_str(rest);
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_once() {
        let lookup = |name: &str| match name {
            "host" => Some("rgw.example.com"),
            "braces" => Some("{{ host }}"),
            _ => None,
        };
        let cases = [
            ("plain", Some("plain")),
            ("", Some("")),
            (
                "https://{{ host }}:443",
                Some("https://rgw.example.com:443"),
            ),
            ("{{host}}{{ host }}", Some("rgw.example.comrgw.example.com")),
            ("{{ braces }}", Some("{{ host }}")),
            ("}} {", Some("}} {")),
            ("{{ other }}", None),
            ("{{ }}", None),
            ("{{ host", None),
        ];
        for (template, expected) in cases {
            assert_eq!(
                expand(template, lookup).ok().as_deref(),
                expected,
                "{template}"
            );
        }
    }
}
