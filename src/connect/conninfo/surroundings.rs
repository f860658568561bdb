//! What a connection string stands in: the environment and the files.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// What the rules read besides the command line.
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

    /// As libpq, one that is set to nothing is set.
    pub(super) fn variable(&self, name: &str) -> Option<OsString> {
        self.env.get(name).cloned()
    }

    /// A file in `~/.postgresql`, where libpq looks for certificates.
    pub(super) fn certificate(&self, name: &str) -> Option<PathBuf> {
        Some(self.home.as_ref()?.join(".postgresql").join(name))
    }
}

/// Options by keyword, as one source gives them: bytes, as libpq has them.
pub(super) type Options = BTreeMap<String, OsString>;
