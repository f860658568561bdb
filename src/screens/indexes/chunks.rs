//! The details of an index: state and number of scans in each chunk.

use anyhow::Result;
use serde::Deserialize;

use crate::model::moment::{Axis, Point};
use crate::model::text;
use crate::model::value::Value;
use crate::model::verdict::Level;
use crate::screens::axis::{MapCell, Slice, TimeAxis};
use crate::screens::chunks::Size;
use crate::screens::indexes::row::Row;
use crate::screens::record::{Labelled, Section, heads};
use crate::server::known::At;
use crate::server::row::{or_default, read_all};

#[derive(Deserialize)]
struct Chunk {
    #[serde(rename = "chunk")]
    name: String,
    #[serde(rename = "range_start")]
    start: Option<i64>,
    #[serde(rename = "range_end")]
    end: Option<i64>,
    /// Column type of the time dimension; `None`: a partition, or a plain table.
    axis: Option<Axis>,
    compressed: bool,
    /// Name of the chunk's index; `None`: the chunk does not have the index.
    index: Option<String>,
    #[serde(deserialize_with = "or_default")]
    valid: bool,
    leftover: bool,
    /// Process id of the session that is building the chunk's index now.
    builder: Option<i64>,
    /// Number of scans since the statistics were reset; `None`: the chunk does not have the index.
    scans: Option<i64>,
    #[serde(rename = "bytes")]
    size: Size,
}

impl Chunk {
    fn point(&self, raw: Option<i64>) -> Option<Point> {
        let (axis, raw) = self.axis.zip(raw)?;
        Some(Point { axis, raw })
    }

    fn level(&self, row: &Row) -> Level {
        match &self.index {
            None => without_index(row),
            Some(_) if self.builder.is_some() => Level::Ok,
            Some(_) if self.leftover => Level::Warning,
            Some(_) if !self.valid => Level::Critical,
            Some(_) => Level::Ok,
        }
    }

    fn state(&self) -> &'static str {
        match &self.index {
            None => "no index",
            Some(_) if self.builder.is_some() => "being built",
            Some(_) if self.leftover => "leftover of a REINDEX",
            Some(_) if !self.valid => "invalid",
            Some(_) if self.compressed => "compressed: empty",
            Some(_) => "valid",
        }
    }
}

/// Level of a chunk without the index: no problem while the index is being built on one chunk after another.
fn without_index(row: &Row) -> Level {
    if row.building.is_some() {
        Level::Ok
    } else {
        Level::Warning
    }
}

/// `rows` are sorted oldest first; the list shows the newest first.
pub(super) fn sections(row: &Row, rows: &[tokio_postgres::Row], at: &At) -> Result<Vec<Section>> {
    if row.parts.is_none() {
        return Ok(Vec::new());
    }
    let chunks: Vec<Chunk> = read_all(rows)?;
    let mut sections = Vec::new();
    if at.server.track_counts && row.kind.has_chunks() {
        sections.extend(recent_against_old(&chunks));
    }
    sections.extend(use_by_chunk(row, &chunks, at));
    let part = row.kind.part();
    let there = || chunks.iter().filter(|chunk| chunk.index.is_some());
    let note = Size::note("size", there().map(|chunk| chunk.size));
    let cells = chunks.iter().rev().map(|chunk| {
        vec![
            Value::text(chunk.name.as_str()),
            chunk.point(chunk.start).into(),
            chunk.point(chunk.end).into(),
            chunk.state().into(),
            chunk.scans.filter(|_| at.server.track_counts).into(),
            chunk.size.into(),
            chunk.index.clone().into(),
        ]
    });
    sections.push(Section::Grid {
        title: format!(
            "Indexes on {part}s ({}), newest first{note}",
            there().count()
        ),
        heads: heads(["chunk", "from", "to", "state", "scans", "size", "index"]),
        rows: cells.collect(),
        levels: chunks.iter().rev().map(|chunk| chunk.level(row)).collect(),
    });
    Ok(sections)
}

/// The chunks on the time axis, with state and use of the index.
fn use_by_chunk(row: &Row, chunks: &[Chunk], at: &At) -> Option<Section> {
    let counts = at.server.track_counts;
    let compressed = chunks.iter().any(|chunk| chunk.compressed);
    let idle = match (counts, compressed) {
        (true, true) => "uncompressed, never scanned",
        (true, false) => "never scanned",
        (false, _) => "valid",
    };
    let lacks = without_index(row);
    let known = [
        ('#', Level::Ok, "scanned"),
        ('.', Level::Ok, idle),
        ('c', Level::Ok, "compressed: its index is empty"),
        ('-', lacks, "no index"),
        ('B', Level::Ok, "being built"),
        ('L', Level::Warning, "leftover of a REINDEX"),
        ('I', Level::Critical, "invalid"),
    ];
    let sign = |chunk: &Chunk| match &chunk.index {
        None => '-',
        Some(_) if chunk.builder.is_some() => 'B',
        Some(_) if chunk.leftover => 'L',
        Some(_) if !chunk.valid => 'I',
        Some(_) if chunk.compressed => 'c',
        Some(_) if counts && chunk.scans.is_some_and(|scans| scans > 0) => '#',
        Some(_) => '.',
    };
    let unit = chunks.iter().find_map(|chunk| chunk.axis)?;
    let cell = |wanted: char| {
        let found = known.iter().find(|(sign, ..)| *sign == wanted);
        let level = found.map_or(Level::Ok, |(_, level, _)| *level);
        MapCell {
            sign: wanted,
            level,
        }
    };
    let slice = |chunk: &Chunk| {
        Some(Slice {
            start: chunk.start?,
            end: chunk.end?,
            cell: cell(sign(chunk)),
            bytes: None,
        })
    };
    let legend = known.into_iter().filter_map(|(of, _, meaning)| {
        let many = chunks.iter().filter(|chunk| sign(chunk) == of).count();
        let many = i64::try_from(many).unwrap_or(i64::MAX);
        (many > 0).then(|| (cell(of), format!("{meaning} {}", text::count(many))))
    });
    Some(Section::Axis(TimeAxis {
        title: "The index in each chunk, on the time axis".to_owned(),
        unit,
        slices: chunks.iter().filter_map(slice).collect(),
        marks: Vec::new(),
        legend: legend.collect(),
    }))
}

/// Number of scans in the newest quarter of the uncompressed chunks, and in the older chunks. An index that is scanned only in old chunks
/// may no longer be needed. `None`: fewer than four uncompressed chunks with the index.
fn recent_against_old(chunks: &[Chunk]) -> Option<Section> {
    let counted: Vec<_> = chunks
        .iter()
        .filter(|chunk| !chunk.compressed && !chunk.leftover)
        .filter_map(|chunk| chunk.scans)
        .collect();
    if counted.len() < 4 {
        return None;
    }
    let recent = counted.len().div_ceil(4);
    let (old, new) = counted.split_at(counted.len() - recent);
    let say = |scans: &[i64]| {
        let total: i64 = scans.iter().sum();
        let chunks = i64::try_from(scans.len()).unwrap_or(i64::MAX);
        let used = scans.iter().filter(|scans| **scans > 0).count();
        Value::Text(format!(
            "scans: {} on {}; chunks that were scanned: {used}",
            text::count(total),
            text::plural(chunks, "chunk")
        ))
    };
    let scans = Labelled::new("Scans of newer and older chunks (uncompressed only)")
        .add("the newest quarter", say(new))
        .add("all older chunks", say(old));
    Some(scans.into())
}
