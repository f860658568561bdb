//! `hypertop doctor`: for each fault in the environment exactly the step with the fault fails, with its fix. No output has a secret.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

#[path = "doctor/certificates.rs"]
mod certificates;
#[path = "doctor/pgbouncer.rs"]
mod pgbouncer;
#[path = "doctor/ran.rs"]
mod ran;
#[path = "doctor/server.rs"]
mod server;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;

use ran::{Doctor, SECRET};
use socket2::{Domain, Socket, Type};
use support::{block_on, client, with_targets};

/// The address of a peer on this machine.
fn at(address: SocketAddr) -> String {
    let port = address.port();
    format!(
        "host=127.0.0.1 port={port} user=dba password={SECRET} dbname=metrics connect_timeout=2"
    )
}

/// A server that calls `with` for every connection. Returns its address.
fn peer(with: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(with));
    at(address)
}

#[test]
fn refused_dropped_silent_closed_and_foreign_have_five_fixes() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = at(free.local_addr().unwrap());
    drop(free);
    let said = Doctor::new(&refused).fails("network", "start PostgreSQL");
    assert!(said.evidence("network").contains("Connection refused"));
    assert_eq!(said.state("name"), "ok");

    // Nobody accepts connections, and the queue is full: the kernel drops further packets, as a firewall does.
    let full = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    full.bind(&any.into()).unwrap();
    full.listen(0).unwrap();
    let address = full.local_addr().unwrap().as_socket().unwrap();
    let fillers: Vec<_> = (0..4)
        .map(|_| {
            let filler = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            filler.set_nonblocking(true).unwrap();
            let _ = filler.connect(&address.into());
            filler
        })
        .collect();
    Doctor::new(&at(address)).fails("network", "firewall");
    drop(fillers);

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = at(silent.local_addr().unwrap());
    let said = Doctor::new(&there).fails("network", "or the server hangs");
    assert!(said.evidence("network").contains("nothing is sent"));

    let closed = peer(drop);
    let said = Doctor::new(&closed).fails("network", "has no server behind it");
    assert!(said.evidence("network").contains("closed at once"));

    let foreign = peer(|mut stream| {
        let _ = stream.read(&mut [0; 8]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let said = Doctor::new(&foreign).fails("server", "another program uses this port");
    assert!(said.evidence("server").contains("HTTP/1.1 400"));
}

#[test]
fn names_sockets_and_settings_that_cannot_be_used_are_named() {
    Doctor::new("host=no-such-host.invalid dbname=x").fails("name", "correct the name");
    Doctor::new("host=/nonexistent dbname=x").fails("network", "unix_socket_directories");
    Doctor::new("host=a sslmode=sometimes").fails("settings", "correct the setting");
    Doctor::new("host=a nosuch=1").fails("settings", "Remove it from the connection string");
    // A text that is parsed as a host, a port or another option may be the rest of a password.
    for given in [
        format!("postgresql://dba:a@{SECRET}@db1/x"),
        format!("postgresql://dba:{SECRET}/b@db1/x"),
        format!("host=a password=b {SECRET}"),
        format!("host=a sslpassword={SECRET}"),
    ] {
        Doctor::new(&given).fails("settings", "");
    }
}

#[test]
fn every_value_says_where_it_comes_from_and_which_were_passed_over() {
    let doctor = Doctor::new(&format!("service=prod password={SECRET} dbname=mine"));
    let services = doctor.home().join("services");
    fs::write(
        &services,
        "[other]\nport=9\n[prod]\nhost=127.0.0.1\nport=1\ndbname=theirs\noptions=-c a.b=of_the_options\n",
    )
    .unwrap();
    let doctor = doctor
        .env("PGSERVICEFILE", services.to_str().unwrap())
        .env("PGPORT", "77")
        .env("PGUSER", "dba");
    let said = doctor.fails("network", "");
    let settings = said.evidence("settings");
    let file = services.display();
    for line in [
        "dbname mine: connection string (argument)".to_owned(),
        format!("  overridden: theirs from service \"prod\" in service file \"{file}\", line 6"),
        format!("port 1: service \"prod\" in service file \"{file}\", line 5"),
        "  overridden: 77 from environment variable PGPORT".to_owned(),
        "user dba: environment variable PGUSER".to_owned(),
        "sslmode prefer: default".to_owned(),
        "password (not shown): connection string (argument)".to_owned(),
        format!("options -c a.b: service \"prod\" in service file \"{file}\", line 7"),
    ] {
        assert!(settings.lines().any(|of| of == line), "{line}\n{settings}");
    }
    assert!(!said.text.contains("of_the_options"), "{}", said.text);
}

/// Of several hosts, the first that fits `target_session_attrs` is used.
fn several_hosts(url: &str) {
    let field = |name: &str| {
        let found = regex::Regex::new(&format!(r"\b{name}=(\S+)")).unwrap();
        found.captures(url).unwrap()[1].to_owned()
    };
    let (host, port) = (field("host"), field("port"));
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = free.local_addr().unwrap().port();
    drop(free);
    let hosts = |first: &str, first_port: &str, wanted: &str| {
        let all = url.replace(&format!("host={host}"), &format!("host={first},{host}"));
        let all = all.replace(
            &format!("port={port}"),
            &format!("port={first_port},{port}"),
        );
        Doctor::new(&format!("{all} target_session_attrs={wanted}")).run()
    };
    let said = hosts("127.0.0.1", &closed.to_string(), "primary");
    assert_eq!(said.unwell(), ["network", "extension"], "{}", said.text);
    assert_eq!(said.state("network"), "warn", "{}", said.text);
    assert!(said.evidence("target").contains("fits"), "{}", said.text);
    // Both hosts are the same primary. Neither is a standby.
    let said = hosts(&host, &port, "standby");
    assert_eq!(said.state("target"), "fail", "{}", said.text);
    assert_eq!(said.state("login"), "ok", "{}", said.text);
    assert!(said.fix("target").contains("several with commas"));
    let said = hosts(&host, &port, "prefer-standby");
    assert_eq!(said.unwell(), ["extension"], "{}", said.text);
}

#[test]
fn a_healthy_server_is_ok_and_a_wrong_flag_is_unknown() {
    with_targets(|targets| {
        for target in &targets.all {
            let said = Doctor::new(&target.conninfo).run();
            let name = &target.name;
            let old = said
                .evidence("extension")
                .contains("an update is available");
            assert!(old || !name.contains("2.11"), "{name}: {}", said.text);
            // The factories of all versions share the workers.
            let crowded = said.state("workers") == "warn";
            let mut wanted = Vec::new();
            wanted.extend(old.then_some("extension"));
            wanted.extend(crowded.then_some("workers"));
            assert_eq!(said.unwell(), wanted, "{name}: {}", said.text);
            assert_eq!(
                said.code,
                i32::from(old || crowded),
                "{name}: {}",
                said.text
            );
            let workers = said.evidence("workers");
            if target.real {
                assert!(workers.contains("launcher and scheduler run"), "{workers}");
                let others = targets.all.iter().filter(|of| of.real).count();
                let many = if others == 1 { "" } else { "s" };
                let counted = format!(" jobs scheduled in {others} database{many}, ");
                assert!(workers.contains(&counted), "{workers}");
            }
            if crowded {
                assert!(workers.contains("start within one minute"), "{workers}");
            }
            assert!(
                said.evidence("round trip")
                    .contains(" of 20 queries, fastest ")
            );
            assert!(said.evidence("login").contains("postgres is admitted"));
        }
        let url = &targets.plain;
        let said = Doctor::new(url).warns("extension", ran::to_create(targets));
        let preloaded = targets.all.iter().any(|target| target.real);
        let unloaded = said
            .evidence("extension")
            .contains("does not load the library");
        assert!(!(preloaded && unloaded), "{}", said.text);
        let wrong = Doctor::new(url).args(&["--formt", "json"]).output();
        assert_eq!(wrong.status.code(), Some(3));
        let other = ["explain", "doctor", "--formt"];
        let wrong = Doctor::new("").command().args(other).output().unwrap();
        assert_eq!(wrong.status.code(), Some(2));
        let standby = format!("{url} target_session_attrs=standby");
        Doctor::new(&standby).fails("target", "change target_session_attrs");
        several_hosts(url);
        Doctor::new(&format!("{url} options='-c no_such=1'")).fails("settings", "PGOPTIONS");
        let blind = format!("{url} options='-c track_activities=off'");
        let said = Doctor::new(&blind).run();
        assert_eq!(said.unwell(), ["extension", "statistics"], "{}", said.text);
        assert!(
            said.fix("statistics")
                .contains("ALTER SYSTEM SET track_activities = on")
        );
        let broken = Doctor::new(url);
        fs::create_dir_all(broken.home().join("config/hypertop")).unwrap();
        let file = broken.home().join("config/hypertop/config.toml");
        fs::write(file, "colour = 1\n").unwrap();
        let said = broken.run();
        assert_eq!(said.unwell(), ["extension", "config"], "{}", said.text);
        assert!(said.evidence("config").contains("colour"), "{}", said.text);
        let locked = Doctor::new(url);
        let folder = locked.home().join("state/hypertop");
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("journal.jsonl");
        let file = fs::File::create(file).unwrap();
        assert_eq!(locked.run().state("journal"), "ok");
        file.lock().unwrap();
        let said = locked.run();
        assert_eq!(said.unwell(), ["extension", "journal"], "{}", said.text);
        assert!(said.evidence("journal").contains("cannot be locked"));
    });
}

#[test]
fn a_password_that_is_wrong_missing_or_in_an_open_file_is_told_apart() {
    with_targets(|targets| {
        let port = targets.server.port();
        let role = "create role doctored login password 'right-one'";
        let role = format!("set password_encryption = 'scram-sha-256'; {role}");
        block_on(async {
            let admin = client(&targets.server.conninfo("postgres")).await;
            admin.batch_execute(&role).await.unwrap();
        });
        let server = &targets.server;
        server.require("doctored", "scram-sha-256").unwrap();
        let there = format!("host=127.0.0.1 port={port} user=doctored dbname=plain");
        let wrong = Doctor::new(&format!("{there} password={SECRET}"));
        let said = wrong.fails("login", "Check the password");
        assert!(said.evidence("login").contains("a password by SCRAM"));
        Doctor::new(&there).fails("login", "~/.pgpass");
        let doctor = Doctor::new(&there);
        let file = doctor.home().join(".pgpass");
        fs::write(&file, "# mine\n127.0.0.1:*:*:doctored:right-one\n").unwrap();
        let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o644);
        let fix = format!("chmod 600 {}", file.display());
        let said = doctor.fails("files", &fix);
        assert!(
            said.evidence("files").contains("mode 0644"),
            "{}",
            said.text
        );
        assert_eq!(said.state("login"), "skipped", "{}", said.text);
        mode(0o600);
        let said = doctor.run();
        assert_eq!(said.state("login"), "ok", "{}", said.text);
        let from = format!("password: {}, line 2", file.display());
        assert!(said.evidence("settings").contains(&from), "{}", said.text);
        // If the password file is not needed, its open permissions are only a warning.
        mode(0o644);
        let said = Doctor::at_home(&targets.plain, &doctor).run();
        assert_eq!((said.state("files"), said.state("login")), ("warn", "ok"));
        for said in ["right-one", SECRET] {
            assert!(!doctor.run().text.contains(said));
        }
    });
}

#[test]
fn a_failed_connection_of_any_command_ends_with_the_doctors_command_which_explains_it() {
    let doctor = Doctor::new("");
    let port = {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port().to_string()
    };
    let url = format!("postgresql://o'neil:{SECRET}@127.0.0.1:{port}/a b");
    for args in [
        &["show", "jobs", &url][..],
        &["-d", &url, "run", "pause-job", "1000", "--yes"],
        &["-d", &url, "rollback", "1"],
        &["check", &url],
        &[
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-w",
            "show",
            "server",
            "a b",
        ],
    ] {
        let output = doctor.command().args(args).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(!said.contains(SECRET), "{args:?}: {said}");
        let (_, command) = said.rsplit_once('`').map_or(("", ""), |(before, after)| {
            assert_eq!(after.trim(), "explains the failure", "{said}");
            before.rsplit_once('`').unwrap_or_default()
        });
        let command = command
            .strip_prefix("hypertop ")
            .unwrap_or_else(|| panic!("{args:?}: {said}"));
        let shell = format!("{} {command}", env!("CARGO_BIN_EXE_hypertop"));
        let output = doctor.shell(&shell);
        let explained = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(2), "{shell}: {explained}");
        assert!(explained.contains("FAIL    network"), "{explained}");
        assert!(explained.contains("dbname a b: "), "{explained}");
    }
}
