//! Creates an index of a hypertable.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::expressions;
use super::facts::{NAME, PER_CHUNK, Part, count, short, statement};
use crate::actions::act::{Context, Refusal};
use crate::actions::form::{Field, FieldType, Form, Inputs};
use crate::model::plan::{Consent, Mode, Plan, Step, Undo};
use crate::model::text;
use crate::model::verdict::Level;
use crate::model::version::Version;

/// Row of `queries/plan_index_table.sql`. Names are quoted, except the names of columns and the fields called `bare`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Hypertable {
    oid: i64,
    schema: String,
    bare: String,
    table: String,
    display: String,
    /// True if compression is enabled, and this TimescaleDB therefore refuses new unique indexes.
    compressing: bool,
    compressed_chunks: i64,
    dimensions: Vec<String>,
    parts: Vec<Part>,
    /// Definitions of the present indexes, by name. A definition is `None` if the table is locked.
    indexes: BTreeMap<String, Option<String>>,
    /// Names of the schema's relations, which a new index cannot have. Names that begin like chunk names are left out.
    names: BTreeSet<String>,
}

/// The inputs of the form.
struct Wish<'a> {
    on: &'a str,
    method: &'a str,
    unique: bool,
    per_chunk: bool,
    include: Option<&'a str>,
    filter: Option<&'a str>,
    name: String,
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "all functions that make forms have this type"
)]
pub(super) fn form(_: &Context) -> Result<Form, Refusal> {
    let methods = vec!["btree", "brin", "hash", "gin", "gist", "spgist"];
    Ok(Form::new(vec![
        Field::new("columns", "Columns", FieldType::Text, "")
            .help("as CREATE INDEX takes them: device_id, ts DESC"),
        Field::new("method", "Method", FieldType::Choice(methods), "btree"),
        Field::new("unique", "Unique", FieldType::Flag, "no").help(
            "its columns must include the time column (and the space column, if there is one)",
        ),
        Field::new("include", "Include", FieldType::Text, "")
            .optional()
            .help("further columns whose values the index stores"),
        Field::new("where", "Where", FieldType::Text, "")
            .optional()
            .help("a condition: only rows that meet it are in the index"),
        Field::new("name", "Name", FieldType::Text, "")
            .optional()
            .help("empty: a name made from the table and the columns"),
        Field::new("per_chunk", "Transaction per chunk", FieldType::Flag, "yes").help(
            "yes: only writes to the chunk in progress wait. A unique index is always built in one transaction",
        ),
    ]))
}

pub(super) fn index(context: &Context, inputs: &Inputs) -> Result<Plan, Refusal> {
    let table: Hypertable = context.read()?;
    if context.at.server.simulated {
        return Err(super::facts::SIMULATED.into());
    }
    let wish = wish(&table, inputs)?;
    if let Some(refusal) = refused(context, &table, &wish) {
        return Err(refusal);
    }
    let name = text::quote_identifier(&wish.name);
    let back = statement(format!("DROP INDEX {}.{name}", table.schema));
    let mut step = Step::new(
        format!("create {name}"),
        vec![statement(wish.sql(&table.table))],
        vec![back],
    );
    if wish.per_chunk {
        step = step.plain();
    }
    let mode = Mode::Share;
    let mut plan = Plan::new(
        format!("Create index {name} on {}", table.display),
        vec![step],
        Undo::Exact("the index is dropped again".to_owned()),
    )
    .changing(&["/indexes"])
    .wanting(Consent::Yes)
    .touching(table.oid, table.table.clone(), mode);
    let alias = text::quote_identifier(&table.bare);
    plan.expressions = expressions::columns(&table.table, &alias, wish.on);
    let condition = wish
        .filter
        .map(|text| expressions::condition(&table.table, &alias, text));
    plan.expressions.extend(condition);
    for part in &table.parts {
        plan = plan.touching(part.oid, part.name.clone(), mode);
    }
    Ok(remarks(plan, &table, &wish, &name))
}

fn remarks(mut plan: Plan, table: &Hypertable, wish: &Wish, name: &str) -> Plan {
    let chunks = text::plural(count(table.parts.len()), "chunk");
    plan = plan.note(
        Level::Notice,
        if wish.per_chunk {
            format!("{chunks}, one at a time: writes to a chunk wait while its index is built")
        } else {
            format!("{chunks} in one transaction: all writes wait until the last index is built")
        },
    );
    plan = plan.note(Level::Notice, "its size is unknown beforehand");
    if table.compressed_chunks > 0 {
        let compressed = text::plural(table.compressed_chunks, "chunk");
        plan = plan.note(
            Level::Notice,
            format!("compressed rows ({compressed}) are not in the index; their chunks get an empty index of 8 kB"),
        );
    }
    if wish.per_chunk {
        plan = plan.note(
            Level::Notice,
            format!("if it is stopped or fails, {name} stays as an invalid index: drop-index removes it, rebuild-missing \
             completes it"),
        );
    }
    plan
}

fn wish<'a>(table: &Hypertable, inputs: &'a Inputs) -> Result<Wish<'a>, Refusal> {
    let text = |field: &'static str| inputs.text(field);
    for field in ["columns", "include", "where"] {
        if let Some(wrong) = text(field).and_then(unsound) {
            return Err(format!("{field}: {wrong}").into());
        }
    }
    let on = text("columns").unwrap_or_default();
    let unique = inputs.flag("unique");
    let name = text("name").map_or_else(|| table.free_name(on), str::to_owned);
    if name.len() > NAME {
        return Err(format!("name: {name:?} has more than {NAME} bytes").into());
    }
    Ok(Wish {
        on,
        method: text("method").unwrap_or("btree"),
        unique,
        per_chunk: inputs.flag("per_chunk") && !unique,
        include: text("include"),
        filter: text("where"),
        name,
    })
}

fn refused(context: &Context, table: &Hypertable, wish: &Wish) -> Option<Refusal> {
    let version = context.at.server.sql_version();
    if table.indexes.contains_key(&wish.name) {
        return Some(format!("name: {} already has an index {}", table.display, wish.name).into());
    }
    if table.names.contains(&wish.name) {
        let name = text::quote_identifier(&wish.name);
        return Some(
            format!("name: {}.{name} already exists (a table, view, sequence or index): choose another name", table.schema).into(),
        );
    }
    let lacks = |column: &&String| !wish.on.to_lowercase().contains(&column.to_lowercase());
    if let Some(column) = table.dimensions.iter().find(lacks).filter(|_| wish.unique) {
        return Some(
            format!("columns: a unique index of {} must include {column}, by which its chunks are partitioned", table.display).into(),
        );
    }
    if wish.unique && table.compressing {
        return Some(
            format!("TimescaleDB {version} cannot create a unique index on a hypertable with compression enabled (2.22 and later can)").into(),
        );
    }
    let expression = wish.on.contains('(');
    if expression && version < Version::new(2, 14) && table.compressed_chunks > 0 {
        return Some(
            "TimescaleDB 2.11 (perhaps up to 2.13) can crash the server on UPDATE, DELETE or decompression where a hypertable has an \
             expression index and compressed chunks: upgrade first"
                .into(),
        );
    }
    let made = normalized(&wish.sql(&table.table));
    let after_name = |sql: &str| sql.split_once("using").map(|(_, rest)| rest.to_owned());
    let wanted = after_name(&made)?;
    let twin = table.indexes.iter().find(|(_, definition)| {
        let definition = definition.as_deref().map(normalized);
        definition.and_then(|sql| after_name(&sql)).as_ref() == Some(&wanted)
    });
    twin.map(|(name, _)| format!("the same index already exists: {name}").into())
}

/// The statement in a form for comparisons: in lower case, without spaces, and without the option for a transaction per chunk, which the
/// catalogue does not keep.
fn normalized(sql: &str) -> String {
    sql.replace(&format!(" WITH ({PER_CHUNK})"), "")
        .to_lowercase()
        .split_whitespace()
        .collect()
}

/// The reason to refuse this text, which is put into CREATE INDEX as typed. `None`: the text is accepted, because it cannot end its part of
/// the statement.
fn unsound(sql: &str) -> Option<&'static str> {
    let mut depth = 0_i32;
    let mut quote = None;
    let mut before = ' ';
    for c in sql.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, ';' | '$') => {
                return Some("the characters ';' and '$' are allowed only inside quotes");
            }
            (None, '-' | '*') if matches!((before, c), ('-', '-') | ('/', '*')) => {
                return Some("a comment is not allowed here");
            }
            _ => {}
        }
        if depth < 0 {
            break;
        }
        before = c;
    }
    if quote.is_some() {
        Some("a closing quote is missing")
    } else if depth != 0 {
        Some("the parentheses do not match")
    } else {
        None
    }
}

impl Wish<'_> {
    fn sql(&self, table: &str) -> String {
        let unique = if self.unique { "UNIQUE " } else { "" };
        let name = text::quote_identifier(&self.name);
        let include = self
            .include
            .map_or_else(String::new, |columns| format!(" INCLUDE ({columns})"));
        let setting = if self.per_chunk {
            format!(" WITH ({PER_CHUNK})")
        } else {
            String::new()
        };
        let filter = self
            .filter
            .map_or_else(String::new, |condition| format!(" WHERE ({condition})"));
        format!(
            "CREATE {unique}INDEX {name} ON {table} USING {} ({}){include}{setting}{filter}",
            self.method, self.on
        )
    }
}

impl Hypertable {
    /// A name made from the table and the columns, which no relation in the schema has.
    fn free_name(&self, columns: &str) -> String {
        let words: Vec<_> = columns
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty())
            .collect();
        let whole = format!("{}_{}", self.bare, words.join("_").to_lowercase());
        let numbered = (1..).map(|number| format!("{}_idx{number}", short(&whole, NAME - 7)));
        std::iter::once(format!("{}_idx", short(&whole, NAME - 4)))
            .chain(numbered)
            .find(|name| !self.indexes.contains_key(name) && !self.names.contains(name))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_the_statement_is_refused() {
        for sound in [
            "device_id, ts DESC",
            "lower(name)",
            "\"a;b\"",
            "('x;' || name)",
        ] {
            assert_eq!(unsound(sound), None, "{sound}");
        }
        for wrong in [
            "a); drop table t; --",
            "a) (",
            "a;",
            "a -- b",
            "\"a",
            "a /* b",
        ] {
            assert!(unsound(wrong).is_some(), "{wrong}");
        }
    }
}
