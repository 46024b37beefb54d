//! The page: a live view of this host's events for people, served beside the function.
//!
//! ```text
//! request to the function --observer--> live: digest -> object
//! report line ------------listener----> live: rows, counts <-- report topic of several hosts
//! browser --> guard: host, origin, session --> routes --> views (HTML, server-sent events)
//!                                             |      `--> pictures, if the role may see them
//!                                             |--> review_routes --> review --> store
//!                                             `--> upload_routes --> upload --> store
//! ```
//!
//! With the reviewers' keys, `audit` logs who signs in, sees a picture and decides, before it
//! happens.
//!
//! Nothing of a patient is in the HTML, in an address or in a log: a row has a number, and its
//! object's key stays in this process. A picture that a role may not see is not served.

pub mod access;
pub mod audit;
mod feed;
mod figures;
mod guard;
mod http;
mod kafka;
pub mod live;
pub mod module;
mod pictures;
pub mod review;
mod review_routes;
mod routes;
mod serve;
mod store;
#[cfg(test)]
mod tests;
pub mod tls;
pub mod upload;
mod upload_routes;
mod views;

use std::{net::SocketAddr, path::Path, sync::Arc};

use anyhow::{Context, Result, bail};
use s3::Client;
use tokio::{net::TcpListener, sync::Semaphore};

pub use self::figures::Figures;
use self::{
    access::{
        Access,
        origin::Origin,
        proxy::Proxy,
        roles::Roles,
        users::{User, local_name},
    },
    audit::Audit,
    live::Live,
    module::Module,
    pictures::Pictures,
    review::Review,
    tls::Tls,
    upload::Upload,
};
use crate::serve::runtime::Runtime;

/// Live views at a time.
const FEEDS: usize = 100;

/// Options of the page.
pub struct Options<'a> {
    /// Address to serve on.
    pub address: SocketAddr,
    /// People who may sign in.
    pub people: People<'a>,
    /// Address at which browsers reach the page: itself with TLS, or a proxy in front of it.
    pub url: Option<&'a str>,
    /// Certificate and key, if the page itself does TLS.
    pub tls: Option<Tls>,
    /// File of the key that signs sessions, shared by several pages.
    pub session_key: Option<&'a Path>,
    /// Roles of the person at the terminal.
    pub local: Roles,
    /// Name of the person at the terminal, if it is not to be the one in the operating system.
    pub name: Option<String>,
    /// Review of copies in quarantine.
    pub review: Option<Review>,
    /// The function's component.
    pub module: Option<Module>,
    /// The rows of all hosts arrive, by a report topic.
    pub is_of_all: bool,
    /// Uploads into the input bucket, which need a review for the audit log.
    pub upload: Option<upload::Settings>,
}

/// People who may sign in.
pub enum People<'a> {
    /// The person at the terminal, by one-time addresses, on this machine only.
    Terminal,
    /// Those in a file, by their tokens.
    File(&'a Path),
    /// Those whom a proxy has signed in.
    Proxy(Box<Proxy>),
}

/// A page that is served.
pub struct Page {
    live: Arc<Live>,
    pictures: Pictures,
    module: Option<Module>,
    review: Option<Arc<Review>>,
    upload: Option<Upload>,
    access: Access,
    tls: Option<Tls>,
    origin: Origin,
    /// Runtime of the function beside the page.
    runtime: Option<Runtime>,
    is_of_all: bool,
    address: SocketAddr,
    feeds: Arc<Semaphore>,
}

impl Page {
    /// Serves the page until the process ends.
    ///
    /// # Errors
    /// When the address can't be bound, the file of users can't be read, or the page would be
    /// served without TLS or a login to other machines.
    pub async fn start(
        options: Options<'_>,
        live: Arc<Live>,
        client: Client,
        runtime: Option<Runtime>,
    ) -> Result<Arc<Self>> {
        let address = options.address;
        let is_local = matches!(options.people, People::Terminal);
        if !address.ip().is_loopback() && (is_local || options.url.is_none()) {
            bail!(
                "the page at {address} is not on loopback: it needs --page-users, and --page-url with the https:// \
                 address that browsers use: its own with --page-tls-cert and --page-tls-key, or that of a proxy or \
                 Route in front of it"
            );
        }
        if options.url.is_some() && is_local {
            bail!("--page-url needs --page-users: one-time addresses are for this machine only");
        }
        if let People::Proxy(proxy) = &options.people
            && proxy.needs_certificate()
            && !options.tls.as_ref().is_some_and(Tls::verifies_clients)
        {
            bail!("headers of a proxy count only if the page's TLS asks for its certificate");
        }
        let access = match options.people {
            People::File(path) => Access::of_file(path, options.session_key)?,
            People::Proxy(proxy) => Access::of_proxy(*proxy),
            People::Terminal => {
                let name = options.name.or_else(local_name);
                // Claims, undo and the audit log are about people.
                if options.review.is_some() && name.is_none() {
                    bail!(
                        "a review needs to know who decides: name yourself with --page-name NAME, or give \
                         the people's names with --page-users"
                    );
                }
                let name = name.unwrap_or_else(|| "local".to_owned());
                Access::of_terminal(User {
                    name,
                    roles: options.local,
                })
            }
        };
        let listener = TcpListener::bind(address).await;
        let listener =
            listener.with_context(|| format!("cannot listen on {address} for the page"))?;
        let address = listener.local_addr()?;
        let origin = match options.url {
            Some(url) => Origin::parse(url).with_context(|| format!("--page-url {url}"))?,
            None => Origin::loopback(address, options.tls.is_some()).context("the page")?,
        };
        let review = options.review.map(Arc::new);
        if let Some(review) = &review {
            // Nobody decides, or sees a picture, of which no log can be kept.
            review.audit().check().await?;
            review.start();
            if let Some(runtime) = &runtime {
                let figures = review.figures();
                runtime
                    .metrics()
                    .register(|registry| figures.register(registry));
            }
        }
        let upload = match (options.upload, &review) {
            (None, _) => None,
            (Some(upload), Some(review)) => Some(Upload::new(upload, review.audit().clone())),
            (Some(_), None) => bail!("uploads need the audit log, so --page-credentials-file"),
        };
        if let Some(upload) = &upload
            && !access.grants(upload.role())
        {
            tracing::warn!(
                "nobody who may sign in has the role {}, so nobody can upload; give it to somebody, or name another \
                 with --page-upload=ROLE",
                upload.role().name()
            );
        }
        let page = Arc::new(Self {
            live,
            pictures: Pictures::new(client, options.module.clone()),
            module: options.module,
            review,
            upload,
            access,
            tls: options.tls,
            origin,
            runtime,
            is_of_all: options.is_of_all,
            address,
            feeds: Arc::new(Semaphore::new(FEEDS)),
        });
        tokio::spawn(serve::serve(listener, page.clone()));
        Ok(page)
    }

    /// Returns the figures of the review for Prometheus, if there is one.
    pub fn figures(&self) -> Option<&Figures> {
        self.review.as_ref().map(|review| review.figures())
    }

    /// Reports whether there are events to show.
    fn is_live(&self) -> bool {
        self.runtime.is_some() || self.is_of_all
    }

    /// Returns the audit log, which is kept where the page has the reviewers' keys.
    fn audit(&self) -> Option<&Audit> {
        self.review.as_ref().map(|review| review.audit())
    }

    /// Returns the page's address; on loopback without a file of users, one that signs in once.
    pub fn entrance(&self) -> String {
        let address = self.address;
        let url = match (&self.tls, self.origin.is_https()) {
            (Some(_), _) => format!("https://{address}"),
            // A proxy in front of it has the other one.
            (None, true) => format!("http://{address}"),
            (None, false) => self.origin.url(),
        };
        match self.access.has_one_time_addresses() {
            true => format!("{url}/enter/{}", self.access.one_time_token()),
            false => format!("{url}/"),
        }
    }
}
