//! Users to whom `xray setup` grants rights: those that its options name, and those that have them
//! from an earlier run.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use s3::{Client, Transport};

use super::store_client;
use crate::ceph::{
    holders::{self, Grantee},
    policy::principal,
    settings::Settings,
    user::user_id,
};

/// Flags for the users who get rights.
#[derive(Debug, Args)]
pub struct UserArgs {
    /// The function's user, where its keys are not among the settings: an id, TENANT$ID, or an ARN.
    #[arg(long, value_name = "USER")]
    pub function_user: Option<String>,
    /// File with the keys of the reviewers' store user, as for `xray page`: that user gets the
    /// rights of the review, and there will be a bucket for the audit log.
    #[arg(long, value_name = "FILE")]
    pub page_credentials_file: Option<PathBuf>,
    /// The reviewers' user, where its keys are not at hand: an id, TENANT$ID, or an ARN.
    #[arg(long, value_name = "USER", conflicts_with = "page_credentials_file")]
    pub review_user: Option<String>,
    /// File with the keys of the store user for people's uploads, as for `xray page`: that user may
    /// write into the folder `xray-upload/` of the input bucket.
    #[arg(long, value_name = "FILE")]
    pub page_upload_credentials_file: Option<PathBuf>,
    /// The user for uploads, where its keys are not at hand: an id, TENANT$ID, or an ARN.
    #[arg(
        long,
        value_name = "USER",
        conflicts_with = "page_upload_credentials_file"
    )]
    pub upload_user: Option<String>,
    /// File with the keys of the store user of `xray dicom serve`: that user may only write into
    /// the input bucket.
    #[arg(long, value_name = "FILE")]
    pub node_credentials_file: Option<PathBuf>,
    /// The node's user, where its keys are not at hand: an id, TENANT$ID, or an ARN.
    #[arg(long, value_name = "USER", conflicts_with = "node_credentials_file")]
    pub node_user: Option<String>,
}

/// Users who get rights, by id or ARN.
pub struct Users {
    /// The buckets' owner.
    pub owner: String,
    /// Users with rights of their own, without the owner.
    granted: Vec<(Grantee, String)>,
    /// Users whose rights are to go.
    revoked: Vec<Grantee>,
    /// True if the function has the owner's keys.
    pub function_is_owner: bool,
    /// Remarks on rights that stay or go.
    pub notes: Vec<String>,
}

impl Users {
    /// Asks the store for the ids of the users whose keys are at hand, and for those who have
    /// rights already.
    ///
    /// # Errors
    /// Returns an error if the store rejects a pair of keys, or two users are one.
    pub async fn find(
        args: &UserArgs,
        revoke: &[Grantee],
        settings: &Settings,
        owner: (&Client, String),
        transport: Transport,
    ) -> Result<Self> {
        let (client, owner) = owner;
        let mut named = Vec::new();
        let function = function(args, settings, transport).await?;
        let is_owner = |user: &String| principal(user) == principal(&owner);
        let function_is_owner = function.as_ref().is_some_and(is_owner);
        named.push((Grantee::Function, function.filter(|_| !function_is_owner)));
        for (grantee, user, file, flag) in [
            (
                Grantee::Reviewers,
                &args.review_user,
                &args.page_credentials_file,
                "--review-user",
            ),
            (
                Grantee::Uploads,
                &args.upload_user,
                &args.page_upload_credentials_file,
                "--upload-user",
            ),
            (
                Grantee::Node,
                &args.node_user,
                &args.node_credentials_file,
                "--node-user",
            ),
        ] {
            let user = match user {
                None => of_file(file.as_deref(), settings, grantee, flag).await?,
                named => named.clone(),
            };
            named.push((grantee, user));
        }
        let mut buckets = settings.buckets.all();
        buckets.push(&settings.buckets.audit);
        let held = holders::read(client, &buckets).await?;
        let mut users = Self {
            owner,
            granted: Vec::new(),
            revoked: Vec::new(),
            function_is_owner,
            notes: Vec::new(),
        };
        for (grantee, named) in named {
            let held = held.iter().find(|(holder, _)| *holder == grantee);
            users.add(revoke, grantee, named, held.map(|(_, user)| user.clone()))?;
        }
        users.check()?;
        Ok(users)
    }

    /// Adds the user that is named, else the one who has the rights, unless they are revoked.
    fn add(
        &mut self,
        revoke: &[Grantee],
        grantee: Grantee,
        named: Option<String>,
        held: Option<String>,
    ) -> Result<()> {
        let (name, flag) = (grantee.name(), flag(grantee));
        if revoke.contains(&grantee) {
            if named.is_some() {
                bail!(
                    "{name} is named, and its rights are to go by --revoke {flag}: leave one of them out"
                );
            }
            if let Some(user) = held {
                self.notes.push(format!("{name}, {user}, loses its rights"));
                self.revoked.push(grantee);
            }
            return Ok(());
        }
        match (&named, &held) {
            (None, Some(user)) => self.notes.push(format!(
                "{name}, {user}, keeps its rights, though no option names it; --revoke {flag} takes them away"
            )),
            (Some(user), Some(former)) if principal(user) != *former => self.notes.push(format!(
                "{name} is {user}, in place of {former}, who loses them"
            )),
            _ => {}
        }
        let user = named.or(held);
        self.granted.extend(user.map(|user| (grantee, user)));
        Ok(())
    }

    /// Checks that nobody has the rights of two.
    fn check(&self) -> Result<()> {
        let of = |grantee| self.get(grantee).map(principal);
        let [function, reviewers, uploads, node] = Grantee::ALL.map(of);
        if reviewers.is_some()
            && (reviewers == function
                || self.function_is_owner && reviewers == Some(principal(&self.owner)))
        {
            bail!(
                "the reviewers' user is the function's: it must not decide about its own copies; make another user: radosgw-admin \
                 user create --uid=xray-review --display-name=xray-review"
            );
        }
        let others = [&function, &reviewers, &Some(principal(&self.owner))];
        if uploads.is_some() && (others.contains(&&uploads) || uploads == node) {
            bail!(
                "the user for uploads is another one's, so it may do more than write; make another user: radosgw-admin user \
                 create --uid=xray-upload --display-name=xray-upload --max-buckets=-1"
            );
        }
        if node.is_some() && others.contains(&&node) {
            bail!(
                "the DICOM node's user is another one's: it may only write; make another user: radosgw-admin user create \
                 --uid=dicom-node --display-name=dicom-node"
            );
        }
        Ok(())
    }

    /// Returns a user by its rights.
    pub fn get(&self, grantee: Grantee) -> Option<&str> {
        let mut all = self.granted.iter();
        all.find(|(one, _)| *one == grantee)
            .map(|(_, user)| user.as_str())
    }

    /// Reports whether a user gets these rights, or loses them.
    pub fn concerns(&self, grantee: Grantee) -> bool {
        self.get(grantee).is_some() || self.revoked.contains(&grantee)
    }

    /// Returns the users with rights, in words.
    pub fn describe(&self) -> String {
        let all = self.granted.iter();
        all.map(|(grantee, user)| format!(", for {} {user}", grantee.name()))
            .collect()
    }
}

/// Returns a user's name on the command line.
fn flag(grantee: Grantee) -> String {
    let value = grantee.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

/// Returns the function's user, if its keys or its name are given.
async fn function(
    args: &UserArgs,
    settings: &Settings,
    transport: Transport,
) -> Result<Option<String>> {
    let mut function = args.function_user.clone();
    if let Some(keys) = &settings.function {
        let id = user_id(&settings.client(keys, transport)).await;
        let id = id.context("the keys s3_access_key and s3_secret_key")?;
        function = function.or(id);
        if function.is_none() {
            bail!(
                "the keys s3_access_key and s3_secret_key are accepted, but their user may not list its buckets, so its name is \
                 not known; name it with --function-user arn:aws:iam::ACCOUNT:user/NAME"
            );
        }
    }
    Ok(function)
}

/// Returns the user to whom the keys in a file belong, if there is one.
async fn of_file(
    file: Option<&Path>,
    settings: &Settings,
    grantee: Grantee,
    flag: &str,
) -> Result<Option<String>> {
    let Some(file) = file else {
        return Ok(None);
    };
    let name = grantee.name();
    let client = store_client::of_file(&settings.config, file)?;
    let id = user_id(&client).await;
    let id = id.with_context(|| format!("the keys of {name}"))?;
    let id = id.with_context(|| {
        format!(
            "the keys of {name} are accepted, but it may not list its buckets, so its name is not known; name it \
             with {flag} arn:aws:iam::ACCOUNT:user/NAME"
        )
    })?;
    Ok(Some(id))
}
