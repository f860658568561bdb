//! The pages of `hypertop explain`: what each rule, action, screen and threshold means, and what to do.
//!
//! The hand-written part of a page is a Markdown file in `pages/`. It begins with lines `key: name, name`; sections follow. `{threshold}`
//! stands for the value of that threshold. Facts that a catalogue has (level, keys, default) are added from the catalogue.

use include_dir::{Dir, include_dir};

use crate::model::rules::Rule;
use crate::model::text;
use crate::model::thresholds::{ALL, Limits, Threshold};

static FILES: Dir = include_dir!("$CARGO_MANIFEST_DIR/pages");

/// The catalogue that a page is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Catalogue {
    Rules,
    Actions,
    Screens,
    Thresholds,
}

impl Catalogue {
    pub const ALL: [Self; 4] = [Self::Rules, Self::Actions, Self::Screens, Self::Thresholds];

    /// Name of the catalogue, which is also the folder of its pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Actions => "actions",
            Self::Screens => "screens",
            Self::Thresholds => "thresholds",
        }
    }

    /// Name of the catalogue in the singular.
    pub fn one(self) -> &'static str {
        match self {
            Self::Rules => "rule",
            Self::Actions => "action",
            Self::Screens => "screen",
            Self::Thresholds => "threshold",
        }
    }

    /// The headings of a hand-written page, in order.
    pub fn written(self) -> &'static [&'static str] {
        match self {
            Self::Rules => &[MEANING, MATTERS, TO_DO, FOUND],
            Self::Actions => &[EFFECT, COST, UNDO],
            Self::Screens => &[SHOWS],
            Self::Thresholds => &[CHANGE],
        }
    }
}

pub(crate) const MEANING: &str = "Meaning";
pub(crate) const MATTERS: &str = "Why it matters";
pub(crate) const TO_DO: &str = "What to do";
pub(crate) const FOUND: &str = "How it is found";
pub(crate) const EFFECT: &str = "What it does";
pub(crate) const COST: &str = "Locks and time";
pub(crate) const UNDO: &str = "Undo";
pub(crate) const SHOWS: &str = "What it shows";
pub(crate) const CHANGE: &str = "When to change it";

/// The hand-written part of a page.
#[derive(Debug)]
pub struct Handwritten {
    head: &'static str,
    sections: Vec<(&'static str, &'static str)>,
}

impl Handwritten {
    /// `None`: the page is missing. A test fails in that case.
    pub fn of(catalogue: Catalogue, name: &str) -> Option<Self> {
        let path = format!("{}/{name}.md", catalogue.name());
        let text = FILES.get_file(path)?.contents_utf8()?;
        let mut parts = text.split("## ");
        let head = parts.next()?;
        let sections = parts.filter_map(|part| part.split_once('\n'));
        let trimmed = |(heading, text): (&'static str, &'static str)| (heading.trim(), text.trim());
        Some(Self {
            head,
            sections: sections.map(trimmed).collect(),
        })
    }

    /// The names after `key:` at the head of the page.
    pub fn names(&self, key: &str) -> Vec<&'static str> {
        let line = |line: &'static str| line.strip_prefix(key)?.strip_prefix(':');
        let names = self.head.lines().find_map(line).unwrap_or_default();
        let names = names.split(',').map(str::trim);
        names.filter(|name| !name.is_empty()).collect()
    }

    /// The headings, in the order of the file.
    pub fn headings(&self) -> impl Iterator<Item = &'static str> {
        self.sections.iter().map(|(heading, _)| *heading)
    }

    /// The text below a heading; empty: there is none.
    pub fn section(&self, heading: &str) -> &'static str {
        let found = self.sections.iter().find(|(of, _)| *of == heading);
        found.map_or("", |(_, text)| text)
    }

    /// The thresholds named in the sections or after `thresholds:`, in the catalogue's order.
    pub(crate) fn thresholds(&self) -> Vec<&'static Threshold> {
        let listed = self.names("thresholds");
        let named = |of: &&Threshold| {
            let sign = format!("{{{}}}", of.key);
            let mut texts = self.sections.iter().map(|(_, text)| text);
            listed.contains(&of.key) || texts.any(|text| text.contains(&sign))
        };
        ALL.iter().filter(named).collect()
    }
}

/// The names of all pages of a catalogue (its file names).
pub fn files(catalogue: Catalogue) -> Vec<&'static str> {
    let folder = FILES.get_dir(catalogue.name()).into_iter();
    let files = folder.flat_map(Dir::files);
    let names = files.filter_map(|file| file.path().file_stem()?.to_str());
    names.collect()
}

/// The actions that may fix a rule's findings, the usual one first.
pub fn fixes(rule: &Rule) -> Vec<&'static str> {
    let page = Handwritten::of(Catalogue::Rules, rule.name);
    let mut fixes: Vec<_> = rule.fix.into_iter().collect();
    let others = page.map_or_else(Vec::new, |page| page.names("fixes"));
    fixes.extend(others.into_iter().filter(|name| Some(*name) != rule.fix));
    fixes
}

/// Replaces `{threshold}` by the value of that threshold.
pub(crate) fn filled(text: &str, limits: &Limits) -> String {
    let mut filled = text.to_owned();
    for of in ALL {
        let sign = format!("{{{}}}", of.key);
        if filled.contains(&sign) {
            filled = filled.replace(&sign, &of.unit.typed(limits.get(of.key)));
        }
    }
    filled
}

/// A heading and its text in Markdown: paragraphs, lists, and commands (indented by four spaces).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    heading: &'static str,
    pub text: String,
}

impl Passage {
    pub(crate) fn new(heading: &'static str, text: impl Into<String>) -> Self {
        Self {
            heading,
            text: text.into(),
        }
    }
}

/// A complete page: its hand-written part and the catalogue's facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub catalogue: Catalogue,
    pub name: &'static str,
    pub title: String,
    /// Level, scope and keys in one line.
    pub facts: String,
    pub passages: Vec<Passage>,
}

/// One line of a page: the theme's name for its colour (`title`, `text`), and the text.
pub(crate) type Line = (&'static str, String);

/// A paragraph, an item of a list, or a command.
enum Block {
    Words(String),
    Item(String),
    Command(String),
}

/// The blocks of a Markdown text.
fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut continues = false;
    for line in markdown.lines() {
        if let Some(command) = line.strip_prefix("    ") {
            blocks.push(Block::Command(command.to_owned()));
            continues = false;
        } else if line.trim().is_empty() {
            continues = false;
        } else if let Some(item) = line.strip_prefix("- ") {
            blocks.push(Block::Item(item.to_owned()));
            continues = true;
        } else if let (true, Some(Block::Words(words) | Block::Item(words))) =
            (continues, blocks.last_mut())
        {
            words.push(' ');
            words.push_str(line.trim());
        } else {
            blocks.push(Block::Words(line.trim().to_owned()));
            continues = true;
        }
    }
    blocks
}

impl Page {
    /// The page as lines of at most `cells` cells. A longer command is not wrapped.
    pub fn lines(&self, cells: usize) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        let mut add = |role: &'static str, first: &str, rest: &str, words: &str| {
            let room = cells.saturating_sub(text::width(rest)).max(20);
            for (nth, line) in text::wrap(words, room).into_iter().enumerate() {
                let indent = if nth == 0 { first } else { rest };
                lines.push((role, format!("{indent}{line}")));
            }
        };
        add("title", "", "  ", &format!("{}: {}", self.name, self.title));
        add("muted", "", "", &self.facts);
        for passage in &self.passages {
            add("text", "", "", "");
            add("column", "", "", passage.heading);
            for block in blocks(&passage.text) {
                match block {
                    Block::Words(words) => add("text", "  ", "  ", &words.replace('`', "")),
                    Block::Item(words) => add("text", "  - ", "    ", &words.replace('`', "")),
                    Block::Command(command) => add("key", "    ", "      ", &command),
                }
            }
        }
        lines
    }

    /// The page in Markdown, with a heading of this depth.
    pub fn markdown(&self, depth: usize) -> String {
        let (head, below) = ("#".repeat(depth), "#".repeat(depth + 1));
        let mut text = format!("{head} {}: {}\n\n*{}*\n", self.name, self.title, self.facts);
        for passage in &self.passages {
            text = format!("{text}\n{below} {}\n\n{}\n", passage.heading, passage.text);
        }
        text
    }
}

/// `a, b or c`.
pub(crate) fn either(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [all @ .., last] => format!("{} or {last}", all.join(", ")),
    }
}

/// Markdown code: one command per line.
pub(crate) fn commands(all: impl IntoIterator<Item = String>) -> String {
    let lines: Vec<_> = all
        .into_iter()
        .map(|command| format!("    {command}"))
        .collect();
    lines.join("\n")
}

/// A Markdown list.
pub(crate) fn items(all: impl IntoIterator<Item = String>) -> String {
    let lines: Vec<_> = all.into_iter().map(|item| format!("- {item}")).collect();
    lines.join("\n")
}
