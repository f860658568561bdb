//! Worlds that are broken on the server: rights, databases, the library, connections, a restore.

use hypertop::demo::private_server::PrivateServer;

use crate::ran::Doctor;
use crate::support::own::{databases, on_own, restarted};
use crate::support::{block_on, client, with_targets};

async fn sql(server: &PrivateServer, statement: &str) {
    let admin = client(&server.conninfo("postgres")).await;
    admin.batch_execute(statement).await.unwrap();
}

#[test]
fn a_database_that_lets_nobody_or_not_this_role_in_fails_alone() {
    with_targets(|targets| {
        let server = &targets.server;
        let of = |database: &str| server.conninfo(database);
        Doctor::new(&of("template0")).fails("database", "datallowconn is false");
        Doctor::new(&of("not there")).fails("database", "psql -l");
        block_on(async {
            let statements = "create role shut_out login; create database shut; revoke connect on database shut from public";
            for statement in statements.split("; ") {
                sql(server, statement).await;
            }
        });
        let theirs = of("shut").replace("user=postgres", "user=shut_out");
        Doctor::new(&theirs).fails("database", "GRANT CONNECT ON DATABASE");
    });
}

#[test]
fn a_role_without_rights_is_told_its_grants_and_sees_everything_once_they_are_given() {
    with_targets(|targets| {
        for (nth, target) in targets.all.iter().enumerate().filter(|(_, of)| of.real) {
            let role = format!("Night Watch {nth}");
            let quoted = format!("\"{role}\"");
            let theirs = target
                .conninfo
                .replace("user=postgres", &format!("user='{role}'"));
            block_on(async {
                let owner = client(&target.conninfo).await;
                owner
                    .batch_execute(&format!(
                        "create role {quoted} login; grant usage on schema mes to {quoted}"
                    ))
                    .await
                    .unwrap();
            });
            let said = Doctor::new(&theirs).run();
            assert_eq!(said.code, 1, "{}", said.text);
            let unwell = said.unwell();
            // Two factories on one server are a crowd.
            let also = ["extension", "workers"];
            let others = |of: &&&str| !of.starts_with("rights: ") && !also.contains(*of);
            assert_eq!(unwell.iter().find(others), None, "{}", said.text);
            for screen in ["server", "jobs", "aggregates", "activity"] {
                let step = format!("rights: {screen}");
                assert_eq!(said.state(&step), "warn", "{}: {}", target.name, said.text);
                let fix = said.fix(&step);
                assert!(
                    fix.contains("GRANT ") && fix.contains(&quoted),
                    "{step}: {fix}"
                );
            }
            block_on(async {
                let owner = client(&target.conninfo).await;
                for step in unwell.iter().filter(|of| of.starts_with("rights: ")) {
                    owner.batch_execute(&said.fix(step)).await.unwrap();
                }
            });
            let said = Doctor::new(&theirs).run();
            let left: Vec<_> = said
                .unwell()
                .into_iter()
                .filter(|of| of.starts_with("rights"))
                .collect();
            assert!(left.is_empty(), "{}: {}", target.name, said.text);
            block_on(async {
                let owner = client(&target.conninfo).await;
                owner
                    .batch_execute(&format!("drop owned by {quoted}; drop role {quoted}"))
                    .await
                    .unwrap();
            });
        }
    });
}

#[test]
fn a_full_server_and_a_role_with_too_few_connections_fail_by_their_connections() {
    let settings = [
        ("max_connections", "12"),
        ("superuser_reserved_connections", "3"),
        ("max_wal_senders", "0"),
    ];
    on_own(&settings, async |server| {
        sql(server, "create role many login").await;
        sql(server, "create role few login connection limit 2").await;
        sql(server, "create role one login connection limit 1").await;
        let of = |role: &str| {
            let conninfo = server.conninfo("postgres");
            conninfo.replace("user=postgres", &format!("user={role}"))
        };
        for role in ["few", "one"] {
            let words = "two for reading, one for an action";
            let said = Doctor::new(&of(role)).run();
            assert_eq!(said.state("connections"), "fail", "{}", said.text);
            assert!(said.fix("connections").contains(words), "{}", said.text);
            assert!(
                said.fix("connections").contains("the role has"),
                "{}",
                said.text
            );
        }
        let mut held = Vec::new();
        for _ in 0..9 {
            held.push(client(&of("many")).await);
        }
        Doctor::new(&of("many")).fails("connections", "The connection limit is reached");
    });
}

#[test]
fn a_library_that_is_not_preloaded_a_restore_and_too_few_workers_fail_alone() {
    on_own(
        &[("timescaledb.max_background_workers", "1")],
        async |server| {
            let rigs = databases(server).await;
            let Some(first) = rigs.first().map(|rig| rig.conninfo.clone()) else {
                return;
            };
            // The launcher's is the only one.
            let said = Doctor::new(&first).run();
            assert_eq!(said.state("workers"), "fail", "{}", said.text);
            // The first database may have an older version than the server's files.
            let others = ["extension", "workers"];
            let unwell = said.unwell();
            let other = unwell.iter().find(|of| !others.contains(of));
            assert_eq!(other, None, "{}", said.text);
            let workers = [("timescaledb.max_background_workers", "16")];
            let rigs = restarted(server, rigs, &workers).await;
            let name = &rigs[0].session.server.database;
            sql(
                server,
                &format!("alter database \"{name}\" set timescaledb.restoring = on"),
            )
            .await;
            let said = Doctor::new(&first).fails("extension", "timescaledb_post_restore()");
            let workers = said.evidence("workers");
            assert!(workers.contains("until the restore is over"), "{workers}");
            sql(
                server,
                &format!("alter database \"{name}\" reset timescaledb.restoring"),
            )
            .await;
            drop(rigs);
            let preload = [("shared_preload_libraries", "default")];
            restarted(server, Vec::new(), &preload).await;
            let said =
                Doctor::new(&first).fails("extension", "shared_preload_libraries = 'timescaledb'");
            assert_eq!(said.state("rights"), "skipped", "{}", said.text);
            assert_eq!(said.state("round trip"), "ok", "{}", said.text);
        },
    );
}
