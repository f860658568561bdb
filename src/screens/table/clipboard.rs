//! Parts of a table as text for the clipboard.

use super::{Table, shown};
use crate::model::value::Value;
use crate::screens::record::Record;
use crate::server::known::At;

impl<R: Record> Table<R> {
    /// Text of the selected cell; in the column of the level's sign, the verdict's level and reason.
    pub(crate) fn cell_text(&self, at: &At) -> Option<String> {
        let row = self.selected()?;
        Some(match self.column.checked_sub(1) {
            None => {
                let verdict = row.verdict(at);
                format!("{}: {}", verdict.level.name(), verdict.reason)
            }
            Some(column) => plain(&(shown::<R>().nth(column)?.value)(row, at)),
        })
    }

    /// The selected row as a line of tab-separated values.
    pub(crate) fn row_text(&self, at: &At) -> Option<String> {
        let row = self.selected()?;
        let cells: Vec<_> = shown::<R>()
            .map(|column| plain(&(column.value)(row, at)))
            .collect();
        Some(cells.join("\t"))
    }
}

/// Text of a value in the form that JSON and CSV have.
fn plain(value: &Value) -> String {
    match value.json() {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => without_tree(&text).to_owned(),
        other => other.to_string(),
    }
}

/// The text without the branches of a tree that are drawn before it.
fn without_tree(text: &str) -> &str {
    let name = text.trim_start_matches(['│', '├', '└', ' ']);
    let lines = text.strip_suffix(name).unwrap_or_default();
    if lines.contains(['├', '└']) {
        name
    } else {
        text
    }
}
