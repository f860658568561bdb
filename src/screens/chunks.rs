//! The chunks of one hypertable and the marks on their time axis, for the details of several screens.

mod cut;
mod size;

use anyhow::Result;
use serde::{Deserialize, Deserializer};
use tokio_postgres::Row;

use crate::model::moment::{Axis, Point, Stamp};
use crate::model::text;
use crate::model::value::Value;
use crate::model::verdict::Level;
use crate::screens::axis::MapCell;
use crate::screens::axis::{Mark, Place, Slice, TimeAxis};
use crate::screens::record::{Section, heads};
use crate::server::row;
use crate::server::sql::{Query, query};

use cut::Cut;
pub(super) use size::Size;

/// The query for the chunks and the policies of a hypertable; `$1` is the hypertable's id (int8).
pub(super) const QUERY: Query = query!("chunks");

/// Bits of the column `status` in TimescaleDB's catalogue of chunks.
const COMPRESSED: i32 = 1;
const UNORDERED: i32 = 2;
const FROZEN: i32 = 4;
const PARTIAL: i32 = 8;

/// Maximum number of refresh windows that are drawn on the axis.
const MOST_WINDOWS: usize = 8;

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Chunk {
    #[serde(rename = "chunk")]
    pub name: String,
    #[serde(rename = "range_start", deserialize_with = "number")]
    pub start: Point,
    #[serde(rename = "range_end", deserialize_with = "number")]
    pub end: Point,
    status: i32,
    /// The chunk is in object storage (OSM); no policy of this database affects it.
    tiered: bool,
    /// Creation time; `None`: before TimescaleDB 2.13.
    #[serde(rename = "creation_time")]
    created: Option<Stamp>,
    /// Size before compression; `after_bytes`: size after compression. Both are recorded at compression; `None`: no record.
    before_bytes: Option<i64>,
    after_bytes: Option<i64>,
    /// Present size, including the compressed data.
    #[serde(rename = "bytes")]
    size: Size,
}

/// Reads a point of the time dimension. The row does not have the dimension's type: [`Chunks::read`] sets it later.
fn number<'de, D: Deserializer<'de>>(raw: D) -> Result<Point, D::Error> {
    let raw = i64::deserialize(raw)?;
    let axis = Axis::Integer;
    Ok(Point { axis, raw })
}

/// A row of [`QUERY`]: a mark (`cut`) or a chunk.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "kind")]
    cut: Option<Cut>,
    chunk: Option<Chunk>,
}

#[derive(Debug, Clone)]
pub(super) struct Chunks {
    axis: Axis,
    /// All chunks, oldest first.
    pub all: Vec<Chunk>,
    pub cuts: Vec<Cut>,
    /// Nothing is wrong with the compression policy: chunks that are due only wait for its next run.
    pub waits: bool,
}

impl Chunks {
    pub(super) fn read(rows: &[Row], axis: Axis) -> Result<Self> {
        let (mut chunks, mut cuts) = (Vec::new(), Vec::new());
        for Line { cut, chunk } in row::read_all(rows)? {
            cuts.extend(cut);
            chunks.extend(chunk.map(|mut chunk: Chunk| {
                (chunk.start.axis, chunk.end.axis) = (axis, axis);
                chunk
            }));
        }
        Ok(Self {
            axis,
            all: chunks,
            cuts,
            waits: false,
        })
    }

    /// Whether the chunk is past `compress_after`, and neither compressed nor frozen nor tiered.
    fn is_backlog(&self, chunk: &Chunk) -> bool {
        let policy = self
            .cuts
            .iter()
            .find(|cut| cut.kind == cut::CutKind::Compress);
        !chunk.tiered
            && chunk.status & (COMPRESSED | FROZEN) == 0
            && policy.is_some_and(|policy| chunk.is_past(policy.to, policy.made_before))
    }

    fn cell(&self, chunk: &Chunk) -> MapCell {
        let (sign, level) = match chunk.status {
            _ if chunk.tiered => ('T', Level::Ok),
            status if status & FROZEN != 0 => ('F', Level::Unknown),
            status if status & PARTIAL != 0 => ('P', Level::Notice),
            status if status & COMPRESSED != 0 => ('#', Level::Ok),
            _ if self.is_backlog(chunk) => ('B', self.backlog().0),
            _ => ('.', Level::Ok),
        };
        MapCell { sign, level }
    }

    /// Level and meaning of the chunks that are due.
    fn backlog(&self) -> (Level, &'static str) {
        if self.waits {
            (
                Level::Notice,
                "past compress_after, waiting for the next run",
            )
        } else {
            (Level::Warning, "backlog (past compress_after)")
        }
    }

    pub(super) fn picture(&self) -> Section {
        self.picture_of_run(|_| false)
    }

    /// As [`Self::picture`], but chunks for which `goes` is true are shown as dropped by the next run.
    pub(super) fn picture_of_run(&self, goes: impl Fn(&Chunk) -> bool) -> Section {
        let cell = |chunk: &Chunk| {
            if goes(chunk) {
                MapCell {
                    sign: 'x',
                    level: Level::Notice,
                }
            } else {
                self.cell(chunk)
            }
        };
        let slices: Vec<_> = self
            .all
            .iter()
            .map(|chunk| Slice {
                start: chunk.start.raw,
                end: chunk.end.raw,
                cell: cell(chunk),
                bytes: chunk.written_bytes(),
            })
            // The range of a tiered chunk may have no end. Such a chunk is not drawn.
            .filter(|slice| slice.cell.sign != 'T' || slice.end < i64::MAX)
            .collect();
        let backlog = self.backlog();
        let known = [
            ('#', Level::Ok, "compressed"),
            ('P', Level::Notice, "partially compressed"),
            ('.', Level::Ok, self.uncompressed()),
            ('B', backlog.0, backlog.1),
            ('x', Level::Notice, "dropped by the next run"),
            ('F', Level::Unknown, "frozen"),
            ('T', Level::Ok, "tiered (object storage)"),
        ];
        let legend = known.into_iter().filter_map(|(sign, level, meaning)| {
            let chunks = self.all.iter();
            let many = chunks.filter(|chunk| cell(chunk).sign == sign).count();
            let many = i64::try_from(many).unwrap_or(i64::MAX);
            (many > 0).then(|| {
                (
                    MapCell { sign, level },
                    format!("{meaning} {}", text::count(many)),
                )
            })
        });
        Section::Axis(TimeAxis {
            title: match self.axis {
                Axis::TimestampTz => "Chunks on the time axis (UTC)".to_owned(),
                _ => "Chunks on the time axis".to_owned(),
            },
            unit: self.axis,
            slices,
            marks: self.marks(),
            legend: legend.collect(),
        })
    }

    /// Legend text for an uncompressed chunk that is not part of the backlog.
    fn uncompressed(&self) -> &'static str {
        let is_known = |cut: &Cut| cut.to.is_some() || cut.made_before.is_some();
        let policy = |cut: &Cut| cut.kind == cut::CutKind::Compress && is_known(cut);
        if self.cuts.iter().any(policy) {
            "uncompressed (not due)"
        } else {
            "uncompressed"
        }
    }

    fn marks(&self) -> Vec<Mark> {
        let windows = self.cuts.iter().filter(|cut| cut.is_window()).count();
        let mut marks: Vec<Mark> = Vec::new();
        let mut drawn = 0;
        for cut in &self.cuts {
            drawn += usize::from(cut.is_window());
            if !cut.is_window() || drawn <= MOST_WINDOWS {
                marks.extend(cut.mark(self.axis));
            }
        }
        if windows > MOST_WINDOWS {
            marks.push(Mark {
                sign: ' ',
                label: format!(
                    "refresh windows not drawn: {} (see Aggregates below)",
                    windows - MOST_WINDOWS
                ),
                level: Level::Ok,
                place: Place::Nowhere,
            });
        }
        marks
    }

    /// The time axis, and the list of chunks, newest first. The list does not have tiered chunks.
    pub(super) fn sections(&self) -> Vec<Section> {
        let here = || self.all.iter().filter(|chunk| !chunk.tiered);
        let many = here().count();
        let note = Size::note("size now", here().map(|chunk| chunk.size));
        let level = |chunk: &Chunk| {
            if self.is_backlog(chunk) {
                Level::Warning
            } else {
                Level::Ok
            }
        };
        vec![
            self.picture(),
            list(
                format!("Chunks ({many}), newest first{note}"),
                here().rev(),
                here().rev().map(level).collect(),
            ),
        ]
    }
}

impl Chunk {
    pub(super) fn is_frozen(&self) -> bool {
        self.status & FROZEN != 0
    }

    pub(super) fn is_tiered(&self) -> bool {
        self.tiered
    }

    /// Bytes before compression; for an uncompressed chunk its present size. `None`: unknown.
    fn written_bytes(&self) -> Option<i64> {
        if self.status & COMPRESSED != 0 {
            self.before_bytes
        } else {
            self.size.bytes()
        }
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

    /// Whether the chunk is due for a policy: it ends by `boundary`, or was created before `made_before`.
    pub(super) fn is_past(&self, boundary: Option<i64>, made_before: Option<Stamp>) -> bool {
        let made = self.created.zip(made_before);
        boundary.is_some_and(|boundary| self.end.raw <= boundary)
            || made.is_some_and(|(made, before)| made < before)
    }
}

/// Chunks as a table: range, state, present size, and the sizes recorded when the chunks were compressed.
pub(super) fn list<'a>(
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
            chunk.size.into(),
            chunk.before_bytes.map(Value::Bytes).into(),
            chunk.after_bytes.map(Value::Bytes).into(),
        ]
    });
    Section::Grid {
        title,
        heads: heads([
            "chunk",
            "from",
            "to",
            "state",
            "size now",
            "recorded before",
            "recorded after",
        ]),
        rows: rows.collect(),
        levels,
    }
}
