//! Facts about the server's machine. If the server runs on this machine, they are read here. Otherwise they come from `[host]` in
//! config.toml, or are unknown.

use std::fs;
use std::path::Path;

use nix::sys::statvfs::statvfs;
use serde::Serialize;

use crate::model::machine::Machine;
use crate::model::text;
use crate::server::session::Session;
use crate::server::validate;

/// Facts about the machine on which the server runs, and their source.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Known {
    #[serde(flatten)]
    machine: Machine,
    /// The source of the facts. `None`: nothing is known.
    from: Option<&'static str>,
    /// The data directory. `None`: hidden from this role.
    #[serde(skip)]
    data_directory: Option<String>,
    /// True: the server runs on this machine.
    #[serde(skip)]
    is_here: bool,
}

/// Reads the facts. `said`: the facts in config.toml.
pub(super) async fn read(session: &Session, said: &Machine) -> Known {
    let host = validate::host(session).await.ok();
    let by_socket = session.server.host.starts_with("[local]");
    let here = host
        .as_ref()
        .is_some_and(|host| by_socket && is_backend(host.pid));
    if here {
        let data_directory = host.and_then(|host| host.data_directory);
        let free = data_directory.as_deref().and_then(free);
        return Known {
            machine: Machine {
                memory_bytes: memory(),
                cores: cores(),
                disk_free_bytes: free.or(said.disk_free_bytes),
            },
            from: Some("this machine, where the server runs"),
            data_directory,
            is_here: true,
        };
    }
    let known = *said != Machine::default();
    Known {
        machine: said.clone(),
        from: known.then_some("[host] in config.toml"),
        data_directory: None,
        is_here: false,
    }
}

impl Known {
    /// Free bytes of the disk that has the folder `tablespace` (empty: the data directory), and the source of the number. The error says
    /// why the free space is unknown.
    pub(super) fn free(&self, tablespace: &str) -> Result<(i64, String), String> {
        let said = |what: String| {
            let bytes = self
                .machine
                .disk_free_bytes
                .filter(|_| tablespace.is_empty());
            bytes
                .map(|bytes| (bytes, "by [host] in config.toml".to_owned()))
                .ok_or(what)
        };
        if !self.is_here {
            return said(
                "SQL cannot read the free space of the server's disk: run hypertop on the server's machine over its socket, or write [host] disk_free in config.toml"
                    .to_owned(),
            );
        }
        let folder = if tablespace.is_empty() {
            self.data_directory.as_deref()
        } else {
            Some(tablespace)
        };
        let Some(folder) = folder else {
            return said(
                "data_directory is hidden from this role: GRANT pg_read_all_settings shows it"
                    .to_owned(),
            );
        };
        match free(folder) {
            Some(bytes) => Ok((bytes, folder.to_owned())),
            None => said(format!(
                "the free space of {folder} cannot be read by this account"
            )),
        }
    }

    /// `memory 16.0 GiB, cores 8, free disk 210 GiB ([host] in config.toml)`
    pub(super) fn words(&self) -> String {
        let bytes = |bytes: Option<i64>| bytes.map_or("unknown".to_owned(), text::bytes);
        let cores = self.machine.cores;
        let cores = cores.map_or("unknown".to_owned(), |cores| cores.to_string());
        let from = self
            .from
            .map_or_else(String::new, |from| format!(" ({from})"));
        format!(
            "memory {}, cores {cores}, free disk {}{from}",
            bytes(self.machine.memory_bytes),
            bytes(self.machine.disk_free_bytes)
        )
    }
}

/// True if this process is a PostgreSQL backend on this machine. A local socket does not prove that the server runs here: the socket
/// may be a tunnel, or belong to a container.
fn is_backend(pid: i32) -> bool {
    let title = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let title = String::from_utf8_lossy(&title);
    title.starts_with("postgres: ") && title.contains("[local]")
}

fn free(folder: &str) -> Option<i64> {
    let path = Path::new(folder);
    let stat = statvfs(Some(path).filter(|path| path.is_absolute())?).ok()?;
    // Space that accounts other than root can use.
    #[expect(clippy::useless_conversion, reason = "the types differ by system")]
    let bytes = u64::from(stat.blocks_available()).checked_mul(u64::from(stat.fragment_size()))?;
    i64::try_from(bytes).ok()
}

/// All memory of the machine in bytes, as the kernel reports it.
fn memory() -> Option<i64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Number of cores that are online. Linux lists these cores in a file, such as `0-3,8`.
fn cores() -> Option<i64> {
    let text = fs::read_to_string("/sys/devices/system/cpu/online").ok()?;
    text.trim()
        .split(',')
        .map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (i64, i64) = (first.parse().ok()?, last.parse().ok()?);
            Some(last - first + 1)
        })
        .sum()
}
