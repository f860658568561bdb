//! Detects changed policy files.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

/// A number that changes when one of the files is written, replaced or removed. Reads no file.
pub(crate) fn fingerprint(files: &[PathBuf]) -> i64 {
    let mut hasher = DefaultHasher::new();
    for file in files {
        let about = std::fs::metadata(file).ok();
        about
            .map(|about| (about.ino(), about.len(), about.mtime(), about.mtime_nsec()))
            .hash(&mut hasher);
    }
    hasher.finish().cast_signed()
}
