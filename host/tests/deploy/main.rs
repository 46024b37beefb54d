//! Deployment: the manifests of `deploy/` against the schemas of their kinds, the image without an engine, and the guide.

#[path = "../common/backends.rs"]
mod backends;
mod cluster;
#[path = "../common/mod.rs"]
mod common;
mod guide;
mod image;
mod manifests;
mod references;
