//! The journal's file: its path, and appends by several consoles at once. `line` defines the format of a line.

use std::fs::{DirBuilder, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{AccessFlags, access};

use super::entries::Entries;
use super::entry::Entry;
use super::line::{Begin, End, Line, Mark, Ran};
use super::own::{self, Folder};
use crate::connect::conninfo::Surroundings;
use crate::journal::acknowledge::{Acknowledgement, Ended};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    path: PathBuf,
}

impl Journal {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The journal at `$XDG_STATE_HOME/hypertop/journal.jsonl`, or under `~/.local/state` if that variable is not an absolute path. `None`: there
    /// is no home folder either.
    pub fn of(around: &Surroundings) -> Option<Self> {
        let base = around
            .env
            .get("XDG_STATE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute());
        let base = base
            .or_else(|| Some(around.home.as_ref()?.join(".local/state")))
            // A relative path would depend on the current folder.
            .filter(|base| base.is_absolute())?;
        Some(Self::new(base.join("hypertop/journal.jsonl")))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the begin line of an action, and returns the entry's id. Nothing may be changed before that. An error also if another
    /// rollback of the same entries is running, or has undone some of the same steps.
    pub(crate) fn begin(&self, mut begin: Begin) -> Result<u64> {
        let mut file = self.open()?;
        let entries = read(&mut file, &self.path)?;
        entries.free(&begin)?;
        begin.id = entries.next_id();
        let id = begin.id;
        self.append(&mut file, &Line::Begin(Box::new(begin)))?;
        Ok(id)
    }

    /// Writes the mark of a step. The step must not take effect before that.
    pub(crate) fn mark(&self, mark: Mark) -> Result<()> {
        let mut file = self.open()?;
        self.append(&mut file, &Line::Mark(mark))
    }

    pub(crate) fn ran(&self, ran: Ran) -> Result<()> {
        let mut file = self.open()?;
        self.append(&mut file, &Line::Step(ran))
    }

    pub(crate) fn end(&self, end: End) -> Result<()> {
        let mut file = self.open()?;
        self.append(&mut file, &Line::End(end))
    }

    /// Writes acknowledgements, and returns their ids.
    pub fn acknowledge(&self, all: Vec<Acknowledgement>) -> Result<Vec<u64>> {
        let mut file = self.open()?;
        let first = read(&mut file, &self.path)?.next_id();
        let mut ids = Vec::new();
        for (id, mut one) in (first..).zip(all) {
            one.id = id;
            self.append(&mut file, &Line::Acknowledge(Box::new(one)))?;
            ids.push(id);
        }
        Ok(ids)
    }

    /// Ends these acknowledgements. An acknowledgement that has already ended does not change.
    pub fn end_acknowledged(&self, all: Vec<Ended>) -> Result<()> {
        let mut file = self.open()?;
        let entries = read(&mut file, &self.path)?;
        for one in all {
            let counts =
                |entry: &Entry| entry.begin.acknowledges.is_some() && entry.ended.is_none();
            if entries.find(one.of).is_some_and(counts) {
                self.append(&mut file, &Line::Ended(one))?;
            }
        }
        Ok(())
    }

    /// Length of the file in bytes. Complete lines never change, so an equal length means equal contents.
    pub fn length(&self) -> Result<u64> {
        match std::fs::symlink_metadata(&self.path) {
            Ok(about) => Ok(about.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error)
                .with_context(|| format!("the journal {} cannot be read", self.path.display())),
        }
    }

    /// All entries. A missing file is an empty journal.
    pub fn entries(&self) -> Result<Entries> {
        let named = || format!("the journal {} cannot be read", self.path.display());
        let opened = Folder::of(&self.path).and_then(|folder| folder.open(own::READ));
        match opened {
            // The shared lock waits until another console has written its line.
            Ok(file) => read(&mut *self.lock(file, FlockArg::LockShared)?, &self.path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Entries::default()),
            Err(error) => Err(error).with_context(named),
        }
    }

    /// As [`Journal::entries`], but without waiting, for `hypertop doctor`. An error also if another process keeps the file locked, or if
    /// the file cannot be written. `None`: there is no file yet, but it could be created.
    pub(crate) fn probe(&self) -> Result<Option<Entries>> {
        let named = || format!("the journal {} cannot be written", self.path.display());
        let opened = Folder::of(&self.path).and_then(|folder| folder.open(own::CHANGE));
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut above = self.path.ancestors().skip(1);
                let there = above.find(|folder| folder.exists());
                let there = there.unwrap_or(Path::new("/"));
                access(there, AccessFlags::W_OK | AccessFlags::X_OK).with_context(named)?;
                return Ok(None);
            }
            Err(error) => return Err(error).with_context(named),
        };
        let mut file = self.lock(file, FlockArg::LockExclusiveNonblock)?;
        read(&mut file, &self.path).map(Some)
    }

    /// Opens the file for appending. The file stays locked until it is dropped.
    fn open(&self) -> Result<Flock<File>> {
        let named = || format!("the journal {} cannot be written", self.path.display());
        if let Some(folder) = self.path.parent() {
            make_folder(folder).with_context(named)?;
        }
        let folder = Folder::of(&self.path).with_context(named)?;
        let is_new = !self.path.exists();
        let file = folder.open(own::APPEND).with_context(named)?;
        if file.metadata().with_context(named)?.permissions().mode() & 0o077 != 0 {
            file.set_permissions(std::fs::Permissions::from_mode(0o600))
                .with_context(named)?;
        }
        if is_new {
            // Otherwise a crash might lose the new file's directory entry.
            folder.sync().with_context(named)?;
        }
        self.lock(file, FlockArg::LockExclusive)
    }

    fn lock(&self, file: File, how: FlockArg) -> Result<Flock<File>> {
        match Flock::lock(file, how) {
            Ok(file) => Ok(file),
            Err((_, error)) => bail!(
                "the journal {} cannot be locked: {error}",
                self.path.display()
            ),
        }
    }

    fn append(&self, file: &mut File, line: &Line) -> Result<()> {
        let named = || format!("the journal {} cannot be written", self.path.display());
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        // If the last line was cut off (full disk, crash), this line still starts on a new line.
        let length = file.seek(SeekFrom::End(0)).with_context(named)?;
        if length > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1)).with_context(named)?;
            file.read_exact(&mut last).with_context(named)?;
            if last != *b"\n" {
                text.insert(0, b'\n');
            }
        }
        let written = file.write_all(&text).and_then(|()| file.sync_data());
        if written.is_err() {
            // Removes a partly written line. An error is ignored, because such a line is skipped when the journal is read.
            let _ = file.set_len(length);
        }
        written.with_context(named)
    }
}

/// Creates a folder and its parents. The parent of each new folder is synced.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder
        .parent()
        .filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above {
        make_folder(above)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        other => other?,
    }
    above.map_or(Ok(()), |above| File::open(above)?.sync_all())
}

fn read(file: &mut File, path: &Path) -> Result<Entries> {
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut text)
        .with_context(|| format!("the journal {} cannot be read", path.display()))?;
    Ok(Entries::of(&text))
}
