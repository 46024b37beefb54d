//! Options of the page.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::{
    app, page_address_args::PageAddressArgs, page_proxy_args::PageProxyArgs,
    page_upload_args::PageUploadArgs, report_topic::ReportTopic, store_client,
};
use crate::{
    app::{manifest::Manifest, variables::Variables},
    ceph::transport,
    page::{
        self, Page,
        access::{roles::Roles, users},
        live::Live,
        module::Module,
        review::{Research, Review},
    },
    serve::runtime::{Options, PageToken, Runtime},
};

/// Options of the page beside the function.
#[derive(Debug, Default, Args)]
pub struct PageArgs {
    /// Serve a page with the events, their risks and pictures on this address.
    #[arg(long, value_name = "ADDR")]
    pub page: Option<SocketAddr>,
    /// File of people who may sign in to the page: lines of `xray page-token`.
    #[arg(long, value_name = "FILE", requires = "page", group = "page_people")]
    pub page_users: Option<PathBuf>,
    /// Address of the page, and TLS.
    #[command(flatten)]
    pub address: PageAddressArgs,
    /// File of a key of at least 32 characters that several pages share, so that they accept each
    /// other's sessions.
    #[arg(
        long,
        value_name = "FILE",
        requires = "page_people",
        requires = "page_credentials_file"
    )]
    pub page_session_key_file: Option<PathBuf>,
    /// Roles of the person who reads this terminal, who signs in by a one-time address: viewer,
    /// reviewer (copies in quarantine), clinician (sources and labeled pictures); comma-separated.
    #[arg(
        long,
        value_name = "ROLES",
        default_value = "viewer",
        requires = "page"
    )]
    pub page_roles: Roles,
    /// Name of the person who reads this terminal, for claims and the audit log; by default
    /// USER@HOST of the operating system.
    #[arg(long, value_name = "NAME", requires = "page", conflicts_with = "page_people", value_parser = users::parse_name)]
    pub page_name: Option<String>,
    /// File with the keys of the reviewers' store user, who releases and rejects copies in
    /// quarantine: lines AWS_ACCESS_KEY_ID=KEY and AWS_SECRET_ACCESS_KEY=KEY. Without it the page
    /// has no review.
    #[arg(long, value_name = "FILE", requires = "page")]
    pub page_credentials_file: Option<PathBuf>,
    /// Input bucket whose quarantine is reviewed.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "xray-data-in",
        requires = "page_credentials_file"
    )]
    pub page_bucket: String,
    /// A proxy that signs people in.
    #[command(flatten)]
    pub proxy: PageProxyArgs,
    /// Uploads.
    #[command(flatten)]
    pub upload: PageUploadArgs,
}

/// A page whose runtime is still to come.
pub struct Prepared<'a> {
    args: &'a PageArgs,
    address: SocketAddr,
    live: Arc<Live>,
    token: Option<PageToken>,
}

impl PageArgs {
    /// Lets the page see what the runtime of these options will do, if there is to be a page.
    ///
    /// # Errors
    /// When the application is not the function whose settings the page reads.
    pub fn prepare(
        &self,
        manifest: &Manifest,
        variables: &Variables,
        options: &mut Options,
    ) -> Result<Option<Prepared<'_>>> {
        let Some(address) = self.page else {
            ensure!(
                !self.proxy.is_given(),
                "a proxy that signs people in needs --page ADDR"
            );
            return Ok(None);
        };
        let config = app::config(manifest, variables).context("the page")?;
        let live = Live::new(config);
        let token = Module::prepare(manifest, options);
        options.listeners.push(live.listener());
        options.observers.push(live.observer());
        Ok(Some(Prepared {
            args: self,
            address,
            live,
            token,
        }))
    }
}

impl Prepared<'_> {
    /// Serves the page.
    ///
    /// # Errors
    /// When it can't be served at this address.
    pub async fn start(
        self,
        runtime: &Runtime,
        reports: Option<&ReportTopic>,
    ) -> Result<Arc<Page>> {
        let config = self.live.config();
        let client = store_client::of_function(config)?;
        let review = match &self.args.page_credentials_file {
            Some(file) => {
                let buckets = config.buckets(&self.args.page_bucket);
                let review = Review::new(store_client::of_file(config, file)?, buckets)?;
                Some(review.with_research(Research::of(config, transport)?))
            }
            None => None,
        };
        let users = self.args.page_users.as_deref();
        let key = self.args.page_session_key_file.as_deref();
        let people = self.args.proxy.people(users, key)?;
        if let Some(reports) = reports {
            reports.show(&self.live)?;
        }
        let options = page::Options {
            address: self.address,
            people,
            url: self.args.address.page_url.as_deref(),
            tls: self.args.address.tls(self.args.proxy.authorities())?,
            session_key: key,
            local: self.args.page_roles,
            name: self.args.page_name.clone(),
            review,
            module: self.token.map(|token| Module::new(runtime.clone(), token)),
            is_of_all: reports.is_some(),
            upload: self.args.upload.settings(config, &self.args.page_bucket)?,
        };
        Page::start(options, self.live, client, Some(runtime.clone())).await
    }
}
