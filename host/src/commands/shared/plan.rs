//! The parts of a gateway that `xray setup`, `xray status` and `xray teardown` walk over, in the order in which they are
//! made: the buckets, topic, notification and policies. Nothing is taken for done before it has been read back.

use anyhow::{Context, Result, bail};
use clap::Args;
use s3::Client;

use super::{push_args::PushArgs, store_args::StoreArgs};
use crate::ceph::{
    bucket::{Bucket, NoPublicAcls, user_id},
    notification::Notification,
    part::Part,
    policy::{Policy, Role, principal},
    settings::Settings,
    topic::Topic,
    transport,
};

/// What is to be at the store.
#[derive(Debug, Args)]
pub struct WantedArgs {
    /// Which store.
    #[command(flatten)]
    pub store: StoreArgs,
    /// The topic, at the gateway and at Kafka.
    #[arg(long, value_name = "NAME", default_value = "storage")]
    pub topic: String,
    /// Where the topic pushes to.
    #[command(flatten)]
    pub push: PushArgs,
    /// What the ids of our notifications begin with.
    #[arg(long, value_name = "ID", default_value = "xray")]
    pub notification: String,
    /// Events; may be given more than once [default: s3:ObjectCreated:*, and s3:ObjectRemoved:* where `remove_outputs` is set].
    #[arg(long = "event", value_name = "EVENT")]
    pub events: Vec<String>,
    /// Only keys that begin so.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub prefix: String,
    /// Only keys that end so; may be given more than once, and '' is for all.
    #[arg(long = "suffix", value_name = "TEXT", default_values = [".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG"])]
    pub suffixes: Vec<String>,
    /// The function's user, where its keys are not among the settings: an id, TENANT$ID, or an ARN.
    #[arg(long, value_name = "USER")]
    pub function_user: Option<String>,
}

/// What is wanted, part by part.
pub struct Plan {
    /// Who does it, and for whom, in one line.
    pub heading: String,
    /// In the order in which they are made; removed in the other.
    pub parts: Vec<Box<dyn Part>>,
    /// What is left out, and why.
    pub notes: Vec<String>,
}

impl Plan {
    /// Asks the store who the owner and the function are, and makes the list.
    ///
    /// # Errors
    /// When the owner's keys are missing or the store refuses a pair of keys.
    pub async fn new(args: &WantedArgs) -> Result<Self> {
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
            .with_context(|| format!("{} with the owner's keys", settings.endpoint))?;
        let mut function = args.function_user.clone();
        if let (None, Some(keys)) = (&function, &settings.function) {
            let id = user_id(&settings.client(keys, transport)).await;
            function = Some(id.context("the keys s3_access_key and s3_secret_key")?);
        }
        let mut plan = Self {
            heading: format!("{} as user {owner_id}", settings.endpoint),
            parts: Vec::new(),
            notes: Vec::new(),
        };
        plan.add_buckets(&settings, &client);
        let topic = Topic {
            client: client.clone(),
            name: args.topic.clone(),
            push,
        };
        let notification = Notification {
            client: client.clone(),
            bucket: settings.buckets.input.clone(),
            topic: args.topic.clone(),
            id: args.notification.clone(),
            events: events(args, &settings),
            prefix: args.prefix.clone(),
            suffixes: args.suffixes.clone(),
        };
        match function {
            Some(function) if function != owner_id => {
                plan.add_policies(&settings, &client, &function, &owner_id);
            }
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
        // Last, so that the function may do its work when the first event comes.
        plan.parts.push(Box::new(topic));
        plan.parts.push(Box::new(notification));
        Ok(plan)
    }

    fn add_buckets(&mut self, settings: &Settings, client: &Client) {
        for name in settings.buckets.all() {
            self.parts.push(Box::new(Bucket {
                client: client.clone(),
                name: name.to_owned(),
                holds_outputs: name != settings.buckets.input,
            }));
        }
        for name in settings.buckets.all() {
            self.parts.push(Box::new(NoPublicAcls {
                client: client.clone(),
                bucket: name.to_owned(),
            }));
        }
    }

    fn add_policies(&mut self, settings: &Settings, client: &Client, function: &str, owner: &str) {
        self.heading
            .push_str(&format!(", for the function's user {function}"));
        let removes = removes_outputs(settings);
        let roles = [
            Role::Input,
            Role::Processed { removes },
            Role::Anonymized,
            Role::Quarantine,
        ];
        for (bucket, role) in settings.buckets.all().into_iter().zip(roles) {
            self.parts.push(Box::new(Policy {
                client: client.clone(),
                bucket: bucket.to_owned(),
                role,
                function: principal(function),
                owner: principal(owner),
            }));
        }
    }
}

/// Whether the function removes the outputs of what is removed.
fn removes_outputs(settings: &Settings) -> bool {
    settings.variables.get("remove_outputs") == Some("true")
}

fn events(args: &WantedArgs, settings: &Settings) -> Vec<String> {
    if !args.events.is_empty() {
        return args.events.clone();
    }
    let mut events = vec!["s3:ObjectCreated:*".to_owned()];
    if removes_outputs(settings) {
        events.push("s3:ObjectRemoved:*".to_owned());
    }
    events
}

/// One line about a part, and its notes below.
pub fn say(name: &str, what: &str, notes: &[String]) {
    println!("{name:<46} {what}");
    for note in notes {
        println!("    note: {note}");
    }
}
