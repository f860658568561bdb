//! Settings: `/etc/hypertop/config.toml`, overridden by the user's `$XDG_CONFIG_HOME/hypertop/config.toml`. Themes are in `themes/` next to
//! the user's file.

mod connections;
mod host;
mod sources;

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "each value equals the written number")]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use crate::actions::key_map::KeyMap;
use crate::app::{FASTEST, SLOWEST};
use crate::connect::conninfo::{Flags, Surroundings};
use crate::model::access::Access;
use crate::model::busy::BusyHours;
use crate::model::machine::Machine;
use crate::model::text::nearest;
use crate::model::threshold_settings;
use crate::model::thresholds::Thresholds;
use crate::model::trust::Trust;

use self::connections::Rule;
use self::host::Host;
use self::sources::{File, Source};

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Refresh interval.
    pub(crate) refresh: Duration,
    pub(crate) theme: String,
    /// True: clicks and the wheel are read. Off by default, because reading clicks disables the terminal's own text selection.
    pub(crate) mouse: bool,
    /// True: the preview pane is shown at the start.
    pub(crate) preview: bool,
    /// True: all connections are read-only.
    read_only: bool,
    /// The `[[connection]]` entries. All entries that match a connection apply to it.
    pub(crate) connections: Vec<Rule>,
    pub(crate) thresholds: Thresholds,
    /// The `[host]` table: memory, cores and free disk of the server's machine, as written by the user.
    host: Host,
    /// Policy files for connections without policy files of their own.
    policies: Vec<PathBuf>,
    /// The key map, or the error in `[keys]`. With an error the console does not start.
    pub(crate) keys: Result<KeyMap, String>,
}

impl Config {
    /// Trusted owners for the connections of this role.
    pub(crate) fn trust(&self, user: &str) -> Vec<Trust> {
        let rules = self.connections.iter();
        rules.flat_map(|rule| rule.trust(user)).collect()
    }

    /// The facts in `[host]` about the machine of this server. `host`: the server as shown in the header.
    pub fn machine(&self, host: &str) -> Machine {
        self.host.machine(host)
    }

    /// Busy hours of this connection. `None`: no busy hours are set.
    pub(crate) fn busy_hours(&self, host: &str, database: &str, user: &str) -> Option<BusyHours> {
        let here = self.connections.iter().rev();
        let mut here = here.filter(|rule| rule.matches(host, database, user));
        here.find_map(|rule| rule.busy_hours.clone())
    }

    /// Policy files of this connection, from the last matching entry that has any. Otherwise the policy files for all connections.
    pub(crate) fn policies(&self, host: &str, database: &str, user: &str) -> &[PathBuf] {
        let here = self.connections.iter().rev();
        let mut here = here.filter(|rule| rule.matches(host, database, user));
        let own = here.find(|rule| !rule.policies.is_empty());
        own.map_or(&self.policies, |rule| &rule.policies)
    }

    /// Restrictions of this connection. `asked`: whether `--read-only` was given.
    pub(crate) fn rules(&self, host: &str, database: &str, user: &str, asked: bool) -> Access {
        let matches = |rule: &&Rule| rule.matches(host, database, user);
        let here: Vec<_> = self.connections.iter().filter(matches).collect();
        let refused = |why: &str| {
            Some(format!(
                "this console is read-only ({why}): nothing was changed"
            ))
        };
        let read_only = match (asked, self.read_only) {
            (true, _) => refused("--read-only"),
            (_, true) => refused("read_only in config.toml"),
            _ if here.iter().any(|rule| rule.read_only) => {
                refused("read_only for this connection in config.toml")
            }
            _ => None,
        };
        Access {
            read_only,
            protected: here.iter().any(|rule| rule.protected),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            refresh: Duration::from_secs(2),
            theme: "default".to_owned(),
            mouse: false,
            preview: true,
            read_only: false,
            connections: Vec::new(),
            thresholds: Thresholds::default(),
            host: Host::default(),
            policies: Vec::new(),
            keys: Ok(KeyMap::default()),
        }
    }
}

/// Folder of config.toml and themes. `None`: neither `XDG_CONFIG_HOME` nor `HOME` is set.
pub fn folder(around: &Surroundings) -> Option<PathBuf> {
    let base = around
        .env
        .get("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let base = base
        .or_else(|| Some(around.home.as_ref()?.join(".config")))
        // A relative path would depend on the current folder.
        .filter(|base| base.is_absolute());
    Some(base?.join("hypertop"))
}

/// Path of the user's config.toml. `None`: see [`folder`].
pub(crate) fn file(around: &Surroundings) -> Option<PathBuf> {
    Some(folder(around)?.join("config.toml"))
}

/// Path of the config.toml for all users of this machine.
pub(crate) fn system_file(around: &Surroundings) -> PathBuf {
    let folder = around.env.get("HYPERTOP_SYSCONFDIR").map(PathBuf::from);
    // A relative path would depend on the current folder.
    let folder = folder.filter(|folder| folder.is_absolute());
    folder
        .unwrap_or_else(|| PathBuf::from("/etc/hypertop"))
        .join("config.toml")
}

/// Reads the settings. If a file has an error, returns the defaults and the error.
pub fn read(around: &Surroundings) -> (Config, Option<String>) {
    let files = [Some(system_file(around)), file(around)];
    let sources = files.into_iter().flatten().map(Source::read);
    let sources: Result<Vec<_>, String> = sources.filter_map(Result::transpose).collect();
    match sources.and_then(|sources| merged(&sources)) {
        Ok(config) => (config, None),
        Err(error) => (Config::default(), Some(error)),
    }
}

/// The flags, with the connection that they refer to by `@NAME`. An error if no connection has this name, or if config.toml cannot be read.
pub(crate) fn named(mut flags: Flags, around: &Surroundings) -> Result<Flags, String> {
    let typed = flags.dbname.as_ref().or(flags.database.as_ref());
    let Some(name) = typed.and_then(|typed| typed.strip_prefix('@')) else {
        return Ok(flags);
    };
    let (config, wrong) = read(around);
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    let defined = || {
        config
            .connections
            .iter()
            .filter_map(|rule| rule.defined.as_ref())
    };
    if let Some(found) = defined().find(|known| known.name == name) {
        flags.defined = Some(found.clone());
        return Ok(flags);
    }
    let known: Vec<_> = defined().map(|known| known.name.as_str()).collect();
    let near = nearest(name, known.iter().copied());
    let at = |names: Vec<&str>| {
        let names: Vec<_> = names.into_iter().map(|name| format!("@{name}")).collect();
        names.join(", ")
    };
    Err(match (near.is_empty(), known.is_empty()) {
        (false, _) => format!("there is no connection @{name}; similar: {}", at(near)),
        (_, false) => format!(
            "there is no connection @{name}; the connections are: {}",
            at(known)
        ),
        (_, true) => {
            let file = file(around).map_or_else(
                || "config.toml".to_owned(),
                |file| file.display().to_string(),
            );
            format!(
                "there is no connection @{name}: write a [[connection]] with name = \"{name}\" and host into {file}. For a database with this name, write dbname=@{name}"
            )
        }
    })
}

/// The settings of these files. Later files override earlier ones.
fn merged(sources: &[Source]) -> Result<Config, String> {
    let mut file = File::default();
    let mut length = 0;
    for source in sources {
        sources::lay_over(&mut file, sources::shifted(source.parsed()?, length));
        length += source.text.len();
    }
    let line = |place| sources::line(sources, place);
    let wrong = |(place, why)| format!("{}: {why}", line(place));
    let mut config = Config::default();
    if let Some(refresh) = file.refresh {
        config.refresh = interval(&refresh).map_err(|error| format!("refresh: {error}"))?;
    }
    config.theme = file.theme.unwrap_or(config.theme);
    config.mouse = file.mouse.unwrap_or(config.mouse);
    config.preview = file.preview.unwrap_or(config.preview);
    config.read_only = file.read_only.unwrap_or(config.read_only);
    let policies = file.policies.unwrap_or_default().into_iter();
    let policies: Result<_, String> = policies
        .map(|path| connections::policy_file(&path))
        .collect();
    config.policies = policies.map_err(|why| format!("policies: {why}"))?;
    config.connections = connections::read(file.connection, line).map_err(wrong)?;
    config.thresholds = threshold_settings::read(&file.thresholds, &file.thresholds_for, |place| {
        sources::from(sources, place)
    })
    .map_err(wrong)?;
    config.host = Host::read(&file.host).map_err(wrong)?;
    config.keys = KeyMap::read(&file.keys).map_err(wrong);
    Ok(config)
}

/// Parses a refresh interval such as `2s`, `500ms` or `1m`.
pub(crate) fn interval(text: &str) -> Result<Duration, String> {
    let parsed = humantime::parse_duration(text)
        .map_err(|error| format!("{text:?}: {error}; write 2s, 500ms or 1m"))?;
    if (FASTEST..=SLOWEST).contains(&parsed) {
        Ok(parsed)
    } else {
        Err(format!("{text:?} is not between 500ms and 5m"))
    }
}
