//! A compressed archive of a component's files, which Spin uses when there are too many for one
//! layer each.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};

use super::{cache::Cache, digest::Digest};

/// Unpacks the wanted contents of an archive into the cache. Only digests count; names in the
/// archive are ignored.
///
/// # Errors
/// When the archive is damaged or the cache can't be written.
pub fn unpack(archive: &Path, cache: &Cache, is_wanted: impl Fn(&Digest) -> bool) -> Result<()> {
    let file = BufReader::new(File::open(archive)?);
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let mut content = cache.start()?;
        io::copy(&mut entry, &mut content)?;
        let digest = content.digest();
        if is_wanted(&digest) {
            content.keep(&cache.path(&digest))?;
        }
    }
    Ok(())
}

/// Packs files under the given names. Times, owners and permissions are fixed, so that equal files
/// give equal archives.
///
/// # Errors
/// When a file can't be read.
pub fn pack(files: &BTreeMap<String, PathBuf>) -> Result<Vec<u8>> {
    let gzip = GzEncoder::new(Vec::new(), Compression::default());
    let mut archive = tar::Builder::new(gzip);
    for (name, path) in files {
        let add = || -> io::Result<_> {
            let file = File::open(path)?;
            let mut header = tar::Header::new_gnu();
            header.set_size(file.metadata()?.len());
            header.set_mode(0o644);
            Ok((header, file))
        };
        let (mut header, file) =
            add().with_context(|| format!("cannot read {}", path.display()))?;
        archive.append_data(&mut header, name, file)?;
    }
    Ok(archive.into_inner()?.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpack_takes_only_wanted_contents() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = BTreeMap::new();
        for name in ["models/chest/model.onnx", "models/chest/notes", "empty"] {
            let path = dir.path().join(files.len().to_string());
            std::fs::write(&path, if name == "empty" { "" } else { name }).unwrap();
            files.insert(name.to_owned(), path);
        }
        let packed = pack(&files).unwrap();
        assert_eq!(packed, pack(&files).unwrap());
        let archive = dir.path().join("archive");
        std::fs::write(&archive, &packed).unwrap();

        let cache = Cache::open(Some(&dir.path().join("cache"))).unwrap();
        let (model, empty) = (Digest::of(b"models/chest/model.onnx"), Digest::of(b""));
        unpack(&archive, &cache, |digest| {
            [&model, &empty].contains(&digest)
        })
        .unwrap();
        assert!(cache.find(&model).is_some() && cache.find(&empty).is_some());
        assert!(cache.find(&Digest::of(b"models/chest/notes")).is_none());

        std::fs::write(&archive, &packed[..packed.len() / 2]).unwrap();
        assert!(unpack(&archive, &cache, |_| true).is_err());
    }
}
