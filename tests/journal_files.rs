//! The journal's file: symbolic links and other users' files are refused, and lines of older versions are read.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Output};

use hypertop::journal::{Entry, Journal};

/// Runs `hypertop journal` with this state folder.
fn journal(state: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hypertop"))
        .arg("journal")
        .env_clear()
        .env("XDG_STATE_HOME", state)
        .output()
        .unwrap()
}

fn refused(output: &Output, words: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("journal.jsonl cannot be read"), "{said}");
    assert!(said.contains(words), "{said}");
    assert_eq!(said.matches("hypertop:").count(), 1, "{said}");
}

#[test]
fn a_journal_that_is_a_symbolic_link_is_not_read_nor_written() {
    let state = tempfile::tempdir().unwrap();
    let elsewhere = state.path().join("precious");
    fs::write(&elsewhere, "not a journal\n").unwrap();
    fs::create_dir(state.path().join("hypertop")).unwrap();
    let file = state.path().join("hypertop/journal.jsonl");
    symlink(&elsewhere, &file).unwrap();
    refused(&journal(state.path()), "is a symbolic link");
    let written = Journal::new(&file).acknowledge(Vec::new());
    let why = format!("{:#}", written.unwrap_err());
    assert!(why.contains("is a symbolic link"), "{why}");
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "not a journal\n");
    assert_eq!(fs::metadata(&elsewhere).unwrap().mode() & 0o777, 0o644);
}

#[test]
fn a_folder_of_the_journal_that_is_a_symbolic_link_is_not_entered() {
    let state = tempfile::tempdir().unwrap();
    let elsewhere = state.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, state.path().join("hypertop")).unwrap();
    refused(&journal(state.path()), "is a symbolic link");
    let file = state.path().join("hypertop/journal.jsonl");
    assert!(Journal::new(file).acknowledge(Vec::new()).is_err());
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn a_state_folder_may_be_a_symbolic_link() {
    let state = tempfile::tempdir().unwrap();
    fs::create_dir(state.path().join("real")).unwrap();
    symlink(state.path().join("real"), state.path().join("state")).unwrap();
    let file = state.path().join("state/hypertop/journal.jsonl");
    Journal::new(&file).acknowledge(Vec::new()).unwrap();
    assert!(journal(&state.path().join("state")).status.success());
}

#[test]
fn a_journal_of_another_owner_is_refused() {
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("hypertop/journal.jsonl");
    fs::create_dir(state.path().join("hypertop")).unwrap();
    if nix::unistd::geteuid().is_root() {
        fs::write(&file, "").unwrap();
        chown(&file, Some(12345), None).unwrap();
        refused(
            &journal(state.path()),
            "belongs to another user (uid 12345)",
        );
        fs::remove_file(&file).unwrap();
        chown(file.parent().unwrap(), Some(12345), None).unwrap();
        refused(
            &journal(state.path()),
            "belongs to another user (uid 12345)",
        );
    } else {
        // Without root rights, the test cannot create another user's file, so it uses an existing one.
        let of_root = Journal::new("/etc/passwd").entries();
        let why = format!("{:#}", of_root.unwrap_err());
        assert!(why.contains("belongs to another user (uid 0)"), "{why}");
    }
}

#[test]
fn a_pipe_in_the_journals_place_keeps_nobody_waiting() {
    let state = tempfile::tempdir().unwrap();
    fs::create_dir(state.path().join("hypertop")).unwrap();
    let file = state.path().join("hypertop/journal.jsonl");
    nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
    refused(&journal(state.path()), "it is not a regular file");
}

#[test]
fn the_lines_of_a_hypertop_that_kept_nothing_of_the_servers_run_are_read() {
    let state = tempfile::tempdir().unwrap();
    fs::create_dir(state.path().join("hypertop")).unwrap();
    let file = state.path().join("hypertop/journal.jsonl");
    fs::write(&file, include_str!("journal_files/without_runs.jsonl")).unwrap();
    let entries = Journal::new(&file).entries().unwrap();
    let states: Vec<_> = entries.all.iter().map(Entry::state).collect();
    assert_eq!(
        (states, entries.unreadable),
        (vec!["rolled back", "done", "done"], 0)
    );
    for entry in &entries.all {
        let place = &entry.begin.place;
        assert_eq!((&place.way, &place.run), (&None, &None));
        assert_eq!(entry.done().len(), 1);
    }
    let output = journal(state.path());
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!((output.status.code(), said.lines().count()), (Some(0), 3));
    assert_eq!(said.matches("[local]:7999/postgres").count(), 3, "{said}");
}

#[test]
fn the_journal_of_the_first_version_is_read_in_full() {
    let state = tempfile::tempdir().unwrap();
    fs::create_dir(state.path().join("hypertop")).unwrap();
    let file = state.path().join("hypertop/journal.jsonl");
    fs::write(&file, include_str!("journal_files/first_version.jsonl")).unwrap();
    let entries = Journal::new(&file).entries().unwrap();
    let states: Vec<_> = entries.all.iter().map(Entry::state).collect();
    assert_eq!(
        (states, entries.unreadable),
        (
            vec![
                "rolled back",
                "done",
                "done",
                "in force",
                "undone",
                "interrupted"
            ],
            0
        )
    );
    let [
        rolled_back,
        done,
        rollback,
        acknowledged,
        snoozed,
        interrupted,
    ] = &entries.all[..]
    else {
        unreachable!("six states");
    };
    assert_eq!(rolled_back.rolled_back_by, Some(3));
    assert_eq!(rollback.begin.undoes, [1]);
    assert_eq!(done.begin.plan.steps[0].bytes, 4096);
    assert_eq!(done.done()[0].undo.len(), 1);
    let finding = |entry: &Entry| entry.begin.acknowledges.clone().unwrap();
    assert_eq!(finding(acknowledged).reason, "after the move");
    assert_eq!(finding(snoozed).rule, "compression-ratio");
    // The old line has no marks, so the step after the last known one may have run.
    assert_eq!(
        (interrupted.begin.marks, interrupted.in_doubt()),
        (false, Some(0))
    );
    let output = journal(state.path());
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!((output.status.code(), said.lines().count()), (Some(0), 6));
}
