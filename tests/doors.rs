//! A role without rights attaches its code to every object that it can. This code must not run with the rights of a superuser who only
//! reads.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::actions::action::Does;
use hypertop::actions::catalogue;
use hypertop::connect::conninfo::Settings;
use hypertop::demo::private_server::PrivateServer;
use hypertop::model::plan::{Consent, Note};
use hypertop::model::screen_id::ScreenId;
use hypertop::model::text::quote_identifier;
use hypertop::model::trust::Trust;
use hypertop::run::record::Recording;
use hypertop::run::show;
use hypertop::run::show::Format;
use hypertop::server::known::At;
use hypertop::server::session::Session;
use hypertop::{connect, run};
use serde_json::Value as Json;
use support::act::Rig;
use support::console::Console;
use support::{client, own, session, settings};

const DOORS: &str = include_str!("doors/doors.sql");

/// Query of the rights of `doors_owner` in this database and on the server.
const RIGHTS: &str = "select concat_ws(' ', (select array[r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolbypassrls, r.rolreplication]::text from pg_roles r where r.rolname = 'doors_owner'),
  (select count(*) from pg_auth_members m where m.member = 'doors_owner'::regrole), (select count(*) from pg_shdepend d where d.refobjid = 'doors_owner'::regrole and d.dbid in (0, (select b.oid from pg_database b where b.datname = current_database()))),
  (select count(*) from pg_roles r where r.rolsuper))";

/// The functions that a superuser's session called, by the server's own statistics. The statistics also count calls in failed and
/// read-only statements. A session reports its calls at its end at the latest, so all sessions except `open` must have ended.
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

/// A database of this version, with code of the role without rights on all objects.
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

/// Reads every screen with its exact figures, and the details of every row.
async fn look(conninfo: &str) {
    for screen in ScreenId::ALL {
        let session = session(conninfo).await;
        if session.can_show(*screen) && *screen != ScreenId::Journal {
            let (settings, mut out) = (settings(conninfo), Vec::new());
            let shown = show::show(&settings, &session, *screen, Format::Json, &mut out);
            shown.await.unwrap();
        }
        if screen.about().query.name.is_empty() {
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

/// Targets for the actions.
async fn targets(rig: &Rig, on: hypertop::model::target::TargetKind) -> Vec<String> {
    let sql = match on {
        hypertop::model::target::TargetKind::Job => {
            "select id::text from _timescaledb_config.bgw_job where owner = 'doors_owner'::regrole order by id"
        }
        hypertop::model::target::TargetKind::Hypertable => {
            "values ('doors.counted'), ('doors.timed'), ('doors.guarded'), ('doors.by_number'), ('doors.by_hour')"
        }
        hypertop::model::target::TargetKind::Aggregate => {
            "values ('doors.by_number'), ('doors.by_hour')"
        }
        hypertop::model::target::TargetKind::Index => {
            "values ('doors.counted_e'), ('doors.counted_p'), ('doors.plain'), ('doors.plain_too'), ('doors.timed_e')"
        }
        hypertop::model::target::TargetKind::Table => "values ('doors.loose')",
        hypertop::model::target::TargetKind::Session => return Vec::new(),
    };
    rig.texts(sql).await
}

/// Previews every action on every target; returns the number of plans.
async fn preview(rig: &Rig) -> usize {
    let mut plans = 0;
    for action in catalogue::ACTIONS.iter().copied().flatten() {
        let Does::Plan(act) = &action.does else {
            continue;
        };
        for target in targets(rig, act.on).await {
            if let Ok(approved) = rig.plan(action.name, &target, &[]).await {
                hypertop::actions::preview::preview(&rig.session, approved.plan).await;
                plans += 1;
            }
        }
    }
    plans
}

#[test]
fn looking_never_runs_the_code_of_a_role_with_fewer_rights() {
    own::on_own(&[("track_functions", "all")], async |server| {
        let none = [""; 0];
        let mut consoles = Vec::new();
        for version in server.timescaledb_versions() {
            let rig = doors(server, &version).await;
            let conninfo = rig.conninfo.clone();
            let rights = rig.text(RIGHTS).await;
            drop(rig);
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
            let console = Console::open(&[&conninfo]);
            console.wait_for("Overview");
            consoles.push((version, conninfo, rights, console));
        }
        // The consoles run long enough for all data that is read once a minute.
        if !consoles.is_empty() {
            std::thread::sleep(std::time::Duration::from_secs(120));
        }
        for (version, conninfo, rights, mut console) in consoles {
            console.press("q");
            assert_eq!(console.ended(), 0);
            assert_eq!(through(&conninfo, 0).await, none, "{version}: console");
            let now = Rig::on(&version, &conninfo).await.text(RIGHTS).await;
            assert_eq!(now, rights, "{version}: what the role may do");
        }
    });
}

/// Records for some seconds, as an idle console reads.
async fn record(conninfo: &str) {
    let folder = tempfile::tempdir().unwrap();
    let what = Recording {
        refresh: std::time::Duration::from_millis(500),
        long: Some(std::time::Duration::from_secs(3)),
        details: false,
        journal: None,
    };
    let tape = folder.path().join("tape");
    let session = session(conninfo).await;
    let readings = Box::pin(run::record::record(
        settings(conninfo),
        session,
        &tape,
        what,
    ));
    assert!(readings.await.unwrap() > 0);
}

/// Runs and rolls back every action where possible. The preview must name other users' code that runs. If the server calls a function
/// because a job is altered, the target's name must be typed.
#[test]
fn what_an_action_runs_of_somebody_elses_code_is_said_before() {
    own::on_own(&[("track_functions", "all")], async |server| {
        for version in server.timescaledb_versions() {
            let rig = doors(server, &version).await;
            let mut opened = 0;
            for action in catalogue::ACTIONS.iter().copied().flatten() {
                let Does::Plan(act) = &action.does else {
                    continue;
                };
                let set: &[_] = match action.name {
                    "edit-job" => &[("max_retries", "7")],
                    _ => &[],
                };
                for target in targets(&rig, act.on).await {
                    opened += act_and_back(&rig, action.name, &target, set).await;
                }
            }
            assert!(opened > 5, "{version}: {opened}");
        }
    });
}

/// Number of functions that were called.
async fn act_and_back(rig: &Rig, name: &str, target: &str, set: &[(&str, &str)]) -> usize {
    rig.texts("select pg_stat_reset()").await;
    let Ok(approved) = rig.plan(name, target, set).await else {
        return 0;
    };
    let place = format!("{}: {name} {target}", rig.name);
    if let Ok(report) = rig.perform(&approved).await
        && let Ok(back) = rig.rollback_plan(&[report.id]).await
    {
        rig.perform(&back).await.unwrap();
    }
    let opened = through(&rig.conninfo, 2).await;
    if opened.is_empty() {
        return 0;
    }
    let words = "runs code of doors_owner with the rights of postgres, a superuser: doors.";
    let said = approved
        .plan
        .notes
        .iter()
        .any(|note| note.text.starts_with(words));
    assert!(said, "{place}: {opened:?} {:?}", approved.plan.notes);
    let unexpected = ["job_check", "integer_now", "job"];
    if opened
        .iter()
        .any(|door| unexpected.contains(&door.as_str()))
    {
        assert_eq!(approved.plan.consent, Consent::Name, "{place}: {opened:?}");
    }
    opened.len()
}

/// A job's owner adds a check function after the pause, or after the preview. The rollback names the function and requires the job's name
/// to be typed. Code that no preview named is not run.
#[test]
fn code_that_was_put_there_since_is_said_or_not_run() {
    own::on_own(&[("track_functions", "all")], async |server| {
        for version in server.timescaledb_versions() {
            let rig = doors(server, &version).await;
            let owner = |sql: &str| format!("set role doors_owner; {sql}; reset role");
            rig.sql(&owner("create procedure doors.idle(job_id int, config jsonb) language plpgsql as 'begin end'")).await;
            rig.sql(&owner("do $x$ begin perform add_job('doors.idle', interval '1 day', config => '{\"a\": 1}', scheduled => false); end $x$")).await;
            let job = rig
                .text("select max(id) from _timescaledb_config.bgw_job where proc_name = 'idle'")
                .await;
            let checked = owner(&format!(
                "do $x$ begin perform alter_job({job}, check_config => 'doors.config_check'::regproc, next_start => '2038-05-05'); end $x$"
            ));
            let paused = rig.act("edit-job", &job, &[("max_retries", "7")]).await;
            let before = rig.rollback_plan(&[paused.id]).await.unwrap();
            assert_eq!(before.plan.consent, Consent::Enter, "{version}");
            let again = rig.plan("edit-job", &job, &[("max_retries", "8")]).await;
            rig.sql(&checked).await;
            for stale in [before, again.unwrap()] {
                let why = format!("{:#}", rig.perform(&stale).await.unwrap_err());
                let words = "changed since the preview (the plan would run code that the preview does not show: doors.config_check(jsonb) of doors_owner): nothing was done";
                assert!(why.contains(words), "{version}: {why}");
            }
            let now = rig.rollback_plan(&[paused.id]).await.unwrap();
            let words = "runs code of doors_owner with the rights of postgres, a superuser: doors.config_check(jsonb)";
            let said = now.plan.notes.iter().any(|note| note.text == words);
            assert!(said, "{version}: {:?}", now.plan.notes);
            assert_eq!(now.plan.consent, Consent::Name, "{version}");
            assert_eq!(through(&rig.conninfo, 2).await, [""; 0], "{version}");
            rig.perform(&now).await.unwrap();
        }
    });
}

/// The name of a table or function does not hide that a statement runs code.
#[test]
fn a_name_hides_nobodys_code() {
    own::on_own(&[], async |server| {
        for version in server.timescaledb_versions() {
            let rig = doors(server, &version).await;
            let mut was = "timed".to_owned();
            for name in [
                "reindex ",
                "analyze",
                "alter_job(",
                "reindex",
                "delete_job(",
            ] {
                let name = quote_identifier(name);
                rig.sql(&format!("alter table doors.{was} rename to {name}"))
                    .await;
                let target = format!("doors.{name}");
                let approved = rig
                    .plan("create-index", &target, &[("columns", "w")])
                    .await
                    .unwrap();
                let words = "runs code of doors_owner with the rights of postgres, a superuser: ";
                let said = |note: &Note| note.text.starts_with(words);
                let notes = &approved.plan.notes;
                assert!(notes.iter().any(said), "{version}: {target}: {notes:?}");
                was = name;
            }
        }
    });
}

/// The JSON output of `hypertop show`.
async fn shown(session: &Session, settings: &Settings, screen: ScreenId) -> Json {
    let mut out = Vec::new();
    show::show(settings, session, screen, Format::Json, &mut out)
        .await
        .unwrap();
    serde_json::from_slice(&out).unwrap()
}

fn row<'a>(shown: &'a Json, name: &str) -> &'a Json {
    let rows = shown["rows"].as_array().unwrap();
    rows.iter().find(|row| row["name"] == name).unwrap()
}

#[test]
fn what_is_not_run_is_said_with_an_estimate_and_trust_shows_the_figure() {
    own::on_own(&[("track_functions", "all")], async |server| {
        for version in server.timescaledb_versions() {
            let rig = doors(server, &version).await;
            let conninfo = rig.conninfo.clone();
            drop(rig);
            let plain = settings(&conninfo);
            let looks = session(&conninfo).await;
            let retention = shown(&looks, &plain, ScreenId::Retention).await;
            let counted = row(&retention, "counted");
            assert_eq!(counted["eligible_chunks"], Json::Null, "{version}");
            let reason = counted["reason"].as_str().unwrap();
            for words in [
                "about 5 chunks by the end of the newest chunk",
                "not run: doors.clock() belongs to doors_owner, and would run with the rights of postgres",
                "trusted_owners = [\"doors_owner\"]",
                "monitoring role",
            ] {
                assert!(reason.contains(words), "{version}: {words}: {reason}");
            }
            let notes = retention["caveats"].to_string();
            assert!(notes.contains("2 rows are estimates"), "{version}: {notes}");
            let compression = shown(&looks, &plain, ScreenId::Compression).await;
            let reason = row(&compression, "counted")["reason"].to_string();
            assert!(reason.contains("about 7 chunks"), "{version}: {reason}");
            let aggregates = shown(&looks, &plain, ScreenId::Aggregates).await;
            let newest = |name| row(&aggregates, name)["newest_source"].clone();
            assert_eq!(newest("by_hour"), Json::Null, "{version}");
            assert_eq!(newest("by_clean"), "2026-11-05T04:00:00Z", "{version}");
            let notes = aggregates["caveats"].to_string();
            assert!(notes.contains("2 rows are estimates"), "{version}: {notes}");
            drop(looks);
            assert_eq!(through(&conninfo, 0).await, [""; 0], "{version}");
            let trusting = trusting(plain);
            let connected = connect::again(&trusting, None).await.unwrap();
            let looks = Session::start(connected).await.unwrap();
            let retention = shown(&looks, &trusting, ScreenId::Retention).await;
            assert_eq!(
                row(&retention, "counted")["eligible_chunks"],
                5,
                "{version}"
            );
            drop(looks);
            assert_eq!(through(&conninfo, 0).await, ["integer_now"], "{version}");
        }
    });
}

fn trusting(mut settings: Settings) -> Settings {
    settings.trust = vec![Trust {
        host: None,
        database: None,
        owners: vec!["doors_owner".to_owned()],
    }];
    settings
}

#[test]
fn the_monitoring_role_has_no_rights_to_lose_and_sees_every_screen() {
    own::on_own(&[("track_functions", "all")], async |server| {
        let script = include_str!("../contrib/monitoring-role.sql");
        for version in server.timescaledb_versions() {
            let rig = doors(server, &version).await;
            rig.sql(script).await;
            rig.sql(script).await;
            let rights = rig
                .text("select array[rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls]::text || (select string_agg(m.roleid::regrole::text, ',') from pg_auth_members m where m.member = r.oid) || (select count(*) from pg_shdepend d where d.refobjid = r.oid) from pg_roles r where rolname = 'hypertop_monitor'")
                .await;
            assert_eq!(rights, "{f,f,f,f,f}pg_monitor0", "{version}");
            let conninfo = format!("{} user=hypertop_monitor", rig.conninfo);
            drop(rig);
            look(&conninfo).await;
            let trusting = trusting(settings(&conninfo));
            let connected = connect::again(&trusting, None).await.unwrap();
            let looks = Session::start(connected).await.unwrap();
            let retention = shown(&looks, &trusting, ScreenId::Retention).await;
            assert_eq!(
                row(&retention, "counted")["eligible_chunks"],
                5,
                "{version}"
            );
        }
    });
}
