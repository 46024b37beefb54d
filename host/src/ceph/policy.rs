//! Bucket policies: the least that the function's user needs, and nothing more.
//!
//! | bucket | the function may | reason |
//! |---|---|---|
//! | input | GetObject, GetObjectVersion, ListBucket | fetching, by version too; 404 if missing |
//! | processed | GetObject, PutObject, ListBucket | HEAD before PUT, which must see 404 |
//! | anonymized | the same, DeleteObject | removed when the source is overwritten at low risk |
//! | quarantine | as anonymized | removed when a clean copy replaces it, or none is due |
//!
//! The function may not change ACLs, though it owns the objects that it stores. The buckets' owner
//! may read the outputs: on Ceph's gateway, as on S3 before bucket-owner enforcement, an object
//! belongs to the user who stored it, and the bucket's owner can't read it unless a policy allows
//! it.

use anyhow::{Context, Result};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};
use s3::Client;
use serde_json::{Value, json};

use super::{
    bucket::ask,
    resource::{Observed, Resource, State},
};

/// Prefix of our statements' ids; other statements are left unchanged.
const OURS: &str = "Xray";

/// Purpose of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Incoming pictures.
    Input,
    /// Labeled pictures.
    Processed {
        /// True if the function removes them together with their source.
        removes: bool,
    },
    /// Anonymized copies.
    Anonymized,
    /// Copies that may still contain text, kept for manual review.
    Quarantine,
}

impl Role {
    /// Returns the actions on objects that the function may perform.
    pub fn actions(self) -> &'static [&'static str] {
        match self {
            Self::Input => &["s3:GetObject", "s3:GetObjectVersion"],
            Self::Processed { removes: false } => &["s3:GetObject", "s3:PutObject"],
            Self::Processed { removes: true } | Self::Anonymized | Self::Quarantine => {
                &["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
            }
        }
    }
}

/// The policy of one bucket.
pub struct Policy {
    /// Client with the owner's keys.
    pub client: Client,
    /// The bucket.
    pub bucket: String,
    /// The bucket's purpose.
    pub role: Role,
    /// The function's user, as a principal.
    pub function: String,
    /// The buckets' owner, as a principal.
    pub owner: String,
}

/// Builds a user's ARN from its id, `user` or `tenant$user`; an ARN is returned unchanged.
pub fn principal(user: &str) -> String {
    if user.starts_with("arn:") {
        return user.to_owned();
    }
    let (tenant, user) = user.split_once('$').unwrap_or(("", user));
    format!("arn:aws:iam::{tenant}:user/{user}")
}

impl Policy {
    /// Returns our statements.
    pub fn statements(&self) -> Vec<Value> {
        let bucket = format!("arn:aws:s3:::{}", self.bucket);
        let objects = format!("{bucket}/*");
        let statement = |sid: &str, effect: &str, who: &str, actions: &[&str], on: &str| {
            json!({
                "Sid": format!("{OURS}{sid}"), "Effect": effect, "Principal": {"AWS": [who]},
                "Action": actions, "Resource": [on],
            })
        };
        let function = self.function.as_str();
        let mut all = vec![
            statement(
                "FunctionObjects",
                "Allow",
                function,
                self.role.actions(),
                &objects,
            ),
            statement(
                "FunctionBucket",
                "Allow",
                function,
                &["s3:ListBucket"],
                &bucket,
            ),
        ];
        if self.role != Role::Input {
            let acls = ["s3:PutObjectAcl", "s3:PutObjectVersionAcl"];
            all.push(statement(
                "FunctionNoAcls",
                "Deny",
                function,
                &acls,
                &objects,
            ));
            let reads = ["s3:GetObject", "s3:GetObjectVersion"];
            all.push(statement(
                "OwnerReads",
                "Allow",
                &self.owner,
                &reads,
                &objects,
            ));
        }
        all
    }

    /// Reads the current policy.
    async fn stored(&self) -> Result<Option<Value>> {
        match self.ask(Method::GET, Bytes::new()).await {
            Ok(body) => serde_json::from_slice(&body)
                .map(Some)
                .context("the existing policy is not JSON"),
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn ask(&self, method: Method, body: Bytes) -> Result<Bytes, s3::Error> {
        ask(&self.client, method, &self.bucket, "policy", body).await
    }

    async fn write(&self, statements: Vec<Value>) -> Result<()> {
        if statements.is_empty() {
            self.ask(Method::DELETE, Bytes::new()).await?;
            return Ok(());
        }
        let policy = json!({"Version": "2012-10-17", "Statement": statements});
        self.ask(Method::PUT, policy.to_string().into()).await?;
        Ok(())
    }
}

/// Returns the statements of a policy; a single one may stand there without a list.
fn statements(policy: Option<&Value>) -> Vec<Value> {
    match policy.map(|policy| &policy["Statement"]) {
        Some(Value::Array(list)) => list.clone(),
        Some(one @ Value::Object(_)) => vec![one.clone()],
        _ => Vec::new(),
    }
}

fn is_ours(statement: &Value) -> bool {
    let sid = statement["Sid"].as_str();
    sid.is_some_and(|sid| sid.starts_with(OURS))
}

/// Reports whether a statement grants access to everybody.
fn is_public(statement: &Value) -> bool {
    let all = |value: &Value| match value {
        Value::String(text) => text == "*",
        Value::Array(list) => list.iter().any(|entry| entry == "*"),
        _ => false,
    };
    let principal = &statement["Principal"];
    statement["Effect"] == "Allow" && (all(principal) || all(&principal["AWS"]))
}

#[async_trait]
impl Resource for Policy {
    fn name(&self) -> String {
        format!("policy of {}", self.bucket)
    }

    fn desired(&self) -> String {
        let may: Vec<&str> = self.role.actions().iter().map(|a| &a[3..]).collect();
        format!("{} may {}, ListBucket", self.function, may.join(", "))
    }

    async fn read(&self) -> Result<Observed> {
        let policy = self.stored().await?;
        let all = statements(policy.as_ref());
        let mut notes = Vec::new();
        if all.iter().any(is_public) {
            notes.push(
                "a statement that is not ours grants everybody access to this bucket".to_owned(),
            );
        }
        let ours: Vec<Value> = all.into_iter().filter(is_ours).collect();
        let state = if ours.is_empty() {
            State::Missing
        } else if ours == self.statements() {
            State::InSync
        } else {
            State::Drifted("our statements differ".to_owned())
        };
        Ok(Observed { state, notes })
    }

    async fn apply(&self) -> Result<()> {
        let mut all = statements(self.stored().await?.as_ref());
        all.retain(|statement| !is_ours(statement));
        all.extend(self.statements());
        self.write(all).await
    }

    async fn remove(&self) -> Result<()> {
        let Some(policy) = self.stored().await? else {
            return Ok(());
        };
        let mut all = statements(Some(&policy));
        let before = all.len();
        all.retain(|statement| !is_ours(statement));
        if all.len() == before {
            return Ok(());
        }
        self.write(all).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_of_tenants_and_arns_are_principals_too() {
        assert_eq!(principal("xray"), "arn:aws:iam:::user/xray");
        assert_eq!(principal("ward$xray"), "arn:aws:iam::ward:user/xray");
        assert_eq!(principal("arn:aws:iam:::user/x"), "arn:aws:iam:::user/x");
    }

    #[test]
    fn everybody_is_public_and_a_user_is_not() {
        let check = |principal: Value, expected: bool| {
            let statement = json!({"Effect": "Allow", "Principal": principal});
            assert_eq!(is_public(&statement), expected, "{statement}");
        };
        check(json!("*"), true);
        check(json!({"AWS": "*"}), true);
        check(json!({"AWS": ["arn:aws:iam:::user/x", "*"]}), true);
        check(json!({"AWS": ["arn:aws:iam:::user/x"]}), false);
    }
}
