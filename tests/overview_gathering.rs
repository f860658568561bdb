//! The Overview includes findings that are expensive to read, and says which of them are not read yet.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use hypertop::model::screen_id::ScreenId;
use hypertop::screens::{Screens, gather};
use hypertop::server::known::At;
use serde_json::Value as Json;
use support::act::Rig;
use support::console::Console;
use support::triage;

/// Chunks too large for memory in a table without statistics (so only exact sizes show it), and a bloated index.
const SOURCE: &str = r#"set client_min_messages = error; create schema "Me.s"; create table "Me.s".plain (n int, m int) with (autovacuum_enabled = off);
insert into "Me.s".plain select n, n from generate_series(1, 40000) n; create index "by.n" on "Me.s".plain (n, m); delete from "Me.s".plain where n % 10 <> 0;
vacuum analyze "Me.s".plain;
create table "Me.s"."Raw ""x""" (ts timestamptz not null, v text) with (autovacuum_enabled = off); select create_hypertable('"Me.s"."Raw ""x"""', 'ts', chunk_time_interval => interval '1 day');
insert into "Me.s"."Raw ""x""" select t, repeat('x', 100) from generate_series(now() - interval '3 days', now(), interval '1 minute') t;
do $$ begin execute format('alter database %I set effective_cache_size = ''64kB''', current_database()); end $$"#;

/// Thresholds so low that small test data exceed them.
fn configure(rig: &Rig) {
    let folder = rig.state_home().join("hypertop");
    std::fs::create_dir_all(&folder).unwrap();
    let settings = "[thresholds]\nbloated_index_bytes = \"64 KiB\"\nquery_time = \"100ms\"\nquery_percent_notice = 1\n";
    std::fs::write(folder.join("config.toml"), settings).unwrap();
}

/// True if the server has `pg_stat_statements`.
async fn counts(rig: &Rig) -> bool {
    let loaded = "select exists (select from pg_settings where name = 'pg_stat_statements.max')";
    rig.text(loaded).await == "t"
}

fn shown(rig: &Rig) -> Json {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hypertop"));
    command.args(["show", "overview", "--format", "json", &rig.conninfo]);
    let home = rig.state_home();
    command
        .env("XDG_CONFIG_HOME", home)
        .env("XDG_STATE_HOME", home);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}: {output:?}", rig.name);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn row<'a>(shown: &'a Json, rule: &str) -> Option<&'a Json> {
    let mut rows = shown["rows"].as_array().unwrap().iter();
    rows.find(|row| row["rule"] == rule)
}

#[test]
fn what_hypertables_indexes_and_queries_find_is_on_the_overview_at_once() {
    triage::on_each("gathers", SOURCE, async |rig, _| {
        configure(rig);
        let counted = counts(rig).await;
        if counted {
            rig.sql("create extension pg_stat_statements").await;
            rig.sql("select pg_sleep(0.5) as slow_one").await;
        }
        let told = shown(rig);
        let large = row(&told, "chunks-large").unwrap_or_else(|| panic!("{}: {told:#}", rig.name));
        assert_eq!(large["verdict"], "warning");
        assert_eq!(large["fix"], "set-chunk-interval");
        assert_eq!(large["target"], "\"Me.s\".\"Raw \"\"x\"\"\"");
        assert!(large["set"]["interval"].is_string(), "{large:#}");
        let bloat = row(&told, "index-bloated").unwrap_or_else(|| panic!("{}: {told:#}", rig.name));
        assert_eq!(bloat["target"], "\"Me.s\".\"by.n\"");
        if counted {
            let heavy = row(&told, "query-heavy");
            assert!(heavy.is_some(), "{}: {told:#}", rig.name);
        }
        // The console shows these findings, too, before any other tab was opened.
        let home = rig.state_home().to_str().unwrap();
        let vars = [("XDG_CONFIG_HOME", home), ("XDG_STATE_HOME", home)];
        let mut console = Console::open_in(&[&rig.conninfo], &vars, 140, 40);
        console.wait_for("chunks too large for memory");
        console.wait_for("bloated index");
        if counted {
            // The group's line may cut the title off.
            console.wait_for("takes much of all");
        }
        // A fixed finding disappears with the next load.
        rig.sql("reindex index \"Me.s\".\"by.n\"").await;
        console.press("r");
        let begun = Instant::now();
        while console.text().contains("bloated index") {
            let text = console.text();
            let long = begun.elapsed();
            assert!(long < Duration::from_secs(30), "{}: {text}", rig.name);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        console.press("q");
        console.ended();
    });
}

#[test]
fn where_no_statement_is_counted_a_note_says_so_and_no_finding() {
    triage::on_each("uncounted", "select 1", async |rig, _| {
        let told = shown(rig);
        assert!(row(&told, "queries-missing").is_none(), "{told:#}");
        let said = told["caveats"].to_string();
        assert!(said.contains("Queries: "), "{}: {said}", rig.name);
        assert!(said.contains("pg_stat_statements"), "{}: {said}", rig.name);
    });
}

#[test]
fn what_is_dear_is_said_to_be_missing_until_it_is_read() {
    triage::on_each("dear", SOURCE, async |rig, _| {
        let mut screens = Screens::default();
        let dear = [ScreenId::Hypertables, ScreenId::Indexes];
        let server = &rig.session.server;
        let now = server.clock;
        let at = At { now, server };
        for screen in dear {
            let rows = rig.session.load(screen).await.unwrap();
            let asked = screens.ask(screen).unwrap();
            screens.load(asked, rows, Duration::ZERO, &at);
        }
        let said = gather::caveats(&screens, ScreenId::Overview, &at).join("\n");
        for words in [
            "Hypertables: sizes are not read yet for 1 of 1 rows",
            "Indexes: sizes and bloat are not read yet for 2 of 2 rows",
        ] {
            assert!(said.contains(words), "{}: {said}", rig.name);
        }
        triage::look_again(rig, &mut screens, &dear).await;
        let said = gather::caveats(&screens, ScreenId::Overview, &at).join("\n");
        assert!(!said.contains("not read yet"), "{}: {said}", rig.name);
    });
}
