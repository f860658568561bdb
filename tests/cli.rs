//! The command line without a terminal: help, exit codes, formats, and errors that name the fix.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::process::{Command, Output};

use clap::CommandFactory;
use hypertop::cli::Cli;
use support::program::{program, said};
use support::with_targets;

fn hypertop(args: &[&str]) -> Output {
    program()
        .args(args)
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn an_option_explains_each_of_its_values_or_none() {
    fn look(command: &clap::Command, explained: &mut Vec<String>) {
        for option in command.get_arguments() {
            let of = format!("{} {}", command.get_name(), option.get_id());
            let values = option.get_possible_values();
            let (with, without): (Vec<_>, Vec<_>) =
                values.iter().partition(|value| value.get_help().is_some());
            assert!(with.is_empty() || without.is_empty(), "{of}: {without:?}");
            explained.extend((!with.is_empty()).then_some(of));
        }
        for below in command.get_subcommands() {
            look(below, explained);
        }
    }
    let mut explained = Vec::new();
    look(&Cli::command(), &mut explained);
    assert!(
        explained.contains(&"check format".to_owned()),
        "{explained:?}"
    );
}

#[test]
fn help_tells_psqls_flags_the_variables_and_what_is_not_supported() {
    for flag in ["--help", "-?"] {
        let output = hypertop(&[flag]);
        let help = said(&output);
        assert_eq!(output.status.code(), Some(0));
        for words in [
            "-h, --host",
            "-p, --port",
            "-U, --username",
            "-d, --dbname",
            "-w, --no-password",
            "-W, --password",
            "PGSERVICEFILE",
            "sslcrldir",
            "Exit codes",
            "/etc/hypertop/config.toml",
            "@NAME",
            "show",
            "demo",
        ] {
            assert!(help.contains(words), "{words} in {help}");
        }
    }
    assert!(said(&hypertop(&["-V"])).starts_with("hypertop "));
}

/// The names of all subcommands.
fn commands() -> Vec<String> {
    let command = Cli::command();
    let shown = command.get_subcommands().filter(|of| !of.is_hide_set());
    shown.map(|of| of.get_name().to_owned()).collect()
}

#[test]
fn help_has_every_command_once_in_groups_and_each_has_a_manual_page() {
    let help = said(&hypertop(&["--help"]));
    for heading in [
        "The console:",
        "Looking:",
        "Acting:",
        "Monitoring:",
        "This program:",
    ] {
        assert!(
            help.contains(&format!("\n{heading}\n")),
            "{heading}: {help}"
        );
    }
    assert!(!help.contains("Commands:"), "{help}");
    let folder = tempfile::tempdir().unwrap();
    let made = hypertop(&["man", "--out", folder.path().to_str().unwrap()]);
    assert!(made.status.success(), "{}", said(&made));
    for name in commands() {
        let lines = help.lines().filter(|line| {
            let mut words = line.strip_prefix("  ").unwrap_or("").split("  ");
            words.next() == Some(&name)
        });
        assert_eq!(lines.count(), 1, "{name}: {help}");
        let page = folder.path().join(format!("hypertop-{name}.1"));
        let page = std::fs::read_to_string(page).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{name}: {page}");
    }
    let first = std::fs::read_to_string(folder.path().join("hypertop.1")).unwrap();
    assert_eq!(said(&hypertop(&["man"])), first);
    for words in ["hypertop\\-check(1)", "PGSERVICEFILE", "Exit codes"] {
        assert!(first.contains(words), "{words}: {first}");
    }
}

#[test]
fn manual_pages_that_cannot_be_written_are_an_error_with_the_folder() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let folder = file.path().join("man");
    let output = hypertop(&["man", "--out", folder.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let told = said(&output);
    let words = format!("the pages cannot be written to {}", folder.display());
    assert!(told.contains(&words), "{told}");
}

#[test]
fn zsh_and_fish_know_the_names_and_take_no_part_of_the_script_for_a_pattern() {
    for (shell, words) in [
        ("zsh", ["#compdef hypertop", "pause-job", "aggregate-wipe"]),
        (
            "fish",
            ["complete -c hypertop", "pause-job", "aggregate-wipe"],
        ),
    ] {
        let output = hypertop(&["completions", shell]);
        let script = said(&output);
        assert_eq!(output.status.code(), Some(0), "{script}");
        for words in words {
            assert!(script.contains(words), "{shell}: {words}");
        }
        assert!(
            !script.contains("-s ?") && !script.contains("'-?["),
            "{shell}"
        );
    }
}

#[test]
fn an_unknown_action_is_a_wrong_command_line_and_the_nearest_ones_are_offered() {
    for (typed, near) in [
        ("pause", "similar: pause-job"),
        ("compres-chunk", "similar: compress-chunks, "),
        ("refresh", "similar: refresh-behind, refresh-aggregate, "),
        ("qqqq", "the actions are: refresh-aggregate, "),
        // An action on the console only.
        ("sort-by-verdict", "the actions are: refresh-aggregate, "),
    ] {
        // A wrong name is reported without connecting.
        let output = hypertop(&["-h", "/nonexistent", "run", typed, "1001"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&format!("invalid value '{typed}'")), "{said}");
        assert!(said.contains(near), "{near}: {said}");
    }
}

#[test]
fn each_way_not_to_connect_has_its_own_words_and_code_2() {
    with_targets(|targets| {
        let there = &targets.all[0].conninfo;
        let port = targets.server.port().to_string();
        for (conninfo, words) in [
            (there.replace("dbname='", "dbname='not_"), "does not exist"),
            (
                there.replace("user=postgres", "user=who"),
                "role \"who\" does not exist",
            ),
            (
                "host=127.0.0.1 port=1 user=postgres dbname=x connect_timeout=2".to_string(),
                "Is the server running there",
            ),
            (
                format!("host=/nonexistent port={port} user=postgres"),
                "Is the server running locally",
            ),
            (
                there.replace("user=postgres", "user=postgres sslmode=sometimes"),
                "invalid sslmode value",
            ),
            (
                format!("host=127.0.0.1 port={port} user=postgres dbname=postgres sslmode=require"),
                "TLS",
            ),
            (
                "host=x prot=1".to_owned(),
                "invalid connection option \"prot\"",
            ),
            (
                "postgresql://x/y?nosuch=1".to_owned(),
                "invalid connection option \"nosuch\"\nRemove it from the connection string; supported options are: ",
            ),
            (
                "host=x port=abc".to_owned(),
                "invalid integer value \"abc\" for connection option \"port\"; give a number between 1 and 65535 with -p",
            ),
            (
                there.replace("dbname='", "dbname='template0' application_name='"),
                "The database accepts no connections (datallowconn is false): name another one",
            ),
            (
                there.replace("user=postgres", "user=postgres options='-c no_such=1'"),
                "unrecognized configuration parameter \"no_such\"\nA session setting causes this: correct PGOPTIONS",
            ),
            (
                there.replace("user=postgres", "user=postgres options='-c work_mem=lots'"),
                "correct PGOPTIONS",
            ),
            (
                targets.plain.clone(),
                "Jobs needs TimescaleDB, but the extension is not in database \"plain\"\nCREATE EXTENSION timescaledb",
            ),
        ] {
            let output = hypertop(&["show", "jobs", &conninfo]);
            let told = said(&output);
            assert_eq!(output.status.code(), Some(2), "{conninfo}: {told}");
            assert!(told.contains(words), "{conninfo}: {told}");
        }
    });
}

#[test]
fn a_password_is_used_from_where_libpq_finds_it_and_never_asked_for_with_w() {
    with_targets(|targets| {
        let conninfo = format!(
            "host=127.0.0.1 port={} dbname=postgres user=locked",
            targets.server.port()
        );
        support::block_on(async {
            let admin = support::client(&targets.server.conninfo("postgres")).await;
            admin.batch_execute("set password_encryption = 'scram-sha-256'; create role locked login password 'right one'").await.unwrap();
        });
        targets.server.require("locked", "scram-sha-256").unwrap();
        let show = |env: &[(&str, &str)]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_hypertop"));
            command
                .args(["-w", "show", "indexes", &conninfo])
                .env_remove("PGPASSWORD")
                .stdin(std::process::Stdio::null());
            command
                .env("PGPASSFILE", "/nonexistent")
                .envs(env.iter().copied());
            command.output().unwrap()
        };
        let told = said(&show(&[]));
        assert!(told.contains("no password supplied"), "{told}");
        let told = said(&show(&[("PGPASSWORD", "wrong one")]));
        assert!(
            told.contains("password authentication failed") && told.contains("Check the password"),
            "{told}"
        );
        assert_eq!(show(&[("PGPASSWORD", "right one")]).status.code(), Some(0));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pgpass");
        std::fs::write(&file, "127.0.0.1:*:*:locked:right one\n").unwrap();
        let mode = |mode| {
            std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(mode))
                .unwrap();
        };
        mode(0o600);
        assert_eq!(
            show(&[("PGPASSFILE", file.to_str().unwrap())])
                .status
                .code(),
            Some(0)
        );
        mode(0o644);
        let output = show(&[("PGPASSFILE", file.to_str().unwrap())]);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    });
}

#[test]
fn a_screen_is_printed_as_a_table_as_csv_and_as_json() {
    with_targets(|targets| {
        let there = &targets.all[0].conninfo;
        let table = said(&hypertop(&["show", "compression", there]));
        assert!(
            table.contains("HYPERTABLE") && table.contains("mes.metric_hist"),
            "{table}"
        );
        let csv = hypertop(&["show", "jobs", "--format", "csv", there]);
        let mut reader = csv::Reader::from_reader(csv.stdout.as_slice());
        assert_eq!(reader.headers().unwrap().iter().next(), Some("job_id"));
        assert!(reader.records().all(|record| record.is_ok()));
        let json = hypertop(&["show", "aggregates", "--format", "json", there]);
        let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!(json["screen"], "aggregates");
    });
}

#[test]
fn what_answers_and_is_no_postgresql_is_said_to_be_none() {
    for (greeting, mode) in [
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "disable"),
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "prefer"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "prefer"),
        ("", "disable"),
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                use std::io::{Read, Write};
                let _ = stream.read(&mut [0; 64]);
                let _ = stream.write_all(greeting.as_bytes());
            }
        });
        let output = hypertop(&[
            "show",
            "jobs",
            &format!("host=127.0.0.1 port={port} user=x dbname=x sslmode={mode}"),
        ]);
        let told = said(&output);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(
            told.contains(&format!("127.0.0.1:{port}"))
                && told.contains("check the host (-h) and the port (-p)"),
            "{greeting:?} {mode}: {told}"
        );
    }
}

#[test]
fn an_empty_list_says_so_and_why_it_may_be() {
    with_targets(|targets| {
        support::block_on(async {
            let admin = support::client(&targets.server.conninfo("postgres")).await;
            let create = "create database nothing_in_it";
            admin.batch_execute(create).await.unwrap();
        });
        let output = hypertop(&["show", "indexes", &targets.server.conninfo("nothing_in_it")]);
        let told = said(&output);
        assert!(
            told.contains("(no rows)") && told.contains("no TimescaleDB in database"),
            "{told}"
        );
        assert_eq!(output.status.code(), Some(0));
    });
}

#[test]
fn a_theme_that_is_not_there_is_named_without_a_terminal_too() {
    for args in [
        vec!["--theme", "nope", "host=x"],
        vec!["--theme", "nope", "show", "jobs", "host=127.0.0.1 port=1"],
    ] {
        let told = said(&hypertop(&args));
        assert!(
            told.contains("there is no theme \"nope\"; the themes are: default, "),
            "{told}"
        );
    }
}

#[test]
fn an_unknown_screen_names_those_that_there_are() {
    let output = hypertop(&["show", "chunks"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("compression, retention, indexes, jobs, aggregates"));
}

#[test]
fn the_help_of_a_command_has_its_own_options_first_and_says_their_values() {
    let told = said(&hypertop(&["demo", "--help"]));
    let at = |text: &str| told.find(text).unwrap_or_else(|| panic!("{text}: {told}"));
    assert!(at("--simulate") < at("--screen") && at("--screen") < at("--host"));
    assert!(told.contains("overview, compression"), "{told}");
    assert!(said(&hypertop(&["show", "--help"])).contains("overview, compression"));
    for flag in ["--theme", "--refresh", "--screen"] {
        let output = hypertop(&["demo", flag]);
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains("a value is required"), "{flag}");
    }
}

#[test]
fn without_a_terminal_the_console_says_what_to_do_instead() {
    let output = hypertop(&["host=x"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("hypertop show"));
}

#[test]
fn the_demo_without_a_terminal_prints_the_five_screens_and_leaves_nothing_behind() {
    if !support::has_server() {
        return;
    }
    for args in [vec!["demo"], vec!["demo", "--simulate"]] {
        let output = hypertop(&args);
        let told = said(&output);
        assert_eq!(output.status.code(), Some(0), "{told}");
        let longest = told.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(120), "for people: {longest:?}");
        for title in ["Compression", "Retention", "Indexes", "Jobs", "Aggregates"] {
            assert!(
                told.lines().any(|line| line.starts_with(title)),
                "{title} in {told}"
            );
        }
        assert_eq!(
            told.contains("SIMULATED"),
            args.len() == 2 || told.contains("no TimescaleDB here"),
            "{told}"
        );
    }
}

#[test]
fn of_several_targets_each_that_refuses_is_named_and_nothing_is_done() {
    with_targets(|targets| {
        let target = &targets.all[0];
        let jobs = support::block_on(async {
            let client = support::client(&target.conninfo).await;
            let sql = "select array_agg(id) from (select id from _timescaledb_config.bgw_job where scheduled and id >= 1000 order by id limit 3) j";
            let jobs: Vec<i32> = client.query_one(sql, &[]).await.unwrap().get(0);
            let pause =
                "update _timescaledb_config.bgw_job set scheduled = false where id = any ($1)";
            client.execute(pause, &[&&jobs[1..]]).await.unwrap();
            jobs
        });
        let names: Vec<String> = jobs.iter().map(ToString::to_string).collect();
        let mut args = vec!["-d", &target.conninfo, "run", "pause-job", "--yes"];
        args.extend(names.iter().map(String::as_str));
        let home = tempfile::tempdir().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_hypertop"))
            .args(&args)
            .env("XDG_STATE_HOME", home.path())
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let said = said(&output);
        let scheduled = support::block_on(async {
            let client = support::client(&target.conninfo).await;
            let sql = "select scheduled from _timescaledb_config.bgw_job where id = $1";
            let first: bool = client.query_one(sql, &[&jobs[0]]).await.unwrap().get(0);
            let resume =
                "update _timescaledb_config.bgw_job set scheduled = true where id = any ($1)";
            client.execute(resume, &[&jobs]).await.unwrap();
            first
        });
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(scheduled, "nothing was changed: {said}");
        assert!(said.contains("2 of 3 targets refuse:"), "{said}");
        for job in &jobs[1..] {
            assert!(said.contains(&format!("{job}: ")), "{said}");
        }
    });
}

#[test]
fn sql_lists_the_queries_and_prints_one_as_the_server_gets_it() {
    let list = hypertop(&["sql"]);
    assert_eq!(list.status.code(), Some(0));
    let list = said(&list);
    assert!(
        list.lines().any(|line| line.starts_with("compression  ")),
        "{list}"
    );
    assert!(list.lines().count() > 40 && !list.contains('\\'), "{list}");
    let print = |args: &[&str]| {
        let output = hypertop(&[&["sql", "chunks"], args].concat());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        said(&output)
    };
    let (newest, before) = (print(&[]), print(&["--for", "2.26"]));
    assert!(
        newest.contains("relid = c.relid") && !newest.contains("compressed_chunk_id"),
        "{newest}"
    );
    assert!(
        before.contains("compressed_chunk_id") && !before.contains("relid = c.relid"),
        "{before}"
    );
    assert_eq!(newest, print(&["--for", "2.29.2"]));
    for text in [newest, before] {
        assert!(text.starts_with("-- ") && text.contains("$1"), "{text}");
        assert!(
            !text.lines().any(|line| line.trim().starts_with('\\')),
            "{text}"
        );
    }
    let index = said(&hypertop(&["sql", "indexes", "--for", "none"]));
    assert!(!index.contains("_timescaledb_"), "{index}");
}

#[test]
fn sql_names_what_it_was_given_and_what_would_do() {
    for (args, says) in [
        (
            &["sql", "compresion"][..],
            "'compresion' for '[QUERY]': there is no such query; similar: compression",
        ),
        (
            &["sql", "zzz"],
            "there is no such query; `hypertop sql` lists them",
        ),
        (
            &["sql", "chunks", "--for", "1.7"],
            "'1.7' for '--for <VERSION>': hypertop reads TimescaleDB 2.11 and later",
        ),
        (
            &["sql", "chunks", "--for", "new"],
            "write a TimescaleDB version such as 2.26, or none",
        ),
    ] {
        let output = hypertop(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(said(&output).contains(says), "{args:?}: {}", said(&output));
    }
}
