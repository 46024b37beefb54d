//! The component with uploads, on the page that it is for.

use crate::{cluster, manifests::takes};

#[test]
fn upload_component_names_a_file_that_the_page_has() {
    let Some(all) = cluster::with_component("page", "page-upload") else {
        return;
    };
    let mut pages = all.iter().filter(|found| found.is("Deployment"));
    let page = pages.next().expect("the page");
    let arguments = page.containers()[0]["args"].as_array().expect("arguments");
    let arguments: Vec<String> = arguments
        .iter()
        .map(|one| cluster::text(one).to_owned())
        .collect();
    takes(&arguments);
    let file = arguments
        .iter()
        .find_map(|one| one.strip_prefix("--page-upload-credentials-file=/etc/page/"));
    let volumes = page.document["spec"]["template"]["spec"]["volumes"].as_array();
    let volumes = volumes.expect("volumes");
    let secret = volumes
        .iter()
        .find(|volume| volume["name"] == "page")
        .expect("the secret");
    let items = secret["secret"]["items"].as_array().expect("items");
    assert!(
        items
            .iter()
            .any(|item| item["path"] == file.expect("the file"))
    );
    assert_eq!(items.len(), 4, "the others are still there");
}
