//! `--keep`: the demo keeps serving, and explains how to send more pictures.

use super::{BUCKET, Demo};

/// Serves forever, printing a line for each incoming picture.
pub(super) async fn serve(demo: &mut Demo) {
    println!("\n{}", how_to_send(demo));
    while let Some(delivery) = demo.deliveries.recv().await {
        match demo.row(delivery).await {
            Ok(row) => println!("{}", row.line()),
            Err(error) => eprintln!("xray: {error:#}"),
        }
    }
}

fn how_to_send(demo: &Demo) -> String {
    let endpoint = demo.listening.endpoint().url();
    let key = &demo.credentials.access_key;
    let secret = demo.credentials.secret_key.expose();
    let function = &demo.function;
    let page = demo.page.as_ref().map_or(String::new(), |page| {
        format!("Open the page: {}\n\n", page.entrance())
    });
    format!(
        "{page}The store goes on at {endpoint}, the function at {function} (Ctrl-C ends both).
The credentials are good for this run only. Send a picture named demo_<Name>_<id>_<birth>_<exam>.jpeg with

  curl --user {key}:{secret} --aws-sigv4 aws:amz:us-east-1:s3 \\
       -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -T PICTURE {endpoint}/{BUCKET}/

or with any S3 client:

  export AWS_ACCESS_KEY_ID={key} AWS_SECRET_ACCESS_KEY={secret}
  aws --endpoint-url {endpoint} s3 cp PICTURE s3://{BUCKET}/
"
    )
}
