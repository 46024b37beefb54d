//! Users who have rights by the policies of an earlier `xray setup`.

use anyhow::{Context, Result};
use http::StatusCode;
use s3::Client;
use serde_json::Value;

use super::policy::{self, OURS};

/// A user who gets rights by our policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Grantee {
    /// The function's user.
    Function,
    /// The reviewers' user.
    Reviewers,
    /// The user of people's uploads.
    Uploads,
    /// The DICOM node's user.
    Node,
}

impl Grantee {
    /// All of them, in the order in which they are printed.
    pub const ALL: [Self; 4] = [Self::Function, Self::Reviewers, Self::Uploads, Self::Node];

    /// Returns its words for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Function => "the function's user",
            Self::Reviewers => "the reviewers' user",
            Self::Uploads => "the user of uploads",
            Self::Node => "the DICOM node's user",
        }
    }

    /// Returns the id, without our prefix, of the statement that grants its rights on objects.
    fn statement(self) -> &'static str {
        match self {
            Self::Function => "FunctionObjects",
            Self::Reviewers => "ReviewersObjects",
            Self::Uploads => "Uploads",
            Self::Node => "NodeObjects",
        }
    }

    /// Returns the principal to whom these statements grant its rights.
    fn holder(self, statements: &[Value]) -> Option<String> {
        let id = format!("{OURS}{}", self.statement());
        let granted = statements.iter().find(|statement| statement["Sid"] == id)?;
        let principal = &granted["Principal"]["AWS"];
        let first = principal.get(0).unwrap_or(principal);
        first.as_str().map(str::to_owned)
    }
}

/// Returns the principals who have rights in these buckets by our statements.
///
/// # Errors
/// Returns an error if the store does not report a policy. A bucket that is missing or somebody
/// else's has none of ours.
pub async fn read(client: &Client, buckets: &[&str]) -> Result<Vec<(Grantee, String)>> {
    let mut found: Vec<(Grantee, String)> = Vec::new();
    for bucket in buckets {
        let policy = match policy::stored(client, bucket).await {
            Ok(policy) => policy,
            Err(error) if is_foreign(&error) => continue,
            Err(error) => return Err(error).with_context(|| format!("the policy of {bucket}")),
        };
        let statements = policy::statements(policy.as_ref());
        for grantee in Grantee::ALL {
            let is_known = found.iter().any(|(known, _)| *known == grantee);
            if let Some(holder) = grantee.holder(&statements).filter(|_| !is_known) {
                found.push((grantee, holder));
            }
        }
    }
    Ok(found)
}

fn is_foreign(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<s3::Error>();
    refused.is_some_and(|error| error.status() == Some(StatusCode::FORBIDDEN))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn holder_is_the_principal_of_our_statement() {
        let check = |sid: &str, principal: Value, expected: Option<&str>| {
            let statements = [json!({"Sid": sid, "Principal": principal})];
            let holder = Grantee::Uploads.holder(&statements);
            assert_eq!(holder.as_deref(), expected, "{sid}");
        };
        let arn = "arn:aws:iam:::user/x";
        check("XrayUploads", json!({"AWS": [arn]}), Some(arn));
        check("XrayUploads", json!({"AWS": arn}), Some(arn));
        check("XrayUploads", json!({"AWS": []}), None);
        check("XrayUploadsWriteOnly", json!({"AWS": [arn]}), None);
        check("Uploads", json!({"AWS": [arn]}), None);
    }
}
