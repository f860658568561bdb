//! A server and its physical copy have the same system identifier and databases. An action on one server is not rolled back on the other
//! without a warning. Its journal entry stays open for the server on which the action ran.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::process::{Command, Stdio};

use hypertop::demo::private_server::{Options, PrivateServer};
use hypertop::journal::Entry;
use serde_json::Value as Json;
use support::act::Rig;
use support::own::{Standby, databases, on_own, restarted};
use support::{block_on, client, has_server, settings};

const METER: &str =
    "set client_min_messages = error; create table public.meter (ts timestamptz not null, v float);
    select create_hypertable('public.meter', 'ts', chunk_time_interval => interval '7 days');
    create procedure public.work(job_id int, config jsonb) language plpgsql as $$ begin end $$;
    select add_job('public.work', '1 week', scheduled => false);";

/// The state that the actions change, without ids, which start again on the copy.
const LOOK: &str = "select concat_ws(' ', (select string_agg(interval_length::text, ',') from _timescaledb_catalog.dimension),
    (select count(*) from _timescaledb_config.bgw_job where proc_name = 'work'))";

const THREE_DAYS: &[(&str, &str)] = &[("interval", "3 days")];

/// Runs the program in this database with the rig's journal; returns its exit code and output.
fn hypertop(rig: &Rig, conninfo: &str, args: &str) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hypertop"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PG")) {
        command.env_remove(name);
    }
    let output = command
        .args(["-d", conninfo])
        .args(args.split_whitespace())
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("XDG_STATE_HOME", rig.state_home())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (out, err) = (&output.stdout, &output.stderr);
    let said = [out, err].map(|text| String::from_utf8_lossy(text));
    (output.status.code().unwrap(), said.concat())
}

async fn state(conninfo: &str) -> String {
    let rows = client(conninfo).await.query_one(LOOK, &[]).await;
    rows.unwrap().get(0)
}

fn entry(rig: &Rig, id: u64) -> Entry {
    let entries = rig.actor.journal.entries().unwrap();
    entries.find(id).unwrap().clone()
}

/// Changes each line of the journal. `None`: removes this line and those after it.
fn edit(rig: &Rig, change: impl FnMut(Json) -> Option<Json>) {
    let text = std::fs::read_to_string(rig.journal()).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines = lines.map_while(change).map(|line| format!("{line}\n"));
    let edited: String = lines.collect();
    std::fs::write(rig.journal(), edited).unwrap();
}

/// Runs an action, and removes the journal's lines after the commit, as if the program had been killed then.
async fn cut_off(rig: &Rig, action: &str, target: &str, set: &[(&str, &str)]) -> u64 {
    let id = rig.act(action, target, set).await.id;
    edit(rig, |line| {
        let event = line["event"].as_str().filter(|_| line["id"] == id);
        match event {
            Some("step" | "end") => None,
            // No process with this id exists.
            Some("begin") => {
                let mut line = line;
                line["pid"] = 0.into();
                Some(line)
            }
            _ => Some(line),
        }
    });
    assert!(entry(rig, id).in_doubt().is_some(), "{}", rig.name);
    id
}

async fn with_meter(server: &PrivateServer) -> Vec<(Rig, String)> {
    let mut rigs = Vec::new();
    for rig in databases(server).await {
        rig.sql(METER).await;
        let was = rig.text(LOOK).await;
        rigs.push((rig, was));
    }
    rigs
}

#[test]
fn on_a_copy_a_rollback_wants_the_name_typed_and_the_entry_stays_open_where_it_was_done() {
    on_own(&[], async |server| {
        let mut rigs = Vec::new();
        for (rig, was) in with_meter(server).await {
            let done = rig
                .act("set-chunk-interval", "public.meter", THREE_DAYS)
                .await
                .id;
            let left = rig.text(LOOK).await;
            rigs.push((rig, was, left, done));
        }
        let copy = Standby::copy(server);
        for (rig, was, left, done) in &rigs {
            let (name, there) = (&rig.name, copy.conninfo(&rig.conninfo));
            for agreed in ["--yes", "--confirm public.metre"] {
                let (code, said) = hypertop(rig, &there, &format!("rollback {done} {agreed}"));
                assert_eq!(code, 3, "{name}: {said}");
                assert!(said.contains("a copy of it"), "{name}: {said}");
                let both = [server.port(), 6543].map(|port| format!("/.s.PGSQL.{port}"));
                assert!(both.iter().all(|one| said.contains(one)), "{name}: {said}");
                assert_eq!(state(&there).await, *left, "{name}: {said}");
            }
            let (_, said) = hypertop(rig, &there, "show journal --format json");
            assert!(
                said.contains("the server that this one was copied from, or a copy of this one"),
                "{name}: {said}"
            );
            let confirmed = format!("rollback {done} --confirm public.meter");
            let (code, said) = hypertop(rig, &there, &confirmed);
            assert_eq!(code, 0, "{name}: {said}");
            assert_eq!(state(&there).await, *was, "{name}: {said}");
            let (code, said) = hypertop(rig, &there, &confirmed);
            assert!(
                code == 3 && said.contains("is already rolled back here"),
                "{name}: {said}"
            );

            assert_eq!(rig.text(LOOK).await, *left, "{name}");
            assert_eq!(entry(rig, *done).state(), "done", "{name}");
            let (code, said) = hypertop(rig, &rig.conninfo, &format!("rollback {done} --yes"));
            assert_eq!(code, 0, "{name}: {said}");
            assert!(
                said.contains("6543"),
                "nothing of the other rollback: {name}: {said}"
            );
            assert_eq!(rig.text(LOOK).await, *was, "{name}: {said}");
            assert_eq!(entry(rig, *done).state(), "rolled back", "{name}");
        }
    });
}

#[test]
fn what_was_previewed_on_one_server_is_not_done_on_its_copy() {
    on_own(&[], async |server| {
        let mut rigs = Vec::new();
        for (rig, _) in with_meter(server).await {
            let done = rig
                .act("set-chunk-interval", "public.meter", THREE_DAYS)
                .await
                .id;
            let left = rig.text(LOOK).await;
            rigs.push((rig, left, done));
        }
        let copy = Standby::copy(server);
        for (rig, left, done) in &mut rigs {
            let there = copy.conninfo(&rig.conninfo);
            let back = rig.rollback_plan(&[*done]).await.unwrap();
            let wider = &[("interval", "5 days")];
            let wider = rig.plan("set-chunk-interval", "public.meter", wider).await;
            // As if the host name or the list of hosts now led to another server.
            rig.actor.settings = settings(&there);
            for approved in [back, wider.unwrap()] {
                let refused = rig.perform(&approved).await.unwrap_err();
                let says = refused.contains("another server");
                assert!(says, "{}: {refused}", rig.name);
            }
            assert_eq!(state(&there).await, *left, "{}", rig.name);
            assert_eq!(rig.actor.journal.entries().unwrap().all.len(), 1);
        }
    });
}

#[test]
fn a_copy_says_nothing_of_a_step_in_doubt() {
    on_own(&[], async |server| {
        let rigs = with_meter(server).await;
        let copy = Standby::copy(server);
        for (rig, was) in &rigs {
            let (name, there) = (&rig.name, copy.conninfo(&rig.conninfo));
            let id = cut_off(rig, "set-chunk-interval", "public.meter", THREE_DAYS).await;
            // On the copy, another transaction gets the same id and is rolled back.
            let xid: i64 = entry(rig, id).marks[0]
                .xid
                .as_ref()
                .unwrap()
                .parse()
                .unwrap();
            let other = client(&there).await;
            loop {
                other.batch_execute("begin").await.unwrap();
                let row = other
                    .query_one("select pg_current_xact_id()::text", &[])
                    .await;
                let now: i64 = row.unwrap().get::<_, String>(0).parse().unwrap();
                other.batch_execute("rollback").await.unwrap();
                if now >= xid {
                    break;
                }
            }
            let lines = rig.actor.journal.length().unwrap();
            let (code, said) = hypertop(
                rig,
                &there,
                &format!("rollback {id} --confirm public.meter"),
            );
            assert_eq!(code, 3, "{name}: {said}");
            assert_eq!(rig.actor.journal.length().unwrap(), lines, "{name}: {said}");
            assert!(entry(rig, id).in_doubt().is_some(), "{name}: {said}");

            let (code, said) = hypertop(rig, &rig.conninfo, &format!("rollback {id} --yes"));
            assert_eq!(code, 0, "{name}: {said}");
            assert_eq!(rig.text(LOOK).await, *was, "{name}: {said}");
            assert_eq!(entry(rig, id).state(), "rolled back", "{name}");
        }
    });
}

#[test]
fn a_job_that_a_copy_made_again_is_not_taken_for_one_of_the_server_itself() {
    on_own(&[], async |server| {
        let mut rigs = Vec::new();
        for (rig, was) in with_meter(server).await {
            let job = "select id from _timescaledb_config.bgw_job where proc_name = 'work'";
            let job = rig.text(job).await;
            let paused = rig
                .act("edit-job", &job, &[("schedule_interval", "2 weeks")])
                .await
                .id;
            let deleted = rig.act("delete-job", &job, &[]).await.id;
            rigs.push((rig, was, paused, deleted));
        }
        let copy = Standby::copy(server);
        for (rig, was, edited, deleted) in &rigs {
            let (name, there) = (&rig.name, copy.conninfo(&rig.conninfo));
            // The copy's next job gets an id that no other job has.
            let other = client(&there).await;
            let burn =
                "select nextval('_timescaledb_config.bgw_job_id_seq') from generate_series(1, 50)";
            let burnt = other.query(burn, &[]).await.map(|rows| rows.len());
            let old =
                "select nextval('_timescaledb_catalog.bgw_job_id_seq') from generate_series(1, 50)";
            if burnt.is_err() {
                other.query(old, &[]).await.unwrap();
            }
            let target = entry(rig, *deleted).begin.plan.target;
            let mut command = format!("rollback {deleted} --confirm '{target}'");
            command.retain(|c| c != '\'');
            let (code, said) = hypertop(rig, &there, &command);
            assert_eq!(code, 0, "{name}: {said}");
            for id in [deleted, edited] {
                let (code, said) = hypertop(rig, &rig.conninfo, &format!("rollback {id} --yes"));
                assert_eq!(code, 0, "{name}: {said}");
            }
            assert_eq!(rig.text(LOOK).await, *was, "{name}");
        }
    });
}

#[test]
fn a_promoted_standby_is_not_taken_for_the_primary_that_it_followed() {
    on_own(&[], async |server| {
        let rigs = with_meter(server).await;
        let standby = Standby::start(server, "copies", "");
        for (rig, _) in &rigs {
            cut_off(rig, "set-chunk-interval", "public.meter", THREE_DAYS).await;
        }
        for (rig, _) in &rigs {
            let there = standby.conninfo(&rig.conninfo);
            let lines = rig.actor.journal.length().unwrap();
            let (code, said) = hypertop(rig, &there, "rollback 1 --yes");
            assert_eq!(code, 3, "{}: {said}", rig.name);
            assert_eq!(
                rig.actor.journal.length().unwrap(),
                lines,
                "{}: {said}",
                rig.name
            );
        }
        // The standby is promoted and takes over the primary's address.
        standby.catches_up();
        standby.promote();
        server.stop().unwrap();
        standby.stop();
        standby.listens_for(server);
        for (rig, was) in &rigs {
            let (code, said) = hypertop(rig, &rig.conninfo, "rollback 1 --yes");
            assert_eq!(code, 3, "{}: {said}", rig.name);
            assert!(said.contains("timeline"), "{}: {said}", rig.name);
            assert!(entry(rig, 1).in_doubt().is_some(), "{}: {said}", rig.name);
            let (code, said) = hypertop(rig, &rig.conninfo, "rollback 1 --confirm public.meter");
            assert_eq!(code, 0, "{}: {said}", rig.name);
            assert_eq!(state(&rig.conninfo).await, *was, "{}: {said}", rig.name);
            assert_eq!(entry(rig, 1).rolled_back_by, None, "{}", rig.name);
        }
    });
}

#[test]
fn the_same_server_is_known_by_socket_and_by_address_until_it_starts_again() {
    if !has_server() {
        return;
    }
    let options = Options {
        tcp: true,
        ..Options::default()
    };
    let server = PrivateServer::start(&options).unwrap();
    let by_address = |rig: &Rig| {
        let socket = server.socket_folder().display().to_string();
        rig.conninfo.replace(&socket, "127.0.0.1")
    };
    block_on(async {
        let mut rigs = Vec::new();
        for (rig, was) in with_meter(&server).await {
            let id = cut_off(&rig, "set-chunk-interval", "public.meter", THREE_DAYS).await;
            let (code, said) = hypertop(&rig, &by_address(&rig), &format!("rollback {id} --yes"));
            assert_eq!(code, 0, "{}: {said}", rig.name);
            assert_eq!(rig.text(LOOK).await, was, "{}: {said}", rig.name);
            assert_eq!(entry(&rig, id).state(), "rolled back", "{}", rig.name);
            let id = rig
                .act("set-chunk-interval", "public.meter", THREE_DAYS)
                .await
                .id;
            let journal = std::fs::read(rig.journal()).unwrap();
            rigs.push((rig, was, id, journal));
        }
        let (mut before, mut rest) = (Vec::new(), Vec::new());
        for (rig, was, id, journal) in rigs {
            before.push(rig);
            rest.push((was, id, journal));
        }
        let after = restarted(&server, before, &[]).await;
        for (rig, (was, id, journal)) in after.iter().zip(rest) {
            std::fs::create_dir_all(rig.journal().parent().unwrap()).unwrap();
            std::fs::write(rig.journal(), journal).unwrap();
            let (code, said) = hypertop(rig, &by_address(rig), &format!("rollback {id} --yes"));
            assert_eq!(code, 3, "{}: {said}", rig.name);
            assert!(said.contains("127.0.0.1"), "{}: {said}", rig.name);
            let (code, said) = hypertop(rig, &rig.conninfo, &format!("rollback {id} --yes"));
            assert_eq!(code, 0, "{}: {said}", rig.name);
            assert_eq!(rig.text(LOOK).await, was, "{}: {said}", rig.name);
            assert_eq!(entry(rig, id).state(), "rolled back", "{}", rig.name);
        }
    });
}

#[test]
fn a_line_of_an_older_hypertop_is_rolled_back_by_the_name_that_it_knows() {
    on_own(&[], async |server| {
        let mut rigs = Vec::new();
        for (rig, was) in with_meter(server).await {
            let id = rig
                .act("set-chunk-interval", "public.meter", THREE_DAYS)
                .await
                .id;
            edit(&rig, |mut line| {
                if let Some(place) = line["place"].as_object_mut() {
                    place.remove("way");
                    place.remove("run");
                }
                Some(line)
            });
            rigs.push((rig, was, id));
        }
        let copy = Standby::copy(server);
        for (rig, was, id) in &rigs {
            let there = copy.conninfo(&rig.conninfo);
            let (code, said) = hypertop(rig, &there, &format!("rollback {id} --yes"));
            assert_eq!(code, 3, "{}: {said}", rig.name);
            assert!(said.contains("an older hypertop"), "{}: {said}", rig.name);
            let (code, said) = hypertop(rig, &rig.conninfo, &format!("rollback {id} --yes"));
            assert_eq!(code, 0, "{}: {said}", rig.name);
            assert_eq!(rig.text(LOOK).await, *was, "{}: {said}", rig.name);
            assert_eq!(entry(rig, *id).state(), "rolled back", "{}", rig.name);
        }
    });
}

#[test]
fn a_role_that_may_not_read_the_system_identifier_acts_and_rolls_back() {
    on_own(&[], async |server| {
        for (rig, was) in with_meter(server).await {
            rig.sql("revoke execute on function pg_control_system() from public; do $$ begin if to_regrole('hand') is null then create role hand login; end if; end $$; alter table public.meter owner to hand")
                .await;
            let conninfo = format!("{} user=hand", rig.conninfo);
            let run = "run set-chunk-interval public.meter --set interval=3d --yes";
            let (code, said) = hypertop(&rig, &conninfo, run);
            assert_eq!(code, 0, "{}: {said}", rig.name);
            assert_ne!(rig.text(LOOK).await, was, "{}: {said}", rig.name);
            let (code, said) = hypertop(&rig, &conninfo, "rollback 1 --yes");
            assert_eq!(code, 0, "{}: {said}", rig.name);
            assert_eq!(rig.text(LOOK).await, was, "{}: {said}", rig.name);
        }
    });
}
