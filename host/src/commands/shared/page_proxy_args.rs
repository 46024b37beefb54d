//! Flags of a proxy that signs people in, for the page beside the function and for the one on its
//! own.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::page::{
    People,
    access::{
        proxy::{Beside, Groups, Proxy, TokenSettings, Tokens, Way, parse_group},
        roles::Roles,
    },
};

/// A proxy in front of the page. The flag `page_url` is beside these, and the group `page_people`
/// has others.
#[derive(Debug, Default, Args)]
pub struct PageProxyArgs {
    /// Let people in whom a proxy has signed in, by ID tokens of this OpenID Connect issuer:
    /// https://HOST, as it names itself.
    #[arg(
        long,
        value_name = "URL",
        group = "page_people",
        requires_all = ["page_oidc_audience", "page_url", "page_group"]
    )]
    pub page_oidc_issuer: Option<String>,
    /// Audience of the ID tokens: the proxy's client id.
    #[arg(long, value_name = "ID", requires = "page_oidc_issuer")]
    pub page_oidc_audience: Option<String>,
    /// Certificate authorities of the issuer in PEM format, in place of the machine's.
    #[arg(long, value_name = "FILE", requires = "page_oidc_issuer")]
    pub page_oidc_ca: Option<PathBuf>,
    /// Header with the ID token.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "authorization",
        requires = "page_oidc_issuer"
    )]
    pub page_oidc_header: String,
    /// Claim with the person's groups; a dot leads into a claim: realm_access.roles.
    #[arg(
        long,
        value_name = "CLAIM",
        default_value = "groups",
        requires = "page_oidc_issuer"
    )]
    pub page_oidc_role_claim: String,
    /// Claim with the person's name for claims of copies and the audit log.
    #[arg(
        long,
        value_name = "CLAIM",
        default_value = "sub",
        requires = "page_oidc_issuer"
    )]
    pub page_oidc_name_claim: String,
    /// Let people in by the headers X-Forwarded-User and X-Forwarded-Groups of a proxy that also
    /// sends the secret in this file, in X-Xray-Proxy-Secret or as the password of basic
    /// authentication.
    #[arg(
        long,
        value_name = "FILE",
        group = "page_people",
        requires_all = ["page_url", "page_group"]
    )]
    pub page_proxy_secret_file: Option<PathBuf>,
    /// Let people in by the headers X-Forwarded-User and X-Forwarded-Groups of a proxy that has a
    /// certificate of the authorities in this file, in PEM format. The page accepts no connection
    /// without one, so it needs --page-tls-cert.
    #[arg(
        long,
        value_name = "FILE",
        group = "page_people",
        requires_all = ["page_url", "page_group", "page_tls_cert"]
    )]
    pub page_proxy_ca: Option<PathBuf>,
    /// Roles of a group of the proxy's people: GROUP=ROLES, with viewer, reviewer, clinician;
    /// repeatable. People in none of these groups see nothing.
    #[arg(long, value_name = "GROUP=ROLES", value_parser = parse_group)]
    pub page_group: Vec<(String, Roles)>,
    /// Path at which the proxy signs people out.
    #[arg(long, value_name = "PATH", default_value = "/oauth2/sign_out")]
    pub page_proxy_sign_out: String,
}

impl PageProxyArgs {
    /// Reports whether a proxy signs people in.
    pub fn is_given(&self) -> bool {
        self.page_oidc_issuer.is_some()
            || self.page_proxy_secret_file.is_some()
            || self.page_proxy_ca.is_some()
    }

    /// Returns the file of the authorities of which the proxy needs a certificate.
    pub fn authorities(&self) -> Option<&Path> {
        self.page_proxy_ca.as_deref()
    }

    /// Returns the people who may sign in; `users` is the file of people, if there is one.
    ///
    /// # Errors
    /// When a file can't be read, or a setting makes no sense.
    pub fn people<'a>(&self, users: Option<&'a Path>, key: Option<&Path>) -> Result<People<'a>> {
        let way = if let Some(issuer) = &self.page_oidc_issuer {
            Way::Tokens(Box::new(Tokens::new(self.tokens(issuer)?)?))
        } else if let Some(file) = &self.page_proxy_secret_file {
            Way::Headers(Beside::secret(file)?)
        } else if self.page_proxy_ca.is_some() {
            Way::Headers(Beside::Certificate)
        } else {
            return Ok(users.map_or(People::Terminal, People::File));
        };
        let groups = Groups::new(self.page_group.clone());
        let proxy = Proxy::new(way, groups, self.page_proxy_sign_out.clone(), key)?;
        Ok(People::Proxy(Box::new(proxy)))
    }

    fn tokens(&self, issuer: &str) -> Result<TokenSettings> {
        let authorities = self.page_oidc_ca.as_ref().map(|file| {
            let text = std::fs::read_to_string(file);
            text.with_context(|| format!("--page-oidc-ca {}", file.display()))
        });
        Ok(TokenSettings {
            issuer: issuer.to_owned(),
            audience: self
                .page_oidc_audience
                .clone()
                .context("--page-oidc-audience")?,
            authorities: authorities.transpose()?,
            header: self.page_oidc_header.clone(),
            groups: self.page_oidc_role_claim.clone(),
            name: self.page_oidc_name_claim.clone(),
        })
    }
}
