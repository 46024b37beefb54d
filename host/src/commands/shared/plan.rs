//! The resources of a gateway that `xray setup`, `xray status` and `xray teardown` handle, in order
//! of creation: buckets, policies, topic and notification. Nothing counts as done before it reads
//! back.

use std::io::{self, Write};

use anyhow::{Context, Result, bail};
use clap::Args;
use http::StatusCode;
use s3::Client;

use super::{
    push_args::PushArgs,
    store_args::StoreArgs,
    users::{UserArgs, Users},
};
use crate::ceph::{
    bucket::{Bucket, NoPublicAcls, Purpose},
    configuration,
    holders::Grantee,
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
    #[arg(long = "suffix", value_name = "TEXT", default_values = [".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG", ".dcm", ".DCM", ".dicom", ".DICOM"])]
    pub suffixes: Vec<String>,
    /// Users who get rights.
    #[command(flatten)]
    pub users: UserArgs,
}

/// Desired state as a list of resources.
pub struct Plan {
    /// The store and the users, in one line.
    pub heading: String,
    /// Resources in order of creation; removal goes in reverse.
    pub resources: Vec<Box<dyn Resource>>,
    /// Remarks on rights of users that stay or go.
    pub rights: Vec<String>,
    /// Remarks on what is left out, with the reason.
    pub notes: Vec<String>,
}

impl Plan {
    /// Asks the store for the ids of owner and function, and builds the list. The users in `revoke`
    /// lose the rights that they have.
    ///
    /// # Errors
    /// Returns an error if the owner's keys are missing or the store rejects a pair of keys.
    pub async fn new(args: &DesiredArgs, revoke: &[Grantee]) -> Result<Self> {
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
        let owner = (&client, owner_id.clone());
        let users = Users::find(&args.users, revoke, &settings, owner, transport).await?;
        let mut plan = Self {
            heading: format!("{} as user {owner_id}", settings.config.endpoint.url()),
            resources: Vec::new(),
            rights: Vec::new(),
            notes: Vec::new(),
        };
        plan.add_buckets(&settings, &client, users.get(Grantee::Reviewers).is_some());
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
        let prefix = args.prefix.as_str();
        if users.get(Grantee::Uploads).is_some() && !FOLDER.starts_with(prefix) {
            plan.notes.push(format!(
                "no event is sent about people's uploads: their keys begin with {FOLDER}, and not with {prefix}"
            ));
        }
        plan.heading.push_str(&users.describe());
        plan.add_policies(&settings, &client, &users);
        plan.rights = users.notes.clone();
        if users.function_is_owner {
            plan.notes.push(
                "the function has the owner's keys and may do everything; make a user of its own: radosgw-admin user create \
                 --uid=xray --display-name=xray"
                    .to_owned(),
            );
        } else if users.get(Grantee::Function).is_none() {
            plan.notes.push(
                "no policies for the function: its user is not known; set s3_access_key and s3_secret_key, or --function-user"
                    .to_owned(),
            );
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
            let here = role.grantees();
            if !here.iter().any(|grantee| users.concerns(*grantee)) {
                continue;
            }
            let principal_of = |grantee| {
                let user = users.get(grantee).filter(|_| here.contains(&grantee));
                user.map(principal)
            };
            self.resources.push(Box::new(Policy {
                client: client.clone(),
                bucket: bucket.to_owned(),
                role,
                function: principal_of(Grantee::Function),
                reviewers: principal_of(Grantee::Reviewers),
                uploads: principal_of(Grantee::Uploads),
                node: principal_of(Grantee::Node),
                owner: principal(&users.owner),
            }));
        }
    }
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
