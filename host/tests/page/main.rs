//! The page: over plain HTTP as anybody could send it, and in a browser.

mod browser;
mod client;
mod cover;
mod demo;
mod oidc;
mod proxy;
mod review;
mod roles;
mod shared;
mod tls;
mod upload;
