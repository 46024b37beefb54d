//! Signs a request and prints it, as one would send it with any HTTP client.
//!
//! `cargo run -p s3 --example sign -- http://rgw:7480 BUCKET KEY`, with AWS_ACCESS_KEY_ID and
//! AWS_SECRET_ACCESS_KEY set.

use std::{env, error::Error};

use s3::{Action, Addressing, Endpoint, GetObject, Secret, sigv4};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [endpoint, bucket, key] = arguments.as_slice() else {
        return Err("usage: sign ENDPOINT BUCKET KEY".into());
    };
    let access_key = env::var("AWS_ACCESS_KEY_ID").unwrap_or_else(|_| "access-key".into());
    let secret_key = env::var("AWS_SECRET_ACCESS_KEY").unwrap_or_else(|_| "secret-key".into());
    let get = GetObject {
        bucket,
        key,
        ..GetObject::default()
    };
    let mut request = get.request(&Endpoint::parse(endpoint, Addressing::Path)?)?;
    let scope = sigv4::Scope {
        access_key: &access_key,
        secret_key: &Secret::new(secret_key),
        session_token: None,
        region: "us-east-1",
        service: GetObject::SERVICE,
    };
    sigv4::sign(&mut request, &scope, jiff::Timestamp::now())?;
    println!("{} {}", request.method(), request.uri());
    for (name, value) in request.headers() {
        println!("{name}: {}", value.to_str()?);
    }
    Ok(())
}
