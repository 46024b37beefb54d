//! The deployment that SpinKube's operator creates for a SpinApp whose executor has a `spinImage`:
//! these arguments, this environment, this file, and a registry that wants TLS and a user.
use testkit::registry::{NURSE, Server, Wants};

use crate::{
    applications::{Up, two},
    push, run, text, xray,
};

/// As the operator (0.6.1) writes it when a SpinApp says nothing of a runtime configuration.
const RUNTIME_CONFIG: &str = "[[config_provider]]\ntype = 'env'\nprefix = 'SPIN_VARIABLE_'\n";

#[test]
fn the_operators_command_line_works_as_it_is() {
    let wants = Wants {
        tls: true,
        user: true,
    };
    let Some(server) = Server::start(wants) else {
        return;
    };
    let home = server.home();
    let credentials = format!(
        r#"{{"auths": {{"{}": {{"auth": "{NURSE}"}}}}}}"#,
        server.reference("").trim_end_matches('/')
    );
    std::fs::create_dir(home.join("docker")).unwrap();
    std::fs::write(home.join("docker/config.json"), credentials).unwrap();
    std::fs::write(home.join("runtime-config.toml"), RUNTIME_CONFIG).unwrap();
    let app = two();
    let image = server.reference("team/two:1.0");
    let secure = |arguments: &[&str]| {
        let mut command = xray(arguments, &home);
        command.env("SSL_CERT_FILE", server.authority());
        command.env("DOCKER_CONFIG", home.join("docker"));
        command
    };
    let pushed = run(secure(&["push", &image]).current_dir(app.path()));
    assert!(pushed.status.success(), "{}", text(&pushed.stderr));

    // The port is the only thing that is different, as no test may take 80.
    let arguments = [
        "up",
        "--listen",
        "0.0.0.0:0",
        "-f",
        &image,
        "--runtime-config-file",
        "runtime-config.toml",
    ];
    let container = |components: &[&str]| {
        let mut command = secure(&arguments);
        for component in components {
            command.args(["--component-id", component]);
        }
        command.env("SPIN_VARIABLE_TOKEN", "s3cret-value");
        command.env("SPIN_HTTP_LISTEN_ADDR", "0.0.0.0:80");
        command.env("SPIN_COMPONENTS_TO_RETAIN", components.join(","));
        command.env("SPIN_MAX_INSTANCE_MEMORY", "67108864");
        Up::start(command)
    };
    for (components, one, other) in [
        (&[][..], 500, 500),
        (&["one"], 500, 404),
        (&["two"], 404, 500),
        (&["one", "two"], 500, 500),
    ] {
        let up = container(components);
        assert_eq!(up.status("/.well-known/spin/health"), 200);
        assert_eq!((up.status("/one"), up.status("/two/x")), (one, other));
        assert!(!up.printed().contains("s3cret"), "{}", up.printed());
        up.end();
    }
}

/// Nothing of the user is there and nothing can be written but the folder for temporary files, as
/// under `restricted-v2`.
#[test]
fn host_starts_where_only_the_temporary_folder_can_be_written() {
    let Some(server) = Server::start(Wants::default()) else {
        return;
    };
    let image = server.reference("two:1.0");
    push(&server, two().path(), &image, &[]);
    let temporary = tempfile::tempdir().unwrap();
    let arguments = ["up", "--listen", "127.0.0.1:0", "-f", &image, "--insecure"];
    let mut command = xray(&arguments, "/proc");
    command.env("TMPDIR", temporary.path());
    command.env("SPIN_VARIABLE_TOKEN", "t");
    let up = Up::start(command);
    assert_eq!(up.status("/one"), 500);
    up.end();
    let left = std::fs::read_dir(temporary.path()).unwrap().count();
    assert_eq!(left, 0, "something is left behind");
}
