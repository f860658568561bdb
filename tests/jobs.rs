//! The jobs screen and the queries of the connection, against the documented views on real servers.

use std::collections::HashMap;

use hypertop::record::{At, Record};
use hypertop::screens::jobs::Row;
use hypertop::server::{self, Pulse, Server};
use hypertop::sql::{Param, Version};
use hypertop::value::{Stamp, Value};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls};

fn databases() -> Vec<(&'static str, Config)> {
    let Ok(url) = std::env::var("HYPERTOP_DEV_PG") else {
        return Vec::new();
    };
    ["seed_2_11_2", "seed_2_17_2", "seed_2_22_1", "seed_2_28_3"]
        .into_iter()
        .map(|name| {
            let mut config: Config = url.parse().unwrap();
            config.dbname(name);
            (name, config)
        })
        .collect()
}

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
        .query_one(server::QUERY.text(Version::new(0, 0)), &[])
        .await
        .unwrap();
    Server::read(&row, "test".to_owned(), None).unwrap()
}

async fn jobs(client: &Client, server: &Server) -> Vec<Row> {
    client
        .query(Row::list_text(server), &[])
        .await
        .unwrap()
        .iter()
        .map(|row| Row::read(row).unwrap())
        .collect()
}

fn cell(row: &Row, name: &str, at: &At) -> Value {
    let column = Row::COLUMNS.iter().find(|column| column.name == name);
    (column.unwrap_or_else(|| panic!("no column {name}")).value)(row, at)
}

/// The documented views, in one row a job.
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
            .map(|row| Row::read(row).unwrap())
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
            assert_eq!(
                shown("last_error_sqlstate"),
                text("sqlerrcode"),
                "{label} job {id}"
            );
            assert_eq!(shown("last_error"), text("err_message"), "{label} job {id}");
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
            assert_eq!(
                state == "paused",
                text("job_status").as_deref() == Some("Paused"),
                "{label} job {id}"
            );
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
                said.push_str(&format!("{section:?}"));
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
        assert_eq!(server.database, label);
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
            .query_one(server::PULSE.text(Version::new(0, 0)), &[&names])
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
