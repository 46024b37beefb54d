//! Deployment: the manifests of `deploy/` against the schemas of their kinds, the image without an
//! engine, and the guide.

mod cluster;
mod guide;
mod image;
mod manifests;
mod network;
mod references;
mod rollout;
mod types;
