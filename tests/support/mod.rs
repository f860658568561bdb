//! The servers that the tests run on: a private PostgreSQL with one database for each TimescaleDB that its
//! installation offers, the stand-in, a database without TimescaleDB, and those named in `HYPERTOP_TEST_URLS`.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::future::Future;
use std::sync::{Mutex, OnceLock};

use hypertop::conninfo::{self, Flags, Settings, Surroundings};
use hypertop::db::Session;
use hypertop::private_server::{Options, PrivateServer, Programs};
use hypertop::{connect, demo};

/// One database with the factory in it.
#[derive(Debug, Clone)]
pub struct Target {
    /// `TimescaleDB 2.28.3`, `stand-in`.
    pub name: String,
    pub conninfo: String,
    pub real: bool,
}

pub struct Targets {
    pub all: Vec<Target>,
    /// A database of the same server without TimescaleDB.
    pub plain: String,
    pub server: PrivateServer,
}

/// Whether tests on a server can run here; under `CI=true` they must.
pub fn has_server() -> bool {
    match Programs::find() {
        Ok(_) => true,
        Err(error) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("{error:#}"),
        Err(error) => {
            println!("SKIPPED, no server programs: {error:#}");
            false
        }
    }
}

static TARGETS: OnceLock<Mutex<Option<Targets>>> = OnceLock::new();

/// Ends the private server when the test program ends: a static is not dropped.
fn end_with_the_program() {
    // The watcher of the private server sees the pipe close when this process is gone.
}

/// Runs a test on the targets, which are made once a test program; not at all where there is no server.
pub fn with_targets(test: impl FnOnce(&Targets)) {
    if !has_server() {
        return;
    }
    end_with_the_program();
    let targets = TARGETS.get_or_init(|| Mutex::new(Some(block_on(make()))));
    let held = targets
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    test(held.as_ref().expect("the targets are made"));
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(future)
}

async fn make() -> Targets {
    let server = PrivateServer::start(&Options {
        tcp: true,
        ..Options::default()
    })
    .expect("a private server");
    assert_eq!(
        server.problem, None,
        "TimescaleDB is installed, so it has to load"
    );
    let mut all = Vec::new();
    let maintenance = client(&server.conninfo("postgres")).await;
    for version in server.timescaledb_versions() {
        let name = format!("factory_{}", version.replace('.', "_"));
        maintenance
            .batch_execute(&format!("create database {name}"))
            .await
            .expect("a database");
        let conninfo = server.conninfo(&name);
        let client = client(&conninfo).await;
        client
            .batch_execute(&format!(
                "set client_min_messages = error; create extension timescaledb version '{version}'"
            ))
            .await
            .expect("the extension");
        demo::load(&client, demo::FACTORY, &demo::Progress::silent())
            .await
            .expect("the factory");
        all.push(Target {
            name: format!("TimescaleDB {version}"),
            conninfo,
            real: true,
        });
    }
    maintenance
        .batch_execute("create database stand_in; ")
        .await
        .expect("a database");
    maintenance
        .batch_execute("create database plain")
        .await
        .expect("a database");
    let conninfo = server.conninfo("stand_in");
    demo::load(
        &client(&conninfo).await,
        demo::STAND_IN,
        &demo::Progress::silent(),
    )
    .await
    .expect("the stand-in");
    all.push(Target {
        name: "stand-in".to_owned(),
        conninfo,
        real: false,
    });
    for url in std::env::var("HYPERTOP_TEST_URLS")
        .unwrap_or_default()
        .split_whitespace()
    {
        all.push(Target {
            name: url.rsplit('@').next().unwrap_or_default().to_owned(),
            conninfo: url.to_owned(),
            real: true,
        });
    }
    let names: Vec<_> = all.iter().map(|target| target.name.as_str()).collect();
    println!("running on: {}", names.join(", "));
    Targets {
        all,
        plain: server.conninfo("plain"),
        server,
    }
}

pub fn settings(conninfo: &str) -> Settings {
    let flags = Flags {
        database: Some(conninfo.to_owned()),
        ..Flags::default()
    };
    let around = Surroundings {
        os_user: "postgres".to_owned(),
        ..Surroundings::default()
    };
    conninfo::resolve(&flags, &around).expect("settings")
}

/// A plain client, which may write.
pub async fn client(conninfo: &str) -> tokio_postgres::Client {
    connect::again(&settings(conninfo), None)
        .await
        .expect("a connection")
        .client
}

/// A session as the console has it.
pub async fn session(conninfo: &str) -> Session {
    let connected = connect::again(&settings(conninfo), None)
        .await
        .expect("a connection");
    Session::start(connected).await.expect("a session")
}
