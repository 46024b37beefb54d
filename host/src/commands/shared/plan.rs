//! The resources of a gateway that `xray setup`, `xray status` and `xray teardown` handle, in order
//! of creation: buckets, policies, topic and notification. Nothing counts as done before it reads
//! back.

use std::{
    io::{self, Write},
    path::PathBuf,
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
    /// File with the keys of the store user of `xray dicom serve`: that user may only write into
    /// the input bucket.
    #[arg(long, value_name = "FILE")]
    pub node_credentials_file: Option<PathBuf>,
    /// The node's user, where its keys are not at hand: an id, TENANT$ID, or an ARN.
    #[arg(long, value_name = "USER", conflicts_with = "node_credentials_file")]
    pub node_user: Option<String>,
}

/// Principals that get rights, as they are known.
struct Users<'a> {
    function: Option<&'a str>,
    reviewers: Option<&'a str>,
    node: Option<&'a str>,
    owner: &'a str,
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
        let reviewers = reviewers(args, &settings).await?;
        if reviewers.is_some() && reviewers == function {
            bail!(
                "the reviewers' user is the function's: it must not decide about its own copies; make another user: radosgw-admin \
                 user create --uid=xray-review --display-name=xray-review"
            );
        }
        let node = node(args, &settings).await?;
        let others = [&function, &reviewers];
        if node.is_some() && (others.contains(&&node) || node.as_ref() == Some(&owner_id)) {
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
        if own.is_some() || reviewers.is_some() || node.is_some() {
            let users = Users {
                function: own.as_deref(),
                reviewers: reviewers.as_deref(),
                node: node.as_deref(),
                owner: &owner_id,
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

    fn add_policies(&mut self, settings: &Settings, client: &Client, users: &Users<'_>) {
        for (name, user) in [
            ("function", users.function),
            ("reviewers", users.reviewers),
            ("DICOM node", users.node),
        ] {
            if let Some(user) = user {
                let s = if name.ends_with('s') { "" } else { "s" };
                self.heading
                    .push_str(&format!(", for the {name}'{s} user {user}"));
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
            let function = users.function.filter(|_| !role.actions().is_empty());
            let reviewers = users.reviewers;
            let reviewers = reviewers.filter(|_| !role.actions_of_reviewers().is_empty());
            let node = users.node.filter(|_| role == Role::Input);
            if function.is_none() && reviewers.is_none() && node.is_none() {
                continue;
            }
            self.resources.push(Box::new(Policy {
                client: client.clone(),
                bucket: bucket.to_owned(),
                role,
                function: function.map(principal),
                reviewers: reviewers.map(principal),
                node: node.map(principal),
                owner: principal(users.owner),
            }));
        }
    }
}

/// Returns the reviewers' user, if there is one.
async fn reviewers(args: &DesiredArgs, settings: &Settings) -> Result<Option<String>> {
    let Some(file) = &args.page_credentials_file else {
        return Ok(args.review_user.clone());
    };
    let client = store_client::of_file(&settings.config, file)?;
    let id = user_id(&client).await.context("the reviewers' keys")?;
    let id = id.context(
        "the reviewers' keys are accepted, but their user may not list its buckets, so its name is not known; name it with \
         --review-user arn:aws:iam::ACCOUNT:user/NAME",
    )?;
    Ok(Some(id))
}

/// Returns the DICOM node's user, if there is one.
async fn node(args: &DesiredArgs, settings: &Settings) -> Result<Option<String>> {
    let Some(file) = &args.node_credentials_file else {
        return Ok(args.node_user.clone());
    };
    let client = store_client::of_file(&settings.config, file)?;
    let id = user_id(&client).await.context("the DICOM node's keys")?;
    let id = id.context(
        "the DICOM node's keys are accepted, but their user may not list its buckets, so its name is not known; name it with \
         --node-user arn:aws:iam::ACCOUNT:user/NAME",
    )?;
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
