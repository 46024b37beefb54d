//! Checks of the archives for DICOM objects: the function may reach them, and they take its
//! credentials.

use anyhow::Result;
use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use xray::dicomweb::Archive;

use super::{Site, line::Finding};
use crate::{commands::shared::random, serve::outbound::allowed::AllowedHosts};

/// Checks the archive of a setting.
pub async fn archive(site: &Site, archive: &Archive) -> Finding {
    let host = archive.setting.replace("_url", "_host");
    if !may_reach(site, archive, &host) {
        return Finding::failed(
            format!(
                "the host does not allow the function to reach {}",
                archive.setting
            ),
            format!("set {host} to its scheme, host and port"),
        );
    }
    let credentials = archive.setting.replace("_url", "_credentials");
    match ask(site, archive).await {
        Ok(status) if status.is_success() => Finding::ok("responds to a search"),
        Ok(status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) => Finding::failed(
            format!("refuses a search with status {status}"),
            format!("check {credentials}"),
        ),
        // A service may store only.
        Ok(status) => Finding::warning(
            format!("responds to a search with status {status}"),
            format!("check that {} is a DICOMweb service", archive.setting),
        ),
        Err(error) => Finding::failed(
            format!("no response: {error:#}"),
            format!("check {}, and that the archive is up", archive.setting),
        ),
    }
}

/// Searches for a study that does not exist, so that no patient's data is in the response.
async fn ask(site: &Site, archive: &Archive) -> Result<StatusCode> {
    let number = u128::from_str_radix(&random::hex(16), 16)?;
    let uri = format!(
        "{}/studies?StudyInstanceUID=2.25.{number}&limit=1",
        archive.url
    );
    let mut request = Request::get(uri)
        .header(header::ACCEPT, "application/dicom+json")
        .body(Bytes::new())?;
    if let Some(authorization) = &archive.authorization {
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, authorization.clone());
    }
    Ok(site.transport.send(request).await?.status())
}

/// Reports whether the setting of the archive's host covers it.
fn may_reach(site: &Site, archive: &Archive, host: &str) -> bool {
    if site.settings.manifest.is_none() {
        // The function's allowed hosts are not known here.
        return true;
    }
    let variables = &site.settings.variables;
    let hosts = ["s3_endpoint", "s3_bucket_hosts", host].map(|name| variables.get(name));
    let hosts: Vec<&str> = hosts.into_iter().flatten().collect();
    let uri = archive.url.parse::<Uri>();
    AllowedHosts::parse(&hosts).is_ok_and(|allowed| uri.is_ok_and(|uri| allowed.allows(&uri)))
}
