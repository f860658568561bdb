//! `hypertop thresholds`: prints every threshold, with its value and the source of the value.

use anyhow::{Result, bail};
use serde_json::{Value as Json, json};

use super::columns::aligned;
use crate::config;
use crate::connect::conninfo::Surroundings;
use crate::model::text;
use crate::model::thresholds::{ALL, Scope, Threshold, Thresholds, Unit, Written};

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Text,
    Json,
    Csv,
}

/// A threshold's value, for all names or for a pattern of names.
struct Line<'a> {
    of: &'static Threshold,
    value: f64,
    written: Option<&'a Written>,
}

/// The list of all thresholds, with their exceptions by name. An error if config.toml is broken.
pub fn printed(around: &Surroundings, format: Format) -> Result<String> {
    let (config, wrong) = config::read(around);
    if let Some(wrong) = wrong {
        bail!("{wrong}");
    }
    let thresholds = &config.thresholds;
    let lines: Vec<_> = ALL.iter().flat_map(|of| lines(of, thresholds)).collect();
    let rows = lines.iter().map(Line::fields);
    Ok(match format {
        Format::Text => in_columns(&lines),
        Format::Json => {
            let rows: Vec<Json> = rows
                .map(|fields| {
                    Json::Object(
                        fields
                            .into_iter()
                            .map(|(name, field)| (name.to_owned(), field))
                            .collect(),
                    )
                })
                .collect();
            let whole = serde_json::to_string_pretty(&json!({ "thresholds": rows }))?;
            text::printable_json(whole) + "\n"
        }
        Format::Csv => {
            let mut csv = csv::Writer::from_writer(Vec::new());
            for (nth, fields) in rows.enumerate() {
                if nth == 0 {
                    csv.write_record(fields.iter().map(|(name, _)| *name))?;
                }
                csv.write_record(fields.iter().map(|(_, field)| cell(field)))?;
            }
            String::from_utf8(csv.into_inner()?)?
        }
    })
}

fn lines<'a>(of: &'static Threshold, thresholds: &'a Thresholds) -> Vec<Line<'a>> {
    let written = || thresholds.written.iter().filter(|one| one.key == of.key);
    let all = Line {
        of,
        value: thresholds.all.get(of.key),
        written: written().find(|one| one.name.is_none()),
    };
    let by_name = written().filter(|one| one.name.is_some()).map(|one| Line {
        of,
        value: one.value,
        written: Some(one),
    });
    [all].into_iter().chain(by_name).collect()
}

impl Line<'_> {
    /// Pattern of the names that the value is for. `None`: all names.
    fn name(&self) -> Option<&str> {
        self.written?.name.as_deref()
    }

    fn comes_from(&self) -> String {
        let Some(written) = self.written else {
            return "default".to_owned();
        };
        let table = match written.name {
            Some(_) => "[[thresholds_for]]",
            None => "[thresholds]",
        };
        format!("{} {table}", written.from)
    }

    /// Column names and values, in order. Numbers are in the threshold's unit.
    fn fields(&self) -> Vec<(&'static str, Json)> {
        let of = self.of;
        vec![
            ("key", of.key.into()),
            ("for", self.name().into()),
            ("value", number(self.value)),
            ("default", number(of.default)),
            ("unit", unit(of.unit).into()),
            ("by_name", (of.scope == Scope::Each).into()),
            ("from", self.comes_from().into()),
            ("meaning", of.meaning.into()),
        ]
    }
}

/// A number, without decimals if it is whole.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the value was checked to be whole"
)]
fn number(value: f64) -> Json {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        Json::from(value as i64)
    } else {
        Json::from(value)
    }
}

fn cell(field: &Json) -> String {
    match field {
        Json::Null => String::new(),
        Json::String(text) => text::printable_cell(text),
        other => other.to_string(),
    }
}

/// A table with one line per threshold; the meaning comes last.
fn in_columns(lines: &[Line]) -> String {
    let head = [
        "THRESHOLD",
        "FOR",
        "VALUE",
        "DEFAULT",
        "UNIT",
        "FROM",
        "MEANING",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(lines.iter().map(|line| {
        let of = line.of;
        let whom = match (line.name(), of.scope) {
            (Some(name), _) => name,
            (None, Scope::Each) => "all",
            (None, Scope::Server) => "server",
        };
        let cells = [
            of.key.to_owned(),
            whom.to_owned(),
            of.unit.typed(line.value),
            of.unit.typed(of.default),
            match of.unit {
                Unit::Time => "time",
                other => unit(other),
            }
            .to_owned(),
            line.comes_from(),
            of.meaning.to_owned(),
        ];
        cells.map(|cell| text::printable(&cell)).to_vec()
    }));
    aligned(&rows, |_| false)
}

/// Name of the unit in which values are printed.
fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Time => "seconds",
        Unit::Bytes => "bytes",
        Unit::Percent => "percent",
        Unit::Factor => "factor",
        Unit::Count => "count",
    }
}
