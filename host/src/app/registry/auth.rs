//! Registry credentials from the files of Spin, Docker and Podman.

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::secrets::RegistryAuth;
use serde_json::Value;

/// Credentials for one registry.
pub struct Credentials {
    /// Form that the client takes.
    pub auth: RegistryAuth,
    /// Origin of the credentials, or the reason for their absence, for the error message when the
    /// registry denies access.
    pub origin: String,
}

/// Finds the credentials for a registry: from `REGISTRY_AUTH_FILE` if that is set, otherwise from
/// the first of Spin, Docker (with its helpers) and Podman that has any.
///
/// # Errors
/// When `REGISTRY_AUTH_FILE` names a missing or invalid file, since an explicit choice must not be
/// skipped silently.
pub fn find(registry: &str) -> Result<Credentials> {
    if let Some(file) = std::env::var_os("REGISTRY_AUTH_FILE").filter(|file| !file.is_empty()) {
        let path = PathBuf::from(file);
        return of_file(&path, registry)
            .with_context(|| format!("REGISTRY_AUTH_FILE names {}", path.display()));
    }
    if let Some((user, password)) = spin(registry) {
        return Ok(Credentials {
            auth: RegistryAuth::Basic(user, password),
            origin: "the credentials of `spin registry login` were used".to_owned(),
        });
    }
    let mut why = "Spin, Docker and Podman have no credentials for it; log in with one of them or set REGISTRY_AUTH_FILE";
    let mut reason = None;
    for (tool, found) in [
        ("Docker", docker_credential::get_credential(registry)),
        ("Podman", docker_credential::get_podman_credential(registry)),
    ] {
        match found {
            Ok(credential) => return Ok(credentials(credential, tool)),
            Err(error) if is_none(&error) => {}
            Err(error) => reason = Some(format!("{tool} has no credentials: {}", one_line(&error))),
        }
    }
    if let Some(reason) = &reason {
        why = reason;
    }
    Ok(Credentials {
        auth: RegistryAuth::Anonymous,
        origin: why.to_owned(),
    })
}

fn of_file(path: &Path, registry: &str) -> Result<Credentials> {
    let file = File::open(path).context("the file can't be read")?;
    match docker_credential::get_credential_from_reader(BufReader::new(file), registry) {
        Ok(credential) => Ok(credentials(credential, "REGISTRY_AUTH_FILE")),
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(Credentials {
            auth: RegistryAuth::Anonymous,
            origin: format!("REGISTRY_AUTH_FILE has no credentials for {registry}"),
        }),
        Err(CredentialRetrievalError::ConfigReadError) => {
            anyhow::bail!("the file is not in Docker's format for credentials")
        }
        Err(error) => anyhow::bail!("{}", one_line(&error)),
    }
}

fn credentials(credential: DockerCredential, tool: &str) -> Credentials {
    match credential {
        DockerCredential::UsernamePassword(user, password) => Credentials {
            auth: RegistryAuth::Basic(user, password),
            origin: format!("the credentials from {tool} were used"),
        },
        DockerCredential::IdentityToken(_) => Credentials {
            auth: RegistryAuth::Anonymous,
            origin: format!(
                "{tool} has an identity token, which is not supported; use a user name and a password"
            ),
        },
    }
}

fn is_none(error: &CredentialRetrievalError) -> bool {
    use CredentialRetrievalError::{ConfigNotFound, NoCredentialConfigured};
    // A missing file is reported as unreadable.
    matches!(
        error,
        NoCredentialConfigured | ConfigNotFound | CredentialRetrievalError::ConfigReadError
    )
}

/// Joins the lines of an error, since a helper's output can have several.
fn one_line(error: &CredentialRetrievalError) -> String {
    let text = error.to_string();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Reads the file of `spin registry login`, which holds user and password by registry in base64.
fn spin(registry: &str) -> Option<(String, String)> {
    let folder = std::env::var_os("XDG_CONFIG_HOME")
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")))?;
    let text = std::fs::read(folder.join("fermyon/registry-auth.json")).ok()?;
    let config: Value = serde_json::from_slice(&text).ok()?;
    let encoded = config.get("auths")?.get(registry)?.as_str()?;
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_in_dockers_format_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("auth.json");
        let text = format!(
            r#"{{"auths": {{"registry.example.com": {{"auth": "{}"}}, "other:5000": {{"identitytoken": "t"}}}}}}"#,
            STANDARD.encode("nurse:s3:cret")
        );
        std::fs::write(&path, text).unwrap();
        let found = of_file(&path, "registry.example.com").unwrap();
        let RegistryAuth::Basic(user, password) = found.auth else {
            panic!("{}", found.origin)
        };
        assert_eq!((user.as_str(), password.as_str()), ("nurse", "s3:cret"));
        let found = of_file(&path, "nowhere").unwrap();
        assert!(matches!(found.auth, RegistryAuth::Anonymous) && found.origin.contains("nowhere"));
        let found = of_file(&path, "other:5000").unwrap();
        assert!(found.origin.contains("identity token"));

        std::fs::write(&path, "nurse:s3cret").unwrap();
        let error = format!("{:#}", of_file(&path, "x").err().unwrap());
        assert!(error.contains("Docker's format") && !error.contains("s3cret"));
        let error = format!("{:#}", of_file(dir.path(), "x").err().unwrap());
        assert!(!error.is_empty());
    }
}
