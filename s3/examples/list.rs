//! Lists a bucket.
//!
//! `cargo run -p s3 --features client --example list -- http://rgw:7480 BUCKET [PREFIX]`, with
//! AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY set.

use std::{env, error::Error};

use s3::{Addressing, Client, Credentials, Endpoint, Transport};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(endpoint), Some(bucket)) = (arguments.next(), arguments.next()) else {
        return Err("usage: list ENDPOINT BUCKET [PREFIX]".into());
    };
    let prefix = arguments.next().unwrap_or_default();
    let credentials = Credentials::new(
        env::var("AWS_ACCESS_KEY_ID")?,
        env::var("AWS_SECRET_ACCESS_KEY")?,
    );
    let endpoint = Endpoint::parse(&endpoint, Addressing::Path)?;
    let client = Client::new(endpoint, credentials, Transport::http());
    let mut last = String::new();
    loop {
        let page = client.list(&bucket, &prefix, &last, 1000).await?;
        for object in &page.objects {
            println!("{:>12}  {}  {}", object.size, object.modified, object.key);
        }
        match page.objects.last() {
            Some(object) if page.is_truncated => last.clone_from(&object.key),
            _ => return Ok(()),
        }
    }
}
