//! Settings: `/etc/hypertop/config.toml`, overridden by the user's `$XDG_CONFIG_HOME/hypertop/config.toml`. Themes are in `themes/` next to
//! the latter.

mod connections;
mod host;
mod sources;

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

pub use self::connections::Rule;
use self::host::Host;
use self::sources::{File, Source};

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
    /// The `[host]` table: memory, cores and free disk of the server's machine, as the user gives them.
    host: Host,
    /// Policy files for connections without policy files of their own.
    pub policies: Vec<PathBuf>,
    /// The error in `[keys]` prevents the console from starting.
    pub keys: Result<KeyMap, String>,
}

impl Config {
    /// Trusted owners for the connections of this role.
    pub fn trust(&self, user: &str) -> Vec<Trust> {
        let rules = self.connections.iter();
        rules.flat_map(|rule| rule.trust(user)).collect()
    }

    /// What the user says of the machine of this server, as the header shows it.
    pub fn machine(&self, host: &str) -> Machine {
        self.host.machine(host)
    }

    /// Busy hours of this connection. `None`: none are set.
    pub fn busy_hours(&self, host: &str, database: &str, user: &str) -> Option<BusyHours> {
        let here = self.connections.iter().rev();
        let mut here = here.filter(|rule| rule.matches(host, database, user));
        here.find_map(|rule| rule.busy_hours.clone())
    }

    /// Policy files of this connection: those of its last entry that has some, or else the general ones.
    pub fn policies(&self, host: &str, database: &str, user: &str) -> &[PathBuf] {
        let here = self.connections.iter().rev();
        let mut here = here.filter(|rule| rule.matches(host, database, user));
        let own = here.find(|rule| !rule.policies.is_empty());
        own.map_or(&self.policies, |rule| &rule.policies)
    }

    /// Restrictions of this connection. `asked`: `--read-only` was given.
    pub fn rules(&self, host: &str, database: &str, user: &str, asked: bool) -> Access {
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
pub fn file(around: &Surroundings) -> Option<PathBuf> {
    Some(folder(around)?.join("config.toml"))
}

/// Path of the config.toml for all users of this machine.
pub fn system_file(around: &Surroundings) -> PathBuf {
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

/// The flags, with the connection that they refer to by `@NAME`. An error if there is none, or if config.toml cannot be read.
pub fn named(mut flags: Flags, around: &Surroundings) -> Result<Flags, String> {
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
                "there is no connection @{name}: write a [[connection]] with name = \"{name}\" and host into {file} (a database with this name: dbname=@{name})"
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
    use crate::model::trust;

    fn parse(text: &str) -> Result<Config, String> {
        merged(&[Source::of_text(text)])
    }

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
    fn policy_files_are_of_the_last_connection_that_names_some_and_have_whole_paths() {
        let config = parse("policies = [\"/p/all.toml\"]\n[[connection]]\ndatabase = \"lab\"\npolicies = [\"/p/a.toml\", \"/p/b.toml\"]\n").unwrap();
        let files = |database| config.policies("db1:5432", database, "dba").to_vec();
        assert_eq!(files("plant"), [PathBuf::from("/p/all.toml")]);
        let own = [PathBuf::from("/p/a.toml"), PathBuf::from("/p/b.toml")];
        assert_eq!(files("lab"), own);
        let error = parse("[[connection]]\npolicies = [\"a.toml\"]\n").unwrap_err();
        assert!(
            error.contains("line 2") && error.contains("write the whole path"),
            "{error}"
        );
    }

    #[test]
    fn the_machine_is_of_the_host_that_is_named_and_a_wrong_key_names_its_line() {
        let text =
            "[host]\nname = \"db1\"\nmemory = \"16 GiB\"\ncores = 8\ndisk_free = \"1 TiB\"\n";
        let config = parse(text).unwrap();
        let machine = Machine {
            memory_bytes: Some(16 << 30),
            cores: Some(8),
            disk_free_bytes: Some(1 << 40),
        };
        assert_eq!(config.machine("db1:5432"), machine);
        assert_eq!(config.machine("db2:5432"), Machine::default());
        for (line, words) in [
            ("memory = 16", "line 2: memory: write a size"),
            ("cores = \"8\"", "line 2: cores: write a number"),
            ("disk = 1", "line 2: [host] has no key disk"),
        ] {
            let error = parse(&format!("[host]\n{line}\n")).unwrap_err();
            assert!(error.contains(words), "{line}: {error}");
        }
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
