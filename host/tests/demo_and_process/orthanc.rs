//! The whole way of an object, from one real archive through the node, the store and the function
//! to others: Orthanc with its DICOMweb plugin, which shares no code with this project.

use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use testkit::{process::HostProcess, root};

use crate::{
    files, function_is_built,
    node::{Node, drawn, store, written},
    objects::python,
    run, text, xray,
};

const PLUGIN: &str = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so";

/// A running archive; its only user is `clinic` with the password `secret`.
struct Orthanc {
    _process: HostProcess,
    url: String,
    dicom_port: String,
    python: PathBuf,
}

/// Returns a port that is free now. Orthanc can't choose one itself.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Orthanc {
    /// Starts an archive that knows the node at a port as `node`.
    fn start(python: &Path, dir: &Path, name: &str, node: &str) -> Orthanc {
        let state = dir.join(name);
        fs::create_dir(&state).unwrap();
        let (http, dicom) = (free_port(), free_port());
        let settings = json!({
            "Name": name, "StorageDirectory": state, "IndexDirectory": state,
            "HttpPort": http, "DicomPort": dicom, "DicomAet": "ORTHANC",
            "RemoteAccessAllowed": false, "AuthenticationEnabled": true,
            "RegisteredUsers": { "clinic": "secret" },
            "DicomModalities": { "node": ["XRAY", "127.0.0.1", node.parse::<u16>().unwrap()] },
            "Plugins": [PLUGIN], "DicomWeb": { "Enable": true, "Root": "/dicom-web/" },
        });
        let path = dir.join(format!("{name}.json"));
        fs::write(&path, settings.to_string()).unwrap();
        let mut command = Command::new("Orthanc");
        command.arg(path);
        let process = HostProcess::spawn(command);
        process.until_printed("Orthanc has started");
        Orthanc {
            _process: process,
            url: format!("http://127.0.0.1:{http}"),
            dicom_port: dicom.to_string(),
            python: python.to_owned(),
        }
    }

    fn call(&self, arguments: &[&str]) -> String {
        let script = root().join("tests/dicom/archive.py");
        let output = run(Command::new(&self.python).arg(script).args(arguments));
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Returns everything that it holds, and what highdicom and pydicom read in that.
    fn holds(&self, dir: &Path) -> (BTreeSet<Vec<u8>>, Value) {
        let folder = tempfile::tempdir_in(dir).unwrap();
        let path = folder.path().to_str().unwrap();
        self.call(&["fetch", &self.url, path]);
        let read = serde_json::from_str(&self.call(&["read", path])).unwrap();
        (contents(folder.path()), read)
    }
}

fn contents(folder: &Path) -> BTreeSet<Vec<u8>> {
    let read = |name: &String| fs::read(folder.join(name)).unwrap();
    files(folder).iter().map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn object_goes_from_orthanc_through_node_and_function_back_to_orthanc() {
    let Some(python) = python() else { return };
    if !function_is_built() {
        return;
    }
    if !Path::new(PLUGIN).exists() {
        let remedy = "install the Debian packages orthanc and orthanc-dicomweb";
        return testkit::missing("Orthanc with DICOMweb", remedy);
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (store, _listening, [endpoint, key, secret]) = store(dir).await;
    let node = Node::start(&python, &endpoint, (&key, &secret), &[]);
    let [source, clinic, research] =
        ["source", "clinic", "research"].map(|name| Orthanc::start(&python, dir, name, &node.port));

    // C-STORE to the node, which puts the object into the bucket.
    let path = written(dir, "0.dcm", &drawn(0));
    let said = source.call(&["forward", &source.url, "node", &path]);
    assert_eq!(said.trim(), r#"{"sent": 1, "failed": 0}"#);
    assert_eq!(files(&store.bucket_dir("xray-data-in")).len(), 1);

    let reprocess = |password: &str, variables: &[(&str, &str)]| {
        let mut command = xray("reprocess");
        command
            .args(["--quiet", "--nn", "embedded"])
            .current_dir(dir);
        let own = [
            ("s3_endpoint", endpoint.as_str()),
            ("s3_access_key", &key),
            ("s3_secret_key", &secret),
            ("pseudonym_key", "a key for tests, long enough"),
            ("anonymize", "all"),
            ("dicom_result", "both"),
            ("dicomweb_url", &format!("{}/dicom-web", clinic.url)),
            ("dicomweb_credentials", &format!("clinic:{password}")),
            ("dicomweb_host", &clinic.url),
            (
                "dicomweb_research_url",
                &format!("{}/dicom-web", research.url),
            ),
            ("dicomweb_research_credentials", "clinic:secret"),
            ("dicomweb_research_host", &research.url),
        ];
        for (name, value) in own.iter().chain(variables) {
            command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value);
        }
        let output = run(&mut command);
        text(&output.stdout) + &text(&output.stderr)
    };
    let said = reprocess("wrong", &[]);
    assert!(said.contains("archive"), "{said}");
    let bucket = |suffix: &str| store.bucket_dir(&format!("xray-data-in-{suffix}"));
    let completes = |name: &String| name.ends_with("-processed.dcm");
    assert!(!files(&bucket("processed")).iter().any(completes));
    let said = reprocess("secret", &[]);
    assert!(said.contains("1 done"), "{said}");

    // What the archives hold is what the buckets do.
    let (results, read) = clinic.holds(dir);
    assert!(results == contents(&bucket("processed")));
    assert_eq!(results.len(), 3);
    let risk = read["SR"][0].as_f64().unwrap();
    assert!((0.0..=100.0).contains(&risk), "{read}");
    let label = read["PR"].as_str().unwrap();
    assert!(label.contains(&format!("risk={risk}")), "{read}");
    assert!(read["OT"].is_array(), "{read}");
    let (copies, copy) = research.holds(dir);
    assert!(copies == contents(&bucket("anonymized")));
    assert_eq!(copies.len(), 1);
    assert_eq!(copy["DX"][0], read["OT"][0]);
    assert_ne!(copy["DX"][1], read["OT"][1]);

    // What the archives have already is a success, and other settings make another instance.
    for name in files(&bucket("processed")) {
        fs::remove_file(bucket("processed").join(name)).unwrap();
    }
    let said = reprocess("secret", &[]);
    assert!(said.contains("1 done"), "{said}");
    assert_eq!(clinic.holds(dir).0.len(), 3);

    // C-STORE of all kinds of results.
    let folder = bucket("processed");
    let paths = files(&folder).into_iter().map(|name| folder.join(name));
    let paths: Vec<String> = paths
        .map(|path| path.to_str().unwrap().to_owned())
        .collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let said = node.send_to(&source.dicom_port, "ORTHANC", &paths);
    assert_eq!(said["stored"], json!([0, 0, 0]), "{said}");
    assert_eq!(source.holds(dir).0.len(), 4);
}
