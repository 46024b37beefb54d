//! What is deployed: the manifests of `deploy/` against the schemas of their kinds, the image without an engine, and the guide.

mod cluster;
mod guide;
mod image;
mod manifests;
mod references;
