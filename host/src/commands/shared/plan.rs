//! The resources of a gateway that `xray setup`, `xray status` and `xray teardown` handle, in order
//! of creation: buckets, policies, topic and notification. Nothing counts as done before it reads
//! back.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use http::StatusCode;
use s3::Client;

use super::{push_args::PushArgs, store_args::StoreArgs, store_client};
use crate::ceph::{
    bucket::{Bucket, NoPublicAcls, Purpose},
    configuration,
    notification::{self, Notification},
    policy::{Policy, Role, principal},
    push::Kind,
    resource::Resource,
    settings::Settings,
    topic::Topic,
    transport,
    user::user_id,
};
use crate::page::upload::FOLDER;

/// Flags for the desired state of the store.
#[derive(Debug, Args)]
pub struct DesiredArgs {
    /// The store.
    #[command(flatten)]
    pub store: StoreArgs,
    /// The topic, at the gateway and at Kafka [default: the one to which the bucket's notification
    /// goes already; else `storage` for Kafka, unless there is a tenant; else a name from tenant
    /// and bucket, `xray-BUCKET` or `xray_TENANT-BUCKET`].
    #[arg(long, value_name = "NAME")]
    pub topic: Option<String>,
    /// Endpoint of the topic.
    #[command(flatten)]
    pub push: PushArgs,
    /// Prefix of our notification ids.
    #[arg(long, value_name = "ID", default_value = "xray")]
    pub notification: String,
    /// Event to subscribe to; repeatable [default: s3:ObjectCreated:*, and if `remove_outputs` is
    /// set s3:ObjectRemoved:* and, where the gateway takes it, s3:ObjectLifecycle:Expiration:*].
    #[arg(long = "event", value_name = "EVENT")]
    pub events: Vec<String>,
    /// Only keys with this prefix.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub prefix: String,
    /// Only keys with this suffix; repeatable; '' matches all keys.
    #[arg(long = "suffix", value_name = "TEXT", default_values = [".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG", ".dcm", ".DCM"])]
    pub suffixes: Vec<String>,
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

/// Ids of the users who get rights.
struct Users {
    function: Option<String>,
    reviewers: Option<String>,
    uploads: Option<String>,
    node: Option<String>,
    owner: String,
}

/// Desired state as a list of resources.
pub struct Plan {
    /// The store and the users, in one line.
    pub heading: String,
    /// Resources in order of creation; removal goes in reverse.
    pub resources: Vec<Box<dyn Resource>>,
    /// Remarks on what is left out, with the reason.
    pub notes: Vec<String>,
}

impl Plan {
    /// Asks the store for the ids of owner and function, and builds the list.
    ///
    /// # Errors
    /// Returns an error if the owner's keys are missing or the store rejects a pair of keys.
    pub async fn new(args: &DesiredArgs) -> Result<Self> {
        let settings = args.store.read()?;
        let push = args.push.read()?;
        let Some(owner) = &settings.owner else {
            bail!(
                "the keys of the buckets' owner are missing: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (the function has \
                 its own, s3_access_key and s3_secret_key)"
            );
        };
        let transport = transport()?;
        let client = settings.client(owner, transport.clone());
        let owner_id = user_id(&client)
            .await
            .with_context(|| format!("{} with the owner's keys", settings.config.endpoint.url()))?
            .context(
                "the owner's keys may not list the owner's buckets; use those of a user who may, as the root user of an account",
            )?;
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
        let file = args.page_credentials_file.as_deref();
        let reviewers = match &args.review_user {
            None => user_of(file, &settings, "the reviewers'", "--review-user").await?,
            named => named.clone(),
        };
        if reviewers.is_some() && reviewers == function {
            bail!(
                "the reviewers' user is the function's: it must not decide about its own copies; make another user: radosgw-admin \
                 user create --uid=xray-review --display-name=xray-review"
            );
        }
        let file = args.page_upload_credentials_file.as_deref();
        let uploads = match &args.upload_user {
            None => user_of(file, &settings, "the uploads'", "--upload-user").await?,
            named => named.clone(),
        };
        let file = args.node_credentials_file.as_deref();
        let node = match &args.node_user {
            None => user_of(file, &settings, "the DICOM node's", "--node-user").await?,
            named => named.clone(),
        };
        let others = [&function, &reviewers, &Some(owner_id.clone())];
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
        let mut plan = Self {
            heading: format!("{} as user {owner_id}", settings.config.endpoint.url()),
            resources: Vec::new(),
            notes: Vec::new(),
        };
        plan.add_buckets(&settings, &client, reviewers.is_some());
        let unique = unique_topic(&owner_id, &settings.buckets.input);
        let is_kafka = push.as_ref().is_some_and(|push| push.kind == Kind::Kafka);
        let name = match &args.topic {
            Some(name) => name.clone(),
            None => {
                match current_topic(&client, &settings.buckets.input, &args.notification).await? {
                    Some(name) => name,
                    None if is_kafka && !owner_id.contains('$') => "storage".to_owned(),
                    None => unique.clone(),
                }
            }
        };
        if is_kafka && name != "storage" {
            plan.notes.push(format!(
                "the function reads the Kafka topic {name} with `xray up --topic {name}`"
            ));
        }
        let topic = Topic {
            client: client.clone(),
            name: name.clone(),
            push,
            bucket: settings.buckets.input.clone(),
            proposal: if name == unique {
                format!("{unique}-2")
            } else {
                unique
            },
        };
        let notification = Notification {
            client: client.clone(),
            bucket: settings.buckets.input.clone(),
            topic: name,
            id: args.notification.clone(),
            events: events(args, &settings),
            optional: optional_events(args, &settings),
            remarks: Default::default(),
            prefix: args.prefix.clone(),
            suffixes: args.suffixes.clone(),
        };
        let own = function.clone().filter(|function| *function != owner_id);
        let prefix = args.prefix.as_str();
        if uploads.is_some() && !FOLDER.starts_with(prefix) {
            plan.notes.push(format!(
                "no event is sent about people's uploads: their keys begin with {FOLDER}, and not with {prefix}"
            ));
        }
        if [&own, &reviewers, &uploads, &node]
            .iter()
            .any(|user| user.is_some())
        {
            let users = Users {
                function: own,
                reviewers,
                uploads,
                node,
                owner: owner_id.clone(),
            };
            plan.add_policies(&settings, &client, &users);
        }
        match function {
            Some(function) if function != owner_id => {}
            Some(_) => plan.notes.push(
                "the function has the owner's keys and may do everything; make a user of its own: radosgw-admin user create \
                 --uid=xray --display-name=xray"
                    .to_owned(),
            ),
            None => plan.notes.push(
                "no policies: the function's user is not known; set s3_access_key and s3_secret_key, or --function-user"
                    .to_owned(),
            ),
        }
        // Last, so that the permissions are in place when the first event arrives.
        plan.resources.push(Box::new(topic));
        plan.resources.push(Box::new(notification));
        Ok(plan)
    }

    fn add_buckets(&mut self, settings: &Settings, client: &Client, has_reviews: bool) {
        let mut names = settings.buckets.all();
        names.extend(has_reviews.then_some(settings.buckets.audit.as_str()));
        for name in &names {
            let purpose = match *name {
                name if name == settings.buckets.input => Purpose::Input,
                name if name == settings.buckets.audit => Purpose::Audit,
                _ => Purpose::Outputs,
            };
            self.resources.push(Box::new(Bucket {
                client: client.clone(),
                name: (*name).to_owned(),
                purpose,
            }));
        }
        for name in names {
            self.resources.push(Box::new(NoPublicAcls {
                client: client.clone(),
                bucket: name.to_owned(),
            }));
        }
    }

    fn add_policies(&mut self, settings: &Settings, client: &Client, users: &Users) {
        let named = [
            ("the function's user", &users.function),
            ("the reviewers' user", &users.reviewers),
            ("the user of uploads", &users.uploads),
            ("the DICOM node's user", &users.node),
        ];
        for (name, user) in named {
            if let Some(user) = user {
                self.heading.push_str(&format!(", for {name} {user}"));
            }
        }
        let removes = removes_outputs(settings);
        let roles = [
            Role::Input,
            Role::Processed { removes },
            Role::Anonymized,
            Role::Quarantine,
        ];
        let buckets = &settings.buckets;
        let all = buckets.all().into_iter().zip(roles);
        for (bucket, role) in all.chain([(buckets.audit.as_str(), Role::Audit)]) {
            let principal_of = |user: &Option<String>, has_rights: bool| {
                user.as_deref().filter(|_| has_rights).map(principal)
            };
            let function = principal_of(&users.function, !role.actions().is_empty());
            let reviewers = principal_of(&users.reviewers, !role.actions_of_reviewers().is_empty());
            let uploads = principal_of(&users.uploads, role == Role::Input);
            let node = principal_of(&users.node, role == Role::Input);
            if [&function, &reviewers, &uploads, &node]
                .iter()
                .all(|user| user.is_none())
            {
                continue;
            }
            self.resources.push(Box::new(Policy {
                client: client.clone(),
                bucket: bucket.to_owned(),
                role,
                function,
                reviewers,
                uploads,
                node,
                owner: principal(&users.owner),
            }));
        }
    }
}

/// Returns the user of the page to whom the keys in a file belong, if there is one.
async fn user_of(
    file: Option<&Path>,
    settings: &Settings,
    whose: &str,
    flag: &str,
) -> Result<Option<String>> {
    let Some(file) = file else {
        return Ok(None);
    };
    let client = store_client::of_file(&settings.config, file)?;
    let id = user_id(&client).await;
    let id = id.with_context(|| format!("{whose} keys"))?;
    let id = id.with_context(|| {
        format!(
            "{whose} keys are accepted, but their user may not list its buckets, so its name is not known; name it \
             with {flag} arn:aws:iam::ACCOUNT:user/NAME"
        )
    })?;
    Ok(Some(id))
}

/// Reports whether the function removes the outputs of a removed source.
fn removes_outputs(settings: &Settings) -> bool {
    settings.variables.get("remove_outputs") == Some("true")
}

fn events(args: &DesiredArgs, settings: &Settings) -> Vec<String> {
    if !args.events.is_empty() {
        return args.events.clone();
    }
    let mut events = vec!["s3:ObjectCreated:*".to_owned()];
    if removes_outputs(settings) {
        events.push("s3:ObjectRemoved:*".to_owned());
    }
    events
}

fn optional_events(args: &DesiredArgs, settings: &Settings) -> Vec<String> {
    let is_due = args.events.is_empty() && removes_outputs(settings);
    let expirations = "s3:ObjectLifecycle:Expiration:*".to_owned();
    is_due.then_some(expirations).into_iter().collect()
}

/// Returns a topic's name that no other bucket leads to: before Ceph 19 the queues of topics of one
/// name in several tenants are one queue. Tenants have no `-`, and buckets no `_`.
fn unique_topic(owner: &str, bucket: &str) -> String {
    let bucket = bucket.replace('.', "_");
    match owner.split_once('$') {
        Some((tenant, _)) => format!("xray_{tenant}-{bucket}"),
        None => format!("xray-{bucket}"),
    }
}

/// Returns the topic to which our notification of a bucket goes, if bucket and notification exist.
/// Any other failure to read them is an error: with another topic beside the present one, each
/// event would be sent twice.
async fn current_topic(client: &Client, bucket: &str, id: &str) -> Result<Option<String>> {
    let all = match configuration::read(client, bucket).await {
        Ok(all) => all.topics,
        Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => return Ok(None),
        Err(error) if error.status() == Some(StatusCode::FORBIDDEN) => {
            let message = format!(
                "the notifications of the bucket {bucket} can't be read; if it belongs to another user, choose another \
                 name with --bucket"
            );
            return Err(anyhow::Error::new(error).context(message));
        }
        Err(error) => {
            let message = format!("reading the notifications of the bucket {bucket}");
            return Err(anyhow::Error::new(error).context(message));
        }
    };
    let ours = all.iter().find(|entry| notification::has_id(entry, id));
    Ok(ours.map(|entry| entry.topic_name().to_owned()))
}

/// Prints one line about a resource, and its notes below.
pub fn say(name: &str, what: &str, notes: &[String]) {
    print_line(&format!("{name:<46} {what}"));
    for note in notes {
        print_line(&format!("    note: {note}"));
    }
}

/// Prints a line. A reader that has gone, such as `head`, must not end the work half-way.
pub fn print_line(line: &str) {
    _ = writeln!(io::stdout(), "{line}");
}
