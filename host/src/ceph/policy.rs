//! What the function's user may do in a bucket, and nothing more.
//!
//! | bucket | the function may | why |
//! |---|---|---|
//! | input | GetObject, GetObjectVersion, ListBucket | to fetch; the version that an event names; so that a missing object is 404 and not 403 |
//! | processed | GetObject, PutObject, ListBucket | HEAD before PUT, which must see 404 |
//! | anonymized | the same, DeleteObject | a copy is removed when its source is overwritten and no longer at high risk |
//! | quarantine | as anonymized | a copy is removed when a clean one takes its place, or none is due any more |
//!
//! It may not change ACLs, though it owns what it stores. The buckets' owner may read the outputs: on Ceph's gateway, as on S3
//! of old, an object belongs to whoever stored it, and the bucket's owner can't read it unless a policy says so.

use anyhow::{Context, Result};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};
use s3::Client;
use serde_json::{Value, json};

use super::{
    bucket::ask,
    part::{Found, Look, Part},
    refusal::{accept, refused},
};

/// What our statements' ids begin with; others are left as they are.
const OURS: &str = "Xray";

/// What a bucket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Pictures come in.
    Input,
    /// Labelled pictures, and whether the function removes them with their source.
    Processed {
        /// It does.
        removes: bool,
    },
    /// Anonymized copies.
    Anonymized,
    /// Copies that are not clean for sure, for a person to look at.
    Quarantine,
}

impl Role {
    /// What the function may do with objects.
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
    /// The owner.
    pub client: Client,
    /// The bucket.
    pub bucket: String,
    /// What it is for.
    pub role: Role,
    /// The function's user, as a principal.
    pub function: String,
    /// The buckets' owner, as a principal.
    pub owner: String,
}

/// A user's ARN from its id, `user` or `tenant$user`; an ARN stays as it is.
pub fn principal(user: &str) -> String {
    if user.starts_with("arn:") {
        return user.to_owned();
    }
    let (tenant, user) = user.split_once('$').unwrap_or(("", user));
    format!("arn:aws:iam::{tenant}:user/{user}")
}

impl Policy {
    /// Our statements.
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

    /// The policy that is there.
    async fn read(&self) -> Result<Option<Value>> {
        let answer = self.ask(Method::GET, Bytes::new()).await?;
        match refused(&answer) {
            None => serde_json::from_slice(answer.body())
                .map(Some)
                .context("the policy that is there is no JSON"),
            Some(refusal) if refusal.status == StatusCode::NOT_FOUND => Ok(None),
            Some(refusal) => Err(refusal.into()),
        }
    }

    async fn ask(&self, method: Method, body: Bytes) -> Result<http::Response<Bytes>> {
        ask(&self.client, method, &self.bucket, "policy", body).await
    }

    async fn write(&self, statements: Vec<Value>) -> Result<()> {
        if statements.is_empty() {
            return accept(self.ask(Method::DELETE, Bytes::new()).await?).map(drop);
        }
        let policy = json!({"Version": "2012-10-17", "Statement": statements});
        let answer = self.ask(Method::PUT, policy.to_string().into()).await?;
        accept(answer).map(drop)
    }
}

/// The statements of a policy; one alone needs no list.
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

/// Whether a statement is for everybody in the world.
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
impl Part for Policy {
    fn name(&self) -> String {
        format!("policy of {}", self.bucket)
    }

    fn wanted(&self) -> String {
        let may: Vec<&str> = self.role.actions().iter().map(|a| &a[3..]).collect();
        format!("{} may {}, ListBucket", self.function, may.join(", "))
    }

    async fn look(&self) -> Result<Look> {
        let policy = self.read().await?;
        let all = statements(policy.as_ref());
        let mut notes = Vec::new();
        if all.iter().any(is_public) {
            notes.push("a statement that is not ours opens this bucket to everybody".to_owned());
        }
        let ours: Vec<Value> = all.into_iter().filter(is_ours).collect();
        let found = if ours.is_empty() {
            Found::Missing
        } else if ours == self.statements() {
            Found::Same
        } else {
            Found::Differs("our statements are others".to_owned())
        };
        Ok(Look { found, notes })
    }

    async fn make(&self) -> Result<()> {
        let mut all = statements(self.read().await?.as_ref());
        all.retain(|statement| !is_ours(statement));
        all.extend(self.statements());
        self.write(all).await
    }

    async fn remove(&self) -> Result<()> {
        let Some(policy) = self.read().await? else {
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
