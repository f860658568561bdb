//! The Jobs screen and the queries about the server, compared with the documented views on real servers.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use hypertop::model::moment::Stamp;
use hypertop::model::value::Value;
use hypertop::model::version::Version;
use hypertop::screens::jobs::Row;
use hypertop::screens::record::Record;
use hypertop::server::known;
use hypertop::server::known::{At, Pulse, Server};
use hypertop::server::sql::Param;
mod support;

use support::databases;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls};

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
        .batch_execute(
            "set default_transaction_read_only = on; set lock_timeout = '200ms'; set statement_timeout = '5s'; set jit = off",
        )
        .await
        .unwrap();
    client
}

async fn server(client: &Client) -> Server {
    let row = client
        .query_one(known::QUERY.text(Version::new(0, 0)), &[])
        .await
        .unwrap();
    Server::read(&row, "test".to_owned(), None, false).unwrap()
}

async fn jobs(client: &Client, server: &Server) -> Vec<Row> {
    client
        .query(Row::list_text(server), &[])
        .await
        .unwrap()
        .iter()
        .map(|row| Row::read(row.into()).unwrap())
        .collect()
}

fn cell(row: &Row, name: &str, at: &At) -> Value {
    let column = Row::COLUMNS.iter().find(|column| column.name == name);
    (column.unwrap_or_else(|| panic!("no column {name}")).value)(row, at)
}

/// The documented views, one row per job.
const VIEWS: &str = "
    select j.job_id, j.proc_name::text as proc, j.owner::text as owner, j.scheduled,
           j.schedule_interval::text as schedule_interval, s.job_status, s.last_run_status,
           s.last_run_started_at as last_start, extract(epoch from s.last_run_duration)::float8 as seconds,
           s.next_start, s.total_runs, s.total_failures,
           case when s.last_run_status <> 'Success' then e.sqlerrcode end as sqlerrcode,
           case when s.last_run_status <> 'Success' then e.err_message end as err_message
    from timescaledb_information.jobs j
    left join timescaledb_information.job_stats s using (job_id)
    left join (select distinct on (x.job_id) x.job_id, x.sqlerrcode, x.err_message
               from timescaledb_information.job_errors x order by x.job_id, x.finish_time desc) e using (job_id)";

#[tokio::test]
async fn every_figure_is_the_documented_views_figure() {
    for (label, config) in databases() {
        let mut client = connect(&config).await;
        let server = server(&client).await;
        let transaction = client
            .build_transaction()
            .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
            .start()
            .await
            .unwrap();
        let ours: HashMap<i32, Row> = transaction
            .query(Row::list_text(&server), &[])
            .await
            .unwrap()
            .iter()
            .map(|row| Row::read(row.into()).unwrap())
            .map(|row| (row.job_id, row))
            .collect();
        let views = transaction.query(VIEWS, &[]).await.unwrap();
        assert_eq!(ours.len(), views.len(), "{label}");
        let at = At {
            now: server.clock,
            server: &server,
        };
        for view in &views {
            let id: i32 = view.get("job_id");
            let row = &ours[&id];
            let text = |name: &str| view.get::<_, Option<String>>(name);
            let shown = |name: &str| match cell(row, name, &at) {
                Value::Text(text) | Value::Interval(text, _) => Some(text),
                _ => None,
            };
            let time = |name: &str| view.get::<_, Option<Stamp>>(name).and_then(Stamp::finite);
            for name in ["proc", "owner", "schedule_interval", "last_run_status"] {
                assert_eq!(shown(name), text(name), "{label} job {id} {name}");
            }
            // While a job runs, the views have no status, but still the error of the last run.
            if row.last_run_status().is_some() {
                let code = shown("last_error_sqlstate");
                assert_eq!(code, text("sqlerrcode"), "{label} job {id}");
                assert_eq!(shown("last_error"), text("err_message"), "{label} job {id}");
            }
            assert_eq!(
                row.scheduled,
                view.get::<_, bool>("scheduled"),
                "{label} job {id}"
            );
            for name in ["last_start", "next_start"] {
                let expected = time(name).map_or(Value::Null, Value::Time);
                assert_eq!(cell(row, name, &at), expected, "{label} job {id} {name}");
            }
            for name in ["total_runs", "total_failures"] {
                let expected = view.get::<_, Option<i64>>(name);
                assert_eq!(
                    cell(row, name, &at),
                    expected.into(),
                    "{label} job {id} {name}"
                );
            }
            let seconds = view.get::<_, Option<f64>>("seconds");
            match (cell(row, "last_duration_seconds", &at), seconds) {
                (Value::Null, None) => {}
                (Value::Seconds(ours), Some(theirs)) => {
                    assert!((ours - theirs).abs() < 1e-6, "{label} job {id}");
                }
                other => panic!("{label} job {id}: {other:?}"),
            }
            let state = row.state(&at).name();
            if let Some(status) = text("job_status") {
                assert_eq!(state == "paused", status == "Paused", "{label} job {id}");
            }
        }
    }
}

#[tokio::test]
async fn the_history_table_and_the_view_tell_the_same_last_errors() {
    for (label, config) in databases() {
        let client = connect(&config).await;
        let mut server = server(&client).await;
        let error = |row: &Row| {
            let error = row.error.clone();
            (row.job_id, error.map(|error| (error.sqlstate, error.at)))
        };
        let mut table: Vec<_> = jobs(&client, &server).await.iter().map(error).collect();
        server.reads_job_history = false;
        let mut view: Vec<_> = jobs(&client, &server).await.iter().map(error).collect();
        table.sort_by_key(|(id, _)| *id);
        view.sort_by_key(|(id, _)| *id);
        assert!(table.iter().any(|(_, error)| error.is_some()), "{label}");
        assert_eq!(table, view, "{label}");
    }
}

#[tokio::test]
async fn jobs_bear_names_that_an_operator_knows_on_every_version() {
    for (label, config) in databases() {
        let client = connect(&config).await;
        let server = server(&client).await;
        let names: Vec<_> = jobs(&client, &server).await.iter().map(Row::name).collect();
        for name in [
            "Compression of mes.metric_hist",
            "Refresh of mes.oee_daily",
            "mes.job_export_erp",
            "Telemetry",
        ] {
            assert!(
                names.iter().any(|found| found == name),
                "{label}: no {name} in {names:?}"
            );
        }
        assert!(
            !names.iter().any(|name| name.contains("_materialized")),
            "{label}: {names:?}"
        );
    }
}

#[tokio::test]
async fn the_details_of_a_failing_job_show_its_configuration_and_its_errors() {
    for (label, config) in databases() {
        let client = connect(&config).await;
        let server = server(&client).await;
        let rows = jobs(&client, &server).await;
        let at = At {
            now: server.clock,
            server: &server,
        };
        let row = rows
            .iter()
            .find(|row| row.proc == "job_export_erp")
            .unwrap();
        let mut said = String::new();
        for detail in Row::DETAILS {
            let params = (detail.params)(row);
            let Some(Param::Int(id)) = params.first() else {
                panic!("{label}: no job id")
            };
            let params: [&(dyn ToSql + Sync); 1] = [id];
            let found = client
                .query(detail.query.text(server.sql_version()), &params)
                .await
                .unwrap();
            for section in (detail.build)(row, &found, &at).unwrap() {
                write!(said, "{section:?}").unwrap();
            }
        }
        assert!(said.contains("erp.example:443"), "{label}: {said}");
        assert!(said.contains("08001"), "{label}: {said}");
        assert!(said.contains("check the firewall"), "{label}: {said}");
        assert!(!row.facts(&at).is_empty());
    }
}

#[tokio::test]
async fn the_server_tells_what_it_is() {
    for (label, config) in databases() {
        let client = connect(&config).await;
        let server = server(&client).await;
        let version: String = client
            .query_one(
                "select extversion from pg_extension where extname = 'timescaledb'",
                &[],
            )
            .await
            .unwrap()
            .get(0);
        assert_eq!(
            server.timescaledb.map(|version| version.to_string()),
            Some(version),
            "{label}"
        );
        assert_eq!(Some(server.database.as_str()), config.get_dbname());
        assert!(
            server.preloaded && !server.simulated && server.superuser,
            "{label}"
        );
        assert!(server.clock > server.started, "{label}");
    }
}

#[tokio::test]
async fn the_pulse_counts_what_is_there_and_leaves_out_what_is_not() {
    for (label, config) in databases() {
        let client = connect(&config).await;
        let names: Vec<_> = Row::WATCHED
            .iter()
            .copied()
            .chain(["no_such.table"])
            .collect();
        let row = client
            .query_one(known::PULSE.text(Version::new(0, 0)), &[&names])
            .await
            .unwrap();
        let pulse = Pulse::read(&row).unwrap();
        assert_eq!(pulse.changes.len(), names.len(), "{label}");
        assert_eq!(pulse.changes.last(), Some(&None), "{label}");
        assert!(
            pulse.changes.iter().flatten().any(|changes| *changes > 0),
            "{label}"
        );
    }
}

/// Jobs that run long, fail, are stopped, or have no procedure any more; and two roles.
const TROUBLE: &str = "
    create schema app;
    grant usage, create on schema app to hypertop_jobs_owner;
    set role hypertop_jobs_owner;
    create procedure app.sleepy(job_id int, config jsonb) language plpgsql
      as $$ begin perform pg_sleep(30); end $$;
    create procedure app.broken(job_id int, config jsonb) language plpgsql
      as $$ begin raise exception 'no luck' using errcode = 'XY123', detail = 'none', hint = 'try again'; end $$;
    select public.add_job('app.sleepy', '1 hour');
    select public.alter_job(public.add_job('app.sleepy', '2 hours'), max_runtime => interval '2 s');
    select public.alter_job(public.add_job('app.broken', '1 hour'), max_retries => 1);
    select public.add_job('app.broken', '1 hour');
    select public.add_job('app.broken', '1 hour', initial_start => now() + interval '1 hour');
    reset role;
    update _timescaledb_config.bgw_job set proc_name = 'gone' where id = 1004";

#[tokio::test]
async fn states_are_right_while_jobs_really_run_fail_and_are_stopped() {
    let Some((config, versions)) = support::maintenance() else {
        return;
    };
    let (admin, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    for role in ["hypertop_jobs_owner", "hypertop_jobs_guest"] {
        let create = format!(
            "do $$ begin create role {role} login; exception when duplicate_object then null; end $$"
        );
        admin.batch_execute(&create).await.unwrap();
    }
    for version in &versions {
        let name = format!("hypertop_jobs_{}", version.replace('.', "_"));
        let drop = format!("drop database if exists {name} with (force)");
        admin.batch_execute(&drop).await.unwrap();
        admin
            .batch_execute(&format!("create database {name}"))
            .await
            .unwrap();
        let extension = format!("create extension timescaledb version '{version}'");
        let (client, connection) = config.clone().dbname(&name).connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&extension).await.unwrap();
        drop_connection(client).await;
        let (client, connection) = config.clone().dbname(&name).connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(TROUBLE).await.unwrap();
        for user in ["postgres", "hypertop_jobs_guest"] {
            let client = connect(config.clone().dbname(&name).user(user)).await;
            wait_for_trouble(&client, version, user).await;
        }
        admin.batch_execute(&drop).await.unwrap();
    }
    admin
        .batch_execute("drop role hypertop_jobs_owner, hypertop_jobs_guest")
        .await
        .unwrap();
}

async fn drop_connection(client: Client) {
    drop(client);
    tokio::time::sleep(Duration::from_millis(50)).await;
}

async fn wait_for_trouble(client: &Client, version: &str, user: &str) {
    let server = server(client).await;
    let mut said = String::new();
    for _ in 0..60 {
        said.clear();
        let rows = jobs(client, &server).await;
        let at = At {
            now: self::server(client).await.clock,
            server: &server,
        };
        for row in rows.iter().filter(|row| row.job_id >= 1000) {
            let verdict = row.verdict(&at);
            writeln!(
                said,
                "{} {}: {}, {}",
                row.job_id,
                row.state(&at).name(),
                verdict.level.name(),
                verdict.reason
            )
            .unwrap();
        }
        if TROUBLES.iter().all(|line| said.contains(line)) {
            let error = if user == "postgres"
                || (Version::new(2, 18)..Version::parse("2.27.1").unwrap())
                    .contains(&server.sql_version())
            {
                "XY123 no luck"
            } else {
                "its error is shown to its owner hypertop_jobs_owner only"
            };
            assert!(said.contains(error), "{version} {user}:\n{said}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("{version} {user}:\n{said}");
}

const TROUBLES: [&str; 5] = [
    "1000 running: ok, running for",
    "stopped at its max_runtime of 2s",
    "1002 paused: critical, paused by the scheduler: it failed 1 time, and max_retries is 1",
    "1003 backing off: warning, failed",
    "1004 never ran: critical, its procedure app.gone no longer exists",
];
