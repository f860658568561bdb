//! Compressed rows are in a relation of their own. Locks on this relation are shown with the name of the hypertable.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::screen_id::ScreenId;
use hypertop::screens::Rows;
use hypertop::screens::activity::Row;
use hypertop::screens::record::Record;
use support::{block_on, client, session, with_targets};

/// Relation with the compressed rows of a chunk of `mes.metric_hist`, found by the locks of a query.
const COMPANION: &str = "select max(l.relation::regclass::text) from pg_locks l
    join pg_class c on c.oid = l.relation and c.relkind = 'r'
    where l.pid = pg_backend_pid() and l.relation::regclass::text ~ '(^|\\.)(compress_|.*_compressed$)'";

#[test]
fn a_lock_on_compressed_rows_names_the_hypertable_whose_rows_they_are() {
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| target.real) {
            block_on(async {
                let (name, session) = (&target.name, session(&target.conninfo).await);
                let mut holder = client(&target.conninfo).await;
                let held = holder.transaction().await.unwrap();
                held.batch_execute("set local application_name = 'reader'")
                    .await
                    .unwrap();
                let chunk: String = held
                    .query_one("select format('%I.%I', chunk_schema, chunk_name) from timescaledb_information.chunks
                                where hypertable_schema = 'mes' and hypertable_name = 'metric_hist' and is_compressed limit 1", &[])
                    .await.unwrap().get(0);
                // A query of the chunk locks that relation, whatever the version calls it.
                held.batch_execute(&format!(
                    "set local jit = off; select count(*) from {chunk}"
                ))
                .await
                .unwrap();
                let companion: String = held.query_one(COMPANION, &[]).await.unwrap().get(0);
                held.batch_execute(&format!("lock table {companion} in access exclusive mode"))
                    .await
                    .unwrap();
                let Rows::Activity(rows) = session.load(ScreenId::Activity).await.unwrap() else {
                    panic!("rows of another screen")
                };
                let row = rows.iter().find(|row| row.application == "reader").unwrap();
                assert_eq!(
                    row.relation.as_deref(),
                    Some("mes.metric_hist"),
                    "{name}: {row:?}"
                );
                assert_eq!(row.relation_kind.as_deref(), Some("hypertable"), "{name}");
                let locks = Row::DETAILS
                    .iter()
                    .find(|detail| detail.title == "Locks")
                    .unwrap();
                let held = session
                    .ask(&locks.query, &(locks.params)(row))
                    .await
                    .unwrap();
                let exclusive = held
                    .iter()
                    .find(|lock| lock.get::<_, &str>("mode") == "AccessExclusiveLock")
                    .unwrap();
                let thing: &str = exclusive.get("thing");
                assert!(
                    exclusive.get::<_, bool>("parts") && !thing.contains("chunk"),
                    "{name}: {thing}"
                );
            });
        }
    });
}
