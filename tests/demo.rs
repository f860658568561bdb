//! The demo and its private server: the server starts, has its deliberate problems, and ends with the process that owns it.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hypertop::demo;
use hypertop::demo::private_server::{Options, PrivateServer};
use hypertop::model::screen_id::ScreenId;
use hypertop::run::show;
use hypertop::run::show::Format;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value as Json;
use support::console::Console;
use support::{Target, Targets, block_on, client, has_server, session, settings, with_targets};

/// Environment variable of the process that plays the owner and is killed.
const OWNER: &str = "HYPERTOP_TEST_OWNER";

fn postmaster(folder: &Path) -> Pid {
    let text = std::fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
    Pid::from_raw(text.lines().next().unwrap().trim().parse().unwrap())
}

fn gone_within(limit: Duration, folder: &Path, postmaster: Pid) {
    let start = Instant::now();
    while folder.exists() || kill(postmaster, None) != Err(Errno::ESRCH) {
        assert!(
            start.elapsed() < limit,
            "after {limit:?}: folder {}, server {:?}",
            folder.exists(),
            kill(postmaster, None)
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_private_server_answers_and_is_gone_with_its_value() {
    if !has_server() {
        return;
    }
    let server = PrivateServer::start(&Options::default()).unwrap();
    let folder = server.socket_folder().to_path_buf();
    let pid = postmaster(&folder);
    block_on(async {
        let client = client(&server.conninfo("postgres")).await;
        let row = client.query_one("show fsync", &[]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), "off");
        let row = client
            .query_one("show listen_addresses", &[])
            .await
            .unwrap();
        assert_eq!(
            row.get::<_, String>(0),
            "",
            "nobody reaches it from outside"
        );
    });
    drop(server);
    assert!(!folder.exists());
    gone_within(Duration::from_secs(10), &folder, pid);
}

/// Not a test by itself: other tests start it as a process, and kill this process.
#[test]
fn an_owner_that_waits_to_be_killed() {
    if std::env::var_os(OWNER).is_none() {
        return;
    }
    let server = PrivateServer::start(&Options::default()).unwrap();
    println!("\nfolder={}", server.socket_folder().display());
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn the_private_server_is_gone_when_its_owner_is_killed() {
    if !has_server() {
        return;
    }
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "an_owner_that_waits_to_be_killed", "--nocapture"])
        .env(OWNER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let folder = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("folder=").map(PathBuf::from))
        .expect("the owner tells the folder");
    let pid = postmaster(&folder);
    assert_eq!(kill(pid, None), Ok(()), "it runs");
    owner.kill().unwrap();
    owner.wait().unwrap();
    gone_within(Duration::from_secs(10), &folder, pid);
}

/// The watcher process is killed, too, so only the next start of hypertop can remove the server.
#[test]
fn the_next_start_removes_a_server_whose_watcher_was_killed() {
    if !has_server() {
        return;
    }
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "an_owner_that_waits_to_be_killed", "--nocapture"])
        .env(OWNER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let folder = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("folder=").map(PathBuf::from))
        .expect("the owner tells the folder");
    let pid = postmaster(&folder);
    for watcher in watchers(&folder) {
        kill(watcher, Signal::SIGKILL).unwrap();
    }
    owner.kill().unwrap();
    owner.wait().unwrap();
    let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "nobody else reads it");
    let other = PrivateServer::start(&Options::default()).unwrap();
    gone_within(Duration::from_secs(10), &folder, pid);
    // A server with a running owner is not removed.
    drop(PrivateServer::start(&Options::default()).unwrap());
    assert_eq!(kill(postmaster(other.socket_folder()), None), Ok(()));
}

/// The watchers of the folder's owner.
fn watchers(folder: &Path) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").unwrap().map_while(Result::ok);
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_watcher = |pid: &i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let args: Vec<_> = line.split(|byte| *byte == 0).collect();
        args.first() == Some(&&b"/bin/sh"[..])
            && args.contains(&folder.to_str().unwrap().as_bytes())
    };
    let found: Vec<_> = pids.filter(is_watcher).map(Pid::from_raw).collect();
    assert!(!found.is_empty());
    found
}

async fn rows(target: &Target, screen: ScreenId) -> Vec<Json> {
    let session = session(&target.conninfo).await;
    let mut out = Vec::new();
    let told = settings(&target.conninfo);
    show::show(&told, &session, screen, Format::Json, &mut out)
        .await
        .expect("the screen");
    let mut shown: Json = serde_json::from_slice(&out).expect("JSON");
    match shown["rows"].take() {
        Json::Array(rows) => rows,
        other => panic!("{other}"),
    }
}

/// The databases with the factory. A server named from outside may contain anything.
fn factories(targets: &Targets) -> impl Iterator<Item = &Target> {
    let folder = targets.server.socket_folder().display().to_string();
    targets
        .all
        .iter()
        .filter(move |target| target.conninfo.contains(&folder))
}

fn sum(rows: &[Json], figure: &str) -> i64 {
    rows.iter().filter_map(|row| row[figure].as_i64()).sum()
}

fn named<'a>(rows: &'a [Json], name: &str) -> &'a Json {
    rows.iter()
        .find(|row| row["name"] == name)
        .unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn the_factory_has_the_faults_of_chunks_that_it_promises() {
    with_targets(|targets| {
        for target in factories(targets) {
            block_on(async {
                let at = &target.name;
                let compression = rows(target, ScreenId::Compression).await;
                assert_eq!(sum(&compression, "partial_chunks"), 1, "{at}");
                for name in ["metric_hist", "energy_consumption"] {
                    let backlog = named(&compression, name)["backlog_chunks"].as_i64();
                    assert!(backlog > Some(0), "{at}: {name} {backlog:?}");
                }
                let sql = "select count(*) from _timescaledb_catalog.chunk where status & 4 = 4";
                let frozen = client(&target.conninfo).await.query_one(sql, &[]).await;
                assert_eq!(frozen.unwrap().get::<_, i64>(0), 1, "{at}: frozen");
                let retention = rows(target, ScreenId::Retention).await;
                let overdue = named(&retention, "metric_hist");
                assert!(
                    overdue["eligible_chunks"].as_i64() >= Some(3),
                    "{at}: {overdue}"
                );
                assert_ne!(overdue["verdict"], "ok", "{at}");
                assert_eq!(
                    named(&retention, "x")["job_id"],
                    Json::Null,
                    "{at}: no policy"
                );
            });
        }
    });
}

#[test]
fn the_factory_has_the_faults_of_indexes_that_it_promises() {
    with_targets(|targets| {
        for target in factories(targets) {
            block_on(async {
                let at = &target.name;
                let indexes = rows(target, ScreenId::Indexes).await;
                let lacking = named(&indexes, "oee_unused_idx");
                assert_eq!(lacking["chunks_without"], 1, "{at}: {lacking}");
                assert_eq!(sum(&indexes, "chunks_without"), 1, "{at}");
                for name in ["line_plant_key", "line_name_idx_ccnew"] {
                    let left = named(&indexes, name);
                    assert_eq!(left["valid"], false, "{at}: {left}");
                    assert_ne!(left["verdict"], "ok", "{at}: {left}");
                }
                for name in ["metric_hist_def_ts_dup_idx", "line_name_again_idx"] {
                    assert!(
                        named(&indexes, name)["duplicate_of"].is_string(),
                        "{at}: {name}"
                    );
                }
            });
        }
    });
}

#[test]
fn the_factory_has_one_average_of_averages_and_it_is_found() {
    with_targets(|targets| {
        // The stand-in's aggregates have no definitions.
        for target in factories(targets).filter(|target| target.real) {
            block_on(async {
                let aggregates = rows(target, ScreenId::Aggregates).await;
                let again = |row: &&Json| row["reason"].as_str().unwrap().contains("computes avg(");
                let found: Vec<_> = aggregates.iter().filter(again).collect();
                let names: Vec<_> = found.iter().map(|row| &row["name"]).collect();
                assert_eq!(names, ["oee_weekly"], "{}", target.name);
            });
        }
    });
}

#[test]
fn the_factory_has_aggregates_that_lag_and_never_ran() {
    with_targets(|targets| {
        for target in factories(targets) {
            block_on(async {
                let at = &target.name;
                let aggregates = rows(target, ScreenId::Aggregates).await;
                let daily = named(&aggregates, "oee_daily");
                assert!(
                    daily["lag_seconds"].as_f64() > daily["expected_lag_seconds"].as_f64(),
                    "{at}: {daily}"
                );
                let never = |row: &&Json| row["refreshed_to"].is_null();
                assert_eq!(aggregates.iter().filter(never).count(), 1, "{at}");
                let hourly = named(&aggregates, "metric_hist_1hour");
                assert_ne!(hourly["wipe_risk"], false, "{at}: {hourly}");
                assert!(sum(&aggregates, "pending_invalidations") > 0, "{at}");
            });
        }
    });
}

#[test]
fn the_factory_lives_rows_arrive_and_jobs_run_and_fail() {
    with_targets(|targets| {
        for target in factories(targets) {
            block_on(async {
                let at = &target.name;
                let client = client(&target.conninfo).await;
                let newest = async || {
                    let sql = "select extract(epoch from max(ts))::float8 from mes.metric_hist";
                    client.query_one(sql, &[]).await.unwrap().get::<_, f64>(0)
                };
                let (before, start) = (newest().await, Instant::now());
                let lives = demo::live(settings(&target.conninfo), !target.real);
                let seen = async {
                    loop {
                        let jobs = rows(target, ScreenId::Jobs).await;
                        let failing = jobs.iter().any(|job| {
                            job["proc"]
                                .as_str()
                                .is_some_and(|proc| proc.contains("export_erp"))
                                && job["total_failures"].as_i64() > Some(0)
                                && job["last_error_sqlstate"] == "08001"
                        });
                        if failing && newest().await > before {
                            for name in ["mes.job_noop", "Refresh of mes.oee_daily"] {
                                assert_eq!(named(&jobs, name)["state"], "paused", "{at}");
                            }
                            return;
                        }
                        assert!(start.elapsed() < Duration::from_secs(90), "{at}: {jobs:?}");
                        tokio::time::sleep(Duration::from_millis(300)).await;
                    }
                };
                tokio::select! { () = lives => panic!("it ends by itself"), () = seen => {} }
            });
        }
    });
}

#[test]
fn a_demo_that_cannot_be_loaded_leaves_no_database_behind() {
    with_targets(|targets| {
        if targets.server.timescaledb_versions().is_empty() {
            return println!("SKIPPED: no TimescaleDB here");
        }
        block_on(async {
            // Every new database already has the schema that the factory creates.
            let in_the_way = client(&targets.server.conninfo("template1")).await;
            let schema = "create schema mes";
            in_the_way.batch_execute(schema).await.unwrap();
            drop(in_the_way);
            tokio::time::sleep(Duration::from_millis(300)).await;
            let there = settings(&targets.server.conninfo("postgres"));
            let mut never = |_: &str| Err(anyhow::anyhow!("nobody is asked"));
            let error = demo::load_into(&there, &mut never, |_| {})
                .await
                .unwrap_err();
            let told = format!("{error:#}");
            assert!(
                told.contains("schema \"mes\" already exists")
                    && told.contains("hypertop_demo was removed again"),
                "{told}"
            );
            let admin = client(&targets.server.conninfo("postgres")).await;
            let left = "select from pg_database where datname = 'hypertop_demo'";
            assert!(admin.query(left, &[]).await.unwrap().is_empty());
            let again = client(&targets.server.conninfo("template1")).await;
            again.batch_execute("drop schema mes").await.unwrap();
        });
    });
}

#[test]
fn the_demo_keeps_a_journal_as_long_as_it_runs() {
    if !has_server() {
        return;
    }
    let mut console = Console::open(&["demo", "--simulate"]);
    console.wait_for("metric_hist");
    console.press("A");
    console.wait_for("why (may be empty)");
    console.press("known\r");
    console.wait_for("acknowledged");
    console.press("q");
    assert_eq!(console.ended(), 0);
}
