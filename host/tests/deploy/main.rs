//! Deployment: the manifests of `deploy/` against the schemas of their kinds, the image without an
//! engine, the guide, and the dashboard and alerts on a real Prometheus.

mod alerts;
mod cluster;
mod components;
mod dicom;
mod faults;
mod guide;
mod image;
mod manifests;
mod network;
mod pages;
mod prometheus;
mod references;
mod rollout;
mod types;
