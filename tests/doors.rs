//! A role without rights owns every door through which its code could run with the rights of a superuser who only looks.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::action::Does;
use hypertop::plans;
use hypertop::private_server::PrivateServer;
use hypertop::record::At;
use hypertop::run;
use hypertop::screens::ScreenId;
use hypertop::show::{self, Format};
use support::act::Rig;
use support::{client, own, session, settings};

const DOORS: &str = include_str!("doors/doors.sql");

/// Which doors a superuser's session went through, by the server's own count of calls: that is kept also where the
/// statement failed or was read-only. A backend reports what it counted when it ends, at the latest: all but `open` have to.
async fn through(conninfo: &str, open: usize) -> Vec<String> {
    let client = client(conninfo).await;
    let left = "select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'";
    for _ in 0..400 {
        if client.query(left, &[]).await.unwrap().len() <= open {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(client.query(left, &[]).await.unwrap().len() <= open);
    let rows = client
        .query("select substr(f.funcname, 9) from pg_stat_user_functions f where f.schemaname = 'doors' and f.funcname like 'through\\_%' and f.calls > 0 order by 1", &[])
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// A database of this version with every door in it, and a way in that may write.
async fn doors(server: &PrivateServer, version: &str) -> Rig {
    let rig = own::database(server, version).await;
    let create = "do $$ begin create role doors_owner login; exception when duplicate_object then null; end $$";
    rig.sql(create).await;
    rig.sql("set client_min_messages = error").await;
    for statement in DOORS.split("\n\n") {
        rig.sql(statement).await;
    }
    rig.texts("select pg_stat_reset()").await;
    rig
}

/// Opens every screen with its exact figures, and the details of every row.
async fn look(conninfo: &str) {
    for screen in ScreenId::ALL {
        let session = session(conninfo).await;
        if session.can_show(*screen) && *screen != ScreenId::Journal {
            let (settings, mut out) = (settings(conninfo), Vec::new());
            let shown = show::show(&settings, &session, *screen, Format::Json, &mut out);
            shown.await.unwrap();
        }
        if screen.about().query.variants.is_empty() {
            continue;
        }
        let at = At {
            now: session.server.clock,
            server: &session.server,
        };
        for one in session.load(*screen).await.unwrap().each() {
            for (index, (title, query, params)) in one.details().into_iter().enumerate() {
                let answer = session.ask(query, &params).await;
                let answer = answer.unwrap_or_else(|error| panic!("{title}: {error:#}"));
                one.build(index, &answer, &at).unwrap();
            }
        }
    }
}

/// What the actions can be tried on.
async fn targets(rig: &Rig, on: plans::Kind) -> Vec<String> {
    let sql = match on {
        plans::Kind::Job => {
            "select id::text from _timescaledb_config.bgw_job where owner = 'doors_owner'::regrole order by id"
        }
        plans::Kind::Hypertable => {
            "values ('doors.counted'), ('doors.timed'), ('doors.guarded'), ('doors.by_number'), ('doors.by_hour')"
        }
        plans::Kind::Aggregate => "values ('doors.by_number'), ('doors.by_hour')",
        plans::Kind::Index => {
            "values ('doors.counted_e'), ('doors.counted_p'), ('doors.plain'), ('doors.plain_too'), ('doors.timed_e')"
        }
        plans::Kind::Session => return Vec::new(),
    };
    rig.texts(sql).await
}

/// The preview of every action on everything that it can be taken on; how many there were.
async fn preview(rig: &Rig) -> usize {
    let mut plans = 0;
    for action in plans::ACTIONS.iter().copied().flatten() {
        let Does::Plan(act) = &action.does else {
            continue;
        };
        for target in targets(rig, act.on).await {
            if let Ok(deed) = rig.plan(action.name, &target, &[]).await {
                hypertop::preview::preview(&rig.session, deed.plan).await;
                plans += 1;
            }
        }
    }
    plans
}

#[test]
fn looking_never_runs_the_code_of_a_role_with_fewer_rights() {
    own::on_own(&[("track_functions", "all")], async |server| {
        for version in server.timescaledb_versions() {
            let rig = doors(server, &version).await;
            let conninfo = rig.conninfo.clone();
            drop(rig);
            let none = [""; 0];
            assert_eq!(through(&conninfo, 0).await, none, "{version}: before");
            look(&conninfo).await;
            assert_eq!(through(&conninfo, 0).await, none, "{version}: screens");
            let rig = Rig::on(&version, &conninfo).await;
            let seen = preview(&rig).await;
            assert!(seen > 30, "{version}: {seen} previews");
            drop(rig);
            assert_eq!(through(&conninfo, 0).await, none, "{version}: previews");
            record(&conninfo).await;
            assert_eq!(through(&conninfo, 0).await, none, "{version}: record");
        }
    });
}

/// Records for a while, as a console at rest reads.
async fn record(conninfo: &str) {
    let folder = tempfile::tempdir().unwrap();
    let long = Some(std::time::Duration::from_secs(3));
    let every = std::time::Duration::from_millis(500);
    let tape = folder.path().join("tape");
    let session = session(conninfo).await;
    let readings = run::record_only(settings(conninfo), session, every, &tape, long);
    assert!(readings.await.unwrap() > 0);
}

/// Every action is carried out where it can be, and taken back: what ran then of somebody else's code was said before.
#[test]
fn what_an_action_runs_of_somebody_elses_code_is_said_before() {
    own::on_own(&[("track_functions", "all")], async |server| {
        for version in server.timescaledb_versions() {
            let rig = doors(server, &version).await;
            for action in plans::ACTIONS.iter().copied().flatten() {
                let Does::Plan(act) = &action.does else {
                    continue;
                };
                for target in targets(&rig, act.on).await {
                    rig.texts("select pg_stat_reset()").await;
                    let Ok(deed) = rig.plan(action.name, &target, &[]).await else {
                        continue;
                    };
                    let report = rig.perform(&deed).await;
                    let opened = through(&rig.conninfo, 2).await;
                    let said: Vec<_> = deed
                        .plan
                        .notes
                        .iter()
                        .map(|note| note.text.as_str())
                        .filter(|text| text.contains("rights of"))
                        .collect();
                    println!(
                        "{version} {} {target}: {opened:?} consent {:?} {said:?} {:?}",
                        action.name,
                        deed.plan.consent,
                        report.as_ref().map(|report| report.problems.clone())
                    );
                    if let Ok(report) = report {
                        if let Ok(back) = rig.rollback_plan(&[report.id]).await {
                            let done = rig.perform(&back).await;
                            let opened = through(&rig.conninfo, 2).await;
                            println!(
                                "   back: {opened:?} {:?}",
                                done.map(|report| report.problems)
                            );
                        }
                    }
                }
            }
        }
    });
}
