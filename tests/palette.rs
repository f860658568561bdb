//! Every action with the real program, from the palette and on the command line: preview, consent, run, report, rollback.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

#[path = "palette/lines.rs"]
mod lines;
mod support;

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::Duration;

use hypertop::actions::action::Does;
use hypertop::actions::catalogue;
use hypertop::actions::form::{FieldType, Form};
use hypertop::demo;
use lines::{Back, LINES, Line, On, UNTRIED};
use serde_json::Value as Json;
use support::act::Rig;
use support::console::Console;
use support::works::JOBS;
use support::{Targets, client, with_targets};

const WORKS: &str = include_str!("palette/works.sql");

/// The state that rollbacks must restore: jobs, settings, indexes, chunks, rows.
const STATE: &[&str] = &[
    JOBS,
    // From 2.29 on, a bit of the status shows whether compression is enabled.
    "select string_agg(format('%s %s %s %s', h.table_name, h.compression_state, coalesce((to_jsonb(h) ->> 'status')::int & 4, 0), d.interval_length), ', ' order by d.id)
       from _timescaledb_catalog.dimension d join _timescaledb_catalog.hypertable h on h.id = d.hypertable_id",
    "select string_agg(format('%s %s', user_view_name, materialized_only), ', ' order by mat_hypertable_id) from _timescaledb_catalog.continuous_agg",
    "select string_agg(indexdef, ', ' order by indexdef) from pg_indexes where schemaname !~ '^(pg_|_timescaledb|information_schema)'",
    // Up to 2.28 the relations with compressed rows are chunks, too.
    "select string_agg(format('%s %s', c.id, c.status), ', ' order by c.id) from _timescaledb_catalog.chunk c
       join _timescaledb_catalog.hypertable h on h.id = c.hypertable_id and h.compression_state <> 2
       where to_jsonb(c) ->> 'dropped' is distinct from 'true'",
];
const REAL_STATE: &[&str] = &[
    "select string_agg(to_jsonb(c)::text, ', ' order by to_jsonb(c)::text) from timescaledb_information.compression_settings c",
    r#"select format('%s %s', (select array[count(*), sum(v)] from w."Full 1"), (select array[count(*), sum(v)] from w."Ready 3"))"#,
];

async fn state(rig: &Rig, real: bool) -> String {
    let mut all = Vec::new();
    for sql in STATE.iter().chain(if real { REAL_STATE } else { &[] }) {
        all.push(rig.text(sql).await);
    }
    all.join("\n")
}

/// One line of the table of actions, on one server.
struct Trial<'a> {
    rig: &'a Rig,
    real: bool,
    minor: u32,
    line: &'a Line,
    on: &'a On,
    target: String,
    filter: String,
    /// Text by which the target's row is found on the screen.
    shown: String,
    form: Form,
    /// A sleeping session, for actions on sessions.
    _victim: Option<tokio_postgres::Client>,
}

impl<'a> Trial<'a> {
    /// Prepares the server for the line, and reads the form.
    async fn new(rig: &'a Rig, line: &'a Line, on: &'a On, real: bool) -> Self {
        let minor = rig.session.server.sql_version().minor;
        let mut victim = None;
        if line.screen == "activity" {
            let other = client(&rig.conninfo).await;
            let sleeps =
                other.batch_execute("set application_name = 'victim'; select pg_sleep(600)");
            assert!(
                tokio::time::timeout(Duration::from_millis(300), sleeps)
                    .await
                    .is_err()
            );
            victim = Some(other);
        }
        rig.sql(on.first).await;
        let found = |text: &'a str| async move {
            if text.starts_with("select ") {
                rig.text(text).await
            } else {
                text.to_owned()
            }
        };
        let (target, filter) = (found(on.target).await, found(on.filter).await);
        let shown = filter.replace("~\\t", "").replace("\\b", "");
        let form = rig.form(line.action, &target).await.unwrap_or_default();
        Self {
            rig,
            real,
            minor,
            line,
            on,
            target,
            filter,
            shown,
            form,
            _victim: victim,
        }
    }

    fn say(&self, words: &str) -> String {
        format!(
            "{}: {} {}: {words}",
            self.rig.name, self.line.action, self.target
        )
    }

    async fn seen(&self) -> String {
        if self.on.proof.is_empty() || self.refusal().is_some() {
            state(self.rig, self.real).await
        } else {
            self.rig.text(self.on.proof).await
        }
    }

    fn comes_back(&self) -> bool {
        match self.on.back {
            Back::Yes => true,
            Back::Since(minor) | Back::From(minor, _) => !self.real || self.minor >= minor,
            Back::No | Back::Refused(_) => false,
        }
    }

    /// The words of the expected refusal. `None`: no refusal is expected.
    fn refusal(&self) -> Option<&'static str> {
        match self.on.back {
            Back::Refused(words) => Some(words),
            Back::From(minor, words) if self.minor < minor => Some(words),
            _ => None,
        }
    }

    fn console(&self) -> Console {
        let home = self.rig.state_home().to_str().unwrap();
        let vars = [("XDG_CONFIG_HOME", home), ("XDG_STATE_HOME", home)];
        let console = Console::open_in(
            &["--screen", self.line.screen, &self.rig.conninfo],
            &vars,
            160,
            50,
        );
        // Waits for the data. The row itself may be folded until it is filtered.
        console.wait_for("· read ");
        console
    }

    fn shell(&self, args: &[&str]) -> (i32, String) {
        let home = self.rig.state_home();
        let output = Command::new(env!("CARGO_BIN_EXE_hypertop"))
            .args(["-d", &self.rig.conninfo])
            .args(args)
            .env("XDG_CONFIG_HOME", home)
            .env("XDG_STATE_HOME", home)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code().unwrap(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    fn run(&self, more: &[&str]) -> (i32, String) {
        let sets: Vec<String> = self
            .on
            .set
            .iter()
            .map(|(key, value)| format!("--set={key}={value}"))
            .collect();
        let mut args = vec!["run", self.line.action, &self.target];
        args.extend(sets.iter().map(String::as_str));
        args.extend(more);
        self.shell(&args)
    }

    /// The keys that fill the form.
    fn keys(&self) -> String {
        let mut keys = String::new();
        let mut focus = 0;
        for (key, value) in self.on.set {
            let at = self.form.fields.iter().position(|field| field.name == *key);
            let at = at.unwrap_or_else(|| panic!("{}", self.say(&format!("no field {key}"))));
            let many = self.form.fields.len();
            keys.push_str(&"\t".repeat((at + many - focus) % many));
            focus = at;
            let field = &self.form.fields[at];
            match &field.accepts {
                FieldType::Flag if field.value == *value => {}
                FieldType::Flag => keys.push(' '),
                FieldType::Choice(choices) => {
                    let place =
                        |wanted: &str| choices.iter().position(|choice| *choice == wanted).unwrap();
                    let steps =
                        (place(value) + choices.len() - place(&field.value)) % choices.len();
                    keys.push_str(&" ".repeat(steps));
                }
                FieldType::Pick(items) => {
                    keys.push('n');
                    let place = items.iter().position(|item| item.key == *value).unwrap();
                    keys.push_str(&"\x1b[B".repeat(place));
                    keys.push(' ');
                }
                _ => {
                    keys.push('\x15');
                    keys.push_str(value);
                }
            }
        }
        keys
    }

    /// From the list to the preview of the action, or to its refusal.
    fn open_action(&self, console: &mut Console, wait: &str) {
        console.press("/");
        console.wait_for("Filter");
        console.press(&format!("{}\r", self.filter));
        console.wait_for(&self.shown);
        console.press(&format!(":{}\r", self.line.action));
        if !self.form.fields.is_empty() {
            console.wait_for(&format!("> {}", self.form.fields[0].label));
            console.press(&self.keys());
            console.press("\r");
        }
        console.wait_for(wait);
    }

    /// From the palette: preview, consent, report; then rollback from the Journal.
    async fn by_palette(&self, plan: &Json) {
        let before = self.seen().await;
        let mut console = self.console();
        let title = plan["title"].as_str().unwrap();
        let title: String = title.chars().take(30).collect();
        self.open_action(&mut console, &title);
        agree(
            &mut console,
            plan["target"].as_str().unwrap(),
            heading(plan),
        );
        assert_ne!(
            self.seen().await,
            before,
            "{}",
            self.say("the palette changed nothing")
        );
        if self.comes_back() {
            console.press("\r0");
            console.wait_for("UNDO");
            console.wait_for(&title);
            console.press("u");
            agree(&mut console, "", "");
            assert_eq!(
                self.seen().await,
                before,
                "{}",
                self.say("the Journal did not take it back")
            );
        }
        console.press("\x1b");
        std::thread::sleep(Duration::from_millis(100));
        console.press("q");
        assert_eq!(console.ended(), 0);
    }

    /// From the shell: dry run, refusal without consent, run, rollback.
    async fn by_shell(&self, plan: &Json) {
        let before = self.seen().await;
        let (code, said) = self.run(&[]);
        assert_eq!(code, 3, "{}", self.say(&said));
        assert_eq!(
            self.seen().await,
            before,
            "{}",
            self.say("changed without consent")
        );
        let target = plan["target"].as_str().unwrap();
        let consent = if plan["consent"] == "name" {
            vec!["--confirm", target]
        } else {
            vec!["--yes"]
        };
        let (code, said) = self.run(&consent);
        assert!(code == 0 && said.contains("Done in"), "{}", self.say(&said));
        assert_ne!(
            self.seen().await,
            before,
            "{}",
            self.say("the shell changed nothing")
        );
        let id = said.rsplit_once("journal entry ").expect("an entry").1;
        let id: String = id.chars().take_while(char::is_ascii_digit).collect();
        let (code, said) = self.shell(&["rollback", &id, "--yes"]);
        if self.comes_back() {
            assert_eq!(code, 0, "{}", self.say(&said));
            assert_eq!(
                self.seen().await,
                before,
                "{}",
                self.say("the shell did not take it back")
            );
        } else {
            assert_eq!(code, 3, "{}", self.say(&said));
        }
    }

    /// The plan of a dry run, as JSON. `None`: it is refused with the expected words.
    async fn dry_run(&self) -> Option<Json> {
        let before = self.seen().await;
        let (code, said) = self.run(&["--dry-run", "--format=json"]);
        assert_eq!(
            self.seen().await,
            before,
            "{}",
            self.say("a dry run changed something")
        );
        if let Some(words) = self.refusal() {
            assert!(code == 3 && said.contains(words), "{}", self.say(&said));
            return None;
        }
        assert_eq!(code, 0, "{}", self.say(&said));
        Some(serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}")))
    }
}

/// The preview's heading of the undo.
fn heading(plan: &Json) -> &'static str {
    match plan["undo"]["kind"].as_str().unwrap() {
        "exact" => "Undo (exact)",
        "partly" => "Undo (partial)",
        "never" => "IRREVERSIBLE",
        _ => "Nothing to undo",
    }
}

/// Reads a preview, gives the consent that it requires, and waits for the report.
fn agree(console: &mut Console, target: &str, heading: &str) {
    console.wait_for("cancels, nothing is changed");
    let mut unseen = vec!["Runs", heading];
    for _ in 0..20 {
        let text = console.text();
        unseen.retain(|words| !text.contains(words));
        if unseen.is_empty() {
            break;
        }
        console.press("\x1b[6~");
        std::thread::sleep(Duration::from_millis(100));
    }
    let text = console.text();
    assert!(unseen.is_empty(), "no {unseen:?} in:\n{text}");
    console.press(&match &text {
        text if text.contains("y runs it") => "y".to_owned(),
        text if text.contains("Enter runs it") => "\r".to_owned(),
        _ => format!("{target}\r"),
    });
    console.wait_for("Done in");
}

async fn try_line(rig: &Rig, line: &Line, real: bool) {
    let on = if real { &line.real } else { &line.stand_in };
    let begun = std::time::Instant::now();
    let trial = Trial::new(rig, line, on, real).await;
    let Some(plan) = trial.dry_run().await else {
        let words = trial.refusal().expect("the words of a refusal");
        let mut console = trial.console();
        trial.open_action(&mut console, words);
        console.press("\x1b");
        std::thread::sleep(Duration::from_millis(100));
        console.press("q");
        assert_eq!(console.ended(), 0);
        println!("{}", trial.say("refused, as it should be"));
        return;
    };
    let comes_back = matches!(heading(&plan), "Undo (exact)" | "Undo (partial)");
    assert_eq!(
        comes_back,
        trial.comes_back(),
        "{}",
        trial.say(heading(&plan))
    );
    trial.by_palette(&plan).await;
    drop(trial);
    let trial = Trial::new(rig, line, on, real).await;
    trial.by_shell(&plan_again(&trial).await).await;
    println!(
        "{}",
        trial.say(&format!("{}, {:.1?}", heading(&plan), begun.elapsed()))
    );
}

/// The plan for the command line, made after the palette's round. The target may be another session by then.
async fn plan_again(trial: &Trial<'_>) -> Json {
    trial
        .dry_run()
        .await
        .expect("a plan, as in the first round")
}

async fn make(targets: &Targets, version: Option<&str>) -> Rig {
    let name = version.map_or_else(
        || "palette_stand_in".to_owned(),
        |version| format!("palette_{}", version.replace('.', "_")),
    );
    let maintenance = client(&targets.server.conninfo("postgres")).await;
    maintenance
        .batch_execute(&format!("create database {name}"))
        .await
        .unwrap();
    let conninfo = targets.server.conninfo(&name);
    let owner = client(&conninfo).await;
    match version {
        Some(version) => {
            let extension = format!(
                "set client_min_messages = error; create extension timescaledb version '{version}'"
            );
            owner.batch_execute(&extension).await.unwrap();
            for statement in WORKS.split(";\n") {
                let done = owner.batch_execute(statement).await;
                done.unwrap_or_else(|error| panic!("{version}: {statement}: {error:?}"));
            }
        }
        None => demo::load(&owner, demo::STAND_IN, &demo::Progress::silent())
            .await
            .unwrap(),
    }
    Rig::on(version.unwrap_or("stand-in"), &conninfo).await
}

/// Tries every line, or those that `PALETTE_ONLY` names. All failures are reported at the end.
fn try_all(version: Option<&str>) {
    with_targets(|targets| {
        let wanted = std::env::var("PALETTE_ONLY").unwrap_or_default();
        // One runtime, because the rig's connections belong to it.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let rig = runtime.block_on(make(targets, version));
        let mut failed = Vec::new();
        for line in LINES.iter().filter(|line| line.action.contains(&wanted)) {
            let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                runtime.block_on(try_line(&rig, line, version.is_some()));
            }));
            if tried.is_err() {
                failed.push(line.action);
            }
        }
        assert!(failed.is_empty(), "{version:?}: {failed:?}");
    });
}

#[test]
fn every_action_has_its_line() {
    let acts: BTreeSet<_> = catalogue::all()
        .filter(|action| matches!(action.does, Does::Plan(_)))
        .map(|action| action.name)
        .collect();
    let lines: BTreeSet<_> = LINES
        .iter()
        .map(|line| line.action)
        .chain(UNTRIED.iter().map(|(action, _)| *action))
        .collect();
    assert_eq!(acts, lines);
    assert_eq!(acts.len(), LINES.len() + UNTRIED.len(), "one line each");
    for (action, why) in UNTRIED {
        println!("UNTRIED {action}: {why}");
    }
}

#[test]
fn every_action_there_and_back_on_the_stand_in() {
    try_all(None);
}

#[test]
fn every_action_there_and_back_on_each_timescaledb() {
    let mut versions = Vec::new();
    // `PALETTE_VERSION=2.28` selects one version.
    with_targets(|targets| versions = targets.server.timescaledb_versions());
    let wanted = std::env::var("PALETTE_VERSION").unwrap_or_default();
    for version in versions
        .iter()
        .filter(|version| version.starts_with(&wanted))
    {
        try_all(Some(version));
    }
}
