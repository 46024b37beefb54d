//! Received objects into a bucket: as files, under keys of the peer's title and their UIDs.

use s3::Client;
use xray::{dicom::identity, error::Error};

use super::node::{Received, Status, Storage};

const IMPLEMENTATION: &str = "2.25.183702591437201962441702894561183201177";
const MAX_KEY: usize = 1024;

/// A bucket of received objects.
pub struct Bucket {
    /// Client with keys that may only write.
    pub client: Client,
    /// Name.
    pub bucket: String,
    /// Limit on a deflated object when inflated.
    pub max_bytes: u64,
}

impl Storage for Bucket {
    async fn store(&self, object: Received) -> Status {
        let (peer, instance) = (object.peer.clone(), object.instance.clone());
        let file = file(object);
        let found = match identity(&file, self.max_bytes) {
            Ok(found) => found,
            Err(error) => {
                eprintln!("xray: an object was refused: {error}");
                return match error {
                    Error::NotAnImage(_) => Status::MISMATCH,
                    Error::TooLarge { .. } => Status::TOO_LARGE,
                    _ => Status::FAULTY,
                };
            }
        };
        if found.instance != instance {
            return Status::MISMATCH;
        }
        let folder = folder(&peer);
        let key = format!("{folder}/{}/{}/{instance}.dcm", found.study, found.series);
        if key.len() > MAX_KEY {
            return Status::FAULTY;
        }
        let put = self
            .client
            .put(&self.bucket, &key, "application/dicom", file.into());
        match put.await {
            Ok(_) => Status::SUCCESS,
            Err(error) => {
                eprintln!("xray: storing in {}: {error}", self.bucket);
                Status::NOT_STORED
            }
        }
    }
}

/// Returns a title as a folder's name.
fn folder(title: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let name: String = title
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect();
    if name.is_empty() {
        "_".to_owned()
    } else {
        name
    }
}

/// Returns the object as a file (PS3.10, 7.1), whose meta information says where it came from.
fn file(object: Received) -> Vec<u8> {
    let mut meta = Vec::new();
    let mut put = |element: u16, vr: &str, value: &[u8]| {
        let length = value.len().next_multiple_of(2);
        meta.extend([2, 0]);
        meta.extend(element.to_le_bytes());
        meta.extend(vr.as_bytes());
        if vr == "OB" {
            meta.extend([0, 0]);
            meta.extend((length as u32).to_le_bytes());
        } else {
            meta.extend((length as u16).to_le_bytes());
        }
        meta.extend(value);
        let padding = if vr == "UI" { 0 } else { b' ' };
        meta.extend(std::iter::repeat_n(padding, length - value.len()));
    };
    put(0x0001, "OB", &[0, 1]);
    put(0x0002, "UI", object.class.as_bytes());
    put(0x0003, "UI", object.instance.as_bytes());
    put(0x0010, "UI", object.syntax.as_bytes());
    put(0x0012, "UI", IMPLEMENTATION.as_bytes());
    put(0x0013, "SH", b"XRAY");
    put(0x0016, "AE", object.peer.as_bytes());
    let mut out = vec![0; 128];
    out.reserve_exact(object.data.len() + meta.len() + 32);
    out.extend(b"DICM\x02\0\0\0UL\x04\0");
    out.extend((meta.len() as u32).to_le_bytes());
    out.extend(meta);
    out.extend(object.data);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_become_names_of_folders() {
        for (title, expect) in [
            ("CR1", "CR1"),
            ("a/../b", "a____b"),
            ("", "_"),
            ("Ä B", "__B"),
        ] {
            assert_eq!(folder(title), expect);
        }
    }
}
