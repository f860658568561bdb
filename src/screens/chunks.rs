//! The chunks of one hypertable, as the details of several screens show them.

use anyhow::Result;
use tokio_postgres::Row;

use crate::query;
use crate::record::{MapCell, Section};
use crate::sql::Query;
use crate::text;
use crate::value::{Axis, Point, Stamp, Value};
use crate::verdict::Level;

/// `$1` is the hypertable's id (int8).
pub const QUERY: Query = query!("chunks", (2, 29));

/// The bits of a chunk's status.
const COMPRESSED: i32 = 1;
const UNORDERED: i32 = 2;
const FROZEN: i32 = 4;
const PARTIAL: i32 = 8;

#[derive(Debug, Clone)]
pub struct Chunk {
    pub name: String,
    pub start: Point,
    pub end: Point,
    status: i32,
    /// `None`: before TimescaleDB 2.13.
    created: Option<Stamp>,
    pub before_bytes: Option<i64>,
    pub after_bytes: Option<i64>,
    /// Now, with its compressed companion; known for the newest 500 only.
    pub bytes: Option<i64>,
}

impl Chunk {
    pub fn read_all(rows: &[Row], axis: Axis) -> Result<Vec<Self>> {
        let read = |row: &Row| {
            Ok(Self {
                name: row.try_get("chunk")?,
                start: Point {
                    axis,
                    raw: row.try_get("range_start")?,
                },
                end: Point {
                    axis,
                    raw: row.try_get("range_end")?,
                },
                status: row.try_get("status")?,
                created: row.try_get("creation_time")?,
                before_bytes: row.try_get("before_bytes")?,
                after_bytes: row.try_get("after_bytes")?,
                bytes: row.try_get("bytes")?,
            })
        };
        rows.iter().map(read).collect()
    }

    pub fn is_frozen(&self) -> bool {
        self.status & FROZEN != 0
    }

    fn state(&self) -> String {
        let mut words = Vec::new();
        if self.status & PARTIAL != 0 {
            words.push("partially compressed");
        } else if self.status & COMPRESSED != 0 {
            words.push("compressed");
        } else {
            words.push("uncompressed");
        }
        if self.status & UNORDERED != 0 {
            words.push("unordered");
        }
        if self.is_frozen() {
            words.push("frozen");
        }
        words.join(", ")
    }

    /// Whether a policy takes it that goes by time up to `boundary`, or by creation before `made_before`.
    pub fn is_past(&self, boundary: Option<i64>, made_before: Option<Stamp>) -> bool {
        let made = self.created.zip(made_before);
        boundary.is_some_and(|boundary| self.end.raw <= boundary)
            || made.is_some_and(|(made, before)| made < before)
    }

    fn cell(&self, due: bool) -> MapCell {
        let (sign, level) = match self.status {
            status if status & FROZEN != 0 => ('F', Level::Unknown),
            status if status & PARTIAL != 0 => ('P', Level::Notice),
            status if status & COMPRESSED != 0 => ('#', Level::Ok),
            _ if due => ('B', Level::Warning),
            _ => ('.', Level::Ok),
        };
        MapCell { sign, level }
    }
}

/// The chunk map and the chunk list, newest first; `due` says which the compression policy takes.
pub fn sections(chunks: &[Chunk], due: impl Fn(&Chunk) -> bool) -> Vec<Section> {
    let cells: Vec<_> = chunks.iter().map(|chunk| chunk.cell(due(chunk))).collect();
    let known = [
        ('#', Level::Ok, "compressed"),
        ('P', Level::Notice, "partially compressed"),
        ('.', Level::Ok, "uncompressed"),
        ('B', Level::Warning, "backlog: past compress-after"),
        ('F', Level::Unknown, "frozen"),
    ];
    let legend = known
        .into_iter()
        .filter(|(sign, ..)| cells.iter().any(|cell| cell.sign == *sign));
    let legend = legend
        .map(|(sign, level, meaning)| (MapCell { sign, level }, meaning.to_owned()))
        .collect();
    let end = |point: Option<Point>| point.map_or_else(String::new, text::point);
    let map = Section::Map {
        title: "Chunk map, oldest first".to_owned(),
        from: end(chunks.first().map(|chunk| chunk.start)),
        to: end(chunks.last().map(|chunk| chunk.end)),
        cells: cells.clone(),
        legend,
    };
    let sized = chunks.iter().filter(|chunk| chunk.bytes.is_some()).count();
    let note = if sized < chunks.len() {
        format!(", size now of the newest {sized}")
    } else {
        String::new()
    };
    let levels = cells
        .iter()
        .rev()
        .map(|cell| {
            if cell.sign == 'B' {
                Level::Warning
            } else {
                Level::Ok
            }
        })
        .collect();
    vec![
        map,
        list(
            format!("Chunks ({}), newest first{note}", chunks.len()),
            chunks.iter().rev(),
            levels,
        ),
    ]
}

/// Chunks as a table: range, state, bytes now beside those recorded when it was compressed.
pub fn list<'a>(
    title: String,
    chunks: impl Iterator<Item = &'a Chunk>,
    levels: Vec<Level>,
) -> Section {
    let rows = chunks.map(|chunk| {
        vec![
            Value::text(chunk.name.as_str()),
            chunk.start.into(),
            chunk.end.into(),
            Value::Text(chunk.state()),
            chunk.bytes.map(Value::Bytes).into(),
            chunk.before_bytes.map(Value::Bytes).into(),
            chunk.after_bytes.map(Value::Bytes).into(),
        ]
    });
    Section::Grid {
        title,
        heads: vec![
            "chunk",
            "from",
            "to",
            "state",
            "size now",
            "recorded before",
            "recorded after",
        ],
        rows: rows.collect(),
        levels,
    }
}
