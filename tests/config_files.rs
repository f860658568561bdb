//! Settings of the machine and of the user, and connections that have a name.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::process::{Output, Stdio};

use hypertop::demo::private_server::PrivateServer;
use serde_json::Value as Json;
use support::program::{program, said};
use support::with_targets;
use tempfile::TempDir;

/// A config.toml for all users and one of the user.
struct Files(TempDir);

impl Files {
    fn new(system: &str, own: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("system", system), ("own/hypertop", own)] {
            let name = folder.path().join(name);
            std::fs::create_dir_all(&name).unwrap();
            if !text.is_empty() {
                std::fs::write(name.join("config.toml"), text).unwrap();
            }
        }
        Self(folder)
    }

    fn hypertop(&self, args: &[&str]) -> Output {
        let folder = self.0.path();
        program()
            .args(args)
            .env("HYPERTOP_SYSCONFDIR", folder.join("system"))
            .env("XDG_CONFIG_HOME", folder.join("own"))
            .env("XDG_STATE_HOME", folder.join("state"))
            .env("HOME", folder)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

/// A named connection to this server.
fn entry(name: &str, server: &PrivateServer, dbname: &str) -> String {
    let port = server.port();
    format!(
        "[[connection]]\nname = \"{name}\"\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"postgres\"\ndbname = \"{dbname}\"\n"
    )
}

#[test]
fn the_users_file_is_over_the_one_for_all_and_each_value_names_its_file() {
    let files = Files::new(
        "[thresholds]\nslot_bytes = \"50 GiB\"\nreplication_lag = \"7m\"\n[[thresholds_for]]\nname = \"mes.*\"\npoor_ratio = 3\n",
        "[thresholds]\n\nslot_bytes = \"1 GiB\"\n",
    );
    let output = files.hypertop(&["thresholds", "--format", "json"]);
    let json: Json = serde_json::from_slice(&output.stdout).unwrap();
    let of = |key: &str, name: Option<&str>| {
        let rows = json["thresholds"].as_array().unwrap().iter();
        let mut rows = rows.filter(|row| row["key"] == key && row["for"].as_str() == name);
        let row = rows.next().unwrap();
        let from = row["from"].as_str().unwrap().to_owned();
        (row["value"].as_i64().unwrap(), from)
    };
    let ends = |from: &str, end: &str| assert!(from.ends_with(end), "{from}");
    let (value, from) = of("slot_bytes", None);
    assert_eq!(value, 1 << 30);
    ends(&from, "own/hypertop/config.toml:3 [thresholds]");
    let (value, from) = of("replication_lag", None);
    assert_eq!(value, 420);
    ends(&from, "system/config.toml:3 [thresholds]");
    let (value, from) = of("poor_ratio", Some("mes.*"));
    assert_eq!(value, 3);
    ends(&from, "system/config.toml:6 [[thresholds_for]]");
}

#[test]
fn an_error_names_its_file_and_line_wherever_it_is() {
    for (system, own, words) in [
        (
            "colour = 1\n",
            "",
            "system/config.toml: line 1: unknown field `colour`",
        ),
        (
            "refresh = \"2s\"\n[thresholds]\nslot_bytes = \"much\"\n",
            "mouse = true\n",
            "system/config.toml: line 3: slot_bytes",
        ),
        (
            "refresh = \"2s\"\nmouse = true\n",
            "\n[thresholds]\nslot_bytes = \"much\"\n",
            "own/hypertop/config.toml: line 3: slot_bytes",
        ),
        (
            "mouse = true\n",
            "[[connection]]\nhosts = \"db1\"\n",
            "own/hypertop/config.toml: line 2: unknown key hosts; similar: host",
        ),
        (
            "mouse = true\n",
            "[[connection]]\nport = 5433\n",
            "line 2: port: libpq's keys need a connection with a name: add name = \"prod\"",
        ),
        (
            "",
            "[[connection]]\nname = \"prod\"\nhost = \"db1\"\npassword = \"x\"\n",
            "line 4: password: hypertop reads no passwords from this file; write them to ~/.pgpass",
        ),
        (
            "",
            "[[connection]]\nname = \"prod\"\nhost = \"db*\"\n",
            "line 3: host: a connection with a name cannot have patterns",
        ),
        (
            "",
            "[[connection]]\nname = \"a b\"\nhost = \"db1\"\n",
            "line 2: name: write letters",
        ),
        (
            "",
            "[[connection]]\nname = \"prod\"\nservice = \"prod\"\nprotected = true\n",
            "line 2: read_only, protected, trusted_owners, busy_hours and policies apply to the entry's host",
        ),
    ] {
        let output = Files::new(system, own).hypertop(&["thresholds"]);
        let shown = said(&output);
        assert_eq!(output.status.code(), Some(1), "{shown}");
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

#[test]
fn nothing_is_changed_while_the_file_for_all_users_cannot_be_read() {
    let files = Files::new("nonsense = [", "");
    let output = files.hypertop(&["run", "pause-job", "1000", "--yes"]);
    let shown = said(&output);
    assert_eq!(output.status.code(), Some(3), "{shown}");
    assert!(shown.contains("system/config.toml: line 1"), "{shown}");
}

#[test]
fn a_name_that_is_not_there_is_an_error_with_the_near_ones() {
    let one = "[[connection]]\nname = \"prod\"\nhost = \"db1\"\n";
    let two = "[[connection]]\nname = \"staging\"\nhost = \"db2\"\n";
    for (system, own, typed, words) in [
        (
            one,
            two,
            "@prd",
            "there is no connection @prd; similar: @prod",
        ),
        (
            one,
            two,
            "@xyz",
            "there is no connection @xyz; the connections are: @prod, @staging",
        ),
        (
            "",
            "",
            "@prod",
            "write a [[connection]] with name = \"prod\" and host into ",
        ),
    ] {
        let files = Files::new(system, own);
        for (args, code) in [
            (&["show", "overview", typed][..], 2),
            (&["-d", typed, "show", "overview"], 2),
            (&["check", typed], 3),
            (&["doctor", typed], 3),
            (&["record", "/nonexistent/file", typed], 2),
        ] {
            let output = files.hypertop(args);
            let shown = said(&output);
            assert_eq!(output.status.code(), Some(code), "{args:?}: {shown}");
            assert!(shown.contains(words), "{args:?}: {words}: {shown}");
        }
    }
}

#[test]
fn a_name_connects_as_it_is_written_and_flags_are_over_it() {
    with_targets(|targets| {
        let server = &targets.server;
        let files = Files::new(&entry("plant", server, "postgres"), "");
        let user = |args: &[&str]| {
            let output = files.hypertop(&[&["show", "server", "--format", "json"], args].concat());
            let shown = said(&output);
            assert!(output.status.success(), "{args:?}: {shown}");
            let json: Json = serde_json::from_slice(&output.stdout).unwrap();
            let text = |key: &str| json["server"][key].as_str().unwrap().to_owned();
            (text("role"), text("database"))
        };
        let pair = |role: &str, database: &str| (role.to_owned(), database.to_owned());
        assert_eq!(user(&["@plant"]), pair("postgres", "postgres"));
        assert_eq!(user(&["-d", "@plant"]), pair("postgres", "postgres"));
        let output = files.hypertop(&["-U", "nobody_here", "show", "server", "@plant"]);
        let shown = said(&output);
        assert!(
            shown.contains("role \"nobody_here\" does not exist"),
            "{shown}"
        );
        assert!(
            shown.contains("hypertop doctor -U nobody_here @plant"),
            "{shown}"
        );
        let shown = said(&files.hypertop(&["doctor", "@plant"]));
        assert!(shown.contains("user postgres: @plant in "), "{shown}");
        assert!(shown.contains("system/config.toml: line 2"), "{shown}");
    });
}

#[test]
fn the_rules_of_a_named_connection_hold_however_its_database_is_reached() {
    with_targets(|targets| {
        let target = &targets.all[0];
        let server = &targets.server;
        let dbname = target.conninfo.split("dbname=").nth(1).unwrap();
        let dbname = dbname.split_whitespace().next().unwrap().trim_matches('\'');
        // Two hosts, of which the first does not answer.
        let own = entry("plant", server, dbname)
            .replace("\"127.0.0.1\"", "\"/nonexistent,127.0.0.1\"")
            + "read_only = true\n";
        let files = Files::new("", &own);
        let port = server.port().to_string();
        for way in [
            &["-d", "@plant"][..],
            &[
                "-h",
                "127.0.0.1",
                "-p",
                &port,
                "-U",
                "postgres",
                "-d",
                dbname,
            ],
        ] {
            let args = [way, &["run", "pause-job", "1000", "--yes"]].concat();
            let output = files.hypertop(&args);
            let shown = said(&output);
            assert_eq!(output.status.code(), Some(3), "{shown}");
            assert!(shown.contains("read_only for this connection"), "{shown}");
        }
    });
}
