//! DICOM's part of the manifests: archives for each overlay and the page, and the node.

use serde_json::Value;
use testkit::root;

use crate::cluster::{self, Found, text};

/// The address of an archive and the way to it, as pods of ours have them.
#[derive(Debug, PartialEq, Eq)]
struct Archive {
    host: String,
    /// The secret of the credentials.
    secret: String,
    /// The last rule of the policy.
    way: Value,
}

fn one<'a>(all: &'a [Found], kinds: &[&str], name: &str) -> &'a Found {
    let is_it = |found: &&Found| {
        let kind = found.kind();
        found.name() == name && kinds.contains(&kind.as_str())
    };
    let mut found = all.iter().filter(is_it);
    let first = found.next().unwrap_or_else(|| panic!("no {name}"));
    assert!(found.next().is_none(), "two of {name}");
    first
}

/// Returns a variable that an object gives to the function, and the secret that it comes from.
fn variable(all: &[Found], object: &Found, name: &str) -> (String, String) {
    let settings = &one(all, &["v1 ConfigMap"], "xray-settings").document["data"];
    let (list, name) = match object.is("SpinApp") {
        true => (&object.document["spec"]["variables"], name.to_lowercase()),
        false => {
            let container = &object.containers()[0];
            let from = &container["envFrom"][0]["configMapRef"]["name"];
            assert_eq!(*from, "xray-settings");
            (&container["env"], format!("SPIN_VARIABLE_{name}"))
        }
    };
    let mut own = list.as_array().expect("variables").iter();
    let Some(own) = own.find(|own| own["name"] == name) else {
        return (text(&settings[&name]).to_owned(), String::new());
    };
    let from = &own["valueFrom"];
    let map = &from["configMapKeyRef"];
    let value = match map.is_object() {
        true => {
            assert_eq!(map["name"], "xray-settings");
            text(&settings[text(&map["key"])])
        }
        false => text(&own["value"]),
    };
    (
        value.to_owned(),
        text(&from["secretKeyRef"]["name"]).to_owned(),
    )
}

fn last_way(all: &[Found], policy: &str) -> Value {
    let policy = one(all, &["networking.k8s.io/v1 NetworkPolicy"], policy);
    let rules = policy.document["spec"]["egress"].as_array();
    rules.expect("rules").last().expect("a way out").clone()
}

/// Returns what an overlay's function has of an archive with a component.
fn archive(overlay: &str, component: &str, prefix: &str) -> Option<Archive> {
    let all = cluster::with_component(&format!("overlays/{overlay}"), component)?;
    let kinds = [
        "apps/v1 Deployment",
        "serving.knative.dev/v1 Service",
        "core.spinkube.dev/v1alpha1 SpinApp",
    ];
    let function = one(&all, &kinds, "xray");
    let get = |name: &str| variable(&all, function, &format!("{prefix}_{name}"));
    let ((url, _), (host, _)) = (get("URL"), get("HOST"));
    let path = url.strip_prefix(&host).expect("the same origin");
    assert!(
        !host.is_empty() && path.starts_with('/'),
        "{overlay}: {url}"
    );
    let (in_the_open, secret) = get("CREDENTIALS");
    assert_eq!(in_the_open, "", "{overlay}");
    // The others are still there.
    let (endpoint, _) = variable(&all, function, "S3_ENDPOINT");
    let (_, key) = variable(&all, function, "S3_SECRET_KEY");
    assert!(!endpoint.is_empty() && !key.is_empty(), "{overlay}");
    let way = last_way(&all, "xray");
    Some(Archive { host, secret, way })
}

#[test]
fn archives_are_set_in_every_overlay_and_the_way_to_them_is_open() {
    let manifest = std::fs::read_to_string(root().join("spin.toml")).expect("the manifest");
    let guide = std::fs::read_to_string(root().join("docs/openshift.md")).expect("the guide");
    let mut hosts = Vec::new();
    for (component, prefix) in [
        ("dicomweb", "DICOMWEB"),
        ("dicomweb-research", "DICOMWEB_RESEARCH"),
    ] {
        let overlays = ["openshift", "knative", "spinkube-image", "spinkube-shim"];
        let found: Option<Vec<_>> = overlays
            .iter()
            .map(|overlay| archive(overlay, component, prefix))
            .collect();
        let Some(found) = found else { return };
        let first = &found[0];
        assert!(found.iter().all(|other| other == first), "{found:?}");
        for name in ["url", "host", "credentials"] {
            let name = format!("{}_{name}", prefix.to_lowercase());
            assert!(manifest.contains(&format!("\n{name} = ")), "{name}");
        }
        let made = format!("create secret generic {} ", first.secret);
        assert!(guide.contains(&made), "nobody makes {}", first.secret);
        let port = first.way["ports"][0]["port"].to_string();
        assert!(first.host.ends_with(&format!(":{port}")), "{first:?}");
        assert!(first.way["to"][0]["ipBlock"]["cidr"].is_string());
        hosts.push(first.host.clone());
    }
    assert_ne!(hosts[0], hosts[1], "results name the patient");
}

#[test]
fn page_reaches_the_research_archive_as_the_function_does() {
    let (Some(page), Some(archive)) = (
        cluster::with_component("page", "page-dicomweb"),
        archive("openshift", "dicomweb-research", "DICOMWEB_RESEARCH"),
    ) else {
        return;
    };
    let container = &one(&page, &["apps/v1 Deployment"], "xray-page").containers()[0];
    // The address is there.
    let settings = &container["envFrom"][0]["configMapRef"]["name"];
    assert_eq!(*settings, "xray-settings");
    let mut env = container["env"].as_array().expect("variables").iter();
    let name = "SPIN_VARIABLE_DICOMWEB_RESEARCH_CREDENTIALS";
    let own = env.find(|own| own["name"] == name).expect(name);
    assert_eq!(
        own["valueFrom"]["secretKeyRef"]["name"],
        archive.secret.as_str()
    );
    assert_eq!(last_way(&page, "xray-page"), archive.way);
}

#[test]
fn node_writes_as_a_user_of_its_own_and_asks_peers_for_certificates() {
    let Some(all) = cluster::all() else { return };
    let beside = all.iter().filter(|found| found.file == "dicom-node");
    let beside: Vec<Found> = beside.cloned().collect();
    let node = one(&beside, &["apps/v1 Deployment"], "xray-dicom-node");
    let container = &node.containers()[0];
    let arguments = container["args"].as_array().expect("arguments");
    let value = |flag: &str| {
        let mut values = arguments.iter().filter_map(|one| {
            let (name, value) = text(one).split_once('=')?;
            (name == flag).then_some(value)
        });
        values.next().unwrap_or_else(|| panic!("no {flag}"))
    };
    assert!(!arguments.iter().any(|one| one == "--anyone"));
    let pod = &node.document["spec"]["template"]["spec"];
    let secret = &pod["volumes"][0]["secret"];
    let items = secret["items"].as_array().expect("items");
    for flag in ["--tls-cert", "--tls-key", "--client-ca"] {
        let file = value(flag).strip_prefix("/etc/node/").expect("a secret's");
        assert!(items.iter().any(|item| item["path"] == file), "{flag}");
    }
    let (_, port) = value("--listen").split_once(':').expect("a port");
    assert_eq!(container["ports"][0]["containerPort"].to_string(), port);

    // Nobody else has these keys, and no policy but the input bucket's names their user.
    let keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| {
        let mut env = container["env"].as_array().expect("variables").iter();
        let own = env.find(|own| own["name"] == name).expect(name);
        text(&own["valueFrom"]["secretKeyRef"]["name"])
    });
    let user = "rook-ceph-object-user-store-xray-node";
    assert_eq!(keys, [user, user]);
    let holds = |found: &&Found| found.document.to_string().contains(user);
    let holders: Vec<_> = all.iter().filter(holds).map(Found::name).collect();
    assert_eq!(holders, ["xray-dicom-node"]);
    let claims = all.iter().filter(|found| found.is("ObjectBucketClaim"));
    let names = |found: &&Found| {
        let policy = &found.document["spec"]["additionalConfig"]["bucketPolicy"];
        text(policy).contains("user/xray-node\"")
    };
    let named: Vec<_> = claims.filter(names).map(Found::name).collect();
    assert_eq!(named, [value("--bucket")]);

    // Peers are let in by their addresses, which the balancer has to leave as they are.
    let service = one(&beside, &["v1 Service"], "xray-dicom-node");
    let spec = &service.document["spec"];
    assert_eq!(spec["type"], "LoadBalancer");
    assert_eq!(spec["externalTrafficPolicy"], "Local");
}
