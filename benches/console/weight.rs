//! The cost of the console's queries on the server besides their time: locks held at once, and memory of a session.

use hypertop::connect;
use hypertop::connect::conninfo::Settings;
use hypertop::server::exact::slices;
use hypertop::server::session::Session;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::screens::Wanted;
use crate::{Goals, Limit, naive};

const LOCKS: &str =
    "select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'relation'";
const MEMORY: &str = "select sum(total_bytes)::int8 from pg_backend_memory_contexts";
pub const NAIVE_SIZES: &str = "select hypertable_size(format('%I.%I', hypertable_schema, hypertable_name)::regclass) from timescaledb_information.hypertables";

async fn number(client: &Client, statement: &str) -> i64 {
    client.query_one(statement, &[]).await.unwrap().get(0)
}

/// Runs every list and its exact figures in a transaction each, and counts the locks at its end.
pub async fn measure(settings: &Settings, wanted: &Wanted, goals: &mut Goals) {
    let session = Session::start(connect::again(settings, None).await.unwrap())
        .await
        .unwrap();
    let client = &session.connected.client;
    let version = session.server.sql_version();
    let mut most = (0, "");
    for (screen, wanted) in wanted {
        let about = screen.about();
        client.batch_execute("begin").await.unwrap();
        client
            .query_typed((about.list_text)(&session.server), &[])
            .await
            .unwrap();
        // The count includes the lock on pg_locks itself.
        most = most.max((number(client, LOCKS).await, about.name));
        client.batch_execute("rollback").await.unwrap();
        // Also the queries that only add verdicts, for the same rows.
        for (exact, slice) in (about.exact)().iter().zip(wanted).flat_map(|(exact, ids)| {
            slices(ids, exact.slice)
                .into_iter()
                .map(move |slice| (exact, slice))
        }) {
            let ids: Vec<i64> = slice.iter().map(|(id, _)| *id).collect();
            client.batch_execute("begin").await.unwrap();
            client
                .query_typed(exact.query.text(version), &[(&ids, Type::INT8_ARRAY)])
                .await
                .unwrap();
            most = most.max((number(client, LOCKS).await, exact.query.name));
            client.batch_execute("rollback").await.unwrap();
        }
    }
    let ours = number(client, MEMORY).await;
    let client = naive::client(settings).await;
    client.simple_query(NAIVE_SIZES).await.unwrap();
    let theirs = number(&client, MEMORY).await;
    println!(
        "locks held at most: {} ({}); backend memory after all screens: {} MiB; after one pass of hypertable_size(): {} MiB",
        most.0,
        most.1,
        ours >> 20,
        theirs >> 20
    );
    goals.check("locks held at most", most.0 as f64, Limit::Most(64.0));
    let ratio = theirs as f64 / ours.max(1) as f64;
    goals.check(
        "backend memory: size pass / all screens",
        ratio,
        Limit::Least(8.0),
    );
}
