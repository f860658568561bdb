//! The journal on disk: crashes, incomplete lines, several writers.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::model::plan::named::{JobKind, Named, NamedJob, Relation};
use crate::model::plan::{Plan, Step, Undo};
use crate::model::target::{Target, TargetKind};

fn begin(undoes: Vec<u64>) -> Begin {
    let target = Target {
        kind: TargetKind::Job,
        id: 1001,
        name: "1001".to_owned(),
    };
    Begin {
        id: 0,
        at: "2026-11-21T07:00:00Z".to_owned(),
        role: "postgres".to_owned(),
        place: Place {
            system: Some("7".to_owned()),
            database: "db".to_owned(),
            database_oid: 5,
            host: "h".to_owned(),
            way: None,
            run: None,
        },
        timescaledb: Some("2.28.3".to_owned()),
        plan: Plan::new(
            "Pause job 1001",
            vec![Step::new("pause", Vec::new(), Vec::new())],
            Undo::Exact(String::new()),
        ),
        inputs: String::new(),
        snapshot: None,
        before: vec![Seen {
            action: "pause-job".to_owned(),
            target,
            state: serde_json::json!({"scheduled": true}),
        }],
        undoes,
        marks: false,
        acknowledges: None,
        pid: 0,
        pid_began: None,
    }
}

fn end(id: u64, outcome: Outcome) -> End {
    End {
        id,
        at: String::new(),
        outcome,
        error: None,
        after: Vec::new(),
        seconds: 0.1,
    }
}

fn journal() -> (tempfile::TempDir, Journal) {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::new(folder.path().join("state/journal.jsonl"));
    (folder, journal)
}

#[test]
fn an_action_is_on_disk_before_it_runs_and_whole_after_it() {
    let (_folder, journal) = journal();
    let id = journal.begin(begin(Vec::new())).unwrap();
    assert_eq!(journal.entries().unwrap().all[0].state(), "interrupted");
    journal
        .ran(Ran {
            id,
            at: String::new(),
            step: 0,
            kept: [("job 7".to_owned(), "9".to_owned())].into(),
            ..Ran::default()
        })
        .unwrap();
    journal.end(end(id, Outcome::Done)).unwrap();
    let entries = journal.entries().unwrap();
    assert_eq!(entries.all[0].state(), "done");
    assert_eq!(entries.all[0].done().len(), 1);
    assert_eq!(entries.bindings(&entries.all[0].begin.place, &[]).job(7), 9);
    let mode = std::fs::metadata(journal.path())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_process_number_that_was_given_to_another_program_is_not_taken_for_the_one_that_began_it() {
    let (_folder, journal) = journal();
    let me = std::process::id();
    let of = |pid_began| Begin {
        pid: me,
        pid_began,
        ..begin(Vec::new())
    };
    journal.begin(of(began(me))).unwrap();
    journal.begin(of(Some(1))).unwrap();
    let entries = journal.entries().unwrap();
    assert_eq!(entries.all[0].state(), "running");
    if began(me).is_some() {
        assert_eq!(entries.all[1].state(), "interrupted");
    }
}

#[test]
fn what_was_rolled_back_says_so_only_when_the_rollback_was_done() {
    let (_folder, journal) = journal();
    let first = journal.begin(begin(Vec::new())).unwrap();
    journal.end(end(first, Outcome::Done)).unwrap();
    let back = journal.begin(begin(vec![first])).unwrap();
    assert_eq!((first, back), (1, 2));
    assert_eq!(journal.entries().unwrap().all[0].state(), "done");
    journal.end(end(back, Outcome::Done)).unwrap();
    assert_eq!(journal.entries().unwrap().all[0].state(), "rolled back");
}

#[test]
fn a_torn_line_is_reported_and_spoils_no_other() {
    let (_folder, journal) = journal();
    journal.begin(begin(Vec::new())).unwrap();
    OpenOptions::new()
        .append(true)
        .open(journal.path())
        .unwrap()
        .write_all(b"{\"event\":\"be")
        .unwrap();
    journal.begin(begin(Vec::new())).unwrap();
    let entries = journal.entries().unwrap();
    assert_eq!((entries.all.len(), entries.unreadable), (2, 1));
}

#[test]
fn a_mark_is_read_as_it_was_written_and_its_step_is_in_doubt_until_it_is_known() {
    let (_folder, journal) = journal();
    let id = journal
        .begin(Begin {
            marks: true,
            ..begin(Vec::new())
        })
        .unwrap();
    let doubt = || journal.entries().unwrap().all[0].in_doubt();
    assert_eq!(doubt(), None, "without a mark it was not begun");
    let kind = JobKind {
        proc_schema: "s".to_owned(),
        proc_name: "p".to_owned(),
        hypertable: Some(3),
    };
    let job = NamedJob {
        kind,
        alike: vec![1001],
    };
    let relation = Relation {
        oid: 7,
        kind: "r".to_owned(),
        table: None,
        parent: None,
        hypertable: Some(3),
    };
    let mark = Mark {
        id,
        at: String::new(),
        step: 0,
        xid: Some("99".to_owned()),
        kept: [("job_id".to_owned(), "1002".to_owned())].into(),
        named: Named {
            relations: [("public.m".to_owned(), relation)].into(),
            jobs: [("1002".to_owned(), job)].into(),
        },
    };
    journal.mark(mark.clone()).unwrap();
    let entries = journal.entries().unwrap();
    assert_eq!(entries.unreadable, 0);
    assert_eq!(entries.all[0].marks, [mark]);
    assert_eq!(doubt(), Some(0));
    assert_eq!(entries.all[0].kept(), BTreeMap::new());
    let ran = Ran {
        id,
        ..Ran::default()
    };
    journal.ran(ran.clone()).unwrap();
    journal.ran(ran).unwrap();
    assert_eq!(doubt(), None);
    let entries = journal.entries().unwrap();
    assert_eq!(entries.all[0].done().len(), 1, "recorded twice, done once");
    assert_eq!(entries.all[0].kept()["job_id"], "1002");
}

#[test]
fn what_ended_well_was_done_also_where_the_lines_of_its_steps_are_lost() {
    let (_folder, journal) = journal();
    let id = journal.begin(begin(Vec::new())).unwrap();
    journal.end(end(id, Outcome::Done)).unwrap();
    assert_eq!(journal.entries().unwrap().all[0].done().len(), 1);
}

#[test]
fn of_two_that_take_back_the_same_only_one_begins() {
    let (_folder, journal) = journal();
    let first = journal.begin(begin(Vec::new())).unwrap();
    let me = std::process::id();
    let back = || Begin {
        pid: me,
        pid_began: began(me),
        ..begin(vec![first])
    };
    let by = journal.begin(back()).unwrap();
    let error = journal.begin(back()).unwrap_err().to_string();
    assert!(error.contains("being rolled back now"), "{error}");
    journal.end(end(by, Outcome::Done)).unwrap();
    let error = journal.begin(back()).unwrap_err().to_string();
    assert!(error.contains("already rolled back"), "{error}");
}

#[test]
fn many_writers_get_numbers_of_their_own() {
    let (_folder, journal) = journal();
    let write = |_| {
        let journal = journal.clone();
        std::thread::spawn(move || journal.begin(begin(Vec::new())).unwrap())
    };
    let threads: Vec<_> = (0..16).map(write).collect();
    let mut ids: Vec<_> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=16).collect::<Vec<_>>());
}

#[test]
fn a_journal_that_cannot_be_written_stops_the_action() {
    let (folder, _) = journal();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let journal = Journal::new(folder.path().join("file/journal.jsonl"));
    let error = format!("{:#}", journal.begin(begin(Vec::new())).unwrap_err());
    assert!(error.contains("cannot be written"), "{error}");
}
