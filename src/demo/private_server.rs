//! A temporary PostgreSQL server for the demo, the tests and the benchmarks.
//!
//! It listens on a Unix socket in a temporary folder, and on loopback if asked. It ends when the [`PrivateServer`] is dropped. If the
//! process that owns it is killed, a watcher process notices that its pipe from the owner is closed, and ends the server. If both processes
//! are killed, the next start of a private server ends this server and removes its folder.

mod left;
mod programs;

use std::fmt::Write as _;
use std::fs;
use std::fs::File;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use nix::fcntl::Flock;
use nix::unistd::{Uid, User};
use tempfile::TempDir;

pub use programs::Programs;

#[derive(Debug, Clone)]
pub struct Options {
    /// Load TimescaleDB if it is installed.
    pub timescaledb: bool,
    /// Also listen on 127.0.0.1, on a free port.
    pub tcp: bool,
    /// More settings for postgresql.conf.
    pub settings: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timescaledb: true,
            tcp: false,
            settings: Vec::new(),
        }
    }
}

#[derive(Debug)]
pub struct PrivateServer {
    folder: TempDir,
    programs: Programs,
    account: Option<User>,
    port: u16,
    /// The reason why TimescaleDB is not loaded although it was requested. `None`: loaded, or not requested.
    pub problem: Option<String>,
    loaded: bool,
    watcher: Option<Child>,
    _owner: Flock<File>,
}

/// Superuser of the private server.
const USER: &str = "postgres";

impl PrivateServer {
    pub fn start(options: &Options) -> Result<Self> {
        let programs = Programs::find()?;
        let account = unprivileged()?;
        let runs_as = account.as_ref().map_or(Uid::effective(), |user| user.uid);
        left::remove(Path::new("/tmp"), runs_as.as_raw());
        // The path of a socket must be short, so the folder is in `/tmp`.
        let folder = tempfile::Builder::new()
            .prefix(left::PREFIX)
            .tempdir_in("/tmp")
            .or_else(|_| TempDir::new())?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))?;
        if let Some(account) = &account {
            chown(
                folder.path(),
                Some(account.uid.as_raw()),
                Some(account.gid.as_raw()),
            )?;
        }
        let port = if options.tcp {
            TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port()
        } else {
            5432
        };
        let mut server = Self {
            _owner: left::own(folder.path())?,
            folder,
            programs,
            account,
            port,
            problem: None,
            loaded: false,
            watcher: None,
        };
        server.watch()?;
        server.init()?;
        server.programs.check_wanted()?;
        let wants = options.timescaledb && !server.programs.timescaledb_versions().is_empty();
        server.configure(options, wants)?;
        if let Err(error) = server.launch() {
            ensure!(wants, error);
            server.problem = Some(format!(
                "TimescaleDB is installed, but a server with it does not start: {error:#}"
            ));
            server.configure(options, false)?;
            server.launch()?;
        } else {
            server.loaded = wants;
        }
        fs::write(server.folder.path().join("started"), "")?;
        Ok(server)
    }

    /// Folder of the socket.
    pub fn socket_folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// libpq connection string of a database on this server.
    pub fn conninfo(&self, dbname: &str) -> String {
        let quoted = dbname.replace('\\', "\\\\").replace('\'', "\\'");
        format!(
            "host={} port={} user={USER} dbname='{quoted}'",
            self.folder.path().display(),
            self.port
        )
    }

    /// Installed versions of TimescaleDB, newest first. Empty: TimescaleDB is not loaded.
    pub fn timescaledb_versions(&self) -> Vec<String> {
        if self.loaded {
            self.programs.timescaledb_versions()
        } else {
            Vec::new()
        }
    }

    /// Command that runs one of PostgreSQL's programs under the server's account, without the caller's terminal.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.0.join(program));
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .process_group(0);
        if let Some(account) = &self.account {
            command.uid(account.uid.as_raw()).gid(account.gid.as_raw());
        }
        command
    }

    fn init(&self) -> Result<()> {
        let run = |locale| {
            let mut command = self.command("initdb");
            command.arg("-D").arg(self.data()).args([
                "-A",
                "trust",
                "-U",
                USER,
                "-E",
                "UTF8",
                locale,
                "--no-sync",
                "--no-instructions",
            ]);
            command.output().context("initdb")
        };
        let mut output = run("--locale=C.UTF-8")?;
        if !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("locale") {
            // Older systems lack C.UTF-8.
            output = run("--locale=C")?;
        }
        ensure!(
            output.status.success(),
            "initdb failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }

    fn configure(&self, options: &Options, timescaledb: bool) -> Result<()> {
        let mut preload = Vec::new();
        if timescaledb {
            preload.push("timescaledb");
        }
        if self.programs.has_extension("pg_stat_statements") {
            preload.push("pg_stat_statements");
        }
        let socket = self.folder.path().display();
        let mut text = format!(
            "listen_addresses = '{}'\nport = {}\nunix_socket_directories = '{socket}'\nunix_socket_permissions = 0777\n\
             shared_preload_libraries = '{}'\nfsync = off\nfull_page_writes = off\nsynchronous_commit = off\n\
             shared_buffers = 128MB\nmax_wal_size = 2GB\nmax_connections = 100\nmax_worker_processes = 48\n\
             max_locks_per_transaction = 256\nautovacuum_naptime = 5s\nlogging_collector = off\nlog_min_messages = warning\n\
             timezone = 'UTC'\nlog_timezone = 'UTC'\n",
            if options.tcp { "127.0.0.1" } else { "" },
            self.port,
            preload.join(","),
        );
        if timescaledb {
            text.push_str(
                "timescaledb.telemetry_level = off\ntimescaledb.max_background_workers = 24\n",
            );
        }
        for (name, value) in &options.settings {
            let _ = writeln!(text, "{name} = '{}'", value.replace('\'', "''"));
        }
        let path = self.data().join("postgresql.auto.conf");
        fs::write(&path, text)?;
        if let Some(account) = &self.account {
            chown(
                &path,
                Some(account.uid.as_raw()),
                Some(account.gid.as_raw()),
            )?;
        }
        Ok(())
    }

    /// Starts the server, also again after [`PrivateServer::stop`].
    pub fn launch(&self) -> Result<()> {
        let log = self.folder.path().join("log");
        let mut command = self.command("pg_ctl");
        command
            .arg("-D")
            .arg(self.data())
            .arg("-l")
            .arg(&log)
            .args(["-w", "-t", "30", "start"]);
        let status = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context("pg_ctl")?;
        if status.success() {
            return Ok(());
        }
        let log = fs::read_to_string(log).unwrap_or_default();
        let fatal = log
            .lines()
            .rev()
            .find(|line| line.contains("FATAL") || line.contains("ERROR"))
            .or_else(|| log.lines().last());
        bail!(
            "PostgreSQL does not start: {}",
            fatal.unwrap_or("its log is empty")
        )
    }

    /// Stops the server immediately. Its data stay.
    pub fn stop(&self) -> Result<()> {
        let mut command = self.command("pg_ctl");
        command
            .arg("-D")
            .arg(self.data())
            .args(["-m", "immediate", "-w", "stop"]);
        let status = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context("pg_ctl")?;
        ensure!(status.success(), "pg_ctl could not stop the private server");
        Ok(())
    }

    /// Requires that this role logs in over TCP by this method of `pg_hba.conf`. By default, no password is needed.
    pub fn require(&self, role: &str, method: &str) -> Result<()> {
        let path = self.data().join("pg_hba.conf");
        let rules = fs::read_to_string(&path)?;
        let kind = if method == "cert" { "hostssl" } else { "host" };
        fs::write(
            &path,
            format!("{kind} all \"{role}\" all {method}\n{rules}"),
        )?;
        let status = self
            .command("pg_ctl")
            .arg("-D")
            .arg(self.data())
            .arg("reload")
            .stdout(Stdio::null())
            .status()?;
        ensure!(status.success(), "pg_ctl reload failed");
        // pg_ctl does not wait for the reload. An idle server needs much less time than this.
        std::thread::sleep(std::time::Duration::from_millis(500));
        Ok(())
    }

    /// Starts a shell that waits until this process closes its end of a pipe, then ends the server and removes the folder. If the server
    /// was never started, the shell removes the folder again 3 seconds later, because initdb may still be writing.
    fn watch(&mut self) -> Result<()> {
        let script = "cat >/dev/null; end() { pid=$(head -n 1 \"$1/data/postmaster.pid\" 2>/dev/null); \
                      [ -n \"$pid\" ] && kill -QUIT \"$pid\" 2>/dev/null && sleep 0.3; rm -rf \"$1\"; }; \
                      begun=$([ -f \"$1/started\" ] && echo yes); \
                      end \"$1\"; [ -z \"$begun\" ] && sleep 3 && end \"$1\"; true";
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", script, "sh"])
            .arg(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.watcher = Some(command.process_group(0).spawn().context("/bin/sh")?);
        Ok(())
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        // An error is ignored: the server may be stopped already, and the watcher ends it anyway.
        let _ = self.stop();
        if let Some(mut watcher) = self.watcher.take() {
            if let Some(mut pipe) = watcher.stdin.take() {
                let _ = pipe.flush();
            }
            let _ = watcher.wait();
        }
    }
}

/// The account under which the server runs. PostgreSQL refuses to run as root. `None`: the present account.
fn unprivileged() -> Result<Option<User>> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name)? {
            return Ok(Some(user));
        }
    }
    bail!("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")
}
