//! Separate servers for single tests: with other settings, restarted, or with a standby.

use std::fs;
use std::process::{Command, Stdio};

use hypertop::demo::private_server::{Options, PrivateServer};

use super::act::Rig;
use super::{block_on, client, has_server};

/// Runs a test on a new server with these settings. Without server programs the test is skipped.
#[allow(
    clippy::needless_pass_by_value,
    reason = "a closure, written where it is given"
)]
pub fn on_own(settings: &[(&str, &str)], test: impl AsyncFn(&PrivateServer)) {
    if !has_server() {
        return;
    }
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let settings = settings.iter().map(owned).collect();
    let server = PrivateServer::start(&Options {
        settings,
        ..Options::default()
    });
    let server = server.unwrap();
    assert_eq!(server.problem, None);
    block_on(test(&server));
}

/// A new database with this version of TimescaleDB.
pub async fn database(server: &PrivateServer, version: &str) -> Rig {
    let name = format!("of {}", version.replace('.', "_"));
    let maintenance = client(&server.conninfo("postgres")).await;
    let create = format!("create database \"{name}\"");
    maintenance.batch_execute(&create).await.unwrap();
    let conninfo = server.conninfo(&name);
    let create = format!(
        "set client_min_messages = error; create extension timescaledb version '{version}'"
    );
    let owner = client(&conninfo).await;
    owner.batch_execute(&create).await.unwrap();
    Box::pin(Rig::on(version, &conninfo)).await
}

/// A new database for each version.
pub async fn databases(server: &PrivateServer) -> Vec<Rig> {
    let mut rigs = Vec::new();
    for version in server.timescaledb_versions() {
        rigs.push(database(server, &version).await);
    }
    rigs
}

/// The same databases after a restart with these settings.
pub async fn restarted(
    server: &PrivateServer,
    rigs: Vec<Rig>,
    settings: &[(&str, &str)],
) -> Vec<Rig> {
    let maintenance = client(&server.conninfo("postgres")).await;
    for (name, value) in settings {
        let set = format!("alter system set {name} = {value}");
        maintenance.batch_execute(&set).await.unwrap();
    }
    // The private server is stopped without a checkpoint, and commits asynchronously.
    maintenance.batch_execute("checkpoint").await.unwrap();
    let places: Vec<_> = rigs
        .into_iter()
        .map(|rig| (rig.name.clone(), rig.conninfo.clone()))
        .collect();
    server.stop().unwrap();
    server.launch().unwrap();
    let mut rigs = Vec::new();
    for (name, conninfo) in places {
        rigs.push(Rig::on(&name, &conninfo).await);
    }
    rigs
}

/// A streaming standby of a server, with its socket in the same folder.
pub struct Standby<'a> {
    of: &'a PrivateServer,
    port: u16,
}

impl<'a> Standby<'a> {
    /// A standby of the server in its present state, with this replication slot.
    pub fn start(of: &'a PrivateServer, slot: &str, settings: &str) -> Self {
        Self::copied(of, &["-R", "-C", "-S", slot], settings)
    }

    /// A copy of the server that runs independently, like a restored backup.
    pub fn copy(of: &'a PrivateServer) -> Self {
        Self::copied(of, &[], "listen_addresses = ''")
    }

    fn copied(of: &'a PrivateServer, how: &[&str], settings: &str) -> Self {
        let standby = Self { of, port: 6543 };
        let folder = of.socket_folder();
        let mut copy = of.command("pg_basebackup");
        copy.args(["-D", "standby", "-X", "stream", "-c", "fast"])
            .args(how)
            .args(["-U", "postgres", "-p", &of.port().to_string(), "-h"])
            .arg(folder);
        run(&mut copy);
        let path = folder.join("standby/postgresql.auto.conf");
        let conf = fs::read_to_string(&path).unwrap();
        let port = standby.port;
        // The last line of a setting applies.
        fs::write(
            path,
            format!("{conf}port = {port}\ncluster_name = 'reports'\n{settings}\n"),
        )
        .unwrap();
        standby.launch();
        standby
    }

    pub fn launch(&self) {
        let mut start = self.of.command("pg_ctl");
        start.args([
            "-D",
            "standby",
            "-l",
            "standby.log",
            "-w",
            "-t",
            "60",
            "start",
        ]);
        run(&mut start);
    }

    /// Waits until the standby has replayed all that the server has written until now.
    pub fn catches_up(&self) {
        let streamed = "select coalesce(bool_and(replay_lsn >= pg_current_wal_insert_lsn()), false) from pg_stat_replication";
        for _ in 0..600 {
            let mut psql = self.of.command("psql");
            psql.args(["-U", "postgres", "-d", "postgres", "-Atc", streamed]);
            psql.args(["-p", &self.of.port().to_string(), "-h"]);
            let said = psql.arg(self.of.socket_folder()).output().unwrap();
            if said.stdout == b"t\n" {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("the standby does not follow");
    }

    pub fn promote(&self) {
        let mut promote = self.of.command("pg_ctl");
        promote.args(["-D", "standby", "-w", "promote"]);
        run(&mut promote);
    }

    /// Starts the copy on the port of the original server, which must be stopped.
    pub fn listens_for(&self, server: &PrivateServer) {
        let path = self.of.socket_folder().join("standby/postgresql.auto.conf");
        let conf = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{conf}port = {}\n", server.port())).unwrap();
        self.launch();
    }

    pub fn stop(&self) {
        let mut stop = self.of.command("pg_ctl");
        stop.args(["-D", "standby", "-m", "immediate", "-w", "stop"]);
        run(&mut stop);
    }

    /// Connection string of a database of the copy.
    pub fn conninfo(&self, of: &str) -> String {
        let port = format!("port={}", self.of.port());
        of.replace(&port, &format!("port={}", self.port))
    }
}

impl Drop for Standby<'_> {
    fn drop(&mut self) {
        let mut stop = self.of.command("pg_ctl");
        stop.args(["-D", "standby", "-m", "immediate", "-w", "stop"]);
        // An error is ignored: the copy may be stopped already.
        let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

fn run(command: &mut Command) {
    let status = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{command:?}");
}
