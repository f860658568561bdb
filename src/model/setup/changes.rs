//! The changes that lead from a setup to what a policy file wants.

use std::collections::BTreeMap;

use crate::model::interval::Interval;
use crate::model::moment::Axis;
use crate::model::setup::change::{Change, Field, What};
use crate::model::setup::file::Wanted;
use crate::model::setup::name::Name;
use crate::model::setup::objects::{
    Age, AgePolicy, Aggregate, Compression, Hypertable, Index, Refresh, Reorder, Setup, Storage,
};
use crate::model::setup::order_by::OrderBy;
use crate::model::setup::wish::{self, Entry, IndexEntry, Kind, Length, Setting};
use crate::model::span::Span;
use crate::model::text;

const DAY: i64 = 86_400_000_000;
/// Schedule of a compression or retention policy that names none, as TimescaleDB sets it for chunks of a day and more.
const DAILY: Interval = Interval {
    months: 0,
    days: 1,
    micros: 0,
};

/// A plain table that the file wants as a hypertable: types of its columns by name, as `regtype` prints them.
pub type Columns = BTreeMap<String, String>;

/// What the changes rest on besides the present setup.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    pub present: &'a Setup,
    /// Plain tables that the file names.
    pub tables: &'a BTreeMap<Name, Columns>,
    /// Queries of the file in the server's spelling, by aggregate. Missing: compared as they are written.
    pub queries: &'a BTreeMap<Name, String>,
    /// Remove what matches `owns` and is not in the file.
    pub prune: bool,
}

/// The changes in the order in which an apply does them. The errors name the lines of the file.
pub fn changes(wanted: &Wanted, ground: &Ground) -> Result<Vec<Change>, Vec<String>> {
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for name in names(wanted, ground.present, Kind::Hypertable) {
        if let Some(entry) = wanted.entry(&name, Kind::Hypertable) {
            match hypertable(wanted, &entry, &name, ground) {
                Ok(changes) => found.extend(because(changes, &entry)),
                Err(why) => wrong.push(entry.at.says(&format!("{name}: {why}"))),
            }
        }
    }
    let mut axes = axes(&found, ground);
    let mut views = names(wanted, ground.present, Kind::Aggregate);
    views.sort_by_key(|name| depth(wanted, ground.present, name));
    for name in views {
        if let Some(entry) = wanted.entry(&name, Kind::Aggregate) {
            match aggregate(wanted, &entry, &name, ground, &axes) {
                Ok((changes, axis)) => {
                    axes.insert(name, axis);
                    found.extend(because(changes, &entry));
                }
                Err(why) => wrong.push(entry.at.says(&format!("{name}: {why}"))),
            }
        }
    }
    for entry in &wanted.indexes {
        match index(entry, ground, &axes) {
            Ok(change) => found.extend(change.map(|change| Change {
                why: entry.why.clone(),
                ..change
            })),
            Err(why) => wrong.push(entry.at.says(&format!("{}: {why}", entry.on))),
        }
    }
    found.extend(unnamed(wanted, ground));
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let depth = |change: &Change| {
        let depth = depth(wanted, ground.present, &change.of);
        // Parents are created first, and dropped last.
        if change.what == What::DropAggregate {
            usize::MAX - depth
        } else {
            depth
        }
    };
    found.sort_by_key(|change| (change.rank(), depth(change)));
    Ok(found)
}

fn because(changes: Vec<Change>, entry: &Entry) -> impl Iterator<Item = Change> {
    changes.into_iter().map(|change| {
        let own = match &change.what {
            What::AddRetain(_) | What::EditRetain(..) => match &entry.retain {
                Some(Setting::To(retain)) => retain.why.clone(),
                _ => None,
            },
            What::AddCompress(_) | What::EditCompress(..) => match &entry.compress {
                Some(Setting::To(compress)) => compress.why.clone(),
                _ => None,
            },
            _ => None,
        };
        Change {
            why: own.or_else(|| entry.why.clone()),
            ..change
        }
    })
}

/// The objects of a kind that the file names, and those that its patterns match.
fn names(wanted: &Wanted, present: &Setup, kind: Kind) -> Vec<Name> {
    let exact = wanted.entries.iter().filter(|entry| entry.kind == kind);
    let exact = exact.filter_map(|entry| match &entry.name {
        wish::Pattern::Is(name) => Some(name.clone()),
        wish::Pattern::Like(_) => None,
    });
    let there: Vec<Name> = match kind {
        Kind::Hypertable => present.hypertables.keys().cloned().collect(),
        Kind::Aggregate => present.aggregates.keys().cloned().collect(),
    };
    let mut all: Vec<Name> = exact.chain(there).collect();
    all.sort();
    all.dedup();
    all
}

/// Time axes of all relations, with those of the hypertables that are created.
fn axes(found: &[Change], ground: &Ground) -> BTreeMap<Name, Axis> {
    let tables = ground.present.hypertables.iter();
    let tables = tables.map(|(name, table)| (name.clone(), table.axis));
    let views = ground.present.aggregates.iter();
    let views = views.map(|(name, view)| (name.clone(), view.axis));
    let created = found.iter().filter_map(|change| match &change.what {
        What::CreateHypertable { time, .. } => {
            let axis = ground.tables.get(&change.of)?.get(time)?;
            Some((change.of.clone(), Axis::of(axis)))
        }
        _ => None,
    });
    tables.chain(views).chain(created).collect()
}

/// How many aggregates lie between this relation and a hypertable, by the file and by the server.
fn depth(wanted: &Wanted, present: &Setup, name: &Name) -> usize {
    let mut at = name.clone();
    for depth in 0..64 {
        let from = wanted
            .entry(&at, Kind::Aggregate)
            .and_then(|entry| entry.source);
        let from = from.or_else(|| present.aggregates.get(&at).map(|view| view.source.clone()));
        match from {
            Some(from) => at = from,
            None => return depth,
        }
    }
    64
}

fn hypertable(
    wanted: &Wanted,
    entry: &Entry,
    name: &Name,
    ground: &Ground,
) -> Result<Vec<Change>, String> {
    if let Some(there) = ground.present.hypertables.get(name) {
        let mut changes = Vec::new();
        if let Some(time) = entry.time.as_ref().filter(|time| **time != there.time) {
            let words = format!(
                "its time column is {:?}, not {time:?}: TimescaleDB cannot change it",
                there.time
            );
            changes.push(Change::new(name, What::Impossible(words), Vec::new()));
        }
        if let Some(length) = entry.interval {
            let new = interval(length, there.axis)?;
            let field = Field::of(
                "chunk_interval",
                said(there.axis, there.interval),
                said(there.axis, new),
            );
            changes.extend(
                field
                    .filter(|_| new != there.interval)
                    .map(|field| Change::new(name, What::SetInterval(new), vec![field])),
            );
        }
        let time = (there.time.as_str(), there.axis);
        changes.extend(storage(wanted, entry, name, &there.storage, time)?);
        return Ok(changes);
    }
    if ground.present.aggregates.contains_key(name) {
        return Err("is a continuous aggregate: write it under [[aggregate]]".to_owned());
    }
    let columns = ground.tables.get(name).ok_or(
        "there is no such table: hypertop creates no tables, a migration tool does; then plan again",
    )?;
    let time = entry
        .time
        .clone()
        .ok_or("is a plain table: to make it a hypertable, name its time column: time = \"ts\"")?;
    let kind = columns.get(&time).ok_or_else(|| {
        let all: Vec<_> = columns.keys().map(String::as_str).collect();
        format!(
            "time: there is no column {time:?}; there are: {}",
            all.join(", ")
        )
    })?;
    let axis = Axis::of(kind);
    let length = entry
        .interval
        .map(|length| interval(length, axis))
        .transpose()?;
    if axis == Axis::Integer && length.is_none() {
        return Err(
            "chunk_interval: its time is an integer, so it must be given, as a number".to_owned(),
        );
    }
    let mut fields = vec![Field::new("time", None, Some(time.clone()))];
    fields
        .extend(length.map(|length| Field::new("chunk_interval", None, Some(said(axis, length)))));
    let what = What::CreateHypertable {
        time: time.clone(),
        interval: length,
    };
    let mut changes = vec![Change::new(name, what, fields)];
    changes.extend(storage(
        wanted,
        entry,
        name,
        &Storage::default(),
        (&time, axis),
    )?);
    Ok(changes)
}

/// A chunk interval in the unit of the time column. A month has 30 days, as TimescaleDB reckons.
fn interval(length: Length, axis: Axis) -> Result<i64, String> {
    let span = length
        .on(axis)
        .map_err(|why| format!("chunk_interval: {why}"))?;
    let length = match span {
        Span::Number(units) => Some(units),
        Span::Interval(interval) => {
            let days = interval.months.checked_mul(30);
            let days = days.and_then(|days| days.checked_add(interval.days));
            let micros = days.and_then(|days| days.checked_mul(DAY));
            micros.and_then(|micros| micros.checked_add(interval.micros))
        }
    };
    length.filter(|length| *length > 0).ok_or_else(|| {
        "chunk_interval must be longer than zero, and not longer than 290,000 years".to_owned()
    })
}

/// A length in the unit of the time column as text.
pub(crate) fn said(axis: Axis, length: i64) -> String {
    self::length(axis, length).to_string()
}

fn aggregate(
    wanted: &Wanted,
    entry: &Entry,
    name: &Name,
    ground: &Ground,
    axes: &BTreeMap<Name, Axis>,
) -> Result<(Vec<Change>, Axis), String> {
    let there = ground.present.aggregates.get(name);
    if entry.absent {
        let gone = there.map(|_| Change::new(name, What::DropAggregate, Vec::new()));
        let axis = there.map_or(Axis::TimestampTz, |view| view.axis);
        return Ok((gone.into_iter().collect(), axis));
    }
    let Some(there) = there else {
        if ground.present.hypertables.contains_key(name) {
            return Err("is a hypertable: write it under [[hypertable]]".to_owned());
        }
        let source = entry
            .source
            .clone()
            .ok_or("does not exist: to create it, name what it reads: from = \"schema.name\"")?;
        let query = entry.query.clone().ok_or(
            "does not exist: to create it, give its query = \"\"\"select time_bucket(…) …\"\"\"",
        )?;
        let axis = axes.get(&source).copied().ok_or_else(|| {
            format!("from: {source} is neither a hypertable nor an aggregate, here or in the file")
        })?;
        let fields = vec![Field::new("from", None, Some(source.to_string()))];
        let what = What::CreateAggregate {
            source,
            query,
            materialized_only: entry.materialized_only,
        };
        let mut changes = vec![Change::new(name, what, fields)];
        let new = Aggregate {
            id: None,
            axis,
            source: name.clone(),
            materialized_only: entry.materialized_only.unwrap_or(true),
            query: None,
            refresh: Vec::new(),
            storage: Storage::default(),
        };
        changes.extend(refreshes(wanted, entry, name, &new)?);
        changes.extend(storage(wanted, entry, name, &new.storage, ("", axis))?);
        return Ok((changes, axis));
    };
    let mut changes = Vec::new();
    if let Some(source) = entry
        .source
        .as_ref()
        .filter(|source| **source != there.source)
    {
        let words = format!(
            "it reads {}, not {source}: drop it and create it again (its rows are lost)",
            there.source
        );
        changes.push(Change::new(name, What::Impossible(words), Vec::new()));
    }
    changes.extend(query(entry, name, there, ground));
    if let Some(only) = entry
        .materialized_only
        .filter(|only| *only != there.materialized_only)
    {
        let field = Field::of(
            "materialized_only",
            there.materialized_only.to_string(),
            only.to_string(),
        );
        let what = What::SwitchRealTime {
            materialized_only: only,
        };
        changes.push(Change::new(name, what, field.into_iter().collect()));
    }
    changes.extend(refreshes(wanted, entry, name, there)?);
    changes.extend(storage(
        wanted,
        entry,
        name,
        &there.storage,
        ("", there.axis),
    )?);
    Ok((changes, there.axis))
}

/// The difference of an aggregate's query. Spaces and a last semicolon do not count.
fn query(entry: &Entry, name: &Name, there: &Aggregate, ground: &Ground) -> Option<Change> {
    let bare = |text: &str| {
        let words: Vec<_> = text.split_whitespace().collect();
        words.join(" ").trim_end_matches(';').trim_end().to_owned()
    };
    let written = entry.query.as_ref()?;
    let has = there.query.as_ref()?;
    let wants = ground.queries.get(name).unwrap_or(written);
    if bare(wants) == bare(has) || bare(written) == bare(has) {
        return None;
    }
    let words = "its query differs from the file's: TimescaleDB cannot change it; drop it and create it again (its rows are lost)";
    let fields = vec![Field::new("query", Some(bare(has)), Some(bare(wants)))];
    Some(Change::new(
        name,
        What::Impossible(words.to_owned()),
        fields,
    ))
}

fn refreshes(
    wanted: &Wanted,
    entry: &Entry,
    name: &Name,
    there: &Aggregate,
) -> Result<Vec<Change>, String> {
    let wishes: &[wish::Refresh] = match &entry.refresh {
        None => return Ok(Vec::new()),
        Some(Setting::None) => &[],
        Some(Setting::To(all)) => all,
    };
    let mut new = Vec::new();
    for wish in wishes {
        let side = |length: Option<Length>, word: &str| {
            let span = length.map(|length| length.on(there.axis)).transpose();
            span.map_err(|why| format!("refresh: {word}: {why}"))
        };
        let every = wish
            .every
            .map(|every| every.0)
            .or(entry.schedule)
            .or(wanted.schedule);
        new.push(Refresh {
            job: None,
            start: side(wish.start, "start")?,
            end: side(wish.end, "end")?,
            scheduled: !wish.paused,
            every: every
                .ok_or("refresh: every is missing: write how often it runs, every = \"1h\"")?,
        });
    }
    let same = |one: &Refresh, other: &Refresh| {
        (one.start, one.end, one.every) == (other.start, other.end, other.every)
    };
    let left: Vec<&Refresh> = there
        .refresh
        .iter()
        .filter(|had| !new.iter().any(|new| same(had, new)))
        .collect();
    let more: Vec<&Refresh> = new
        .iter()
        .filter(|new| !there.refresh.iter().any(|had| same(had, new)))
        .collect();
    let mut changes = Vec::new();
    for new in &new {
        // A policy that stays, and is paused or not as the file says.
        let had = there.refresh.iter().find(|had| same(had, new));
        changes.extend(
            had.and_then(|had| paused(name, "refresh", had.job, had.scheduled, new.scheduled)),
        );
    }
    for at in 0..left.len().max(more.len()) {
        let change = match (left.get(at), more.get(at)) {
            (Some(&&old), Some(&&new)) => {
                let new = Refresh {
                    job: old.job,
                    ..new
                };
                let fields = [
                    Field::of("refresh.start", open(old.start), open(new.start)),
                    Field::of("refresh.end", open(old.end), open(new.end)),
                    Field::of("refresh.every", spelled(old.every), spelled(new.every)),
                ];
                let fields = fields.into_iter().flatten().collect();
                changes.extend(paused(
                    name,
                    "refresh",
                    old.job,
                    old.scheduled,
                    new.scheduled,
                ));
                Change::new(name, What::EditRefresh(old, new), fields)
            }
            (Some(&&old), None) => {
                let fields = vec![Field::new("refresh", Some(window(&old)), None)];
                Change::new(name, What::RemoveRefresh(old), fields)
            }
            (None, Some(&&new)) => {
                let fields = vec![Field::new("refresh", None, Some(window(&new)))];
                Change::new(name, What::AddRefresh(new), fields)
            }
            (None, None) => break,
        };
        changes.push(change);
    }
    Ok(changes)
}

pub(crate) fn open(side: Option<Span>) -> String {
    side.map_or_else(|| "open".to_owned(), |span| span.to_string())
}

fn window(refresh: &Refresh) -> String {
    format!(
        "from {} to {} before now, every {}",
        open(refresh.start),
        open(refresh.end),
        spelled(refresh.every)
    )
}

pub(crate) fn spelled(interval: Interval) -> String {
    Span::Interval(interval).to_string()
}

/// `time`: the time column (empty: unknown) and its axis.
fn storage(
    wanted: &Wanted,
    entry: &Entry,
    name: &Name,
    there: &Storage,
    time: (&str, Axis),
) -> Result<Vec<Change>, String> {
    let mut changes = compression(wanted, entry, name, there, time)?;
    changes.extend(retention(wanted, entry, name, there, time.1)?);
    match (&entry.reorder, &there.reorder) {
        (None, _) | (Some(Setting::None), None) => {}
        (Some(Setting::None), Some(had)) => {
            let fields = vec![Field::new("reorder", Some(had.index.clone()), None)];
            changes.push(Change::new(name, What::RemoveReorder(had.clone()), fields));
        }
        (Some(Setting::To(wish)), had) => {
            let every = wish
                .every
                .map(|every| every.0)
                .or(had.as_ref().map(|had| had.every));
            let new = Reorder {
                job: None,
                index: wish.index.clone(),
                every: every.unwrap_or(DAILY),
            };
            let old = had.as_ref().map(|had| (had.index.clone(), had.every));
            if old != Some((new.index.clone(), new.every)) {
                let was = had.as_ref().map(|had| had.index.clone());
                let fields = vec![Field::new("reorder", was, Some(new.index.clone()))];
                if let Some(had) = had {
                    changes.push(Change::new(
                        name,
                        What::RemoveReorder(had.clone()),
                        Vec::new(),
                    ));
                }
                changes.push(Change::new(name, What::AddReorder(new), fields));
            }
        }
    }
    Ok(changes)
}

fn compression(
    wanted: &Wanted,
    entry: &Entry,
    name: &Name,
    there: &Storage,
    (time, axis): (&str, Axis),
) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    let remove = |had: &AgePolicy| {
        let fields = vec![Field::new(
            "compress.after",
            Some(had.age.to_string()),
            None,
        )];
        Change::new(name, What::RemoveCompress(*had), fields)
    };
    let wish = match &entry.compress {
        None => return Ok(changes),
        Some(Setting::None) => {
            changes.extend(there.compress.as_ref().map(remove));
            if there.compression.is_some() {
                changes.push(Change::new(name, What::DisableCompression, Vec::new()));
            }
            return Ok(changes);
        }
        Some(Setting::To(wish)) => wish,
    };
    let order_by = wish
        .order_by
        .as_ref()
        .map(|all| all.iter().map(|one| one.0.clone()).collect::<Vec<_>>());
    let had = there.compression.clone();
    let new = Compression {
        segment_by: wish
            .segment_by
            .clone()
            .or_else(|| had.as_ref()?.segment_by.clone()),
        order_by: order_by.or_else(|| had.as_ref()?.order_by.clone()),
    };
    let old = had.clone().unwrap_or_default();
    let segments = |of: &Compression| match &of.segment_by {
        None => "TimescaleDB's choice".to_owned(),
        Some(none) if none.is_empty() => "nothing".to_owned(),
        Some(columns) => columns.join(", "),
    };
    let orders = |of: &Compression| {
        let default = (!time.is_empty()).then(|| vec![OrderBy::newest_first(time)]);
        let all = of
            .order_by
            .clone()
            .filter(|all| !all.is_empty())
            .or(default);
        let all = all.map(|all| {
            all.iter()
                .map(OrderBy::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        });
        all.unwrap_or_else(|| "the default".to_owned())
    };
    let fields = [
        Field::of("compress.segment_by", segments(&old), segments(&new)),
        Field::of("compress.order_by", orders(&old), orders(&new)),
    ];
    let fields: Vec<Field> = fields.into_iter().flatten().collect();
    if had.is_none() {
        let all = vec![
            Field::new("compress.segment_by", None, Some(segments(&new))),
            Field::new("compress.order_by", None, Some(orders(&new))),
        ];
        changes.push(Change::new(name, What::EnableCompression(new), all));
    } else if !fields.is_empty() {
        changes.push(Change::new(name, What::EditCompression(new), fields));
    }
    if wish.after == Some(Setting::None) {
        changes.extend(there.compress.as_ref().map(remove));
        return Ok(changes);
    }
    let after = match wish.after {
        Some(Setting::To(after)) => Some(after),
        _ => None,
    };
    let age =
        wish::age(after, wish.created_before, axis).map_err(|why| format!("compress: {why}"))?;
    let every = wish
        .every
        .map(|every| every.0)
        .or(entry.schedule)
        .or(wanted.schedule);
    changes.extend(policy(
        name,
        "compress",
        there.compress,
        (age, every, wish.paused),
    )?);
    Ok(changes)
}

fn retention(
    wanted: &Wanted,
    entry: &Entry,
    name: &Name,
    there: &Storage,
    axis: Axis,
) -> Result<Vec<Change>, String> {
    let wish = match (&entry.retain, &there.retain) {
        (None, _) | (Some(Setting::None), None) => return Ok(Vec::new()),
        (Some(Setting::None), Some(had)) => {
            let fields = vec![Field::new("retain.after", Some(had.age.to_string()), None)];
            return Ok(vec![Change::new(name, What::RemoveRetain(*had), fields)]);
        }
        (Some(Setting::To(wish)), _) => wish,
    };
    let age =
        wish::age(wish.after, wish.created_before, axis).map_err(|why| format!("retain: {why}"))?;
    let every = wish
        .every
        .map(|every| every.0)
        .or(entry.schedule)
        .or(wanted.schedule);
    policy(name, "retain", there.retain, (age, every, wish.paused))
}

/// The change of a policy by age, `compress` or `retain`.
fn policy(
    name: &Name,
    word: &str,
    there: Option<AgePolicy>,
    (age, every, is_paused): (Option<Age>, Option<Interval>, Option<bool>),
) -> Result<Vec<Change>, String> {
    let compress = word == "compress";
    let (after, beat) = (format!("{word}.after"), format!("{word}.every"));
    let Some(had) = there else {
        let Some(age) = age else {
            return match compress {
                // Settings without a policy are a wish of their own.
                true => Ok(Vec::new()),
                false => Err("retain: after is missing: write from which age chunks are dropped, after = \"90 days\"".to_owned()),
            };
        };
        let new = AgePolicy {
            job: None,
            age,
            every: every.unwrap_or(DAILY),
            scheduled: is_paused != Some(true),
        };
        let what = if compress {
            What::AddCompress(new)
        } else {
            What::AddRetain(new)
        };
        let fields = vec![
            Field::new(&after, None, Some(age.to_string())),
            Field::new(&beat, None, Some(spelled(new.every))),
        ];
        return Ok(vec![Change::new(name, what, fields)]);
    };
    let new = AgePolicy {
        age: age.unwrap_or(had.age),
        every: every.unwrap_or(had.every),
        ..had
    };
    let mut changes: Vec<Change> =
        paused(name, word, had.job, had.scheduled, is_paused != Some(true))
            .into_iter()
            .collect();
    let fields = [
        Field::of(&after, had.age.to_string(), new.age.to_string()).filter(|_| had.age != new.age),
        Field::of(&beat, spelled(had.every), spelled(new.every)).filter(|_| had.every != new.every),
    ];
    let fields: Vec<Field> = fields.into_iter().flatten().collect();
    if fields.is_empty() {
        return Ok(changes);
    }
    let what = if compress {
        What::EditCompress(had, new)
    } else {
        What::EditRetain(had, new)
    };
    changes.push(Change::new(name, what, fields));
    Ok(changes)
}

/// The change of a policy that is paused and shall not be, or the other way round. A policy that the file describes is scheduled unless
/// the file says `paused = true`: an interrupted apply leaves new policies paused.
fn paused(name: &Name, word: &str, job: Option<i64>, is: bool, shall: bool) -> Option<Change> {
    let what = match (job?, shall) {
        _ if is == shall => return None,
        (job, true) => What::Resume(job),
        (job, false) => What::Pause(job),
    };
    let field = Field::of(
        &format!("{word}.paused"),
        (!is).to_string(),
        (!shall).to_string(),
    );
    Some(Change::new(name, what, field.into_iter().collect()))
}

fn index(
    entry: &IndexEntry,
    ground: &Ground,
    axes: &BTreeMap<Name, Axis>,
) -> Result<Option<Change>, String> {
    let there = ground.present.indexes.get(&entry.on);
    let named = entry
        .name
        .as_ref()
        .and_then(|name| Some((name, there?.get(name)?)));
    if entry.absent {
        return Ok(named.and_then(|(name, index)| {
            let what = What::DropIndex {
                name: name.clone(),
                oid: index.oid?,
            };
            Some(Change::new(&entry.on, what, Vec::new()))
        }));
    }
    if !axes.contains_key(&entry.on) {
        return Err(
            "an index is made on a hypertable or an aggregate, and this is none".to_owned(),
        );
    }
    let new = Index {
        oid: None,
        columns: entry.columns.clone(),
        include: entry.include.clone(),
        method: entry.method.clone(),
        unique: entry.unique,
        predicate: entry.predicate.clone(),
        by_default: false,
    };
    let same = |index: &Index| normal(index) == normal(&new);
    match named {
        Some((_, index)) if same(index) => return Ok(None),
        Some((name, index)) => {
            let words = format!(
                "index {} has another definition than in the file: drop it (absent = true), or name the new one otherwise",
                text::quote_identifier(name)
            );
            let fields = vec![Field::new("columns", Some(shape(index)), Some(shape(&new)))];
            return Ok(Some(Change::new(
                &entry.on,
                What::Impossible(words),
                fields,
            )));
        }
        None => {}
    }
    if there.is_some_and(|all| all.values().any(same)) {
        return Ok(None);
    }
    let fields = vec![Field::new("index", None, Some(shape(&new)))];
    let what = What::CreateIndex {
        name: entry.name.clone(),
        index: new,
    };
    Ok(Some(Change::new(&entry.on, what, fields)))
}

/// The definition of an index without what its spelling may vary in: case outside of quotes, spaces, `ASC`, and the order of NULLs that is
/// the default.
fn normal(index: &Index) -> (Vec<String>, Vec<String>, String, bool, Option<String>) {
    let column = |text: &String| {
        let squeezed = squeezed(text);
        let end = |text: &str, word: &str| text.strip_suffix(word).map(str::to_owned);
        let squeezed = end(&squeezed, " desc nulls first").map_or(squeezed, |rest| rest + " desc");
        let squeezed = end(&squeezed, " nulls last")
            .filter(|rest| !rest.ends_with(" desc"))
            .unwrap_or(squeezed);
        end(&squeezed, " asc").unwrap_or(squeezed)
    };
    let predicate = index
        .predicate
        .as_ref()
        .map(|text| squeezed(text).replace(['(', ')', ' '], ""));
    let mut include: Vec<String> = index.include.iter().map(|text| squeezed(text)).collect();
    include.sort();
    let columns = index.columns.iter().map(column).collect();
    (
        columns,
        include,
        index.method.clone(),
        index.unique,
        predicate,
    )
}

fn squeezed(text: &str) -> String {
    let (mut out, mut quoted) = (String::new(), None);
    for c in text.trim().chars() {
        match quoted {
            Some(open) if c == open => quoted = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'') => quoted = Some(c),
            None if c.is_whitespace() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
                continue;
            }
            None => {}
        }
        match quoted {
            None => out.extend(c.to_lowercase()),
            Some(_) => out.push(c),
        }
    }
    out
}

/// An index as text: `unique (device_id, ts DESC) include (value)`.
pub(crate) fn shape(index: &Index) -> String {
    let unique = if index.unique { "unique " } else { "" };
    let method = if index.method == "btree" {
        String::new()
    } else {
        format!("{} ", index.method)
    };
    let mut out = format!("{unique}{method}({})", index.columns.join(", "));
    if !index.include.is_empty() {
        out.push_str(&format!(" include ({})", index.include.join(", ")));
    }
    if let Some(predicate) = &index.predicate {
        out.push_str(&format!(" where {predicate}"));
    }
    out
}

/// The objects that a pattern in `owns` matches and the file does not name; with `prune` the changes that remove them.
fn unnamed(wanted: &Wanted, ground: &Ground) -> Vec<Change> {
    let mut found = Vec::new();
    let present = ground.present;
    for (name, view) in &present.aggregates {
        if wanted.owns(name) && wanted.entry(name, Kind::Aggregate).is_none() {
            let what = if ground.prune {
                What::DropAggregate
            } else {
                What::Unnamed
            };
            let fields = vec![Field::new("from", Some(view.source.to_string()), None)];
            found.push(Change::new(name, what, fields));
        }
    }
    for (name, table) in &present.hypertables {
        if wanted.owns(name) && wanted.entry(name, Kind::Hypertable).is_none() {
            found.extend(unnamed_policies(name, table, ground.prune));
        }
    }
    for (name, indexes) in &present.indexes {
        if !wanted.owns(name) || !wanted.indexes.iter().any(|entry| entry.on == *name) {
            continue;
        }
        for (index, has) in indexes.iter().filter(|(_, has)| !has.by_default) {
            let meant = |entry: &&IndexEntry| {
                let new = Index {
                    oid: None,
                    columns: entry.columns.clone(),
                    include: entry.include.clone(),
                    method: entry.method.clone(),
                    unique: entry.unique,
                    predicate: entry.predicate.clone(),
                    by_default: false,
                };
                entry.name.as_ref() == Some(index) || normal(&new) == normal(has)
            };
            let mut on = wanted.indexes.iter().filter(|entry| entry.on == *name);
            if on.any(|entry| meant(&entry)) {
                continue;
            }
            let what = match has.oid {
                Some(oid) if ground.prune => What::DropIndex {
                    name: index.clone(),
                    oid,
                },
                _ => What::Unnamed,
            };
            let fields = vec![Field::new(
                &format!("index {index}"),
                Some(shape(has)),
                None,
            )];
            found.push(Change::new(name, what, fields));
        }
    }
    found
}

/// The policies of a hypertable that the file does not name. The table itself is never removed.
fn unnamed_policies(name: &Name, table: &Hypertable, prune: bool) -> Vec<Change> {
    let storage = &table.storage;
    let compress = storage.compress.map(|had| {
        let field = Field::new("compress.after", Some(had.age.to_string()), None);
        (What::RemoveCompress(had), field)
    });
    let retain = storage.retain.map(|had| {
        let field = Field::new("retain.after", Some(had.age.to_string()), None);
        (What::RemoveRetain(had), field)
    });
    let reorder = storage.reorder.as_ref().map(|had| {
        let field = Field::new("reorder", Some(had.index.clone()), None);
        (What::RemoveReorder(had.clone()), field)
    });
    let all = [compress, retain, reorder].into_iter().flatten();
    all.map(|(what, field)| {
        let what = if prune { what } else { What::Unnamed };
        Change::new(name, what, vec![field])
    })
    .collect()
}

/// A length in the unit of the time column.
pub(crate) fn length(axis: Axis, length: i64) -> Span {
    match axis {
        Axis::Integer => Span::Number(length),
        _ => Span::Interval(Interval {
            days: length / DAY,
            micros: length % DAY,
            ..Interval::default()
        }),
    }
}
