//! `xray page`: the review of copies in quarantine without the function beside it.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Result;
use clap::Args;

use crate::{
    commands::shared::{store_args::StoreArgs, store_client},
    page::{self, Page, access::roles::Roles, live::Live, review::Review},
    serve::server,
};

/// Arguments of `xray page`.
#[derive(Debug, Args)]
pub struct PageArgs {
    /// Address to serve on; port 0 takes any free port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// File with the keys of the reviewers' store user: lines AWS_ACCESS_KEY_ID=KEY and
    /// AWS_SECRET_ACCESS_KEY=KEY.
    #[arg(long, value_name = "FILE")]
    pub page_credentials_file: PathBuf,
    /// File of people who may sign in: lines of `xray page-token`. Without it, the person who reads
    /// this terminal may.
    #[arg(long, value_name = "FILE")]
    pub page_users: Option<PathBuf>,
    /// Address at which a proxy or Route with TLS serves the page: https://HOST.
    #[arg(long, value_name = "URL", requires = "page_users")]
    pub page_url: Option<String>,
    /// Store, and bucket whose quarantine is reviewed.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Serves until a signal arrives.
///
/// # Errors
/// When a setting is wrong, or the page can't be served at this address.
pub async fn run(args: PageArgs) -> Result<()> {
    let stop = server::signal()?;
    let settings = args.store.read()?;
    let client = store_client::of_file(&settings.config, &args.page_credentials_file)?;
    let options = page::Options {
        address: args.listen,
        users: args.page_users.as_deref(),
        url: args.page_url.as_deref(),
        local: Roles {
            reviewer: true,
            clinician: false,
        },
        review: Some(Review::new(client.clone(), settings.buckets)?),
    };
    let page = Page::start(options, Live::new(settings.config), client, None).await?;
    println!("Page at {}", page.entrance());
    stop.await;
    Ok(())
}
