//! A server stops answering behind a proxy that keeps the connections open. Every wait ends after a limited time, and the console's clock
//! stops together with its figures.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod console;
mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hypertop::actions::execute::{Actor, ApprovedPlan, Order, Report};
use hypertop::app::{Msg, ask};
use hypertop::demo::private_server::{Options, PrivateServer};
use hypertop::journal::{Journal, Outcome};
use hypertop::model::plan::{Plan, Statement, Step, Undo};
use hypertop::model::screen_id::ScreenId;
use hypertop::run;
use hypertop::run::requests;
use support::{block_on, client, session, settings, with_targets};
use tokio::sync::{mpsc, watch};

/// A TCP proxy in front of a server.
struct Way {
    port: u16,
    /// Port to which new connections lead.
    to: Arc<AtomicU16>,
    /// True: nothing is forwarded on any connection.
    silent: Arc<AtomicBool>,
    /// Number of connections at the start on which nothing is forwarded.
    deaf: Arc<AtomicUsize>,
    opened: Arc<AtomicUsize>,
}

/// `answers`: number of the server's packets that are forwarded before it goes silent.
fn way(to: u16, answers: usize) -> Way {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let way = Way {
        port: listener.local_addr().unwrap().port(),
        to: Arc::new(to.into()),
        silent: Arc::default(),
        deaf: Arc::default(),
        opened: Arc::default(),
    };
    let (silent, deaf, opened) = (way.silent.clone(), way.deaf.clone(), way.opened.clone());
    let to = way.to.clone();
    std::thread::spawn(move || {
        for here in listener.incoming() {
            let (here, there) = (
                here.unwrap(),
                TcpStream::connect(("127.0.0.1", to.load(Ordering::SeqCst))).unwrap(),
            );
            let number = opened.fetch_add(1, Ordering::SeqCst);
            let ends = (here.try_clone().unwrap(), there.try_clone().unwrap());
            for (from, into, most) in [(here, there, usize::MAX), (ends.1, ends.0, answers)] {
                let (silent, deaf) = (silent.clone(), deaf.clone());
                std::thread::spawn(move || {
                    pass(from, into, most, || {
                        silent.load(Ordering::SeqCst) || number < deaf.load(Ordering::SeqCst)
                    });
                });
            }
        }
    });
    way
}

fn pass(mut from: TcpStream, mut into: TcpStream, most: usize, is_silent: impl Fn() -> bool) {
    let mut piece = vec![0; 65_536];
    let mut passed = 0;
    loop {
        let Ok(many) = from.read(&mut piece) else {
            return;
        };
        while is_silent() || passed >= most {
            std::thread::sleep(Duration::from_millis(20));
        }
        if many == 0 || into.write_all(&piece[..many]).is_err() {
            return;
        }
        passed += 1;
    }
}

fn by(way: &Way, target: &support::Target) -> String {
    let dbname = target.conninfo.split("dbname=").nth(1).unwrap();
    format!(
        "host=127.0.0.1 port={} user=postgres sslmode=disable dbname={dbname}",
        way.port
    )
}

#[test]
fn a_list_that_never_comes_ends_the_session_and_a_new_one_is_opened() {
    with_targets(|targets| {
        let target = &targets.all[0];
        let way = way(targets.server.port(), usize::MAX);
        block_on(async {
            let first = session(&by(&way, target)).await;
            let (answers, mut told) = mpsc::unbounded_channel();
            let there = settings(&by(&way, target));
            let requests = requests::serve(there, None, first, answers, ScreenId::Jobs);
            let load = |asked| ask::List::Load {
                screen: ScreenId::Jobs,
                asked,
            };
            let (mut failed, mut down) = (String::new(), String::new());
            let mut began = false;
            loop {
                match tokio::time::timeout(Duration::from_secs(120), told.recv()).await {
                    Ok(Some(Msg::Up(_))) if !began => {
                        began = true;
                        way.silent.store(true, Ordering::SeqCst);
                        requests.list(load(1));
                    }
                    Ok(Some(Msg::Up(_))) => requests.list(load(2)),
                    Ok(Some(Msg::Failed {
                        asked: 1, error, ..
                    })) => failed = error,
                    Ok(Some(Msg::Down { error, .. })) => {
                        down.push_str(&error);
                        way.silent.store(false, Ordering::SeqCst);
                    }
                    Ok(Some(Msg::Loaded { asked: 2, .. })) => break,
                    Ok(Some(_)) => {}
                    other => panic!("{other:?}"),
                }
            }
            for words in [failed, down] {
                assert!(words.contains("no answer in 15 s"), "{words}");
            }
        });
    });
}

#[test]
fn without_a_terminal_a_server_that_is_silent_from_the_first_or_from_a_later_answer_on_is_not_waited_for()
 {
    with_targets(|targets| {
        let target = &targets.all[0];
        for (answers, words) in [
            (0, "timed out after 15 s"),
            (1, "timed out after 15 s"),
            (3, "no answer in 15 s"),
        ] {
            let way = way(targets.server.port(), answers);
            let output = Command::new(env!("CARGO_BIN_EXE_hypertop"))
                .args(["-d", &by(&way, target), "-w", "show", "jobs"])
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{answers}: {said}");
            assert!(said.contains(words), "{answers}: {said}");
        }
        let way = way(targets.server.port(), 0);
        let begun = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_hypertop"))
            .args([
                "-d",
                &by(&way, target),
                "-w",
                "show",
                "jobs",
                "--timeout",
                "1s",
            ])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        let words = "the server did not answer within 1s: --timeout sets the limit";
        assert!(said.contains(words), "{said}");
        assert!(begun.elapsed() < Duration::from_secs(8), "{said}");
    });
}

/// The report of a plan that sleeps this number of seconds. `happens` changes the proxy during the plan.
async fn sleep(
    way: &Way,
    target: &support::Target,
    user: &str,
    seconds: u32,
    happens: impl AsyncFn(&Way),
) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let there = by(way, target);
    let actor = Actor {
        settings: settings(&there.replace("user=postgres", &format!("user={user}"))),
        password: None,
        journal: Journal::new(folder.path().join("journal.jsonl")),
        server: session(&there).await.server.clone(),
        clock: run::now,
    };
    let sleep = Statement::new(format!("select pg_sleep({seconds})"), Vec::new());
    let steps = vec![Step::new("sleep", vec![sleep], Vec::new()).plain()];
    let approved = ApprovedPlan {
        plan: Plan::new("Sleep", steps, Undo::Needless("it only sleeps".to_owned())),
        seen: Vec::new(),
        inputs: String::new(),
        undoes: Vec::new(),
        restores: Vec::new(),
        place: None,
        snapshot: None,
    };
    let (told, _progress) = mpsc::unbounded_channel();
    let (_orders, order) = watch::channel(Order::Go);
    let (report, ()) = tokio::join!(actor.perform(&approved, &told, order), async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        happens(way).await;
    });
    report.unwrap()
}

/// The report's text for a plan of ten minutes whose connections go silent.
async fn cut_short(way: &Way, target: &support::Target, silence: impl AsyncFn(&Way)) -> String {
    let report = sleep(way, target, "postgres", 600, silence).await;
    assert_eq!(report.outcome, Outcome::Unknown, "{report:?}");
    report.lines().join("\n")
}

#[test]
fn an_action_whose_server_answers_nothing_any_more_is_given_up_as_not_known() {
    with_targets(|targets| {
        let way = way(targets.server.port(), usize::MAX);
        let told = block_on(cut_short(&way, &targets.all[0], async |way| {
            way.silent.store(true, Ordering::SeqCst);
        }));
        assert!(told.contains("the server no longer answers"), "{told}");
        assert!(told.contains("UNKNOWN how it ended"), "{told}");
    });
}

#[test]
fn an_action_whose_session_is_gone_without_a_word_is_given_up_as_not_known() {
    with_targets(|targets| {
        let target = &targets.all[0];
        let way = way(targets.server.port(), usize::MAX);
        let told = block_on(cut_short(&way, target, async |way| {
            way.deaf
                .store(way.opened.load(Ordering::SeqCst), Ordering::SeqCst);
            let admin = client(&target.conninfo).await;
            let end = "select pg_terminate_backend(pid) from pg_stat_activity where query = 'select pg_sleep(600)' and state = 'active'";
            admin.batch_execute(end).await.unwrap();
        }));
        assert!(
            told.contains("the session no longer exists on the server"),
            "{told}"
        );
    });
}

#[test]
fn an_action_is_not_given_up_because_its_name_leads_to_another_server_meanwhile() {
    with_targets(|targets| {
        let other = PrivateServer::start(&Options::default()).unwrap();
        // Both servers have this database.
        let target = support::Target {
            conninfo: targets.server.conninfo("postgres"),
            ..targets.all[0].clone()
        };
        let way = way(targets.server.port(), usize::MAX);
        // The statement's connection stays open; the monitoring connections lead to another server.
        let report = block_on(sleep(&way, &target, "postgres", 12, async |way| {
            way.to.store(other.port(), Ordering::SeqCst);
        }));
        assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    });
}

#[test]
fn an_action_is_not_given_up_because_no_further_connection_is_free() {
    with_targets(|targets| {
        let target = support::Target {
            conninfo: targets.server.conninfo("postgres"),
            ..targets.all[0].clone()
        };
        let way = way(targets.server.port(), usize::MAX);
        let report = block_on(async {
            let admin = client(&target.conninfo).await;
            let role = "create role few login connection limit 2";
            admin.batch_execute(role).await.unwrap();
            let few = target.conninfo.replace("user=postgres", "user=few");
            let _other = client(&few).await;
            sleep(&way, &target, "few", 55, async |_| {}).await
        });
        assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    });
}

#[test]
fn the_clock_stands_still_with_the_figures_and_their_age_does_not() {
    let mut app = console::connected();
    let from = app.server_now();
    let before = console::screen(&mut app);
    app.update(Msg::Tick(console::NOW.plus_seconds(86_400.0 * 400.0)));
    let ran = app.server_now().seconds_since(from);
    assert!(ran < 60.0, "the clock ran on for {ran} s without data");
    let after = console::screen(&mut app);
    assert!(
        after.contains("read 1y") || after.contains("read 40"),
        "{after}"
    );
    // The rows' ages are those of the time when they were loaded.
    let rows = |screen: &str| {
        let lines = screen.lines().filter(|line| line.contains("mes."));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(rows(&before), rows(&after));
}
