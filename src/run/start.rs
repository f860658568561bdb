//! The start of the console: settings, themes, and a warning about interrupted actions.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::actions::execute::{self, Actor};
use crate::app::theme::{Background, Theme};
use crate::config::{self, Config};
use crate::connect::conninfo::Surroundings;
use crate::model::screen_id::ScreenId;
use crate::server::session::Session;

/// Heading in `--help`.
const CONSOLE: &str = "Console";

/// Options for the first screen, the theme and the refresh interval.
#[derive(Debug, Clone, Default, Args)]
pub struct Look {
    /// Refresh interval, such as 2s, 500ms or 1m [default: 2s]
    #[arg(long, value_name = "INTERVAL", value_parser = config::interval, help_heading = CONSOLE)]
    pub(crate) refresh: Option<std::time::Duration>,
    /// Theme: default, dark, light, high-contrast, mono, or a file in themes/
    #[arg(long, value_name = "NAME", help_heading = CONSOLE)]
    pub(crate) theme: Option<String>,
    /// First screen of the console [default: overview]
    #[arg(long, value_name = "SCREEN", value_parser = screens(), help_heading = CONSOLE)]
    pub(crate) screen: Option<ScreenId>,
    /// Policy file for the Policies screen; if repeated, later files override earlier ones [default: policies in config.toml]
    #[arg(long, value_name = "FILE", value_parser = policy_file, value_hint = clap::ValueHint::FilePath, help_heading = CONSOLE)]
    pub(crate) policies: Vec<std::path::PathBuf>,
}

impl Look {
    /// Options before a subcommand apply unless they are also given after it.
    #[must_use]
    pub(crate) fn or(self, before: &Self) -> Self {
        Self {
            refresh: self.refresh.or(before.refresh),
            theme: self.theme.or_else(|| before.theme.clone()),
            screen: self.screen.or(before.screen),
            policies: if self.policies.is_empty() {
                before.policies.clone()
            } else {
                self.policies
            },
        }
    }
}

/// Path of a policy file. It cannot be standard input, because a screen reads the file more than once.
pub(crate) fn policy_file(path: &str) -> Result<std::path::PathBuf, &'static str> {
    match path {
        "-" => Err(
            "standard input cannot be used here: the screen reads the policy file again when it changes",
        ),
        "" => Err("write the file's path"),
        path => Ok(path.into()),
    }
}

/// Parser of screen names, which clap lists in help and errors.
pub(crate) fn screens() -> impl TypedValueParser<Value = ScreenId> {
    let names = ScreenId::ALL.iter().map(|id| id.name());
    PossibleValuesParser::new(names).try_map(|name| ScreenId::by_name(&name).ok_or("no screen"))
}

/// Returns the settings, the themes, the errors in the user's files and options, and whether config.toml is unreadable. `background` asks
/// the terminal for its background colour. It is called only if the theme depends on this colour.
pub fn look(
    asked: &Look,
    around: &Surroundings,
    background: impl FnOnce() -> Option<Background>,
) -> (Config, Vec<Theme>, Vec<String>, bool) {
    let (mut config, wrong) = config::read(around);
    let broken = wrong.is_some();
    let (mut themes, mut notes) = crate::app::theme::all(
        config::folder(around)
            .map(|folder| folder.join("themes"))
            .as_deref(),
    );
    notes.extend(wrong);
    notes.extend(config.keys.as_ref().err().cloned());
    choose(&mut config, asked, around);
    if let Some(theme) = themes.iter().find(|theme| theme.name == config.theme) {
        if theme.depends_on_background()
            && let Some(background) = background()
        {
            for theme in &mut themes {
                theme.adapt(background);
            }
        }
    } else {
        let names: Vec<_> = themes.iter().map(|theme| theme.name.as_str()).collect();
        notes.push(format!(
            "there is no theme {:?}; the themes are: {}",
            config.theme,
            names.join(", ")
        ));
    }
    (config, themes, notes, broken)
}

/// Options override config.toml. `NO_COLOR` overrides the theme in config.toml, but not the option `--theme`.
fn choose(config: &mut Config, asked: &Look, around: &Surroundings) {
    if around
        .env
        .get("NO_COLOR")
        .is_some_and(|value| !value.is_empty())
    {
        "mono".clone_into(&mut config.theme);
    }
    if let Some(theme) = &asked.theme {
        config.theme.clone_from(theme);
    }
    if let Some(refresh) = asked.refresh {
        config.refresh = refresh;
    }
}

/// Warnings about interrupted actions in this database, or the error of reading the journal.
pub(super) async fn interrupted(actor: &Actor, session: &Session) -> Vec<String> {
    let found = async {
        let place = execute::place(&session.connected).await?;
        let entries = actor.journal.entries()?;
        let here = entries
            .all
            .into_iter()
            .filter(|entry| entry.begin.place.is(&place) && entry.state() == "interrupted");
        let words = here.map(|entry| {
            let (id, there) = (entry.begin.id, &entry.begin.place);
            if there.doubt(&place).is_none() {
                return id.to_string();
            }
            let there = there.words();
            format!("{id} (done on {there}, which may be another server)")
        });
        anyhow::Ok(words.collect::<Vec<_>>())
    };
    match found.await {
        Ok(ids) if ids.is_empty() => Vec::new(),
        Ok(ids) => vec![format!(
            "interrupted actions, by journal entry: {}. The Journal has the details",
            ids.join(", ")
        )],
        Err(error) => vec![format!("{error:#}")],
    }
}
