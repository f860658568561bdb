//! The servers of the tests: a private PostgreSQL with a database for each installed TimescaleDB, the stand-in, a
//! database without TimescaleDB, and those in `HYPERTOP_TEST_URLS`.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

pub mod act;
pub mod agree;
pub mod check;
pub mod console;
pub mod kill;
pub mod own;
pub mod program;
pub mod triage;
pub mod works;

use std::future::Future;
use std::sync::{Mutex, OnceLock};

use hypertop::connect::conninfo;
use hypertop::connect::conninfo::{Flags, Settings, Surroundings};
use hypertop::demo::private_server::{Options, PrivateServer, Programs};
use hypertop::server::session::Session;
use hypertop::{connect, demo};

/// A database with the factory.
#[derive(Debug, Clone)]
pub struct Target {
    /// Name for messages: `TimescaleDB 2.28.3` or `stand-in`.
    pub name: String,
    pub conninfo: String,
    pub real: bool,
}

pub struct Targets {
    pub all: Vec<Target>,
    /// Connection string of a database on the same server without TimescaleDB.
    pub plain: String,
    pub server: PrivateServer,
}

/// The relation of a row `c` of the catalogue's chunks: by schema and table name up to 2.28, by `relid` from 2.29 on.
pub const CHUNK: &str = "coalesce((to_jsonb(c) ->> 'relid')::regclass, to_regclass(format('%I.%I', to_jsonb(c) ->> 'schema_name', to_jsonb(c) ->> 'table_name')))";

/// True if a server can run on this machine. Under `CI=true` a missing one is a failure.
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

static TARGETS: OnceLock<Mutex<Targets>> = OnceLock::new();

/// Runs a test on the targets, one test at a time. Without a server the test is skipped.
///
/// The targets are created once per test program. The private server's watcher removes them after its end.
pub fn with_targets(test: impl FnOnce(&Targets)) {
    if has_server() {
        let held = targets()
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        test(&held);
    }
}

fn targets() -> &'static Mutex<Targets> {
    // In a thread of its own, because the caller may be inside a runtime.
    TARGETS.get_or_init(|| {
        Mutex::new(
            std::thread::spawn(|| block_on(make()))
                .join()
                .expect("the targets are made"),
        )
    })
}

/// The databases with a real TimescaleDB and the factory: name for messages, and connection settings.
pub fn databases() -> Vec<(&'static str, tokio_postgres::Config)> {
    if !has_server() {
        return Vec::new();
    }
    let held = targets()
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let real = held.all.iter().filter(|target| target.real);
    real.map(|target| {
        let name: &'static str = Box::leak(target.name.clone().into_boxed_str());
        (name, target.conninfo.parse().expect("a conninfo"))
    })
    .collect()
}

/// The private server's maintenance database and its TimescaleDB versions, for tests that create databases. `None`: no
/// server.
pub fn maintenance() -> Option<(tokio_postgres::Config, Vec<String>)> {
    if !has_server() {
        return None;
    }
    let held = targets()
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let config = held
        .server
        .conninfo("postgres")
        .parse()
        .expect("a conninfo");
    Some((config, held.server.timescaledb_versions()))
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

/// A read-write client without hypertop's settings.
pub async fn client(conninfo: &str) -> tokio_postgres::Client {
    try_client(conninfo).await.expect("a connection")
}

/// [`client`], or why the server refused it.
pub async fn try_client(conninfo: &str) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let mut config: tokio_postgres::Config = conninfo.parse().expect("a conninfo");
    if config.get_application_name().is_none() {
        config.application_name("hypertop");
    }
    let (client, connection) = Box::pin(config.connect(tokio_postgres::NoTls)).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// A read session like the console's.
pub async fn session(conninfo: &str) -> Session {
    let connected = connect::again(&settings(conninfo), None)
        .await
        .expect("a connection");
    Session::start(connected).await.expect("a session")
}
