//! An index on an expression that is not immutable is refused in the preview, exactly where the server would refuse it.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::process::Command;

use hypertop::actions::preview;
use support::act::Rig;
use support::triage::on_each;

const NAME: &str = r#""Me.s"."Raw ""x""""#;
const SOURCE: &str = r#"set client_min_messages = error; create schema "Me.s"; create table "Me.s"."Raw ""x""" (ts timestamptz not null, gone int, d int, v float8, k text, "Odd, (Name" text, n timestamp);
alter table "Me.s"."Raw ""x""" drop column gone;
select create_hypertable('"Me.s"."Raw ""x"""', 'ts', chunk_time_interval => interval '1 day');
insert into "Me.s"."Raw ""x""" select now() - i * interval '1 hour', i, i, 'k' || i, 'o', now() from generate_series(1, 48) i;
create function "Me.s".same(int) returns int language sql immutable as 'select $1';
create function "Me.s".stable(int) returns int language sql stable as 'select $1'"#;

/// Conditions of indexes. The server shows which of them it accepts.
const WHERE: &[&str] = &[
    "v > 0",
    "v > 0 and k is not null and d in (1, 2)",
    "not (v > 0) or k like 'a%'",
    "ts >= '2026-01-01Z' and ts < '2027-01-01Z'",
    "date_trunc('day', ts at time zone 'UTC') > '2026-01-01'",
    "n::date > '2026-01-01'",
    "\"Odd, (Name\" = 'x'",
    "\"Me.s\".same(d) = 1",
    "1 = 1",
    "ts > now()",
    "ts > now() - interval '1 day'",
    "ts > current_date",
    "date_trunc('day', ts) > '2026-01-01Z'",
    "ts::date > '2026-01-01'",
    "ts > n",
    "v > random()",
    "current_user = 'x'",
    "\"Me.s\".stable(d) = 1",
    "d in (select 1)",
    "zz > 1",
    "d > 'x'",
    "count(*) > 1",
    "length(k)",
    "d = = 1",
];
const COLUMNS: &[&str] = &[
    "d, ts desc",
    "lower(k), \"Odd, (Name\" desc",
    "((ts at time zone 'UTC')::date) desc nulls last, d",
    "(k || ',(' || d::text) collate \"C\"",
    "\"Me.s\".same(d)",
    "date_trunc('day', ts)",
    "d, (ts::date)",
    "to_char(ts, 'YYYY-MM')",
    "concat(k, d)",
    "\"Me.s\".stable(d)",
    "upper(zz)",
];

/// Why the preview of an index refuses it.
async fn refused(rig: &Rig, set: &[(&str, &str)]) -> Option<String> {
    let approved = rig.plan("create-index", NAME, set).await;
    let plan = approved
        .unwrap_or_else(|why| panic!("{}: {set:?}: {why}", rig.name))
        .plan;
    preview::preview(&rig.session, plan).await.refused
}

/// The server's own error. If the index was created, it is removed again.
async fn error(rig: &Rig, columns: &str, condition: &str) -> Option<String> {
    rig.sql("begin; set local search_path = pg_catalog").await;
    let create = format!("create index probe on {NAME} ({columns}) where {condition}");
    let error = rig.client.batch_execute(&create).await.err();
    rig.sql("rollback").await;
    error.map(|error| error.as_db_error().unwrap().message().to_owned())
}

#[test]
fn what_the_server_would_refuse_is_refused_in_the_preview_and_nothing_else() {
    on_each("immutable", SOURCE, async |rig, _| {
        let conditions = WHERE.iter().map(|text| ("where", "d", *text));
        let columns = COLUMNS.iter().map(|text| ("columns", *text, "true"));
        for (field, columns, condition) in conditions.chain(columns) {
            let set = [("columns", columns), ("where", condition)];
            let why = refused(rig, &set).await;
            let server = error(rig, columns, condition).await;
            assert_eq!(
                why.is_some(),
                server.is_some(),
                "{}: {set:?}: {why:?}: {server:?}",
                rig.name
            );
            let (Some(why), Some(server)) = (why, server) else {
                continue;
            };
            assert!(why.starts_with(&format!("{field}: ")), "{why}");
            assert_eq!(
                why.contains(" is not immutable: "),
                server.contains("IMMUTABLE"),
                "{why}: {server}"
            );
        }
        let why = refused(rig, &[("columns", "d"), ("where", "d in (select 1)")]).await;
        assert!(why.unwrap().contains("has a subquery"), "{}", rig.name);
        // No index was created.
        assert_eq!(
            rig.text("select count(*) from pg_index where indexrelid::regclass::text ~ 'probe'")
                .await,
            "0"
        );
    });
}

#[test]
fn the_shell_changes_nothing_and_says_why() {
    on_each("immutable_shell", SOURCE, async |rig, _| {
        let run = |condition: &str| {
            let condition = format!("where={condition}");
            Command::new(env!("CARGO_BIN_EXE_hypertop"))
                .args([
                    "-w",
                    "-d",
                    &rig.conninfo,
                    "run",
                    "create-index",
                    NAME,
                    "--yes",
                ])
                .args([
                    "--set",
                    "columns=d",
                    "--set",
                    "name=by_d",
                    "--set",
                    &condition,
                ])
                .env("XDG_CONFIG_HOME", "/nonexistent")
                .env("XDG_STATE_HOME", rig.state_home())
                .output()
                .unwrap()
        };
        let many = "select count(*) from pg_class where relname = 'by_d'";
        let output = run("ts > now()");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{output:?}");
        assert!(
            said.contains("refused, nothing was changed: where: ts > now() is not immutable"),
            "{said}"
        );
        assert_eq!(rig.text(many).await, "0");
        let output = run("d > 3");
        assert!(output.status.success(), "{output:?}");
        assert_eq!(rig.text(many).await, "1");
    });
}

#[test]
fn the_question_runs_no_function_of_an_owner_who_is_not_trusted() {
    on_each("immutable_trust", SOURCE, async |rig, _| {
        let role = format!("mallory {}", rig.name);
        rig.sql(&format!("create role \"{role}\"; create schema app; create function app.trap(int) returns int language plpgsql immutable as $$ begin perform set_config('me.ran', 'yes', false); return $1; end $$; alter function app.trap owner to \"{role}\"")).await;
        let set = [("columns", "d"), ("where", "d > app.trap(1)")];
        assert_eq!(refused(rig, &set).await, None, "left to the server");
        let client = &rig.session.connected.client;
        let row = client
            .query_one("select current_setting('me.ran', true)", &[])
            .await
            .unwrap();
        let ran: Option<String> = row.get(0);
        assert_ne!(ran.as_deref(), Some("yes"), "{}", rig.name);
        rig.sql(&format!("drop schema app cascade; drop role \"{role}\""))
            .await;
    });
}
