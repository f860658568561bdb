//! Names and error texts from the server cannot control the terminal or the reader's spreadsheet, whatever the output.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::process::{Command, Output, Stdio};

use hypertop::model::screen_id::ScreenId;
use hypertop::model::text::quote_identifier;
use serde_json::Value as Json;
use support::act::Rig;
use support::triage::{on_each, until};

/// A name that is a spreadsheet formula and has characters that clear the terminal, reverse the text or are invisible.
const NAME: &str = "=1+1\u{1b}[2J\u{9b}2J\u{202e}\u{200b}\u{7f}\nx";
/// The name as it is printed for people.
const SHOWN: &str = "=1+1␛[2J\\u009b2J\\u202e\\u200b␡␊x";

/// The first character that controls a terminal or hides text, except line breaks. `None`: there is none.
fn acts(text: &str) -> Option<char> {
    text.chars().find(|c| {
        c.is_control() && *c != '\n'
            || ('\u{200b}'..='\u{200f}').contains(c)
            || ('\u{2028}'..='\u{202e}').contains(c)
    })
}

fn hypertop(rig: &Rig, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hypertop"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PG")) {
        command.env_remove(name);
    }
    command
        .args(["-d", &rig.conninfo])
        .args(args)
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("XDG_STATE_HOME", rig.state_home())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// A hypertable with that name, and a job with that name whose error contains it.
async fn provoke(rig: &Rig) {
    let name = quote_identifier(NAME);
    for statement in [
        format!("create table {name} (ts timestamptz not null, {name} int)"),
        format!("select create_hypertable('{name}', 'ts')"),
        format!("insert into {name} values (now(), 1)"),
        format!(
            "create procedure {name}(job_id int, config jsonb) language plpgsql as $$begin raise exception '{NAME}' using hint = '{NAME}'; end$$"
        ),
        format!(
            "select add_job('{name}', interval '1 hour', config => jsonb_build_object('{NAME}', '{NAME}'))"
        ),
        "analyze".to_owned(),
    ] {
        rig.sql(&statement).await;
    }
    let failed = "select coalesce(bool_or(last_run_success is false and last_finish > '-infinity'), false)::text from _timescaledb_internal.bgw_job_stat where job_id >= 1000";
    let failed = failed.replace(")::text", ")::text::char(1)");
    until(rig, "the job has failed", &failed).await;
}

#[test]
fn no_name_and_no_error_acts_on_the_reader_of_any_screen_in_any_format() {
    on_each("hostile", "select", async |rig, _| {
        provoke(rig).await;
        let screens = ScreenId::ALL.iter();
        for screen in screens.filter(|screen| **screen != ScreenId::Journal) {
            for format in ["table", "json", "csv"] {
                let args = ["show", screen.name(), "--format", format];
                let output = hypertop(rig, &args).output().unwrap();
                let (out, err) = texts(&output);
                let of = format!("{} {args:?}", rig.name);
                assert!(output.status.success(), "{of}: {err}");
                assert_eq!((acts(&out), acts(&err)), (None, None), "{of}: {out}{err}");
                if format == "csv" {
                    let mut csv = csv::Reader::from_reader(out.as_bytes());
                    for record in csv.records() {
                        for cell in &record.unwrap() {
                            let formula = cell.starts_with(['=', '+', '-', '@']);
                            assert!(!formula || cell.parse::<f64>().is_ok(), "{of}: {cell}");
                        }
                    }
                }
            }
        }
        let show = |format: &[&str]| {
            let args = [&["show", "jobs", "--format"], format].concat();
            texts(&hypertop(rig, &args).output().unwrap()).0
        };
        let table = show(&["table"]);
        assert!(table.contains(SHOWN), "{}: {table}", rig.name);
        assert!(
            show(&["csv"]).contains(&format!("'{SHOWN}")),
            "{}",
            rig.name
        );
        // JSON contains the exact name.
        let json: Json = serde_json::from_str(&show(&["json"])).unwrap();
        let is = |row: &&Json| {
            row["last_error"]
                .as_str()
                .is_some_and(|error| error.contains(NAME))
        };
        let row = json["rows"].as_array().unwrap().iter().find(is);
        assert!(
            row.is_some_and(|row| row["proc"] == NAME),
            "{}: {json:#}",
            rig.name
        );
        let raw = show(&["csv", "--raw"]);
        let mut csv = csv::Reader::from_reader(raw.as_bytes());
        let procs: Vec<String> = csv
            .deserialize::<std::collections::HashMap<String, String>>()
            .map(|row| row.unwrap()["proc"].clone())
            .collect();
        assert!(
            procs.iter().any(|name| name == NAME),
            "{}: {procs:?}",
            rig.name
        );
    });
}

#[test]
fn raw_is_for_csv_only() {
    on_each("raw", "select", async |rig, _| {
        for format in ["table", "json"] {
            let output = hypertop(rig, &["show", "jobs", "--format", format, "--raw"]);
            let output = { output }.output().unwrap();
            let (out, err) = texts(&output);
            assert_eq!((output.status.code(), out.as_str()), (Some(1), ""), "{err}");
            assert!(err.contains("--raw is for --format csv"), "{err}");
        }
    });
}

#[test]
fn the_words_of_servers_and_refusals_act_on_nobody_either() {
    on_each("said", "select", async |rig, _| {
        provoke(rig).await;
        let other = rig
            .conninfo
            .replace("dbname=", "application_name=x dbname=");
        let gone = format!("{other} dbname='{NAME}' options='-c hyper.{NAME}=1'");
        for (args, code) in [
            (vec!["show", "jobs", gone.as_str()], 2),
            (vec!["run", "pause-job", NAME, "--yes"], 3),
            (vec!["run", "drop-chunks", NAME, "--yes"], 3),
            (vec!["run", "pause-job", "1000", "--dry-run"], 0),
            (vec!["run", "pause-job", "1000", "--confirm", NAME], 3),
            (vec!["run", "run-job-now", "1000", "--confirm", "1000"], 1),
            (vec!["run", "pause-job", "1000", "--yes"], 0),
            (vec!["journal"], 0),
            (vec!["journal", "1"], 0),
            (vec!["journal", "1", "--format", "json"], 0),
            (vec!["rollback", "2", "--yes"], 0),
            (vec!["replay", NAME], 1),
        ] {
            let output = hypertop(rig, &args).output().unwrap();
            let (out, err) = texts(&output);
            let of = format!("{} {args:?}: {out}{err}", rig.name);
            assert_eq!(output.status.code(), Some(code), "{of}");
            assert_eq!((acts(&out), acts(&err)), (None, None), "{of}");
            // A line break in a name does not start a new line.
            assert!(!out.lines().any(|line| line.starts_with("x) ")), "{of}");
        }
    });
}

#[test]
fn where_nobody_reads_what_is_said_nothing_panics() {
    on_each("deaf", "select", async |rig, _| {
        // The output is a pipe without a reader, or a closed file descriptor.
        let deaf = |args: &[&str], closed: &str| {
            let command = hypertop(rig, args);
            let line: Vec<_> = std::iter::once(command.get_program())
                .chain(command.get_args())
                .map(|arg| hypertop::model::text::quote_literal(arg.to_str().unwrap()))
                .collect();
            let line = line.join(" ");
            let script = match closed {
                "err" => format!("exec {line} 2>&-"),
                "out" => format!("exec {line} >&-"),
                "err-pipe" => {
                    format!("{{ sleep 0.2; {line}; echo $? >&3; }} 3>&1 2>&1 >/dev/null | :")
                }
                _ => format!("{{ sleep 0.2; {line}; echo $? >&3; }} 3>&2 | :"),
            };
            let mut shell = Command::new("bash");
            shell.args(["-c", &script]).stdin(Stdio::null());
            for (name, value) in command.get_envs() {
                match value {
                    Some(value) => shell.env(name, value),
                    None => shell.env_remove(name),
                };
            }
            let output = shell.output().unwrap();
            let (out, err) = texts(&output);
            assert!(!err.contains("panicked"), "{script}: {err}");
            match closed {
                "err" | "out" => output.status.code().unwrap(),
                "err-pipe" => out.trim().parse().unwrap_or(-1),
                _ => err.lines().last().unwrap_or_default().parse().unwrap(),
            }
        };
        for closed in ["err", "out", "out-pipe"] {
            assert_eq!(deaf(&["show", "jobs"], closed), 0, "{} {closed}", rig.name);
            assert_eq!(
                deaf(&["show", "jobs", "--format", "json"], closed),
                0,
                "{closed}"
            );
        }
        for closed in ["err", "out"] {
            assert_eq!(deaf(&["run", "pause-job", "99999", "--yes"], closed), 3);
            assert_eq!(deaf(&["show", "jobs", "dbname=nowhere"], closed), 2);
        }
    });
}

/// Long texts of the server are cut, with a note.
#[test]
fn a_text_of_megabytes_is_cut_where_it_is_read() {
    let setup = "create table readings (ts timestamptz not null, v int);
select create_hypertable('readings', 'ts');
insert into readings select now() - interval '30 days';
alter table readings set (timescaledb.compress);
create procedure fails(job_id int, config jsonb) language plpgsql as $$begin raise exception '%', repeat('x', 3000000) using hint = repeat('h', 3000000); end$$;
create procedure talks(job_id int, config jsonb) language plpgsql as $$begin raise notice '%', repeat('n', 3000000); for i in 1..3000 loop raise notice 'no. %', i; end loop; end$$;
select add_job('fails', interval '1 hour');
select add_job('talks', interval '1 hour', config => jsonb_build_object('k', repeat('c', 5000000)));
select add_compression_policy('readings', interval '7 days');
select alter_job(id, config => jsonb_set(config, '{compress_after}', to_jsonb(repeat('a', 5000000)))) from _timescaledb_config.bgw_job where proc_name = 'policy_compression'";
    on_each("long", setup, async |rig, _| {
        let failed = "select (last_run_success is false and last_finish > '-infinity')::text::char(1) from _timescaledb_internal.bgw_job_stat where job_id = 1000";
        until(rig, "the job has failed", failed).await;
        for (args, cut) in [
            (vec!["show", "jobs", "--format", "json"], " bytes in all)"),
            (vec!["show", "jobs", "--format", "csv"], " bytes in all)"),
            (
                vec!["show", "compression", "--format", "json"],
                "(cut: 5000000 bytes in all)",
            ),
            (vec!["show", "overview"], " bytes in all)"),
            (
                vec!["run", "run-job-now", "1000", "--confirm", "1000"],
                "(cut: 3000000 bytes in all)",
            ),
            (
                vec!["run", "run-job-now", "1001", "--confirm", "1001"],
                "(cut: 3000000 bytes in all)",
            ),
            (
                vec!["run", "run-job-now", "1001", "--confirm", "1001"],
                "left out",
            ),
            (vec!["journal", "1"], "(cut: 3000000 bytes in all)"),
        ] {
            let output = hypertop(rig, &args).output().unwrap();
            let (out, err) = texts(&output);
            let long = out.len() + err.len();
            assert!(long < 400_000, "{} {args:?}: {long} bytes", rig.name);
            assert!(out.contains(cut), "{} {args:?}: {out}{err}", rig.name);
        }
    });
}
