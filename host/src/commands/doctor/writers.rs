//! Check of store users that may write into the input bucket and do nothing else: that of people's
//! uploads, and a DICOM node's.

use anyhow::Result;
use http::Method;
use s3::Client;

use super::{
    Site,
    line::Finding,
    reviews::{may, may_object},
};
use crate::{ceph::user::user_id, page::upload::FOLDER};

/// A user that may only write.
pub struct Writer<'a> {
    client: &'a Client,
    name: &'static str,
    /// The folder that it may write into; all of the bucket without one.
    folder: &'static str,
    /// The flag of its keys, here and of `xray setup`.
    flag: &'static str,
    /// An id for a user of its own.
    id: &'static str,
    /// The other user that may only write.
    other: (&'static str, &'a Option<Client>),
}

impl<'a> Writer<'a> {
    /// Returns the user of people's uploads, if its keys were given.
    pub fn of_uploads(site: &'a Site) -> Option<Self> {
        Some(Self {
            client: site.uploads.as_ref()?,
            name: "the user for uploads",
            folder: FOLDER,
            flag: "--page-upload-credentials-file",
            id: "xray-upload",
            other: ("the DICOM node's", &site.node),
        })
    }

    /// Returns the DICOM node's user, if its keys were given.
    pub fn of_node(site: &'a Site) -> Option<Self> {
        Some(Self {
            client: site.node.as_ref()?,
            name: "the DICOM node's user",
            folder: "",
            flag: "--node-credentials-file",
            id: "dicom-node",
            other: ("the uploads'", &site.uploads),
        })
    }

    /// Checks the keys and the rights.
    pub async fn check(&self, site: &Site) -> Finding {
        let (name, flag) = (self.name, self.flag);
        match self.rights(site).await {
            Ok(finding) => finding,
            Err(error) => Finding::failed(
                format!("{name}: {error:#}"),
                format!("check the keys in {flag} against radosgw-admin user info"),
            ),
        }
    }

    async fn rights(&self, site: &Site) -> Result<Finding> {
        let (name, id) = (self.name, self.id);
        if let Some(whose) = self.same_as(site).await? {
            return Ok(Finding::failed(
                format!("{name} is {whose}, so it may do more than write"),
                format!(
                    "make a user of its own: radosgw-admin user create --uid={id} --display-name={id} --max-buckets=-1"
                ),
            ));
        }
        let remedy = format!(
            "run xray setup with {}, which grants its rights and no others",
            self.flag
        );
        let input = site.settings.buckets.input.as_str();
        let place = match self.folder {
            "" => "there",
            folder => &format!("into {folder}"),
        };
        if !may(self.client, Method::PUT, input, self.folder).await? {
            let found = format!("{input}: {name} may not write {place}");
            return Ok(Finding::failed(found, remedy));
        }
        if let Some((bucket, verb)) = self.excess(site).await? {
            let found = format!("{bucket}: {name} may {verb} there too");
            return Ok(Finding::failed(found, remedy));
        }
        Ok(Finding::ok(format!(
            "{input}: {name} may write {place}, and do nothing else"
        )))
    }

    /// Returns whose user this is too, if it is somebody else's.
    async fn same_as(&self, site: &Site) -> Result<Option<&'static str>> {
        let Some(own) = user_id(self.client).await? else {
            return Ok(None);
        };
        for (whose, other) in [
            ("the function's", &site.function),
            ("the reviewers'", &site.reviewers),
            self.other,
            ("the owner's", &site.owner),
        ] {
            let Some(other) = other else { continue };
            if user_id(other).await.ok().flatten().as_ref() == Some(&own) {
                return Ok(Some(whose));
            }
        }
        Ok(None)
    }

    /// Returns something that the user may do and should not: the bucket and the verb.
    async fn excess<'b>(&self, site: &'b Site) -> Result<Option<(&'b str, Method)>> {
        let buckets = &site.settings.buckets;
        let input = buckets.input.as_str();
        let mut tried = vec![(input, self.folder, Method::DELETE)];
        if !self.folder.is_empty() {
            tried.push((input, "", Method::PUT));
        }
        let all = buckets.all();
        tried.extend(all.iter().map(|bucket| (*bucket, "", Method::GET)));
        tried.extend(all.iter().skip(1).map(|bucket| (*bucket, "", Method::PUT)));
        for (bucket, folder, verb) in tried {
            if may(self.client, verb.clone(), bucket, folder).await? {
                return Ok(Some((bucket, verb)));
            }
        }
        // Without the right to list, a missing object is 403, whether it could be read or not: an
        // object that is there shows it, if the owner knows one.
        let Some(owner) = &site.owner else {
            return Ok(None);
        };
        for bucket in all {
            let listed = owner.list(bucket, "", "", 1).await;
            let listed = listed
                .ok()
                .and_then(|listed| listed.objects.into_iter().next());
            if let Some(object) = listed
                && may_object(self.client, Method::HEAD, bucket, &object.key).await?
            {
                return Ok(Some((bucket, Method::GET)));
            }
        }
        Ok(None)
    }
}
