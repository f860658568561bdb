//! Settings and themes of the person: `$XDG_CONFIG_HOME/hypertop/config.toml` and `themes/` beside it.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::app::{FASTEST, SLOWEST};
use crate::conninfo::Surroundings;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How often the server is asked whether anything changed.
    pub refresh: Duration,
    pub theme: String,
    /// Off by default: a captured mouse takes the terminal's own selection away.
    pub mouse: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            refresh: Duration::from_secs(2),
            theme: "default".to_owned(),
            mouse: false,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    refresh: Option<String>,
    theme: Option<String>,
    mouse: Option<bool>,
}

/// The folder in which settings and themes are looked for.
pub fn folder(around: &Surroundings) -> Option<PathBuf> {
    let base = around
        .env
        .get("XDG_CONFIG_HOME")
        .filter(|path| path.starts_with('/'));
    let base = base
        .map(PathBuf::from)
        .or_else(|| Some(around.home.as_ref()?.join(".config")));
    Some(base?.join("hypertop"))
}

/// Reads the settings; what is wrong with the file is told, and the defaults serve.
pub fn read(around: &Surroundings) -> (Config, Option<String>) {
    let Some(path) = folder(around).map(|folder| folder.join("config.toml")) else {
        return (Config::default(), None);
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => match parse(&text) {
            Ok(config) => (config, None),
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
        let line = error.span().map_or(0, |span| {
            text[..span.start.min(text.len())].matches('\n').count() + 1
        });
        format!(
            "line {line}: {} (known are: refresh, theme, mouse)",
            error.message()
        )
    })?;
    let mut config = Config::default();
    if let Some(refresh) = file.refresh {
        config.refresh = interval(&refresh).map_err(|error| format!("refresh: {error}"))?;
    }
    config.theme = file.theme.unwrap_or(config.theme);
    config.mouse = file.mouse.unwrap_or(config.mouse);
    Ok(config)
}

/// A refresh interval as a person writes it: `2s`, `500ms`, `1m`.
pub fn interval(text: &str) -> Result<Duration, String> {
    let parsed = humantime::parse_duration(text)
        .map_err(|error| format!("{text:?}: {error}; write 2s, 500ms or 1m"))?;
    if (FASTEST..=SLOWEST).contains(&parsed) {
        Ok(parsed)
    } else {
        Err(format!("{text:?}: it is between 500ms and 5m"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read() {
        let config = parse("refresh = \"5s\"\ntheme = \"light\"\nmouse = true\n").unwrap();
        assert_eq!(
            config,
            Config {
                refresh: Duration::from_secs(5),
                theme: "light".to_owned(),
                mouse: true
            }
        );
    }

    #[test]
    fn what_is_wrong_names_the_line_and_the_mend() {
        let told = parse("refresh = \"5s\"\ncolour = 1\n").unwrap_err();
        assert!(
            told.contains("line 2")
                && told.contains("colour")
                && told.contains("known are: refresh"),
            "{told}"
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
