//! Small applications whose components are text, so that they need no other toolchain.

use std::{
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
    time::Duration,
};

use tempfile::TempDir;
use testkit::process::HostProcess;

/// A component that is reached and then traps, which the host answers with 500; a path that leads nowhere gets 404.
const TRAPS: &str = r#"(component
    (import "wasi:http/types@0.2.0" (instance $types
        (export "incoming-request" (type (sub resource)))
        (export "response-outparam" (type (sub resource)))))
    (alias export $types "incoming-request" (type $request))
    (alias export $types "response-outparam" (type $outparam))
    (core module $m (memory 1) (func (export "handle") (param i32 i32) unreachable))
    (core instance $i (instantiate $m))
    (func $handle (param "request" (own $request)) (param "response-out" (own $outparam))
        (canon lift (core func $i "handle")))
    (instance $exported (export "handle" (func $handle)))
    (export "wasi:http/incoming-handler@0.2.0" (instance $exported)))"#;

/// An application with the components `one` and `two` at paths of their names, files of all sizes, and a variable that is
/// required.
pub fn two() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    write("traps.wasm", &wat::parse_str(TRAPS).unwrap());
    write("files/empty", b"");
    write("files/small.txt", b"small");
    write("files/deep/large.bin", &vec![7; 300_000]);
    let mut manifest = String::from(
        "spin_manifest_version = 2\n[application]\nname = \"two\"\nversion = \"1.2.3\"\n\
         [variables]\ntoken = { required = true, secret = true }\n",
    );
    for name in ["one", "two"] {
        manifest += &format!(
            "[[trigger.http]]\nroute = \"/{name}/...\"\ncomponent = \"{name}\"\n\
             [component.{name}]\nsource = \"traps.wasm\"\nfiles = [{{ source = \"files\", destination = \"/files\" }}]\n\
             variables = {{ token = \"{{{{ token }}}}\" }}\n"
        );
    }
    write("spin.toml", manifest.as_bytes());
    dir
}

/// A running `xray up`, ended with the test.
pub struct Up {
    process: HostProcess,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Up {
    /// Starts it, and returns when it serves.
    pub fn start(command: Command) -> Self {
        let process = HostProcess::start(command);
        Self {
            address: process.address(),
            process,
        }
    }

    /// What it has printed.
    pub fn printed(&self) -> String {
        self.process.printed()
    }

    /// The status of `GET path`.
    pub fn status(&self, path: &str) -> u16 {
        use std::io::{Read, Write};
        let mut stream = TcpStream::connect(("127.0.0.1", self.address.port())).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Asks it to end, and waits until it has.
    pub fn end(mut self) {
        self.process.end();
    }
}

/// Everything below a folder, as paths below it.
pub fn files(dir: &Path) -> Vec<String> {
    let pattern = format!("{}/**/*", dir.display());
    let all = glob::glob(&pattern).unwrap().map(Result::unwrap);
    let files = all.filter(|path| path.is_file());
    files
        .map(|path| path.strip_prefix(dir).unwrap().display().to_string())
        .collect()
}
