//! The components of the page, on the page that they are for.

use serde_json::{Value, json};

use crate::{
    cluster::{self, Found, text},
    manifests::takes,
};

/// The page with a component.
struct Page(Vec<Found>);

impl Page {
    fn with(component: &str) -> Option<Self> {
        cluster::with_component("page", component).map(Self)
    }

    fn one(&self, kind: &str, name: &str) -> &Found {
        let mut all = self.0.iter();
        let found = all.find(|found| found.is(kind) && found.name() == name);
        found.unwrap_or_else(|| panic!("no {kind} {name}"))
    }

    /// Returns the arguments of a Deployment's container.
    fn arguments(&self, name: &str) -> Vec<String> {
        let arguments = self.one("Deployment", name).containers()[0]["args"].clone();
        let arguments = arguments.as_array().expect("arguments").iter();
        arguments.map(|one| text(one).to_owned()).collect()
    }

    /// Returns the value of a flag of a Deployment's container.
    fn value(&self, name: &str, flag: &str) -> String {
        let arguments = self.arguments(name);
        let mut values = arguments.iter().filter_map(|one| one.strip_prefix(flag));
        let value = values.next().unwrap_or_else(|| panic!("no {flag}"));
        value.strip_prefix('=').expect("a value").to_owned()
    }

    /// Returns the items of the page's secret.
    fn items(&self) -> Vec<Value> {
        let pod = &self.one("Deployment", "xray-page").document["spec"]["template"]["spec"];
        let volumes = pod["volumes"].as_array().expect("volumes");
        let secret = volumes.iter().find(|volume| volume["name"] == "page");
        let items = secret.expect("the secret")["secret"]["items"].as_array();
        items.expect("items").clone()
    }

    fn rules(&self, policy: &str, direction: &str) -> Vec<Value> {
        let policy = self.one("NetworkPolicy", policy);
        let rules = policy.document["spec"][direction].as_array();
        rules.expect("rules").clone()
    }
}

#[test]
fn upload_component_names_a_file_that_the_page_has() {
    let Some(page) = Page::with("page-upload") else {
        return;
    };
    takes(&page.arguments("xray-page"));
    let file = page.value("xray-page", "--page-upload-credentials-file");
    let file = file.strip_prefix("/etc/page/").expect("in the secret");
    let items = page.items();
    assert!(items.iter().any(|item| item["path"] == file));
    assert_eq!(items.len(), 4, "the others are still there");
}

#[test]
fn reports_components_name_one_topic_that_each_may_use() {
    let (Some(page), Some(hosts)) = (
        Page::with("page-reports"),
        cluster::with_component("overlays/openshift", "reports").map(Page),
    ) else {
        return;
    };
    takes(&page.arguments("xray-page"));
    takes(&hosts.arguments("xray"));
    let topic = page.value("xray-page", "--report-topic");
    assert_eq!(topic, hosts.value("xray", "--report-topic"));
    let all = cluster::all().expect("a moment ago");
    let is_there = |found: &Found| found.is("KafkaTopic") && found.name() == topic;
    assert!(all.iter().any(is_there), "nobody makes {topic}");
    for (user, operations) in [
        ("xray", ["Describe", "Write"]),
        ("xray-page", ["Describe", "Read"]),
    ] {
        let mut users = all.iter().filter(|found| found.is("KafkaUser"));
        let found = users.find(|found| found.name() == user).expect("the user");
        let acls = found.document["spec"]["authorization"]["acls"].as_array();
        let mut acls = acls.expect("ACLs").iter();
        let acl = acls.find(|acl| acl["resource"]["name"] == topic);
        assert_eq!(acl.expect(user)["operations"], json!(operations), "{user}");
    }
    let rules = page.rules("xray-page", "egress");
    let last = rules.last().expect("a way out");
    let brokers = page.value("xray-page", "--kafka");
    assert!(brokers.ends_with(&format!(":{}", last["ports"][0]["port"])));
    let user = page.arguments("xray-page");
    assert!(user.contains(&"--kafka-option=username=xray-page".to_owned()));
}

#[test]
fn proxy_component_lets_the_router_reach_the_proxy_and_the_proxy_the_page() {
    let Some(page) = Page::with("page-proxy") else {
        return;
    };
    let arguments = page.arguments("xray-page");
    takes(&arguments);
    assert!(!arguments.iter().any(|one| one.starts_with("--page-users")));
    let file = page.value("xray-page", "--page-proxy-secret-file");
    let file = file.strip_prefix("/etc/page/").expect("in the secret");
    let keys: Vec<_> = page
        .items()
        .iter()
        .map(|item| item["key"].clone())
        .collect();
    assert_eq!(keys, ["keys", file, "session"]);
    // The proxy sends the secret that the page reads.
    let env = page.one("Deployment", "xray-page-proxy").containers()[0]["env"].clone();
    let mut env = env.as_array().expect("variables").iter();
    let password = env.find(|own| own["name"] == "OAUTH2_PROXY_BASIC_AUTH_PASSWORD");
    let password = &password.expect("the secret")["valueFrom"]["secretKeyRef"];
    assert_eq!(*password, json!({"name": "xray-page", "key": file}));
    for flag in [
        "--pass-basic-auth",
        "--pass-user-headers",
        "--pass-host-header",
    ] {
        assert_eq!(page.value("xray-page-proxy", flag), "true", "{flag}");
    }
    // One address for browsers, and a way from the router to the page, past nobody.
    let url = page.value("xray-page", "--page-url");
    let redirect = page.value("xray-page-proxy", "--redirect-url");
    assert!(
        redirect.starts_with(&format!("{url}/oauth2/")),
        "{redirect}"
    );
    let route = &page.one("Route", "xray-page").document["spec"];
    assert!(url.ends_with(text(&route["host"])));
    assert_eq!(route["to"]["name"], "xray-page-proxy");
    let upstream = page.value("xray-page-proxy", "--upstream");
    assert_eq!(upstream, "https://xray-page.xray.svc");
    page.one("Service", "xray-page-proxy");
    let pod = |name: &str| json!([{"podSelector": {"matchLabels": {"app": name}}}]);
    let ingress = page.rules("xray-page", "ingress");
    let https = ingress
        .iter()
        .filter(|rule| rule["ports"][0]["port"] == "https");
    let from: Vec<_> = https.map(|rule| rule["from"].clone()).collect();
    assert_eq!(from, [pod("xray-page-proxy")]);
    let egress = page.rules("xray-page-proxy", "egress");
    assert!(egress.iter().any(|rule| rule["to"] == pod("xray-page")));
}
