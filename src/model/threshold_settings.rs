//! Reads `[thresholds]` and `[[thresholds_for]]` of config.toml.

use std::collections::BTreeMap;

use toml::{Spanned, Value};

use crate::model::interval::Interval;
use crate::model::text::{bytes_of, nearest};
use crate::model::thresholds::{
    ALL, Exception, Limits, Scope, Threshold, Thresholds, Unit, Written,
};

/// A table of config.toml, each key and value with its byte offsets in the file.
pub type Table = BTreeMap<Spanned<String>, Spanned<Value>>;
/// Byte offset in config.toml, and the error.
pub(crate) type Wrong = (usize, String);

/// Pairs of thresholds in which the first must not exceed the second.
const IN_ORDER: &[(&str, &str)] = &[
    ("connections_percent", "connections_critical_percent"),
    ("idle_in_transaction_notice", "idle_in_transaction"),
    ("long_transaction_notice", "long_transaction"),
    ("query_percent_notice", "query_percent"),
    ("rollback_percent_notice", "rollback_percent"),
    ("spill_bytes_notice", "spill_bytes"),
    ("aggregate_lag_factor", "aggregate_lag_critical_factor"),
];

/// Reads `[thresholds]` and every `[[thresholds_for]]`. `from` turns the byte offset of a key into its file and line: `config.toml:3`. An
/// error names the key.
pub fn read(
    all: &Table,
    exceptions: &[Table],
    from: impl Fn(usize) -> String,
) -> Result<Thresholds, Wrong> {
    let mut thresholds = Thresholds::default();
    for (key, value) in all {
        let read = value_of(key, value)?;
        thresholds.all.set(key.as_ref(), read);
        thresholds.written.push(Written {
            key: key.as_ref().clone(),
            value: read,
            from: from(key.span().start),
            name: None,
        });
    }
    ordered(&thresholds.all, all)?;
    for table in exceptions {
        let exception = read_exception(table)?;
        let mut limits = thresholds.all;
        for (key, value) in &exception.changes {
            limits.set(key, *value);
        }
        ordered(&limits, table)?;
        let keys = table.keys().filter(|key| key.as_ref() != "name");
        let written = keys.zip(&exception.changes);
        let written = written.map(|(place, (key, value))| Written {
            key: key.clone(),
            value: *value,
            from: from(place.span().start),
            name: Some(exception.name.clone()),
        });
        thresholds.written.extend(written);
        thresholds.exceptions.push(exception);
    }
    Ok(thresholds)
}

/// A threshold from the command line: `key=value`, with the value as in config.toml, quoted or not.
pub fn one(text: &str) -> Result<(String, f64), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?}: write --threshold key=value"))?;
    let (key, value) = (key.trim(), value.trim());
    let bare = value.trim_matches('"').to_owned();
    let number = bare.parse().ok().filter(|number: &f64| number.is_finite());
    let value = number.map_or(Value::String(bare), Value::Float);
    let read = value_of(
        &Spanned::new(0..0, key.to_owned()),
        &Spanned::new(0..0, value),
    );
    read.map(|value| (key.to_owned(), value))
        .map_err(|(_, why)| why)
}

fn read_exception(table: &Table) -> Result<Exception, Wrong> {
    let place = table.keys().map(|key| key.span().start).min().unwrap_or(0);
    let (mut name, mut changes) = (None, Vec::new());
    for (key, value) in table {
        if key.as_ref() != "name" {
            let known = Threshold::named(key.as_ref());
            if known.is_some_and(|known| known.scope == Scope::Server) {
                let why = format!(
                    "{} applies to the whole server: set it in [thresholds]",
                    key.as_ref()
                );
                return Err((key.span().start, why));
            }
            changes.push((key.as_ref().clone(), value_of(key, value)?));
            continue;
        }
        let Value::String(text) = value.as_ref() else {
            return Err((value.span().start, NAME.to_owned()));
        };
        name = Some(text.clone());
    }
    let name = name.ok_or_else(|| (place, NAME.to_owned()))?;
    Ok(Exception { name, changes })
}

const NAME: &str = "[[thresholds_for]] needs name = \"…\": schema.name as on the screens; * stands for any text, such as \"mes.*\"";

fn value_of(key: &Spanned<String>, value: &Spanned<Value>) -> Result<f64, Wrong> {
    let name = key.as_ref();
    let Some(Threshold { unit, .. }) = Threshold::named(name) else {
        let near = nearest(name, ALL.iter().map(|known| known.key));
        let near = match near.as_slice() {
            [] => String::new(),
            near => format!("similar: {}; ", near.join(", ")),
        };
        let why =
            format!("there is no threshold {name}; {near}`hypertop thresholds` lists all of them");
        return Err((key.span().start, why));
    };
    let meant = match (unit, value.as_ref()) {
        (Unit::Time, Value::String(text)) => Interval::parse(text).ok().map(Interval::seconds),
        (Unit::Bytes, Value::String(text)) => bytes_of(text),
        (Unit::Percent, Value::String(text)) => text
            .strip_suffix('%')
            .and_then(|number| number.trim().parse().ok()),
        (Unit::Factor | Unit::Count, Value::String(_)) | (Unit::Time, _) => None,
        (_, value) => number(value),
    };
    let fits = |number: &f64| match unit {
        Unit::Percent => *number > 0.0 && *number <= 100.0,
        Unit::Count => *number >= 1.0 && number.fract() == 0.0,
        Unit::Time | Unit::Bytes | Unit::Factor => number.is_finite() && *number > 0.0,
    };
    meant.filter(fits).ok_or_else(|| {
        let how = match unit {
            Unit::Time => "a time above 0: write \"5m\", \"1h30m\" or \"2 days\"",
            Unit::Bytes => "a size above 0: write \"10 GiB\", \"500 MB\" or a number of bytes",
            Unit::Percent => "above 0 and at most 100: write 80",
            Unit::Factor => "a number above 0: write 1.5",
            Unit::Count => "a whole number, 1 or more: write 3",
        };
        let why = format!("{name} = {}: expected {how}", value.as_ref());
        (value.span().start, why)
    })
}

#[expect(clippy::cast_precision_loss, reason = "a threshold need not be exact")]
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

/// Checks the pairs of [`IN_ORDER`]. The error has the offset of the key that comes first in the table.
fn ordered(limits: &Limits, table: &Table) -> Result<(), Wrong> {
    for (mild, grave) in IN_ORDER {
        if limits.get(mild) <= limits.get(grave) {
            continue;
        }
        let written = |key: &&Spanned<String>| [*mild, *grave].contains(&key.as_ref().as_str());
        let place = table.keys().find(written).map_or(0, |key| key.span().start);
        let why = format!("{mild} is above {grave}. Lower {mild} or raise {grave}");
        return Err((place, why));
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what was written is read")]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        thresholds: Table,
        #[serde(default)]
        thresholds_for: Vec<Table>,
    }

    fn parsed(text: &str) -> Result<Thresholds, Wrong> {
        let file: File = toml::from_str(text).unwrap();
        read(&file.thresholds, &file.thresholds_for, |place| {
            place.to_string()
        })
    }

    #[test]
    fn thresholds_are_changed_for_all_and_by_name() {
        let read = parsed(
            "[thresholds]\nslot_bytes = \"1 GiB\"\nlong_transaction = \"2 h\"\nconnections_percent = \"90%\"\npoor_ratio = 2\n\
             [[thresholds_for]]\nname = \"mes.*\"\npoor_ratio = 5.5\ncompression_patience = \"1 day\"\n\
             [[thresholds_for]]\nname = \"mes.metrics\"\npoor_ratio = 6\n",
        )
        .unwrap();
        assert_eq!(
            (
                read.all.slot_bytes,
                read.all.long_transaction,
                read.all.connections_percent
            ),
            (1_073_741_824.0, 7200.0, 90.0)
        );
        assert_eq!(read.of("public.other").poor_ratio, 2.0);
        assert_eq!(read.of("mes.energy").poor_ratio, 5.5);
        assert_eq!(read.of("mes.energy").compression_patience, 86_400.0);
        assert_eq!(read.of("mes.metrics").poor_ratio, 6.0);
        assert_eq!(read.of("mes.metrics").compression_patience, 86_400.0);
        let written: Vec<_> = read.written.iter().map(|of| of.key.as_str()).collect();
        assert_eq!(written.len(), 7, "{written:?}");
        assert_eq!(read.all.prepared_age, Limits::default().prepared_age);
    }

    #[test]
    fn what_is_wrong_names_the_key_and_the_fix_and_its_place() {
        for (text, words) in [
            ("patience = 1", "`hypertop thresholds` lists all"),
            ("slot_byte = 1", "similar: slot_bytes"),
            (
                "wraparound_percent = 1",
                "similar: wraparound_critical_percent",
            ),
            ("slot_bytes = \"much\"", "write \"10 GiB\""),
            ("slot_bytes = \"10 G\"", "write \"10 GiB\""),
            ("prepared_age = 600", "write \"5m\""),
            ("prepared_age = \"-5m\"", "write \"5m\""),
            ("connections_percent = 120", "write 80"),
            ("connections_percent = 99", "connections_critical_percent"),
            ("poor_ratio = 0", "write 1.5"),
            ("poor_ratio = \"3\"", "write 1.5"),
            ("poor_ratio = nan", "write 1.5"),
            ("job_failures_critical = 2.5", "write 3"),
        ] {
            let (place, why) = parsed(&format!("[thresholds]\n{text}")).unwrap_err();
            let key = text.split_once(' ').unwrap().0;
            assert!(why.contains(key) && why.contains(words), "{text}: {why}");
            assert!(place >= 13, "{text}: {place}");
        }
        for (text, words) in [
            ("poor_ratio = 2", "needs name = "),
            ("name = 3", "needs name = "),
            ("name = \"a\"\nslot_bytes = 5", "set it in [thresholds]"),
            (
                "name = \"a\"\naggregate_lag_factor = 4",
                "aggregate_lag_critical_factor",
            ),
        ] {
            let (place, why) = parsed(&format!("[[thresholds_for]]\n{text}")).unwrap_err();
            assert!(why.contains(words), "{text}: {why}");
            assert!(place >= 19, "{text}: {place}");
        }
    }
}
