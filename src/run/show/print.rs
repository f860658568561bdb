//! Prints a screen as a table, as JSON or as CSV.

mod brief;

use std::io::Write;

use anyhow::{Result, bail};
use serde_json::{Map, Value as Json, json};

use crate::model::moment::Stamp;
use crate::model::text;
use crate::model::text::printable;
use crate::run::columns::aligned;
use crate::run::stderr;
use crate::screens::record::Record;
use crate::screens::table::{Table, shown};
use crate::server::known::{At, Server};

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Table,
    Json,
    Csv,
    /// Text for people, in lines that fit a terminal.
    #[value(skip)]
    Brief,
    /// CSV whose texts are not escaped.
    #[value(skip)]
    RawCsv,
}

impl Format {
    /// This format with `--raw`. An error for other formats than CSV. In tables, control characters are always escaped. JSON is always
    /// exact.
    pub fn raw(self, raw: bool) -> Result<Self> {
        match self {
            _ if !raw => Ok(self),
            Self::Csv | Self::RawCsv => Ok(Self::RawCsv),
            Self::Table | Self::Json | Self::Brief => {
                bail!("--raw is for --format csv: a table is never raw, and JSON is always exact")
            }
        }
    }
}

pub(super) fn print<R: Record>(
    table: &Table<R>,
    caveats: &[String],
    at: &At,
    format: Format,
    out: &mut dyn Write,
) -> Result<()> {
    match format {
        Format::Json => {
            let rows: Vec<Json> = table.in_order().map(|row| json_row(row, at)).collect();
            let whole = json!({ "screen": R::ID.name(), "server": server(at.server, at.now), "caveats": caveats, "rows": rows });
            let text = serde_json::to_string_pretty(&whole)?;
            writeln!(out, "{}", text::printable_json(text))?;
        }
        Format::Csv | Format::RawCsv => {
            for caveat in caveats {
                stderr::say(format_args!("hypertop: {caveat}"));
            }
            let mut csv = csv::Writer::from_writer(out);
            let names = R::COLUMNS
                .iter()
                .map(|column| column.name)
                .filter(|name| !name.is_empty());
            csv.write_record(names.chain(["verdict", "reason"]))?;
            let cell = |field: &Json| match field {
                Json::Null => String::new(),
                Json::String(text) if format == Format::RawCsv => text.clone(),
                Json::String(text) => text::printable_cell(text),
                other => other.to_string(),
            };
            for row in table.in_order() {
                let fields = json_row(row, at);
                let fields = fields.as_object().into_iter().flat_map(Map::values);
                csv.write_record(fields.map(cell))?;
            }
            csv.flush()?;
        }
        Format::Table => for_people(out, |out| print_table(table, caveats, at, out))?,
        Format::Brief => for_people(out, |out| {
            brief::print(&title::<R>(at), table, caveats, at, out)
        })?,
    }
    Ok(())
}

pub(super) fn json_row<R: Record>(row: &R, at: &At) -> Json {
    let mut fields = Map::new();
    for column in R::COLUMNS.iter().filter(|column| !column.name.is_empty()) {
        fields.insert(column.name.to_owned(), (column.value)(row, at).json());
    }
    let verdict = row.verdict(at);
    fields.insert("verdict".to_owned(), verdict.level.name().into());
    fields.insert("reason".to_owned(), verdict.reason.into());
    Json::Object(fields)
}

pub(crate) fn server(server: &Server, clock: Stamp) -> Json {
    json!({
        "host": server.host,
        "database": server.database,
        "role": server.role,
        "tls": server.tls,
        "standby": server.standby,
        "postgresql": server.postgres_text(),
        "timescaledb": server.timescaledb.map(|version| version.to_string()),
        "edition": server.timescaledb.map(|_| format!("{:?}", server.edition).to_lowercase()),
        "simulated": server.simulated,
        "clock": text::rfc3339(clock),
    })
}

fn title<R: Record>(at: &At) -> String {
    let simulated = if at.server.simulated {
        " (SIMULATED)"
    } else {
        ""
    };
    format!("{}{simulated}", R::TITLE)
}

/// Prints text for people. If the locale is not UTF-8, glyphs are replaced by ASCII.
fn for_people(out: &mut dyn Write, print: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    if text::is_utf8(|name| std::env::var(name).ok()) {
        return print(out);
    }
    let mut lines = Vec::new();
    print(&mut lines)?;
    let lines = String::from_utf8_lossy(&lines);
    let plain = lines
        .chars()
        .map(|glyph| text::ascii(glyph).unwrap_or(glyph));
    out.write_all(plain.collect::<String>().as_bytes())?;
    Ok(())
}

fn print_table<R: Record>(
    table: &Table<R>,
    caveats: &[String],
    at: &At,
    out: &mut dyn Write,
) -> Result<()> {
    writeln!(out, "{}", title::<R>(at))?;
    for line in table.headline() {
        writeln!(out, "{}", printable(line))?;
    }
    for caveat in caveats {
        writeln!(out, "~ {}", printable(caveat))?;
    }
    let columns: Vec<_> = shown::<R>().collect();
    let mut lines = vec![
        columns
            .iter()
            .map(|column| column.title.to_owned())
            .collect::<Vec<_>>(),
    ];
    lines[0].push("VERDICT".to_owned());
    for row in table.in_order() {
        let mut line: Vec<_> = columns
            .iter()
            .map(|column| printable(&(column.value)(row, at).show(at.now)))
            .collect();
        let verdict = row.verdict(at);
        let level = verdict.level.name();
        line.push(if verdict.reason == level {
            level.to_owned()
        } else {
            printable(&format!("{level}: {}", verdict.reason))
        });
        lines.push(line);
    }
    if lines.len() == 1 {
        writeln!(out, "(no rows)\n")?;
        return Ok(());
    }
    writeln!(out, "{}", aligned(&lines, |nth| columns[nth].right))?;
    Ok(())
}
