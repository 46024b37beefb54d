//! The file of users: one person a line, with roles and the digest of a token.

use std::{collections::HashMap, path::Path};

use anyhow::{Context, Result, bail, ensure};
use rand::Rng;
use sha2::{Digest, Sha256};

use super::roles::Roles;

/// SHA-256 of a token. Tokens are random and long, so a slow hash would add nothing.
pub type TokenDigest = [u8; 32];

/// A person who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Name for the page and the log.
    pub name: String,
    /// Roles.
    pub roles: Roles,
}

/// Returns the digest of a token.
pub fn digest(token: &str) -> TokenDigest {
    Sha256::digest(token.trim().as_bytes()).into()
}

/// Returns 32 random bytes in hex.
pub fn secret() -> String {
    let mut bytes = [0; 32];
    rand::rng().fill(&mut bytes);
    hex::encode(bytes)
}

/// Makes a token and its line for the file.
///
/// # Errors
/// When the name can't be written in the file.
pub fn new_token(name: &str, roles: &str) -> Result<(String, String)> {
    let token = secret();
    let line = format!("{name} {roles} sha256:{}", hex::encode(digest(&token)));
    parse(&line)?;
    Ok((token, line))
}

/// Reads a file of users.
///
/// # Errors
/// When it can't be read or a line is malformed; the error has the line's number, not its text.
pub fn read(path: &Path) -> Result<HashMap<TokenDigest, User>> {
    let context = || format!("the users in {}", path.display());
    let text = std::fs::read_to_string(path).with_context(context)?;
    let users = parse(&text).with_context(context)?;
    ensure!(
        !users.is_empty(),
        "{} names nobody; `xray page-token NAME` makes a line for it",
        path.display()
    );
    Ok(users)
}

fn parse(text: &str) -> Result<HashMap<TokenDigest, User>> {
    let mut users = HashMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (digest, user) = parse_line(line).with_context(|| format!("line {}", index + 1))?;
        if users.insert(digest, user).is_some() {
            bail!("line {}: another person has this token", index + 1);
        }
    }
    Ok(users)
}

fn parse_line(line: &str) -> Result<(TokenDigest, User)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [name, roles, token] = words[..] else {
        bail!("expected NAME ROLES sha256:DIGEST");
    };
    let name = parse_name(name).map_err(anyhow::Error::msg)?;
    let roles = roles.parse().map_err(anyhow::Error::msg)?;
    let digest = token.strip_prefix("sha256:");
    let digest = digest.and_then(|digits| hex::decode(digits).ok());
    let digest = digest.and_then(|bytes| TokenDigest::try_from(bytes).ok());
    let digest = digest.context("the third word is not sha256: and 64 hexadecimal digits")?;
    Ok((digest, User { name, roles }))
}

/// Parses a person's name.
///
/// # Errors
/// When it could be mistaken for something else in a log.
pub fn parse_name(name: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.@".contains(c);
    let is_name = !name.is_empty() && name.len() <= 64 && name.chars().all(is_plain);
    is_name.then(|| name.to_owned()).ok_or_else(|| {
        "a name has letters, digits, `-`, `_`, `.` and `@`, at most 64 bytes".to_owned()
    })
}

/// Returns the name of the person who has started this process, `USER@HOST`, if the operating
/// system tells it.
pub fn local_name() -> Option<String> {
    let mut user = ["USER", "LOGNAME"].into_iter();
    let user = user.find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))?;
    let mut files = ["/proc/sys/kernel/hostname", "/etc/hostname"].into_iter();
    let host = files.find_map(|file| std::fs::read_to_string(file).ok());
    let host = host.or_else(|| std::env::var("HOSTNAME").ok())?;
    parse_name(&format!("{user}@{}", host.trim())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_opens_its_own_line_only() {
        let (token, line) = new_token("alice", "reviewer").unwrap();
        let (other, second) = new_token("bob", "viewer").unwrap();
        let users = parse(&format!("# staff\n\n{line}\n{second}\n")).unwrap();
        assert_eq!(users[&digest(&token)].name, "alice");
        assert!(users[&digest(&token)].roles.reviewer);
        assert_eq!(users[&digest(&format!("{other}\n"))].name, "bob");
        assert!(!users.contains_key(&digest("")));
        assert!(!line.contains(&token) && token.len() == 64);
    }

    #[test]
    fn name_is_plain_text() {
        for (name, is_name) in [
            ("alice", true),
            ("alice@ward-3.example", true),
            ("", false),
            ("al ice", false),
            ("<b>", false),
            (&"a".repeat(65), false),
        ] {
            assert_eq!(parse_name(name).is_ok(), is_name, "{name}");
        }
    }

    #[test]
    fn malformed_lines_are_errors_without_their_text() {
        let good = "sha256:".to_owned() + &"ab".repeat(32);
        for (line, said) in [
            ("alice reviewer", "expected NAME ROLES"),
            ("alice boss GOOD", "a role is"),
            ("al<ice viewer GOOD", "a name has"),
            ("alice viewer sha256:abcd", "64 hexadecimal"),
            ("alice viewer plain-token", "64 hexadecimal"),
        ] {
            let error = parse(&line.replace("GOOD", &good)).unwrap_err();
            let text = format!("{error:#}");
            assert!(text.contains(said) && text.contains("line 1"), "{text}");
            assert!(
                !text.contains("alice") && !text.contains("plain-token"),
                "{text}"
            );
        }
        let twice = format!("a viewer {good}\nb viewer {good}");
        assert!(parse(&twice).is_err());
    }
}
