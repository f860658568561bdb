//! A form: the inputs of an action with their defaults, filled in the console or by `--set key=value`.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::model::interval::Interval;
use crate::model::moment::Axis;
use crate::model::span::Span;
use crate::model::text;

/// Type of a field's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldType {
    Text,
    Interval,
    Integer,
    /// Position in a table's time dimension: a time in the type of the time column, or a number if that type is an integer.
    Time(Axis),
    Flag,
    Choice(Vec<&'static str>),
    /// Any number of these items, identified by their keys.
    Pick(Vec<Item>),
    /// A JSON object, which may span several lines.
    Json,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub key: String,
    /// Description next to the key: range, state, size.
    pub(crate) about: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Name on the command line: `drop_after`.
    pub name: &'static str,
    pub label: &'static str,
    /// One line: the field's effect, and what an empty field means.
    pub(crate) help: String,
    pub accepts: FieldType,
    /// Text of the field. The keys of picked items are separated by line feeds.
    pub value: String,
    /// True if the field may be left empty.
    optional: bool,
}

/// Field that allows a refresh to delete rows of an aggregate whose source rows were dropped.
pub(super) fn override_field() -> Field {
    Field::new("override_data_loss", "Override data loss", FieldType::Flag, "no")
        .optional()
        .help("yes: allows a refresh to permanently delete the aggregate's rows whose source rows were dropped")
}

/// The short form of an interval: `12h` for `12:00:00`. If the short form would mean something else, the interval stays as it is.
fn short(value: String) -> String {
    let short = text::interval(&value);
    let same = Interval::parse(&short).ok() == Interval::parse(&value).ok();
    if same { short } else { value }
}

impl Field {
    pub(super) fn new(
        name: &'static str,
        label: &'static str,
        accepts: FieldType,
        value: impl Into<String>,
    ) -> Self {
        let value = value.into();
        let value = match accepts {
            FieldType::Interval => short(value),
            _ => value,
        };
        Self {
            name,
            label,
            help: String::new(),
            accepts,
            value,
            optional: false,
        }
    }

    /// Field for an age or an offset: an interval, or a number if the hypertable's time is an integer.
    pub(super) fn span(
        name: &'static str,
        label: &'static str,
        axis: Axis,
        value: impl Into<String>,
    ) -> Self {
        let accepts = match axis {
            Axis::Integer => FieldType::Integer,
            _ => FieldType::Interval,
        };
        Self::new(name, label, accepts, value)
    }

    #[must_use]
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    #[must_use]
    pub(super) fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Checks the text, and returns the value for the plan (an interval as PostgreSQL writes it). The error says what to correct.
    fn check(&self) -> Result<String, String> {
        // Picked keys are not trimmed: a name may end in spaces.
        if let FieldType::Pick(items) = &self.accepts {
            return self.check_picks(items);
        }
        let value = self.value.trim();
        if value.is_empty() {
            return if self.optional {
                Ok(String::new())
            } else {
                Err(format!("{} is required", self.name))
            };
        }
        let checked = match &self.accepts {
            FieldType::Text
            | FieldType::Pick(_)
            | FieldType::Time(Axis::TimestampTz | Axis::Timestamp | Axis::Date) => {
                Ok(value.to_owned())
            }
            FieldType::Interval => Interval::parse(value).map(|interval| interval.to_string()),
            FieldType::Integer | FieldType::Time(Axis::Integer) => value
                .replace(['_', ' '], "")
                .parse::<i64>()
                .map(|number| number.to_string())
                .map_err(|_| format!("{value:?} is not a whole number")),
            FieldType::Flag => flag(value)
                .map(|truth| truth.to_string())
                .ok_or_else(|| format!("{value:?}: write yes or no")),
            FieldType::Choice(choices) => choices
                .iter()
                .find(|choice| **choice == value)
                .map(|choice| (*choice).to_owned())
                .ok_or_else(|| format!("{value:?}: choose one of {}", choices.join(", "))),
            FieldType::Json => match serde_json::from_str::<serde_json::Value>(value) {
                Ok(serde_json::Value::Object(_)) => Ok(value.to_owned()),
                Ok(_) => Err("write a JSON object: {\"key\": value}".to_owned()),
                Err(error) => Err(format!("not JSON: {error}")),
            },
        };
        checked.map_err(|error| format!("{}: {error}", self.name))
    }

    fn check_picks(&self, items: &[Item]) -> Result<String, String> {
        let picked: Vec<&str> = self.value.lines().filter(|key| !key.is_empty()).collect();
        if let Some(unknown) = picked
            .iter()
            .find(|key| !items.iter().any(|item| item.key == **key))
        {
            return Err(format!("{}: {unknown} is not in the list", self.name));
        }
        if picked.is_empty() && !self.optional {
            return Err(format!("{}: nothing is picked", self.name));
        }
        Ok(picked.join("\n"))
    }

    /// Sets the text from the command line. Picked keys are separated by commas; `all` and `none` are accepted.
    pub(crate) fn set(&mut self, value: &str) {
        self.value = match (&self.accepts, value) {
            (FieldType::Pick(items), "all") => {
                let keys: Vec<_> = items.iter().map(|item| item.key.as_str()).collect();
                keys.join("\n")
            }
            (FieldType::Pick(_), "none") => String::new(),
            // A key may contain commas, so the whole value is compared first.
            (FieldType::Pick(items), _) if items.iter().any(|item| item.key == value) => {
                value.to_owned()
            }
            (FieldType::Pick(_), _) => value
                .split(',')
                .map(str::trim)
                .collect::<Vec<_>>()
                .join("\n"),
            _ => value.to_owned(),
        };
    }

    pub(crate) fn picked(&self) -> Vec<&str> {
        self.value.lines().collect()
    }

    pub(crate) fn is_on(&self) -> bool {
        flag(&self.value) == Some(true)
    }
}

fn flag(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "yes" | "y" | "true" | "on" | "1" => Some(true),
        "no" | "n" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
    pub fields: Vec<Field>,
}

impl Form {
    pub(crate) fn new(fields: Vec<Field>) -> Self {
        Self { fields }
    }

    /// Adds fields for a plan with many steps: three limits on its pace (rest, replica lag, WAL rate), and what to do if a step fails.
    #[must_use]
    pub(super) fn paced(mut self) -> Self {
        self.fields.extend([
            Field::new("rest", "Rest between steps", FieldType::Interval, "0s")
                .help("a pause after each step (a step is one transaction)"),
            Field::new(
                "max_replica_lag",
                "Wait for replicas",
                FieldType::Interval,
                "",
            )
            .optional()
            .help("waits while a replica is further behind than this; empty: no limit"),
            Field::new("max_wal_rate", "Maximum WAL, MB/s", FieldType::Integer, "")
                .optional()
                .help("waits while the server writes more WAL than this; empty: no limit"),
            Field::new(
                "on_error",
                "If a step fails",
                FieldType::Choice(vec!["stop", "continue"]),
                "stop",
            )
            .help("continue: reports the failure and runs the other steps"),
        ]);
        self
    }

    /// Sets a field by name from the command line. For an unknown name the error lists the known names.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let names: Vec<_> = self.fields.iter().map(|field| field.name).collect();
        let field = self.fields.iter_mut().find(|field| field.name == key);
        match field {
            Some(field) => {
                field.set(value);
                Ok(())
            }
            None if names.is_empty() => Err(format!(
                "unknown setting {key}: this action takes no settings"
            )),
            None => Err(format!(
                "unknown setting {key}; this action takes: {}",
                names.join(", ")
            )),
        }
    }

    /// The checked values of all fields. If any value is wrong: all errors, each with the name of its field.
    pub fn inputs(&self) -> Result<Inputs, Vec<(&'static str, String)>> {
        let (mut values, mut wrong) = (BTreeMap::new(), Vec::new());
        for field in &self.fields {
            match field.check() {
                Ok(value) => {
                    values.insert(field.name.to_owned(), value);
                }
                Err(error) => wrong.push((field.name, error)),
            }
        }
        if wrong.is_empty() {
            Ok(Inputs(values))
        } else {
            Err(wrong)
        }
    }
}

/// Checked values of a form, by field name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs(BTreeMap<String, String>);

impl Inputs {
    /// Text of a field. `None`: the field is empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.text(name).and_then(flag).unwrap_or(false)
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    pub(super) fn interval(&self, name: &str) -> Option<Interval> {
        Interval::parse(self.text(name)?).ok()
    }

    /// Value of a [`Field::span`]. `None`: the field is empty.
    pub(super) fn span(&self, name: &str, axis: Axis) -> Option<Span> {
        Span::parse(axis, self.text(name)?)
    }

    pub(super) fn picked(&self, name: &str) -> Vec<&str> {
        self.text(name)
            .map_or_else(Vec::new, |keys| keys.lines().collect())
    }

    /// Limits from the fields of [`Form::paced`]. An empty field sets no limit.
    pub(super) fn pace(&self) -> crate::model::plan::Pace {
        #[expect(clippy::cast_precision_loss, reason = "a number of MB/s is small")]
        let wal = self.integer("max_wal_rate").map(|rate| rate as f64 * 1e6);
        crate::model::plan::Pace {
            rest_seconds: self.interval("rest").map_or(0.0, Interval::seconds),
            max_replica_lag_seconds: self.interval("max_replica_lag").map(Interval::seconds),
            max_wal_bytes_per_second: wal,
            go_on: self.text("on_error") == Some("continue"),
            window: None,
        }
    }

    /// The inputs as text for the journal: `drop_after = 7 days, scheduled = true`.
    pub fn summary(&self) -> String {
        let shown = |(name, value): (&String, &String)| {
            format!("{name} = {}", text::cut(&value.replace('\n', ", "), 60))
        };
        let given: Vec<_> = self
            .0
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(shown)
            .collect();
        given.join(", ")
    }
}
