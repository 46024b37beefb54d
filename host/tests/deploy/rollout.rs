//! Order, rights, probes and ends: what a cluster does with the manifests over time.

use serde_json::{Value, json};

use crate::cluster::{self, Found, text};

fn spin_apps(all: &[Found]) -> impl Iterator<Item = &Found> {
    all.iter()
        .filter(|found| found.is("SpinApp") && found.file != "spinkube")
}

fn position(all: &[Found], file: &str, kind: &str) -> Option<usize> {
    all.iter()
        .position(|found| found.file == file && found.is(kind))
}

/// The operator's webhook rejects an app whose executor does not exist.
#[test]
fn executor_comes_before_its_app() {
    let Some(all) = cluster::all() else {
        return;
    };
    let mut apps = 0;
    for app in spin_apps(all) {
        let executor = position(all, &app.file, "SpinAppExecutor");
        assert!(
            executor < position(all, &app.file, "SpinApp"),
            "{}",
            app.file
        );
        assert!(executor.is_some(), "{}", app.file);
        apps += 1;
    }
    assert_eq!(apps, 2);
}

/// OpenShift lets the operator own objects only with this right, which its own role lacks.
#[test]
fn operator_may_update_finalizers() {
    let Some(all) = cluster::all() else {
        return;
    };
    let file = "overlays-spinkube-image";
    let one = |kind: &str| &all[position(all, file, kind).expect(kind)].document;
    let (role, binding) = (one("ClusterRole"), one("ClusterRoleBinding"));
    let rules = json!([{"apiGroups": ["core.spinkube.dev"], "resources": ["spinapps/finalizers"], "verbs": ["update"]}]);
    assert_eq!(role["rules"], rules);
    assert_eq!(binding["roleRef"]["name"], role["metadata"]["name"]);
    let account = json!([{"kind": "ServiceAccount", "name": "spin-operator-controller-manager", "namespace": "spin-operator"}]);
    assert_eq!(binding["subjects"], account);
    let right = position(all, file, "ClusterRoleBinding");
    assert!(right < position(all, file, "SpinApp"));
    // The chart names its account after the release.
    let guide = std::fs::read_to_string(testkit::root().join("docs/openshift.md"));
    let guide = guide.expect("the guide");
    assert!(guide.contains("helm install spin-operator oci:"));
    assert!(guide.contains("--namespace spin-operator"));
}

/// A SpinApp has no startup probe, and under load a start took 26 s.
#[test]
fn liveness_outlasts_a_slow_start() {
    let Some(all) = cluster::all() else {
        return;
    };
    for app in spin_apps(all) {
        let checks = &app.document["spec"]["checks"];
        for probe in ["readiness", "liveness"] {
            assert_eq!(checks[probe]["httpGet"]["httpHeaders"], json!([]));
        }
        let liveness = &checks["liveness"];
        let number = |name: &str| liveness[name].as_u64().expect(name);
        let seconds = number("periodSeconds") * number("failureThreshold");
        assert!(seconds >= 90, "{seconds} s");
        assert!(number("timeoutSeconds") >= 5);
    }
}

/// A restarted container finds the app and its compiled code again.
#[test]
fn spinkube_image_keeps_its_cache() {
    let Some(all) = cluster::all() else {
        return;
    };
    let app = position(all, "overlays-spinkube-image", "SpinApp").expect("an app");
    let spec = &all[app].document["spec"];
    let listed = |list: &Value, key: &str, value: &str| -> Value {
        let list = list.as_array().expect("a list").iter();
        list.clone()
            .find(|one| text(&one[key]) == value)
            .unwrap_or_else(|| panic!("no {value}"))
            .clone()
    };
    // HOME of the image, where the host keeps both.
    let mount = listed(&spec["volumeMounts"], "mountPath", "/tmp");
    let volume = listed(&spec["volumes"], "name", text(&mount["name"]));
    assert!(volume["emptyDir"]["sizeLimit"].is_string(), "{volume}");
    let containerfile = std::fs::read_to_string(testkit::root().join("Containerfile"));
    assert!(containerfile.expect("text").contains("ENV HOME=/tmp\n"));
}

#[test]
fn pods_have_the_same_time_to_end() {
    let Some(all) = cluster::all() else {
        return;
    };
    let mut ends = Vec::new();
    for found in all.iter().filter(|found| found.name() == "xray") {
        let spec = &found.document["spec"]["template"]["spec"];
        match text(&found.document["kind"]) {
            "Deployment" => ends.push(&spec["terminationGracePeriodSeconds"]),
            // Knative derives it.
            "Service" if !spec["timeoutSeconds"].is_null() => ends.push(&spec["timeoutSeconds"]),
            _ => {}
        }
    }
    assert_eq!(ends, [60, 60, 60]);
}
