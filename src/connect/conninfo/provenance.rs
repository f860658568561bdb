//! The source of each connection setting, and the values that another source overrode.

use std::ffi::OsStr;

/// A value from one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    keyword: String,
    /// The source: `flag -h`, `URI`, `environment variable PGHOST`.
    pub from: String,
    /// `None`: a secret, which is not kept here.
    pub value: Option<String>,
    /// Another source overrides this value.
    passed_over: bool,
}

/// All values, in the order in which the sources were read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Provenance(Vec<Given>);

impl Provenance {
    /// Adds a value that overrides earlier values.
    pub(super) fn take(&mut self, keyword: &str, value: &OsStr, from: impl Into<String>) {
        for earlier in self.0.iter_mut().filter(|of| of.keyword == keyword) {
            earlier.passed_over = true;
        }
        self.add(keyword, value, from.into(), false);
    }

    /// Adds a value that an earlier value overrides.
    pub(super) fn pass_over(&mut self, keyword: &str, value: &OsStr, from: impl Into<String>) {
        self.add(keyword, value, from.into(), true);
    }

    fn add(&mut self, keyword: &str, value: &OsStr, from: String, passed_over: bool) {
        self.0.push(Given {
            keyword: keyword.to_owned(),
            from,
            value: shown(keyword, value),
            passed_over,
        });
    }

    /// The value in force; `None`: no source set it, so the default applies.
    pub(crate) fn of(&self, keyword: &str) -> Option<&Given> {
        let mut given = self.0.iter();
        given.find(|of| of.keyword == keyword && !of.passed_over)
    }

    pub(crate) fn passed_over(&self, keyword: &str) -> impl Iterator<Item = &Given> {
        let given = self.0.iter();
        given.filter(move |of| of.keyword == keyword && of.passed_over)
    }

    /// The keywords that any source set, without duplicates.
    pub(crate) fn keywords(&self) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        for of in &self.0 {
            if !all.contains(&of.keyword.as_str()) {
                all.push(&of.keyword);
            }
        }
        all
    }
}

/// The value as it may be printed. `options` may contain secrets, so only the names of its settings are shown.
fn shown(keyword: &str, value: &OsStr) -> Option<String> {
    if is_secret(keyword) {
        return None;
    }
    let value = value.to_string_lossy().into_owned();
    if keyword != "options" {
        return Some(value);
    }
    let words = value.split_whitespace();
    let names = words.map(|word| match word.split_once('=') {
        Some((name, _)) => name,
        None if word == "-c" => word,
        None => "…",
    });
    Some(names.collect::<Vec<_>>().join(" "))
}

/// True for `password` and `sslpassword`.
pub(crate) fn is_secret(keyword: &str) -> bool {
    keyword.ends_with("password")
}
