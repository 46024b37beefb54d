//! Further options of `spin up`, with the same meaning.

use std::{
    net::{Ipv4Addr, SocketAddr, ToSocketAddrs},
    path::PathBuf,
};

use anyhow::{Context, Result};
use clap::Args;

use crate::{app::manifest::Manifest, serve::runtime::Options};

/// Options that Spin has for every trigger.
#[derive(Debug, Args)]
pub struct SpinArgs {
    /// Set an environment variable of all components.
    #[arg(short = 'e', long = "env", value_name = "NAME=VALUE", value_parser = pair)]
    pub env: Vec<(String, String)>,
    /// Print only the output of these components; repeatable.
    #[arg(long, value_name = "ID", conflicts_with = "quiet")]
    pub follow: Vec<String>,
    /// Empty the logs at start-up.
    #[arg(long)]
    pub truncate_logs: bool,
    /// Folder for copies of files that components see [default: the system's temporary folder].
    #[arg(long, alias = "tmp", value_name = "DIR")]
    pub temp: Option<PathBuf>,
    /// Compile anew, and keep no compiled code.
    #[arg(long)]
    pub disable_cache: bool,
    /// Bytes of memory for a request, in place of --max-memory.
    #[arg(long, value_name = "BYTES", env = "SPIN_MAX_INSTANCE_MEMORY")]
    pub max_instance_memory: Option<usize>,
    /// Accepted for compatibility: folders are always mounted in place; Spin copies them without
    /// this flag.
    #[arg(long, hide = true)]
    pub direct_mounts: bool,
    /// Rejected: silently ignoring `SPIN_TLS_CERT` would serve plain HTTP to someone who asked for
    /// TLS.
    #[arg(long, hide = true, value_name = "FILE", env = "SPIN_TLS_CERT", value_parser = no_tls)]
    pub tls_cert: Option<String>,
    /// Rejected as well.
    #[arg(long, hide = true, value_name = "FILE", env = "SPIN_TLS_KEY", value_parser = no_tls)]
    pub tls_key: Option<String>,
}

impl SpinArgs {
    /// Adds the environment variables to all components.
    pub fn apply(&self, manifest: &mut Manifest) {
        for component in manifest.components.values_mut() {
            component.environment.extend(self.env.iter().cloned());
        }
    }

    /// Applies the flags to the options of a runtime.
    pub fn over(&self, mut options: Options) -> Options {
        options.follow.clone_from(&self.follow);
        options.truncate_logs = self.truncate_logs;
        options.temp.clone_from(&self.temp);
        if self.disable_cache {
            options.state_dir = None;
            options.precompiled_dir = None;
        }
        if let Some(bytes) = self.max_instance_memory {
            options.max_memory = bytes;
        }
        options
    }
}

fn no_tls(_: &str) -> Result<String, String> {
    Err(
        "this host speaks HTTP only; put a proxy in front of it, such as a Route or an Ingress"
            .into(),
    )
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Parses an address to listen on; a host name is resolved.
///
/// # Errors
/// Returns an error if there is no port, or the name does not resolve.
pub fn listen_address(text: &str) -> Result<SocketAddr> {
    let all: Vec<_> = text
        .to_socket_addrs()
        .context("expected HOST:PORT")?
        .collect();
    // `localhost` often resolves to both families; the other one can be given as an address.
    let first = all
        .iter()
        .find(|address| address.ip() == Ipv4Addr::LOCALHOST);
    first
        .or(all.first())
        .copied()
        .context("the name does not resolve to an address; use an IP address")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[arg(long)]
        quiet: bool,
        #[command(flatten)]
        spin: SpinArgs,
    }

    fn parse(arguments: &[&str]) -> Result<SpinArgs, String> {
        let parsed = Cli::try_parse_from([&["xray"], arguments].concat());
        parsed
            .map(|cli| cli.spin)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn they_do_what_they_say() {
        let text = "spin_manifest_version = 2\napplication.name = \"a\"\n\
            trigger.http = [{ route = \"/\", component = \"c\" }]\n[component.c]\nsource = \"c.wasm\"\n\
            environment = { A = \"1\", B = \"2\" }\n";
        let mut manifest = Manifest::parse(text, Path::new(".")).unwrap();
        let spin = parse(&["-e", "B=3=4", "--env", "C="]).unwrap();
        spin.apply(&mut manifest);
        let environment = &manifest.components["c"].environment;
        let pairs: Vec<_> = environment
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        assert_eq!(pairs, ["A=1", "B=3=4", "C="]);

        let arguments = ["--follow", "c", "--truncate-logs", "--tmp", "t"];
        let options = parse(&arguments).unwrap().over(Options::default());
        assert_eq!(options.follow, ["c"]);
        assert!(options.truncate_logs && options.temp == Some("t".into()));
        let arguments = ["--max-instance-memory", "1000000", "--disable-cache"];
        let state_dir = Some("s".into());
        let before = Options {
            state_dir,
            ..Options::default()
        };
        let options = parse(&arguments).unwrap().over(before);
        assert_eq!((options.max_memory, options.state_dir), (1_000_000, None));
    }

    #[test]
    fn senseless_options_are_rejected() {
        for (arguments, said) in [
            (&["--env", "NAME"][..], "NAME=VALUE"),
            (&["--follow", "a", "--quiet"], "cannot be used with"),
            (&["--tls-cert", "x"], "HTTP only"),
            (&["--tls-key", "x"], "HTTP only"),
        ] {
            let error = parse(arguments).err().unwrap();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_name_may_stand_for_an_address() {
        for text in ["127.0.0.1:3000", "localhost:3000"] {
            assert_eq!(
                listen_address(text).unwrap(),
                SocketAddr::from((Ipv4Addr::LOCALHOST, 3000))
            );
        }
        assert_eq!(listen_address("0.0.0.0:80").unwrap().port(), 80);
        for text in ["3000", "127.0.0.1", "127.0.0.1:port"] {
            assert!(listen_address(text).is_err(), "{text}");
        }
    }
}
