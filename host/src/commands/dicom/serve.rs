//! `xray dicom serve`: a node that puts what it receives into the input bucket.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    commands::{send::access::AccessArgs, shared::stop::Stop},
    dicom::{
        association::Titles,
        node::{self, Settings, Summary},
        storage::Bucket,
    },
    serve::tls::server_config,
};

/// Time in which open associations may end after a signal.
const FAREWELL: Duration = Duration::from_secs(20);
/// Time for a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Arguments of `xray dicom serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Address to listen on; 11112 and 2762 (TLS) are DICOM's ports for this.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:11112")]
    pub listen: SocketAddr,
    /// Title that peers must call.
    #[arg(long, value_name = "TITLE", default_value = "XRAY", value_parser = title)]
    pub ae_title: String,
    /// Titles of peers that may call, separated by commas; without them all may. A title proves
    /// nothing about the caller: only a certificate does (--client-ca).
    #[arg(long, value_name = "TITLES", value_delimiter = ',', value_parser = title)]
    pub peers: Vec<String>,
    /// Destination bucket.
    #[arg(long, value_name = "NAME", default_value = "xray-data-in")]
    pub bucket: String,
    /// Certificate for TLS, as PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Its key, as PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Certificates of the authorities of which peers need a certificate, as PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub client_ca: Option<PathBuf>,
    /// Accept peers without TLS and a certificate on an address that others reach.
    #[arg(long)]
    pub anyone: bool,
    /// Bytes of the largest object.
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    pub max_bytes: u32,
    /// Maximum number of associations; more are asked to come later.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub associations: u16,
    /// Seconds after which a silent peer is left.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub idle: u16,
    /// The store, and keys of a user that may only write to the bucket.
    #[command(flatten)]
    pub access: AccessArgs,
}

fn title(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_graphic() && c != '\\' || c == ' ';
    match (1..=16).contains(&text.len()) && text.chars().all(plain) {
        true => Ok(text.trim().to_owned()),
        false => Err("a title has 1 to 16 characters of ASCII".to_owned()),
    }
}

/// Serves until a signal.
///
/// # Errors
/// Returns an error if the arguments make no sense or the address can't be listened on.
pub async fn run(args: ServeArgs) -> Result<ExitCode> {
    let mut stop = Stop::new()?;
    if !args.listen.ip().is_loopback() && args.client_ca.is_none() && !args.anyone {
        bail!(
            "anybody could send objects to {}; use --client-ca with --tls-cert, or --anyone behind a firewall",
            args.listen
        );
    }
    let acceptor = tls(&args)?;
    let settings = Arc::new(Settings {
        titles: Titles {
            own: args.ae_title.clone(),
            peers: args.peers.clone(),
        },
        max_bytes: args.max_bytes as usize,
        idle: Duration::from_secs(args.idle.into()),
    });
    let bucket = Arc::new(Bucket {
        client: args.access.client()?,
        bucket: args.bucket.clone(),
        max_bytes: args.max_bytes.into(),
    });
    let listener = TcpListener::bind(args.listen).await;
    let listener = listener.with_context(|| format!("listening on {}", args.listen))?;
    let secured = if acceptor.is_some() { " with TLS" } else { "" };
    println!(
        "DICOM node {} at {}{secured}",
        args.ae_title,
        listener.local_addr()?
    );
    let places = Arc::new(Semaphore::new(args.associations.into()));
    let mut open = JoinSet::new();
    let code = loop {
        let stream = tokio::select! {
            code = stop.asked() => break code,
            Some(_) = open.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Too many open files, or a peer that has left already.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let place = places.clone().try_acquire_owned().ok();
        let (settings, bucket, acceptor) = (settings.clone(), bucket.clone(), acceptor.clone());
        open.spawn(async move {
            let served = connection(stream, acceptor, &settings, &bucket, place.is_some()).await;
            drop(place);
            say(served);
        });
    };
    drop(listener);
    let _ = timeout(FAREWELL, async {
        while open.join_next().await.is_some() {}
    })
    .await;
    Ok(ExitCode::from(code))
}

async fn connection(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    settings: &Settings,
    bucket: &Bucket,
    has_room: bool,
) -> std::io::Result<Summary> {
    stream.set_nodelay(true)?;
    // A balancer or a cluster looks whether the port is open, and leaves.
    if matches!(
        timeout(HANDSHAKE, stream.peek(&mut [0])).await,
        Ok(Ok(0) | Err(_))
    ) {
        return Ok(Summary::default());
    }
    match acceptor {
        Some(acceptor) => {
            let stream = timeout(HANDSHAKE, acceptor.accept(stream)).await??;
            node::serve(stream, settings, bucket, has_room).await
        }
        None => node::serve(stream, settings, bucket, has_room).await,
    }
}

/// Reports on a connection: counts and the peer's title, nothing of the objects.
fn say(served: std::io::Result<Summary>) {
    match served {
        Ok(summary) if summary.stored + summary.failed > 0 => eprintln!(
            "{}: {} stored, {} failed",
            summary.peer, summary.stored, summary.failed
        ),
        Ok(_) => {}
        Err(error) => eprintln!("xray: a connection ended: {error}"),
    }
}

fn tls(args: &ServeArgs) -> Result<Option<TlsAcceptor>> {
    let Some((certificate, key)) = args.tls_cert.as_ref().zip(args.tls_key.as_ref()) else {
        return Ok(None);
    };
    let read =
        |path: &PathBuf| std::fs::read(path).with_context(|| format!("reading {}", path.display()));
    let authorities = args.client_ca.as_ref().map(read).transpose()?;
    let config = server_config(&read(certificate)?, &read(key)?, authorities.as_deref());
    let config = config.with_context(|| {
        format!(
            "--tls-cert {} and --tls-key {}",
            certificate.display(),
            key.display()
        )
    })?;
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}
