//! Acknowledged and snoozed findings are hidden in every console, until they disappear or get worse, or the snooze ends.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod console;

use std::io::Write;
use std::time::Duration;

use console::{NOW, drawn, press, row, server};
use hypertop::app::ask;
use hypertop::app::tape::{Recorder, Replay};
use hypertop::app::{App, Effect, Link, Msg, theme};
use hypertop::journal::acknowledge::{Ended, Why};
use hypertop::journal::serve::{self, Request};
use hypertop::journal::{Entry, Journal, Place};
use hypertop::model::screen_id::ScreenId;
use hypertop::screens::{Rows, compression, journal as shown};

/// A console with a journal, which it may share with other consoles.
struct Console {
    app: App,
    journal: Journal,
    role: &'static str,
}

fn place() -> Place {
    Place {
        system: Some("7".to_owned()),
        database: "plant".to_owned(),
        database_oid: 5,
        host: "db1:5432".to_owned(),
        way: None,
        run: None,
    }
}

/// Rows in which `mes.metrics` has this backlog, in chunks.
fn rows(backlog: i64) -> Vec<compression::Row> {
    vec![row(1, "energy", 0), row(2, "metrics", backlog)]
}

impl Console {
    fn of(journal: &Journal, role: &'static str) -> Self {
        let mut app = App::new(NOW, theme::all(None).0, Duration::from_secs(2));
        let mut server = server();
        role.clone_into(&mut server.role);
        let effects = app.update(Msg::Up(Box::new(server)));
        let mut console = Self {
            app,
            journal: journal.clone(),
            role,
        };
        console.serve(effects);
        console.load(rows(12));
        console
    }

    /// Answers the console's requests to the journal, as the session does.
    fn serve(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if let Effect::List(ask::List::Acknowledged(request)) = effect {
                let answer = serve::serve(Some(&self.journal), &place(), self.role, request);
                self.app.update(Msg::Acknowledged(
                    answer.map_err(|error| format!("{error:#}")),
                ));
            }
        }
    }

    fn press(&mut self, keys: &str) {
        let effects = press(&mut self.app, keys);
        self.serve(effects);
    }

    fn load(&mut self, rows: Vec<compression::Row>) {
        self.app.screens.abandon();
        let asked = self.app.screens.ask(ScreenId::Compression).unwrap();
        self.app.update(Msg::Loaded {
            asked,
            rows: Rows::Compression(rows),
            took: Duration::from_millis(1),
        });
    }

    /// Loads the same rows again this many seconds after the start.
    fn later(&mut self, seconds: f64, rows: &[compression::Row]) {
        for step in [0.0, 1.0] {
            let effects = self.app.update(Msg::Tick(NOW.plus_seconds(seconds + step)));
            self.serve(effects);
            if step == 0.0 {
                self.load(rows.to_vec());
            }
        }
    }

    fn found(&self) -> Vec<String> {
        let rows = self.app.screens.overview.in_order();
        rows.map(|row| format!("{} {}", row.finding.rule.name, row.subject))
            .collect()
    }

    fn head(&mut self) -> String {
        let shown = drawn(&mut self.app, 120, 24).backend().to_string();
        shown.lines().nth(2).unwrap_or_default().to_owned()
    }

    fn states(&self) -> Vec<&'static str> {
        let entries = self.journal.entries().unwrap();
        entries.all.iter().map(Entry::state).collect()
    }
}

const BACKLOG: &str = "compression-backlog mes.metrics";

fn journal() -> (tempfile::TempDir, Journal) {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::new(folder.path().join("journal.jsonl"));
    (folder, journal)
}

/// Rows without a backlog, whose compressed chunks take this many GiB. Before compression they took 12 GiB.
fn compressed_to(gibibytes: i64) -> Vec<compression::Row> {
    let mut rows = rows(0);
    rows[1].after_bytes = Some(gibibytes << 30);
    rows
}

const RATIO: &str = "compression-ratio mes.metrics";

#[test]
fn an_acknowledged_finding_is_hidden_counted_and_kept_with_its_reason() {
    let (_folder, journal) = journal();
    let mut console = Console::of(&journal, "dba");
    assert_eq!(console.found(), [BACKLOG]);
    console.press("A f r i d a y enter");
    assert_eq!(console.found(), [""; 0]);
    let head = console.head();
    assert!(
        head.contains("1 acknowledged") && !head.contains("HEALTHY"),
        "{head}"
    );
    let entries = journal.entries().unwrap();
    let begin = &entries.all[0].begin;
    assert_eq!(
        begin.plan.title,
        "acknowledged mes.metrics: chunks wait for compression; friday"
    );
    assert_eq!(
        (begin.role.as_str(), entries.all[0].state()),
        ("dba", "in force")
    );
    assert_eq!(
        Console::of(&journal, "dba").found(),
        [""; 0],
        "after a restart"
    );
}

#[test]
fn escape_acknowledges_nothing() {
    let (_folder, journal) = journal();
    let mut console = Console::of(&journal, "dba");
    console.press("A n o esc");
    assert_eq!(console.found(), [BACKLOG]);
    assert!(journal.entries().unwrap().all.is_empty());
}

#[test]
fn what_gets_worse_is_shown_again_and_stays_so() {
    let (_folder, journal) = journal();
    let mut console = Console::of(&journal, "dba");
    console.later(1.0, &compressed_to(5));
    assert_eq!(console.found(), [RATIO]);
    console.press("A enter");
    assert_eq!(console.found(), [""; 0]);
    console.later(10.0, &compressed_to(50));
    assert_eq!(console.found(), [RATIO]);
    assert_eq!(console.states(), ["got worse"]);
    console.later(20.0, &compressed_to(5));
    assert_eq!(console.found(), [RATIO]);
}

#[test]
fn what_went_away_and_comes_back_is_shown_again() {
    let (_folder, journal) = journal();
    let mut console = Console::of(&journal, "dba");
    console.press("A enter");
    console.later(10.0, &rows(0));
    console.later(30.0, &rows(12));
    assert_eq!(console.found(), [""; 0], "a moment's absence is nothing");
    console.later(40.0, &rows(0));
    let effects = console.app.update(Msg::Tick(NOW.plus_seconds(110.0)));
    console.serve(effects);
    assert_eq!(console.states(), ["in force"], "it was one reading only");
    console.later(120.0, &rows(0));
    assert_eq!(console.states(), ["gone"]);
    console.later(130.0, &rows(12));
    assert_eq!(console.found(), [BACKLOG]);
}

#[test]
fn what_cannot_be_seen_has_not_gone_away() {
    let (_folder, journal) = journal();
    let mut console = Console::of(&journal, "dba");
    console.press("A enter");
    // A role that may not see the finding does not end the acknowledgement.
    let mut other = Console::of(&journal, "guest");
    other.later(10.0, &rows(0));
    other.later(120.0, &rows(0));
    assert_eq!(console.states(), ["in force"]);
    // A failed load does not end the acknowledgement either.
    console.app.screens.abandon();
    let asked = console.app.screens.ask(ScreenId::Compression).unwrap();
    console.app.update(Msg::Failed {
        screen: ScreenId::Compression,
        asked,
        error: "57014 canceled".to_owned(),
    });
    for seconds in [200.0, 300.0] {
        let effects = console.app.update(Msg::Tick(NOW.plus_seconds(seconds)));
        console.serve(effects);
    }
    assert_eq!(console.states(), ["in force"]);
}

#[test]
fn a_snooze_ends_with_its_time_and_not_before() {
    let (_folder, journal) = journal();
    let mut console = Console::of(&journal, "dba");
    press(&mut console.app, "z");
    let asked = drawn(&mut console.app, 100, 24).backend().to_string();
    assert!(
        asked.contains("Snooze mes.metrics") && asked.contains("8h"),
        "{asked}"
    );
    console.press("backspace backspace s o o n enter");
    let asked = drawn(&mut console.app, 100, 24).backend().to_string();
    assert!(asked.contains("write 7 days"), "{asked}");
    console.press("backspace backspace backspace backspace 3 0 m enter");
    assert_eq!(console.found(), [""; 0]);
    assert!(console.head().contains("1 snoozed"));
    console.later(300.0, &rows(0));
    console.later(1700.0, &rows(12));
    assert_eq!(
        console.found(),
        [""; 0],
        "what comes and goes stays snoozed"
    );
    console.later(1900.0, &rows(12));
    assert_eq!(console.found(), [BACKLOG]);
}

#[test]
fn a_snooze_ends_when_it_gets_worse() {
    let (_folder, journal) = journal();
    let mut console = Console::of(&journal, "dba");
    console.later(1.0, &compressed_to(5));
    console.press("z enter");
    assert_eq!(console.found(), [""; 0]);
    console.later(10.0, &compressed_to(50));
    assert_eq!(console.found(), [RATIO]);
    assert_eq!(console.states(), ["got worse"]);
}

#[test]
fn the_acknowledge_key_ends_a_snooze() {
    let (_folder, journal) = journal();
    let mut console = Console::of(&journal, "dba");
    console.press("z enter");
    assert_eq!(console.found(), [""; 0]);
    console.press("Z");
    console.press("A");
    console.press("Z");
    assert_eq!(console.found(), [BACKLOG]);
    assert_eq!(console.states(), ["undone"]);
}

#[test]
fn two_consoles_know_the_same_and_either_takes_it_back() {
    let (_folder, journal) = journal();
    let mut first = Console::of(&journal, "dba");
    let mut second = Console::of(&journal, "other");
    first.press("A enter");
    assert_eq!(second.found(), [BACKLOG]);
    second.later(2.0, &rows(12));
    assert_eq!(second.found(), [""; 0]);
    second.press("Z");
    assert_eq!(second.found(), [BACKLOG]);
    let shown = drawn(&mut second.app, 120, 24).backend().to_string();
    assert!(
        shown.contains("(acknowledged) chunks wait") && shown.contains("acknowledged by dba"),
        "{shown}"
    );
    assert!(
        second.head().contains("1 acknowledged"),
        "{}",
        second.head()
    );
    second.press("A");
    first.later(4.0, &rows(12));
    assert_eq!(first.found(), [BACKLOG]);
    assert_eq!(first.states(), ["undone"]);
    let ended = journal.entries().unwrap().all[0].ended.clone().unwrap();
    assert_eq!((ended.role.as_str(), ended.why), ("other", Why::Back));
}

#[test]
fn rolling_back_the_journals_entry_shows_the_finding_again() {
    let (_folder, journal) = journal();
    let mut console = Console::of(&journal, "dba");
    console.press("A w h y enter");
    press(&mut console.app, "0");
    let entry = journal.entries().unwrap().all[0].clone();
    console.app.screens.abandon();
    let asked = console.app.screens.ask(ScreenId::Journal).unwrap();
    console.app.update(Msg::Loaded {
        asked,
        rows: Rows::Journal(vec![shown::Row {
            state: entry.state().to_owned(),
            entry,
            unreadable: 0,
            elsewhere: None,
        }]),
        took: Duration::ZERO,
    });
    let shown = drawn(&mut console.app, 120, 24).backend().to_string();
    assert!(
        shown.contains("acknowledged mes.metrics: chunks wait")
            && shown.contains("in force")
            && shown.contains("exactly"),
        "{shown}"
    );
    // This also works with --read-only, because nothing in the database changes.
    console.app.rules.read_only = Some("--read-only".to_owned());
    console.press("u");
    assert_eq!(console.states(), ["undone"]);
    console.press("1");
    console.later(3.0, &rows(12));
    assert_eq!(console.found(), [BACKLOG]);
}

#[test]
fn a_torn_line_hides_nothing_and_spoils_no_other() {
    let (_folder, journal) = journal();
    let mut console = Console::of(&journal, "dba");
    console.press("A enter");
    let whole = std::fs::read(journal.path()).unwrap();
    std::fs::write(journal.path(), &whole[..whole.len() / 2]).unwrap();
    let mut after = Console::of(&journal, "dba");
    assert_eq!(after.found(), [BACKLOG]);
    after.press("A enter");
    assert_eq!(after.found(), [""; 0]);
    let entries = journal.entries().unwrap();
    assert_eq!((entries.all.len(), entries.unreadable), (1, 1));
    // A line that ends an unknown acknowledgement is not written.
    let ended = Ended {
        of: 99,
        at: String::new(),
        role: "dba".to_owned(),
        why: Why::Back,
    };
    journal.end_acknowledged(vec![ended]).unwrap();
    assert_eq!(journal.entries().unwrap().all.len(), 1);
}

#[test]
fn another_database_knows_nothing_of_it() {
    let (_folder, journal) = journal();
    Console::of(&journal, "dba").press("A enter");
    let elsewhere = Place {
        database_oid: 6,
        ..place()
    };
    let entries = journal.entries().unwrap();
    assert_eq!(entries.acknowledgements(&place()).len(), 1);
    assert!(entries.acknowledgements(&elsewhere).is_empty());
    // A copy of the server has the same databases.
    let copy = Place {
        host: "db2:5432".to_owned(),
        ..place()
    };
    assert!(entries.acknowledgements(&copy).is_empty());
}

#[test]
fn a_journal_that_cannot_be_read_is_told_and_hides_nothing() {
    let (folder, _) = journal();
    let journal = Journal::new(folder.path());
    let mut console = Console::of(&journal, "dba");
    assert_eq!(console.found(), [BACKLOG]);
    let shown = drawn(&mut console.app, 100, 24).backend().to_string();
    assert!(
        shown.contains("it is unknown which findings are acknowledged"),
        "{shown}"
    );
    let mut file = std::fs::File::create(folder.path().join("other")).unwrap();
    file.write_all(b"{\"event\":\"acknowledge\",\"id\":1}\n")
        .unwrap();
    let entries = Journal::new(folder.path().join("other")).entries().unwrap();
    assert_eq!((entries.all.len(), entries.unreadable), (0, 1));
}

#[test]
fn without_a_connection_or_in_a_recording_nothing_is_acknowledged() {
    let (folder, journal) = journal();
    let mut console = Console::of(&journal, "dba");
    console.app.update(Msg::Down {
        error: "gone".to_owned(),
        retry: Duration::from_secs(1),
    });
    console.press("A");
    assert!(console.app.overlay.is_none());
    assert!(matches!(console.app.link, Link::Down { .. }));

    let path = folder.path().join("tape");
    let mut recorder = Recorder::new(&path).unwrap();
    for kept in Console::of(&journal, "dba").app.known() {
        recorder.keep(NOW, kept).unwrap();
    }
    let mut app = App::new(NOW, theme::all(None).0, Duration::from_secs(2));
    app.replay(Replay::open(&path).unwrap());
    assert!(press(&mut app, "A").is_empty() && app.overlay.is_none());
    let said = app.notice.map(|notice| notice.text).unwrap_or_default();
    assert!(said.contains("recording"), "{said}");
}

#[test]
fn nobody_is_asked_again_while_an_answer_is_under_way() {
    let mut app = App::new(NOW, theme::all(None).0, Duration::from_secs(2));
    let reads = |effects: &[Effect]| {
        effects
            .iter()
            .filter(|effect| {
                matches!(
                    effect,
                    Effect::List(ask::List::Acknowledged(Request::Read { .. }))
                )
            })
            .count()
    };
    let effects = app.update(Msg::Up(Box::new(server())));
    assert_eq!(reads(&effects), 1);
    assert_eq!(reads(&app.update(Msg::Tick(NOW.plus_seconds(2.0)))), 0);
    app.update(Msg::Acknowledged(Ok(None)));
    assert_eq!(reads(&app.update(Msg::Tick(NOW.plus_seconds(4.0)))), 1);
}
