//! Opens the journal's file, but not a symbolic link or another user's file.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;

/// Open for reading.
pub(super) const READ: OFlag = OFlag::O_RDONLY;
/// Open for reading and appending; an error if the file is missing.
pub(super) const CHANGE: OFlag = OFlag::O_RDWR.union(OFlag::O_APPEND);
/// Open for reading and appending; create the file if it is missing.
pub(super) const APPEND: OFlag = OFlag::O_RDWR.union(OFlag::O_APPEND).union(OFlag::O_CREAT);

/// The folder of a file. It is kept open, so that no one can replace it between two uses.
#[derive(Debug)]
pub(super) struct Folder {
    folder: File,
    path: PathBuf,
}

impl Folder {
    /// Opens the folder of a file. An error if the folder does not exist.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let folder = folder.unwrap_or(Path::new("."));
        let opened = open(AT_FDCWD, folder, OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
        Ok(Self {
            folder: opened,
            path: path.to_owned(),
        })
    }

    /// Opens the file, without waiting if it is a named pipe. An error if it is not a regular file.
    pub(super) fn open(&self, how: OFlag) -> io::Result<File> {
        let name = self.path.file_name().unwrap_or(OsStr::new(""));
        let file = open(&self.folder, Path::new(name), how | OFlag::O_NONBLOCK)?;
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::other("it is not a regular file"))
        }
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.folder.sync_all()
    }
}

fn open(at: impl std::os::fd::AsFd, path: &Path, how: OFlag) -> io::Result<File> {
    let how = how | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let opened = openat(at, path, how, Mode::from_bits_truncate(0o600));
    let file = File::from(opened.map_err(|error| refused(error, path))?);
    let owner = file.metadata()?.uid();
    if owner == nix::unistd::geteuid().as_raw() {
        return Ok(file);
    }
    let name = path.display();
    Err(io::Error::other(format!(
        "{name} belongs to another user (uid {owner}): give it to yourself (chown), or set XDG_STATE_HOME to a folder of your own"
    )))
}

/// The error to report. For a symbolic link it names the link, because the system's error does not.
fn refused(error: Errno, path: &Path) -> io::Error {
    let is_link = path
        .symlink_metadata()
        .is_ok_and(|about| about.file_type().is_symlink());
    if error == Errno::ELOOP || error == Errno::ENOTDIR && is_link {
        io::Error::other(format!(
            "{} is a symbolic link, which hypertop does not follow: replace it by the file itself, or set XDG_STATE_HOME",
            path.display()
        ))
    } else {
        error.into()
    }
}
