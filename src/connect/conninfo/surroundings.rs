//! The environment and the folders that connection settings depend on.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// The parts of the process that connection settings depend on, other than the command line.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    pub env: BTreeMap<String, OsString>,
    pub home: Option<PathBuf>,
    pub os_user: String,
}

impl Surroundings {
    pub fn of_process() -> Self {
        let env: BTreeMap<_, _> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect();
        let user = nix::unistd::User::from_uid(nix::unistd::Uid::effective())
            .ok()
            .flatten();
        let home = env
            .get("HOME")
            .filter(|home| !home.is_empty())
            .map(PathBuf::from)
            .or_else(|| user.as_ref().map(|user| user.dir.clone()));
        let os_user = user.map(|user| user.name).unwrap_or_default();
        Self { env, home, os_user }
    }

    /// Value of an environment variable. As in libpq, a variable that is set to an empty text counts as set.
    pub(super) fn variable(&self, name: &str) -> Option<OsString> {
        self.env.get(name).cloned()
    }

    /// Path of a file in `~/.postgresql`, libpq's folder for certificates. `None`: no home folder.
    pub(super) fn certificate(&self, name: &str) -> Option<PathBuf> {
        Some(self.home.as_ref()?.join(".postgresql").join(name))
    }
}

/// Options by keyword. Values are bytes, as in libpq.
pub(super) type Options = BTreeMap<String, OsString>;
