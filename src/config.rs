//! The user's settings: `$XDG_CONFIG_HOME/hypertop/config.toml`, with `themes/` in the same folder.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::actions::key_map::KeyMap;
use crate::app::{FASTEST, SLOWEST};
use crate::connect::conninfo::Surroundings;
use crate::model::access::Access;
use crate::model::busy::BusyHours;
use crate::model::text::fits;
use crate::model::thresholds::Thresholds;
use crate::model::trust::Trust;
use crate::model::{threshold_settings, trust};

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Refresh interval.
    pub refresh: Duration,
    pub theme: String,
    /// True: clicks and the wheel are read. Off by default, because it disables the terminal's own text selection.
    pub(crate) mouse: bool,
    /// True: the preview pane is shown at the start.
    pub(crate) preview: bool,
    /// True: all connections are read-only.
    pub read_only: bool,
    /// Settings for certain connections; all that match apply.
    pub connections: Vec<Rule>,
    pub thresholds: Thresholds,
    /// The error in `[keys]` prevents the console from starting.
    pub keys: Result<KeyMap, String>,
}

/// Settings for the connections that match these patterns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// Pattern for the host in the header (`db1:5432`, or `db1` for any port); `*` matches anything. `None`: any.
    pub host: Option<String>,
    /// Pattern for the database; `*` matches anything. `None`: any.
    pub database: Option<String>,
    /// Pattern for the connecting role; `*` matches anything. `None`: any.
    pub user: Option<String>,
    pub read_only: bool,
    /// Show a marked frame, and require the target's name to be typed for every action.
    pub protected: bool,
    /// Roles whose code a read may run with the rights of the connected role.
    pub trusted_owners: Vec<String>,
    /// Hours in which the start of a policy is a finding. The last matching connection that sets them applies.
    pub busy_hours: Option<BusyHours>,
}

impl Config {
    /// Trusted owners for the connections of this role.
    pub fn trust(&self, user: &str) -> Vec<Trust> {
        let here = self
            .connections
            .iter()
            .filter(|rule| !rule.trusted_owners.is_empty());
        let here = here.filter(|rule| rule.user.as_ref().is_none_or(|want| fits(want, user)));
        here.map(|rule| Trust {
            host: rule.host.clone(),
            database: rule.database.clone(),
            owners: rule.trusted_owners.clone(),
        })
        .collect()
    }

    /// Busy hours of this connection. `None`: none are set.
    pub fn busy_hours(&self, host: &str, database: &str, user: &str) -> Option<BusyHours> {
        let here = self.connections.iter().rev();
        let mut here = here.filter(|rule| rule.matches(host, database, user));
        here.find_map(|rule| rule.busy_hours.clone())
    }

    /// Restrictions of this connection. `asked`: `--read-only` was given.
    pub fn rules(&self, host: &str, database: &str, user: &str, asked: bool) -> Access {
        let matches = |rule: &&Rule| rule.matches(host, database, user);
        let here: Vec<_> = self.connections.iter().filter(matches).collect();
        let refused = |why: &str| {
            Some(format!(
                "this console is read-only ({why}): nothing is changed"
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

impl Rule {
    fn matches(&self, host: &str, database: &str, user: &str) -> bool {
        trust::leads(
            self.host.as_deref(),
            self.database.as_deref(),
            host,
            database,
        ) && self.user.as_ref().is_none_or(|want| fits(want, user))
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
            keys: Ok(KeyMap::default()),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    refresh: Option<String>,
    theme: Option<String>,
    mouse: Option<bool>,
    preview: Option<bool>,
    read_only: Option<bool>,
    #[serde(default)]
    connection: Vec<Rule>,
    #[serde(default)]
    thresholds: threshold_settings::Table,
    #[serde(default)]
    thresholds_for: Vec<threshold_settings::Table>,
    #[serde(default)]
    keys: threshold_settings::Table,
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

/// Path of config.toml. `None`: see [`folder`].
pub fn file(around: &Surroundings) -> Option<PathBuf> {
    Some(folder(around)?.join("config.toml"))
}

/// Reads the settings. If the file has an error, returns the defaults and the error.
pub fn read(around: &Surroundings) -> (Config, Option<String>) {
    let Some(path) = file(around) else {
        return (Config::default(), None);
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => match parse(&text) {
            Ok(mut config) => {
                config.keys = config
                    .keys
                    .map_err(|error| format!("{}: {error}", path.display()));
                (config, None)
            }
            Err(error) => (
                Config::default(),
                Some(format!("{}: {error}", path.display())),
            ),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (Config::default(), None),
        Err(error) => (
            Config::default(),
            Some(format!("{}: {error}", path.display())),
        ),
    }
}

fn parse(text: &str) -> Result<Config, String> {
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(0, |span| line(text, span.start));
        format!(
            "line {line}: {} (known keys: refresh, theme, mouse, preview, read_only, [[connection]] with host, database, user, read_only, protected, trusted_owners, busy_hours; [thresholds], [[thresholds_for]], [keys])",
            error.message()
        )
    })?;
    let mut config = Config::default();
    if let Some(refresh) = file.refresh {
        config.refresh = interval(&refresh).map_err(|error| format!("refresh: {error}"))?;
    }
    config.theme = file.theme.unwrap_or(config.theme);
    config.mouse = file.mouse.unwrap_or(config.mouse);
    config.preview = file.preview.unwrap_or(config.preview);
    config.read_only = file.read_only.unwrap_or(config.read_only);
    config.connections = file.connection;
    let at = |place| line(text, place);
    config.thresholds = threshold_settings::read(&file.thresholds, &file.thresholds_for, at)
        .map_err(|(place, why)| format!("line {}: {why}", at(place)))?;
    config.keys =
        KeyMap::read(&file.keys).map_err(|(place, why)| format!("line {}: {why}", at(place)));
    Ok(config)
}

/// Number of the line, from 1, that contains this byte.
fn line(text: &str, place: usize) -> usize {
    text.bytes()
        .take(place)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}

/// Parses a refresh interval such as `2s`, `500ms` or `1m`.
pub fn interval(text: &str) -> Result<Duration, String> {
    let parsed = humantime::parse_duration(text)
        .map_err(|error| format!("{text:?}: {error}; write 2s, 500ms or 1m"))?;
    if (FASTEST..=SLOWEST).contains(&parsed) {
        Ok(parsed)
    } else {
        Err(format!("{text:?} is not between 500ms and 5m"))
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "it equals what was written")]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read() {
        let config =
            parse("refresh = \"5s\"\ntheme = \"light\"\nmouse = true\npreview = false\n").unwrap();
        assert_eq!(
            config,
            Config {
                refresh: Duration::from_secs(5),
                theme: "light".to_owned(),
                mouse: true,
                preview: false,
                ..Config::default()
            }
        );
    }

    #[test]
    fn a_connection_can_be_for_reading_only_or_protected() {
        let config = parse("[[connection]]\nhost = \"prod-*\"\nprotected = true\n[[connection]]\nhost = \"*\"\ndatabase = \"billing\"\nread_only = true\n").unwrap();
        let rules = config.rules("prod-1:5432", "billing", "dba", false);
        assert!(rules.protected && rules.read_only.is_some());
        assert_eq!(
            config.rules("test:5432", "factory", "dba", false),
            Access::default()
        );
        assert!(
            config
                .rules("test:5432", "factory", "dba", true)
                .read_only
                .unwrap()
                .contains("--read-only")
        );
    }

    #[test]
    fn owners_are_trusted_where_the_connection_and_its_role_match() {
        let config = parse("[[connection]]\nhost = \"db1\"\nuser = \"monitor\"\ntrusted_owners = [\"app\", \"etl\"]\n[[connection]]\ndatabase = \"lab\"\ntrusted_owners = [\"app\"]\n").unwrap();
        let trusted = |host, database, user| trust::owners(&config.trust(user), host, database);
        assert_eq!(trusted("db1:5432", "lab", "monitor"), ["app", "etl"]);
        assert_eq!(trusted("db1:5432", "lab", "postgres"), ["app"]);
        assert_eq!(trusted("db2:5432", "plant", "monitor"), [""; 0]);
        let error = parse("[[connection]]\ntrusted_owners = \"app\"\n").unwrap_err();
        assert!(error.contains("line 2"), "{error}");
    }

    #[test]
    fn busy_hours_are_of_the_last_connection_that_matches_and_a_wrong_one_names_its_line() {
        let config = parse("[[connection]]\nbusy_hours = \"06:00-22:00\"\n[[connection]]\nhost = \"db1\"\nbusy_hours = \"07:00-19:00 Europe/Berlin\"\n[[connection]]\ndatabase = \"lab\"\nread_only = true\n").unwrap();
        let hours = |host, database| {
            let busy = config.busy_hours(host, database, "dba");
            busy.map(|busy| (busy.hours(), busy.zone("UTC").to_owned()))
        };
        let everywhere = Some(("06:00-22:00".to_owned(), "UTC".to_owned()));
        assert_eq!(hours("db2:5432", "lab"), everywhere);
        let there = Some(("07:00-19:00".to_owned(), "Europe/Berlin".to_owned()));
        assert_eq!(hours("db1:5432", "lab"), there);
        assert_eq!(Config::default().busy_hours("db1:5432", "lab", "dba"), None);
        let error =
            parse("[[connection]]\nhost = \"db1\"\nbusy_hours = \"6 to 22\"\n").unwrap_err();
        assert!(
            error.contains("line 3")
                && error.contains("busy_hours = \"6 to 22\"")
                && error.contains("write \"06:00-22:00\""),
            "{error}"
        );
    }

    #[test]
    fn thresholds_are_read_and_a_wrong_one_names_its_line() {
        let config = parse("[thresholds]\nreplication_lag = \"5m\"\n[[thresholds_for]]\nname = \"mes.*\"\npoor_ratio = 2\n").unwrap();
        assert_eq!(config.thresholds.all.replication_lag, 300.0);
        assert_eq!(config.thresholds.of("mes.metrics").poor_ratio, 2.0);
        let error =
            parse("refresh = \"5s\"\n[thresholds]\nreplication_lag = \"soon\"\n").unwrap_err();
        assert!(
            error.contains("line 3: replication_lag") && error.contains("write \"5m\""),
            "{error}"
        );
    }

    #[test]
    fn a_wrong_key_names_its_line_and_leaves_the_other_settings_in_force() {
        let config = parse("read_only = true\n[keys]\nquit = \"Q\"\nmark-row = \"Q\"\n").unwrap();
        let error = config.keys.unwrap_err();
        assert!(
            error.starts_with("line 4: mark-row") && error.contains("quit has that key too"),
            "{error}"
        );
        assert!(config.read_only);
        let error = parse("[keys]\nquit = \"Q\"\nquit = \"x\"\n").unwrap_err();
        assert!(error.contains("line 3"), "{error}");
    }

    #[test]
    fn what_is_wrong_names_the_line_and_the_fix() {
        let error = parse("refresh = \"5s\"\ncolour = 1\n").unwrap_err();
        assert!(
            error.contains("line 2")
                && error.contains("colour")
                && error.contains("known keys: refresh"),
            "{error}"
        );
        assert!(
            parse("refresh = \"soon\"")
                .unwrap_err()
                .contains("write 2s")
        );
        assert!(
            parse("refresh = \"1h\"")
                .unwrap_err()
                .contains("between 500ms and 5m")
        );
    }
}
