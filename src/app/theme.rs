//! Themes: styles by role, from TOML files. A file may inherit another file. A role `a.b` without a style has the style of `a`.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use ratatui::style::{Color, Modifier, Style};

use crate::model::verdict::Level;
use serde::Deserialize;

const BUILT_IN: [(&str, &str); 5] = [
    ("default", include_str!("../../themes/default.toml")),
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    (
        "high-contrast",
        include_str!("../../themes/high-contrast.toml"),
    ),
    ("mono", include_str!("../../themes/mono.toml")),
];

/// The roles that the console draws. A theme with another role is reported as an error.
const ROLES: [&str; 24] = [
    "text",
    "muted",
    "title",
    "header",
    "header.product",
    "tab",
    "tab.active",
    "column",
    "column.selected",
    "row",
    "row.selected",
    "border",
    "key",
    "caveat",
    "notice",
    "error",
    "simulated",
    "protected",
    "level",
    "level.ok",
    "level.notice",
    "level.unknown",
    "level.warning",
    "level.critical",
];

/// Colours by name, for use in roles.
type Palette = BTreeMap<String, String>;
type Styles = BTreeMap<String, Style>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    Dark,
    Light,
}

#[derive(Debug, Clone)]
pub struct Theme {
    pub name: String,
    styles: Styles,
    on_dark: Styles,
    on_light: Styles,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Option<String>,
    inherits: Option<String>,
    #[serde(default)]
    palette: Palette,
    /// Colours that replace colours of `palette` on a dark background.
    #[serde(default)]
    on_dark: Palette,
    #[serde(default)]
    on_light: Palette,
    #[serde(default)]
    roles: BTreeMap<String, Look>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    fg: Option<String>,
    bg: Option<String>,
    #[serde(default)]
    modifiers: Vec<String>,
}

impl Theme {
    /// The style of a role. `level.warning` falls back to `level`, then to `text`.
    pub fn style(&self, role: &str) -> Style {
        debug_assert!(ROLES.contains(&role), "no theme knows {role:?}");
        self.look_up(role)
    }

    /// The style of a verdict's level.
    pub fn level(&self, level: Level) -> Style {
        self.style(match level {
            Level::Ok => "level.ok",
            Level::Notice => "level.notice",
            Level::Unknown => "level.unknown",
            Level::Warning => "level.warning",
            Level::Critical => "level.critical",
        })
    }

    fn look_up(&self, role: &str) -> Style {
        let mut name = role;
        loop {
            if let Some(style) = self.styles.get(name) {
                return *style;
            }
            match name.rfind('.') {
                Some(dot) => name = &name[..dot],
                None if name == "text" => return Style::default(),
                None => name = "text",
            }
        }
    }

    fn read(files: &BTreeMap<String, File>, name: &str) -> Result<Self> {
        let mut chain = Vec::new();
        let mut next = Some(name.to_owned());
        while let Some(name) = next.take() {
            let Some(file) = files.get(&name) else {
                bail!(
                    "inherits {name:?}, which is not a theme; the themes are: {}",
                    names(files)
                );
            };
            if chain.len() > files.len() {
                bail!("inherits itself by way of {name:?}");
            }
            next.clone_from(&file.inherits);
            chain.push(file);
        }
        chain.reverse();
        Ok(Self {
            name: name.to_owned(),
            styles: styles(&chain, None)?,
            on_dark: styles(&chain, Some(Background::Dark))?,
            on_light: styles(&chain, Some(Background::Light))?,
        })
    }

    /// True if the theme has other colours for a dark or a light background.
    pub(crate) fn depends_on_background(&self) -> bool {
        self.on_dark != self.styles || self.on_light != self.styles
    }

    pub(crate) fn adapt(&mut self, background: Background) {
        self.styles.clone_from(match background {
            Background::Dark => &self.on_dark,
            Background::Light => &self.on_light,
        });
    }
}

/// The styles of a theme. `chain`: its file and the files that it inherits, the most general file first.
fn styles(chain: &[&File], background: Option<Background>) -> Result<Styles> {
    // Palettes are merged first. So a theme can change inherited roles by its palette alone.
    let mut palette = Palette::new();
    let mut roles = BTreeMap::new();
    for file in chain {
        palette.extend(file.palette.clone());
        palette.extend(match background {
            Some(Background::Dark) => file.on_dark.clone(),
            Some(Background::Light) => file.on_light.clone(),
            None => Palette::new(),
        });
        roles.extend(file.roles.clone());
    }
    let style = |(role, look): (String, Look)| {
        let style = look
            .style(&palette)
            .with_context(|| format!("role {role:?}"))?;
        Ok((role, style))
    };
    roles.into_iter().map(style).collect()
}

impl Look {
    fn style(&self, palette: &Palette) -> Result<Style> {
        let color = |name: &String| -> Result<Color> {
            let name = palette.get(name).unwrap_or(name);
            name.parse().ok().with_context(|| {
                format!("{name:?} is neither a colour of the palette nor of the terminal: write, for example, red, lightblue, 208 or #ff8800")
            })
        };
        let mut style = Style {
            fg: self.fg.as_ref().map(color).transpose()?,
            bg: self.bg.as_ref().map(color).transpose()?,
            ..Style::default()
        };
        for modifier in &self.modifiers {
            style = style.add_modifier(match modifier.as_str() {
                "bold" => Modifier::BOLD,
                "dim" => Modifier::DIM,
                "italic" => Modifier::ITALIC,
                "underlined" => Modifier::UNDERLINED,
                "reversed" => Modifier::REVERSED,
                other => bail!(
                    "{other:?} is not a modifier: write bold, dim, italic, underlined or reversed"
                ),
            });
        }
        Ok(style)
    }
}

fn names(files: &BTreeMap<String, File>) -> String {
    files.keys().cloned().collect::<Vec<_>>().join(", ")
}

fn parse(text: &str) -> Result<File> {
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(0, |span| {
            text[..span.start.min(text.len())].matches('\n').count() + 1
        });
        anyhow::anyhow!("line {line}: {}", error.message())
    })?;
    if let Some(role) = file
        .roles
        .keys()
        .find(|role| !ROLES.contains(&role.as_str()))
    {
        let line = text
            .lines()
            .position(|line| line.contains(role.as_str()))
            .map_or(0, |at| at + 1);
        bail!(
            "line {line}: {role:?} is not a role; roles are: {}",
            ROLES.join(", ")
        );
    }
    Ok(file)
}

/// All themes: the built-in ones and those in the folder, which replace built-in ones of the same name. A broken file is reported, and the
/// others are loaded.
pub fn all(folder: Option<&Path>) -> (Vec<Theme>, Vec<String>) {
    let mut files = BTreeMap::new();
    let mut order = Vec::new();
    let mut wrong = Vec::new();
    for (name, text) in BUILT_IN {
        match parse(text) {
            Ok(file) => {
                files.insert(name.to_owned(), file);
                order.push(name.to_owned());
            }
            Err(error) => wrong.push(format!("built-in theme {name}: {error:#}")),
        }
    }
    for (name, path) in folder.map(own).unwrap_or_default() {
        let read = std::fs::read_to_string(&path).map_err(anyhow::Error::from);
        match read.and_then(|text| parse(&text)) {
            Ok(file) => {
                let name = file.name.clone().unwrap_or(name);
                if files.insert(name.clone(), file).is_none() {
                    order.push(name);
                }
            }
            Err(error) => wrong.push(format!(
                "theme {}: {}",
                path.display(),
                format!("{error:#}").trim_end()
            )),
        }
    }
    let mut themes = Vec::new();
    for name in order {
        match Theme::read(&files, &name) {
            Ok(theme) => themes.push(theme),
            Err(error) => wrong.push(format!("theme {name}: {error:#}")),
        }
    }
    if themes.is_empty() {
        themes.push(Theme {
            name: "plain".to_owned(),
            styles: Styles::new(),
            on_dark: Styles::new(),
            on_light: Styles::new(),
        });
    }
    (themes, wrong)
}

fn own(folder: &Path) -> Vec<(String, std::path::PathBuf)> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .filter_map(|path| Some((path.file_stem()?.to_string_lossy().into_owned(), path)))
        .collect();
    found.sort();
    found
}
