//! `hypertop explain`: the page of a rule, an action, a screen or a threshold.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};

use clap::Args;

use super::columns::aligned;
use crate::app::pages;
use crate::config;
use crate::connect::conninfo::Surroundings;
use crate::model::pages::{Catalogue, Line};
use crate::model::thresholds::Limits;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    Text,
    Markdown,
}

/// The requested pages.
#[derive(Debug, Args)]
pub struct Wanted {
    /// Names, such as aggregate-wipe or job-late; without a name, all names are listed
    #[arg(value_parser = super::names::pages(), hide_possible_values = true)]
    name: Vec<String>,
    /// List all names
    #[arg(long, conflicts_with_all = ["name", "all"])]
    list: bool,
    /// Print all pages
    #[arg(long, conflicts_with = "name")]
    all: bool,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Width of a page without a terminal, and maximum width with one.
const PLAIN: usize = 80;
const WIDEST: usize = 100;

impl Wanted {
    /// The pages of these names, or all pages. Without a name: the list.
    pub fn printed(&self, around: &Surroundings) -> String {
        if self.all {
            // The reference shows the default values even if config.toml sets others.
            reference(&Limits::default(), self.format)
        } else if self.list || self.name.is_empty() {
            list()
        } else {
            let limits = config::read(around).0.thresholds.all;
            whole(&self.name, &limits, self.format, io::stdout().is_terminal())
        }
    }
}

/// Every name with its title.
fn list() -> String {
    let mut rows = Vec::new();
    for (catalogue, name) in pages::names() {
        if let Some(page) = pages::page(catalogue, name, &Limits::default()) {
            rows.push(vec![
                name.to_owned(),
                catalogue.one().to_owned(),
                page.title,
            ]);
        }
    }
    aligned(&rows, |_| false)
}

/// The pages of these names. A name may be in two catalogues: `journal` is a screen and a rule.
fn whole(names: &[String], limits: &Limits, format: Format, terminal: bool) -> String {
    let mut texts = Vec::new();
    for name in names {
        let pages = Catalogue::ALL.into_iter();
        for page in pages.filter_map(|catalogue| pages::page(catalogue, name, limits)) {
            texts.push(match format {
                Format::Markdown => page.markdown(1),
                Format::Text => in_lines(page.lines(width(terminal)), terminal),
            });
        }
    }
    texts.join("\n")
}

fn width(terminal: bool) -> usize {
    let columns = crossterm::terminal::size().map(|(columns, _)| usize::from(columns));
    match columns {
        Ok(columns) if terminal && columns > 0 => columns.clamp(40, WIDEST),
        _ => PLAIN,
    }
}

/// Headings are bold on a terminal.
fn in_lines(lines: Vec<Line>, terminal: bool) -> String {
    let mut text = String::new();
    for (role, line) in lines {
        let bold = terminal && ["title", "column"].contains(&role);
        let (on, off) = if bold {
            ("\x1b[1m", "\x1b[0m")
        } else {
            ("", "")
        };
        let _ = writeln!(text, "{on}{}{off}", line.trim_end());
    }
    text
}

/// The pages of all catalogues.
fn reference(limits: &Limits, format: Format) -> String {
    let mut text = String::new();
    for catalogue in Catalogue::ALL {
        if format == Format::Markdown {
            let mut title = catalogue.name().to_owned();
            title[..1].make_ascii_uppercase();
            let _ = writeln!(text, "# {title}\n");
        }
        for (of, name) in pages::names() {
            let page = (of == catalogue).then(|| pages::page(of, name, limits));
            let Some(page) = page.flatten() else { continue };
            text.push_str(&match format {
                Format::Markdown => page.markdown(2),
                Format::Text => in_lines(page.lines(PLAIN), false),
            });
            text.push('\n');
        }
    }
    text
}
