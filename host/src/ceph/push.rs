//! The endpoint to which a topic pushes, as the attributes of `CreateTopic` that Ceph's gateway
//! knows.

use std::fmt;

/// Protocol of the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Kafka.
    Kafka,
    /// AMQP 0.9.1, as RabbitMQ speaks it.
    Amqp,
    /// HTTP.
    Http,
}

/// The endpoint to which a topic pushes. `Debug` shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Push {
    /// Protocol of the receiver.
    pub kind: Kind,
    /// The URL that the gateway is given, including user and password.
    pub address: String,
    /// True if the gateway queues events until they are delivered.
    pub persistent: bool,
    /// Text that every event carries.
    pub opaque_data: String,
    /// The URL without user and password.
    pub host: String,
    /// The gateway's user at the broker.
    pub user: Option<String>,
    /// Attributes beyond address, persistence and opaque data.
    pub other: Vec<(String, String)>,
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

impl Push {
    /// Returns all attributes for `CreateTopic`.
    pub fn attributes(&self) -> Vec<(String, String)> {
        let mut all = vec![
            ("push-endpoint".to_owned(), self.address.clone()),
            ("persistent".to_owned(), self.persistent.to_string()),
        ];
        if !self.opaque_data.is_empty() {
            all.push(("OpaqueData".to_owned(), self.opaque_data.clone()));
        }
        all.extend(self.own_attributes());
        all
    }

    /// Returns the attributes beyond address, persistence and opaque data.
    pub fn own_attributes(&self) -> Vec<(String, String)> {
        self.other.clone()
    }

    /// Returns the URL without user and password.
    pub fn shown_address(&self) -> &str {
        &self.host
    }

    /// Reports whether the URL carries a password.
    pub fn has_secret(&self) -> bool {
        self.user.is_some()
    }

    /// Describes the endpoint in one line, without a password.
    pub fn describe(&self) -> String {
        let mut line = format!("pushes to {}", self.host);
        line.push_str(if self.persistent {
            ", persistent"
        } else {
            ", not persistent"
        });
        for (name, value) in &self.other {
            line.push_str(&format!(", {name} {value}"));
        }
        if !self.opaque_data.is_empty() {
            line.push_str(", with opaque data");
        }
        line
    }

    /// Returns warnings about failures that the gateway does not report.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let has = |name: &str| self.other.iter().any(|(own, _)| own == name);
        match self.kind {
            Kind::Kafka => {
                notes.push(
                    "a gateway that is built without Kafka, as Debian's is, takes this and never delivers; `xray doctor` \
                     sees whether events arrive"
                        .to_owned(),
                );
                if self.user.is_some() && !has("use-ssl") {
                    notes.push(
                        "without --tls a gateway before Ceph 18 never delivers to Kafka with a user and password"
                            .to_owned(),
                    );
                }
            }
            Kind::Amqp => notes.push(
                "the exchange must be there: the gateway does not make it, and takes this all the same".to_owned(),
            ),
            Kind::Http => {}
        }
        if !self.persistent {
            notes.push(
                "not persistent: events that are sent while the receiver is down are lost, and one that hangs holds up every \
                 upload"
                    .to_owned(),
            );
        }
        notes
    }
}
