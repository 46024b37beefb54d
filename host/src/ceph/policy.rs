//! Bucket policies: the least that the function's user and the reviewers' need, and nothing more.
//!
//! | bucket | the function may | reason |
//! |---|---|---|
//! | input | GetObject, GetObjectVersion, ListBucket | fetching, by version too; 404 if missing |
//! | processed | GetObject, PutObject, ListBucket | HEAD before PUT, which must see 404 |
//! | anonymized | the same, DeleteObject | removed when the source is overwritten at low risk |
//! | quarantine | as anonymized, but not in `xray-review/` | it must not decide about its copies |
//!
//! | bucket | the reviewers may | reason |
//! |---|---|---|
//! | quarantine | GetObject, PutObject, DeleteObject, ListBucket | claims, decisions, removal |
//! | anonymized | the same | release, and taking it back |
//! | audit | GetObject, PutObject, ListBucket | entries; nobody may delete, the owner included |
//!
//! People's uploads have a user of their own: in the input bucket it may PutObject in the folder
//! `xray-upload/`, and read or remove nothing, not even the objects that it owns there.
//!
//! A DICOM node may only PutObject, into the input bucket. The rest is denied, because it owns what
//! it has stored, and an owner may read its objects.
//!
//! None may change ACLs, though they own the objects that they store. The buckets' owner
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
    holders::Grantee,
    resource::{Observed, Resource, State},
};

/// Folder of the review's records in the quarantine bucket.
const RECORDS: &str = crate::page::review::RECORDS;
/// Folder of people's uploads in the input bucket.
const UPLOADS: &str = crate::page::upload::FOLDER;

/// Prefix of our statements' ids; other statements are left unchanged.
pub const OURS: &str = "Xray";

/// Actions of a DICOM node on the objects of the input bucket.
const NODE: [&str; 1] = ["s3:PutObject"];

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
    /// Audit log of the page.
    Audit,
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
            Self::Audit => &[],
        }
    }

    /// Returns the actions on objects that the reviewers may perform.
    pub fn actions_of_reviewers(self) -> &'static [&'static str] {
        match self {
            Self::Input | Self::Processed { .. } => &[],
            Self::Anonymized | Self::Quarantine => {
                &["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
            }
            Self::Audit => &["s3:GetObject", "s3:PutObject"],
        }
    }

    /// Returns the users who have rights in the bucket.
    pub fn grantees(self) -> &'static [Grantee] {
        use Grantee::{Function, Node, Reviewers, Uploads};
        match self {
            Self::Input => &[Function, Uploads, Node],
            Self::Processed { .. } => &[Function],
            Self::Anonymized | Self::Quarantine => &[Function, Reviewers],
            Self::Audit => &[Reviewers],
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
    /// The function's user, as a principal, if it is known.
    pub function: Option<String>,
    /// The reviewers' user, as a principal, if there is one.
    pub reviewers: Option<String>,
    /// The user for uploads, as a principal, if there is one.
    pub uploads: Option<String>,
    /// The DICOM node's user, as a principal, if there is one.
    pub node: Option<String>,
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
        let records = format!("{bucket}/{RECORDS}*");
        let statement = |sid: &str, effect: &str, who: &str, actions: &[&str], on: &[&str]| {
            json!({
                "Sid": format!("{OURS}{sid}"), "Effect": effect, "Principal": {"AWS": [who]},
                "Action": actions, "Resource": on,
            })
        };
        let acls = ["s3:PutObjectAcl", "s3:PutObjectVersionAcl"];
        let deletes = ["s3:DeleteObject", "s3:DeleteObjectVersion"];
        let mut all = Vec::new();
        let node = self.node_here();
        for (name, who, actions) in self.grants() {
            let [of_objects, of_bucket, no_acls] =
                ["Objects", "Bucket", "NoAcls"].map(|part| format!("{name}{part}"));
            all.push(statement(&of_objects, "Allow", who, actions, &[&objects]));
            let list = ["s3:ListBucket"];
            all.push(statement(&of_bucket, "Allow", who, &list, &[&bucket]));
            if self.role != Role::Input {
                all.push(statement(&no_acls, "Deny", who, &acls, &[&objects]));
            }
        }
        if let Some(node) = node {
            all.push(statement("NodeObjects", "Allow", node, &NODE, &[&objects]));
            let others = [
                &["s3:GetObject", "s3:GetObjectVersion"],
                &acls[..],
                &deletes,
            ]
            .concat();
            all.push(statement(
                "NodeOnlyWrites",
                "Deny",
                node,
                &others,
                &[&objects],
            ));
        }
        if self.role != Role::Input || node.is_some() {
            let reads = ["s3:GetObject", "s3:GetObjectVersion"];
            all.push(statement(
                "OwnerReads",
                "Allow",
                &self.owner,
                &reads,
                &[&objects],
            ));
        }
        if let (Role::Input, Some(user)) = (self.role, &self.uploads) {
            let uploads = format!("{bucket}/{UPLOADS}*");
            let reads = ["s3:GetObject", "s3:GetObjectVersion"];
            // Its ACL lets the owner of an object read it.
            let denied = [&reads[..], &acls, &deletes].concat();
            let (owner, own) = (self.owner.as_str(), [uploads.as_str()]);
            all.extend([
                statement("Uploads", "Allow", user, &["s3:PutObject"], &own),
                statement("UploadsWriteOnly", "Deny", user, &denied, &[&objects]),
                statement("UploadsOwnerReads", "Allow", owner, &reads, &own),
            ]);
        }
        if self.role == Role::Quarantine {
            if let Some(function) = &self.function {
                let verbs = [&["s3:GetObject", "s3:PutObject"], &deletes[..]].concat();
                all.push(statement(
                    "FunctionNoReviews",
                    "Deny",
                    function,
                    &verbs,
                    &[&records],
                ));
            }
            if let Some(reviewers) = &self.reviewers {
                all.push(statement(
                    "ReviewersKeepRecords",
                    "Deny",
                    reviewers,
                    &deletes,
                    &[&records],
                ));
            }
        }
        if self.role == Role::Audit {
            // A rule that expires objects deletes them, and versions void the conditions.
            let configures = ["s3:PutLifecycleConfiguration", "s3:PutBucketVersioning"];
            let verbs = [&deletes[..], &configures].concat();
            all.push(statement(
                "NobodyDeletes",
                "Deny",
                "*",
                &verbs,
                &[&bucket, &objects],
            ));
        }
        all
    }

    /// Returns the node's user, if it has rights here.
    fn node_here(&self) -> Option<&str> {
        self.node.as_deref().filter(|_| self.role == Role::Input)
    }

    /// Returns the users with rights here: their name in statements, principal and actions.
    fn grants(&self) -> Vec<(&'static str, &str, &'static [&'static str])> {
        let function = self.function.as_deref();
        let reviewers = self.reviewers.as_deref();
        let all = [
            ("Function", function, self.role.actions()),
            ("Reviewers", reviewers, self.role.actions_of_reviewers()),
        ];
        let with_rights = all
            .into_iter()
            .filter(|(_, _, actions)| !actions.is_empty());
        with_rights
            .filter_map(|(name, who, actions)| Some((name, who?, actions)))
            .collect()
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

/// Reads the current policy of a bucket; `None` without a policy or such a bucket.
///
/// # Errors
/// Returns an error if the store does not report the policy.
pub async fn stored(client: &Client, bucket: &str) -> Result<Option<Value>> {
    match ask(client, Method::GET, bucket, "policy", Bytes::new()).await {
        Ok(body) => serde_json::from_slice(&body)
            .map(Some)
            .context("the existing policy is not JSON"),
        Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Returns the statements of a policy; a single one may stand there without a list.
pub fn statements(policy: Option<&Value>) -> Vec<Value> {
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
        let grants = self.grants().into_iter().map(|(_, who, actions)| {
            let may: Vec<&str> = actions.iter().map(|action| &action[3..]).collect();
            format!("{who} may {}, ListBucket", may.join(", "))
        });
        let mut grants: Vec<String> = grants.collect();
        if let (Role::Input, Some(user)) = (self.role, &self.uploads) {
            grants.push(format!("{user} may PutObject in {UPLOADS} only"));
        }
        if let Some(node) = self.node_here() {
            grants.push(format!("{node} may only PutObject"));
        }
        if self.role == Role::Audit {
            grants.push("nobody may delete".to_owned());
        }
        if grants.is_empty() {
            return "no rights".to_owned();
        }
        grants.join("; ")
    }

    async fn read(&self) -> Result<Observed> {
        let policy = stored(&self.client, &self.bucket).await?;
        let all = statements(policy.as_ref());
        let mut notes = Vec::new();
        if all.iter().any(is_public) {
            notes.push(
                "a statement that is not ours grants everybody access to this bucket".to_owned(),
            );
        }
        let ours: Vec<Value> = all.into_iter().filter(is_ours).collect();
        let state = if ours == self.statements() {
            State::InSync
        } else if ours.is_empty() {
            State::Missing
        } else {
            State::Drifted("our statements differ".to_owned())
        };
        Ok(Observed { state, notes })
    }

    async fn apply(&self) -> Result<()> {
        let mut all = statements(stored(&self.client, &self.bucket).await?.as_ref());
        all.retain(|statement| !is_ours(statement));
        all.extend(self.statements());
        self.write(all).await
    }

    async fn remove(&self) -> Result<()> {
        let Some(policy) = stored(&self.client, &self.bucket).await? else {
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
