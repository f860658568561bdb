//! Recordings: files with one reading per line, which are replayed without a server.

mod answers;
mod line;

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::app::message::Msg;
use crate::model::moment::Stamp;
use crate::model::text;
use crate::server::known::Server;

pub(super) use self::answers::{Answers, Recorded};
pub use self::line::{Kept, Line};

/// Format of the recordings that this version writes and reads.
const FORMAT: u32 = 1;
/// Maximum length of a line in bytes. The number of rows in a reading is limited, so its line is shorter.
const LINE_BYTES: usize = 64 << 20;
const HEAD_BYTES: usize = 4096;
/// Readings at most this many seconds apart belong to the same moment.
const MOMENT_SECONDS: f64 = 0.5;

/// The first line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    hypertop_recording: u32,
    /// Version of hypertop that wrote the file.
    version: String,
}

/// Writes a recording. Each reading is written to the file at once, before the next reading.
#[derive(Debug)]
pub struct Recorder {
    pub(crate) path: PathBuf,
    file: File,
    pub(crate) readings: usize,
}

impl Recorder {
    /// Creates a new file that only its owner can read, because it contains query texts and errors.
    pub fn new(path: &Path) -> Result<Self> {
        let named = || format!("cannot record into {}", path.display());
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .with_context(named)?;
        let mut recorder = Self {
            path: path.to_owned(),
            file,
            readings: 0,
        };
        recorder.write(&Head {
            hypertop_recording: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })?;
        Ok(recorder)
    }

    fn write(&mut self, line: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_string(line)?;
        if text.len() > LINE_BYTES {
            let long = i64::try_from(text.len())?;
            bail!(
                "a reading of {} is too long for a recording",
                text::bytes(long)
            );
        }
        text.push('\n');
        self.file
            .write_all(text.as_bytes())
            .with_context(|| format!("cannot record into {}", self.path.display()))
    }

    pub fn keep(&mut self, at: Stamp, kept: Kept) -> Result<()> {
        self.readings += 1;
        self.write(&Line { at, kept })
    }

    /// Records the message if it is a reading.
    pub(crate) fn hear(&mut self, at: Stamp, msg: &Msg) -> Result<()> {
        let kept = match msg {
            Msg::Up(server) => Kept::Server(server.clone()),
            Msg::Down { error, .. } => Kept::Down(error.clone()),
            Msg::Loaded { rows, .. } => Kept::Rows(rows.clone()),
            Msg::Exact {
                screen,
                nth,
                figures,
                ..
            } if !figures.is_empty() => Kept::Exact {
                screen: *screen,
                nth: *nth,
                figures: figures.clone(),
            },
            _ => return Ok(()),
        };
        self.keep(at, kept)
    }
}

/// File name of a recording, made from the database and the time.
pub fn file_name(server: &Server, now: Stamp) -> String {
    let plain = |c: char| if c.is_alphanumeric() { c } else { '_' };
    let database: String = server.database.chars().take(40).map(plain).collect();
    let moment: String = text::moment(now)
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    format!("hypertop-{database}-{moment}.jsonl")
}

/// An open recording, and the selected moment.
#[derive(Debug)]
pub struct Replay {
    lines: Vec<Line>,
    /// Answers about single rows. They are shown at every moment.
    pub(super) answers: Answers,
    /// For each moment, the number of lines up to its end.
    moments: Vec<usize>,
    /// Index of the selected moment.
    pub(crate) position: usize,
    /// True: plays, one moment per tick.
    pub(crate) plays: bool,
    /// Error in the file; the lines after it were ignored. `None`: no error.
    pub note: Option<String>,
}

impl Replay {
    pub fn open(path: &Path) -> Result<Self> {
        let named = || format!("cannot replay {}", path.display());
        Self::read(BufReader::new(File::open(path).with_context(named)?), named)
    }

    /// Reads a recording. `named` gives the beginning of every error.
    pub fn read(mut file: impl BufRead, named: impl Fn() -> String) -> Result<Self> {
        let named = &named;
        let head = next_line(&mut file, HEAD_BYTES);
        let head: Head = head
            .and_then(|line| Ok(serde_json::from_slice(&line.unwrap_or_default())?))
            .map_err(|_| anyhow::anyhow!("it is not a recording of hypertop"))
            .with_context(named)?;
        if head.hypertop_recording != FORMAT {
            bail!(
                "{}: this hypertop reads format {FORMAT}, but the recording has format {}, written by hypertop {}",
                named(),
                head.hypertop_recording,
                head.version
            );
        }
        let (mut lines, mut answers) = (Vec::new(), Answers::default());
        let (mut number, mut note) = (1, None);
        while let Some(line) = next_line(&mut file, LINE_BYTES).transpose() {
            number += 1;
            match line.and_then(|line| Ok(serde_json::from_slice(&line)?)) {
                Ok(line) => lines.extend(answers.take(line)),
                // The recorder may have been killed while it wrote this line.
                Err(error) => {
                    note = Some(format!(
                        "line {number} of the recording and all later lines cannot be read: {error}"
                    ));
                    break;
                }
            }
        }
        if lines.is_empty() {
            bail!("{}: nothing was recorded", named());
        }
        let moments = moments(&lines);
        Ok(Self {
            lines,
            answers,
            moments,
            position: 0,
            plays: false,
            note,
        })
    }

    /// Number of moments.
    pub(crate) fn len(&self) -> usize {
        self.moments.len()
    }

    /// Server time of the selected moment.
    pub fn now(&self) -> Stamp {
        self.so_far().last().map_or(Stamp(0), |line| line.at)
    }

    /// All readings up to the selected moment.
    pub fn so_far(&self) -> &[Line] {
        let end = self.moments.get(self.position).copied().unwrap_or(0);
        &self.lines[..end]
    }

    /// Moves by this number of moments, at most to the first or last moment.
    pub fn step(&mut self, moments: isize) {
        let last = self.moments.len().saturating_sub(1);
        self.position = self.position.saturating_add_signed(moments).min(last);
        self.plays &= self.position < last;
    }

    /// Moves by this number of seconds (negative: back).
    pub fn skip(&mut self, seconds: f64) {
        let goal = self.now().plus_seconds(seconds);
        let at = |end: &usize| self.lines[end - 1].at;
        self.position = if seconds < 0.0 {
            self.moments
                .iter()
                .rposition(|end| at(end) <= goal)
                .unwrap_or(0)
        } else {
            let last = self.moments.len() - 1;
            self.moments
                .iter()
                .position(|end| at(end) >= goal)
                .unwrap_or(last)
        };
    }
}

/// The next line without its line break. `None`: end of file. An error if the line is longer than `most` bytes.
fn next_line(file: &mut impl BufRead, most: usize) -> Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    // Reads one byte more than allowed, to detect a longer line.
    let limit = u64::try_from(most)?.saturating_add(1);
    file.take(limit).read_until(b'\n', &mut line)?;
    match line.pop() {
        None => return Ok(None),
        Some(b'\n') => {}
        Some(_) if line.len() >= most => {
            let most = i64::try_from(most)?;
            bail!("it is longer than {}", text::bytes(most));
        }
        Some(last) => line.push(last),
    }
    Ok(Some(line))
}

/// Groups the lines into moments, and returns the end of each moment.
fn moments(lines: &[Line]) -> Vec<usize> {
    let mut ends = Vec::new();
    for (nth, pair) in lines.windows(2).enumerate() {
        if pair[1].at.seconds_since(pair[0].at).abs() > MOMENT_SECONDS {
            ends.push(nth + 1);
        }
    }
    ends.push(lines.len());
    ends
}
