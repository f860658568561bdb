//! The files that settings come from, and how they are merged.
//!
//! Byte offsets continue from one file to the next, so that even an error in the merged settings can name a file and a line.

use std::io::ErrorKind;
use std::path::PathBuf;

use serde::Deserialize;
use toml::{Spanned, Value};

use crate::model::threshold_settings::Table;

const KNOWN: &str = "refresh, theme, mouse, preview, read_only, policies, [[connection]], [host], [thresholds], [[thresholds_for]], [keys]";

/// The contents of a config.toml.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) refresh: Option<String>,
    pub(super) theme: Option<String>,
    pub(super) mouse: Option<bool>,
    pub(super) preview: Option<bool>,
    pub(super) read_only: Option<bool>,
    pub(super) policies: Option<Vec<String>>,
    #[serde(default)]
    pub(super) connection: Vec<Table>,
    #[serde(default)]
    pub(super) host: Table,
    #[serde(default)]
    pub(super) thresholds: Table,
    #[serde(default)]
    pub(super) thresholds_for: Vec<Table>,
    #[serde(default)]
    pub(super) keys: Table,
}

/// A config.toml.
pub(super) struct Source {
    /// `None`: the text comes from a test, not from a file.
    path: Option<PathBuf>,
    pub(super) text: String,
}

impl Source {
    /// Reads a file. `None`: the file does not exist.
    pub(super) fn read(path: PathBuf) -> Result<Option<Self>, String> {
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(Self {
                path: Some(path),
                text,
            })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    #[cfg(test)]
    pub(super) fn of_text(text: &str) -> Self {
        Self {
            path: None,
            text: text.to_owned(),
        }
    }

    pub(super) fn parsed(&self) -> Result<File, String> {
        toml::from_str(&self.text).map_err(|error| {
            let place = error.span().map_or(0, |span| span.start);
            let line = line(std::slice::from_ref(self), place);
            format!("{line}: {} (known keys: {KNOWN})", error.message())
        })
    }
}

/// File and line number (from 1) of a byte offset: `/etc/hypertop/config.toml: line 3`.
pub(super) fn line(sources: &[Source], place: usize) -> String {
    let (path, line) = found(sources, place);
    match path {
        Some(path) => format!("{path}: line {line}"),
        None => format!("line {line}"),
    }
}

/// File and line number (from 1) of a byte offset, as the source of a setting: `/etc/hypertop/config.toml:3`.
pub(super) fn from(sources: &[Source], place: usize) -> String {
    let (path, line) = found(sources, place);
    format!("{}:{line}", path.as_deref().unwrap_or("config.toml"))
}

fn found(sources: &[Source], mut place: usize) -> (Option<String>, usize) {
    for (nth, source) in sources.iter().enumerate() {
        if place < source.text.len() || nth + 1 == sources.len() {
            let before = source.text.bytes().take(place);
            let line = before.filter(|byte| *byte == b'\n').count() + 1;
            let path = source.path.as_ref();
            return (path.map(|path| path.display().to_string()), line);
        }
        place -= source.text.len();
    }
    (None, 1)
}

/// The settings with all byte offsets moved by `by`.
pub(super) fn shifted(mut file: File, by: usize) -> File {
    for table in [&mut file.host, &mut file.thresholds, &mut file.keys]
        .into_iter()
        .chain(&mut file.connection)
        .chain(&mut file.thresholds_for)
    {
        let old = std::mem::take(table);
        *table = old.into_iter().map(|entry| moved(entry, by)).collect();
    }
    file
}

fn moved(
    (key, value): (Spanned<String>, Spanned<Value>),
    by: usize,
) -> (Spanned<String>, Spanned<Value>) {
    let (at_key, at_value) = (key.span(), value.span());
    (
        Spanned::new(at_key.start + by..at_key.end + by, key.into_inner()),
        Spanned::new(at_value.start + by..at_value.end + by, value.into_inner()),
    )
}

/// Merges a file over the files before it. The entries of `[[connection]]` and `[[thresholds_for]]` are joined. Everything else is
/// replaced key by key, also the list `policies`.
pub(super) fn lay_over(below: &mut File, above: File) {
    below.refresh = above.refresh.or(below.refresh.take());
    below.theme = above.theme.or(below.theme.take());
    below.mouse = above.mouse.or(below.mouse);
    below.preview = above.preview.or(below.preview);
    below.read_only = above.read_only.or(below.read_only);
    below.policies = above.policies.or(below.policies.take());
    below.connection.extend(above.connection);
    below.thresholds_for.extend(above.thresholds_for);
    replace(&mut below.host, above.host);
    replace(&mut below.thresholds, above.thresholds);
    replace(&mut below.keys, above.keys);
}

fn replace(below: &mut Table, above: Table) {
    for (key, value) in above {
        // `insert` alone would keep the old key, with its offset.
        below.remove(&key);
        below.insert(key, value);
    }
}
