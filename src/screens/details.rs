//! The details of one row: sections that need no query, and sections that queries fill.

use std::fmt::Write;

use crate::model::moment::Stamp;
use crate::model::verdict::Verdict;
use crate::screens::record::Section;

#[derive(Debug)]
enum Part {
    Waiting,
    Here(Vec<Section>),
    Failed(String),
}

#[derive(Debug)]
pub struct Details {
    pub(crate) key: String,
    pub(crate) title: String,
    pub(crate) verdict: Option<Verdict>,
    /// The row is no longer in the list; its last known state is shown.
    pub(crate) gone: bool,
    /// Index of the first visible line.
    pub(crate) top: usize,
    /// Number of cells that are scrolled off on the left.
    pub(crate) left: usize,
    facts: Vec<Section>,
    titles: Vec<&'static str>,
    parts: Vec<Part>,
    asked: u64,
}

impl Details {
    pub(crate) fn new(key: String) -> Self {
        Self {
            title: key.clone(),
            key,
            verdict: None,
            gone: false,
            top: 0,
            left: 0,
            facts: Vec::new(),
            titles: Vec::new(),
            parts: Vec::new(),
            asked: 0,
        }
    }

    /// Starts a new request; the old sections stay until the request is answered.
    pub(crate) fn ask(&mut self, asked: u64, facts: Vec<Section>, titles: Vec<&'static str>) {
        self.asked = asked;
        self.facts = facts;
        self.parts.resize_with(titles.len(), || Part::Waiting);
        self.titles = titles;
    }

    pub(crate) fn take(
        &mut self,
        asked: u64,
        index: usize,
        sections: Result<Vec<Section>, String>,
    ) {
        if asked != self.asked {
            return;
        }
        if let Some(part) = self.parts.get_mut(index) {
            *part = match sections {
                Ok(sections) => Part::Here(sections),
                Err(error) => Part::Failed(error),
            };
        }
    }

    /// All sections in order. A failed query has a section with the error.
    pub(crate) fn sections(&self) -> Vec<Section> {
        let mut all = self.facts.clone();
        for (part, title) in self.parts.iter().zip(&self.titles) {
            let note = |text: String| Section::text(*title, text);
            match part {
                Part::Waiting => all.push(note("reading…".to_owned())),
                Part::Here(sections) => all.extend(sections.iter().cloned()),
                Part::Failed(error) => all.push(note(format!("cannot be read: {error}"))),
            }
        }
        // The time axis comes first, because it is faster to understand than numbers.
        all.sort_by_key(|section| !matches!(section, Section::Axis(_)));
        all
    }

    pub(crate) fn step(&mut self, lines: isize) {
        self.top = self.top.saturating_add_signed(lines);
    }

    pub(crate) fn step_sideways(&mut self, cells: isize) {
        self.left = self.left.saturating_add_signed(cells);
    }

    /// The details as plain text, for the clipboard.
    pub(crate) fn text(&self, now: Stamp) -> String {
        let mut out = format!("{}\n", self.key);
        if let Some(verdict) = &self.verdict {
            let _ = writeln!(out, "{}: {}", verdict.level.name(), verdict.reason);
        }
        for section in self.sections() {
            out.push_str(&section_text(&section, now));
        }
        out
    }
}

fn section_text(section: &Section, now: Stamp) -> String {
    let mut lines = Vec::new();
    let title = match section {
        Section::Facts { title, facts } => {
            lines.extend(
                facts
                    .iter()
                    .map(|(label, value)| format!("{label}: {}", value.show(now))),
            );
            title
        }
        Section::Grid {
            title, heads, rows, ..
        } => {
            lines.push(heads.join("\t"));
            let line = |row: &Vec<crate::model::value::Value>| {
                let cells: Vec<_> = row.iter().map(|value| value.show(now)).collect();
                cells.join("\t")
            };
            lines.extend(rows.iter().map(line));
            title
        }
        Section::Text { title, text } => {
            lines.push(text.clone());
            title
        }
        Section::Axis(axis) => {
            let (title, drawn) = axis.draw(100);
            let whole = |line: &Vec<(_, String)>| {
                line.iter()
                    .map(|(_, text)| text.as_str())
                    .collect::<String>()
            };
            lines.extend(drawn.iter().map(|line| whole(line).trim_end().to_owned()));
            return format!("\n{title}\n{}\n", lines.join("\n"));
        }
    };
    format!("\n{title}\n{}\n", lines.join("\n"))
}
