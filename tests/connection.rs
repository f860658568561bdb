//! Connecting by libpq's rules to a real server with TLS: sslmode, certificates, passwords, several hosts, cancels.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::fs;
use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use hypertop::connect::conninfo::{Settings, SslMode};
use hypertop::connect::{self, ConnectError, Connected, FailureKind};
use hypertop::demo::private_server::{Options, PrivateServer};
use hypertop::server::session::Session;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use support::{block_on, client, has_server, settings};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// A server with TLS, and certificate files for clients.
struct House {
    server: PrivateServer,
    files: tempfile::TempDir,
}

static HOUSE: OnceLock<House> = OnceLock::new();

/// Rules of `pg_hba.conf` for the roles of the tests.
const RULES: &str = "local all all trust
hostssl all plain_only all reject
hostssl all holder all cert
host all turned_away all reject
host all locked all scram-sha-256
host all all all trust
";

fn house() -> Option<&'static House> {
    has_server().then(|| HOUSE.get_or_init(build))
}

fn build() -> House {
    let server = start();
    let files = tempfile::tempdir().unwrap();
    let (ours, other) = (authority("ours"), authority("another"));
    fs::write(files.path().join("ours.crt"), ours.pem()).unwrap();
    fs::write(files.path().join("another.crt"), other.pem()).unwrap();
    issue(&ours, "holder", &[], files.path());
    issue(&other, "stranger", &[], files.path());
    // The server reads these files under its own account.
    let own = server.socket_folder();
    fs::copy(files.path().join("ours.crt"), own.join("clients.crt")).unwrap();
    issue(&ours, "server", &["db.test", "*.cloud.test"], own);
    for file in ["clients.crt", "server.crt", "server.key"] {
        give(&own.join(file), own);
    }
    block_on(async {
        let admin = client(&server.conninfo("postgres")).await;
        let rules = admin.query_one("show hba_file", &[]).await.unwrap();
        fs::write(rules.get::<_, String>(0), RULES).unwrap();
        for statement in [
            format!(
                "alter system set ssl_ca_file = '{}'",
                own.join("clients.crt").display()
            ),
            "create role plain_only login; create role holder login; create role turned_away login"
                .to_owned(),
            "create role full login connection limit 0; create role stranger login".to_owned(),
            "create role locked login password 'right one'".to_owned(),
            "create database closed".to_owned(),
            "revoke connect on database closed from public".to_owned(),
        ] {
            admin.batch_execute(&statement).await.unwrap();
        }
    });
    speak_tls(&server);
    House { server, files }
}

/// Turns TLS on, with `server.crt` and `server.key` from the server's folder, or reads them again.
fn speak_tls(server: &PrivateServer) {
    let own = server.socket_folder().display();
    block_on(async {
        let admin = client(&server.conninfo("postgres")).await;
        for statement in [
            &format!("alter system set ssl_cert_file = '{own}/server.crt'"),
            &format!("alter system set ssl_key_file = '{own}/server.key'"),
            "alter system set ssl = on",
            "select pg_reload_conf()",
        ] {
            admin.batch_execute(statement).await.unwrap();
        }
    });
    // pg_reload_conf() does not wait until the server has reloaded its files.
    let conninfo = format!(
        "host=127.0.0.1 port={} user=postgres sslmode=require",
        server.port()
    );
    for _ in 0..100 {
        if block_on(connect::again(&settings(&conninfo), None)).is_ok() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("the server does not speak TLS");
}

fn start() -> PrivateServer {
    PrivateServer::start(&Options {
        timescaledb: false,
        tcp: true,
        ..Options::default()
    })
    .unwrap()
}

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Writes `NAME.crt` and `NAME.key`.
fn issue(authority: &Authority, name: &str, hosts: &[&str], folder: &Path) {
    let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    fs::write(folder.join(format!("{name}.crt")), certificate.pem()).unwrap();
    let file = folder.join(format!("{name}.key"));
    fs::write(&file, key.serialize_pem()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Gives a file to the owner of its folder.
fn give(file: &Path, folder: &Path) {
    let owner = fs::metadata(folder).unwrap();
    chown(file, Some(owner.uid()), Some(owner.gid())).unwrap();
}

impl House {
    fn port(&self) -> u16 {
        self.server.port()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Settings for a TCP connection as this role; `more` overrides.
    fn tcp(&self, role: &str, more: &str) -> Settings {
        let port = self.port();
        settings(&format!(
            "host=db.test hostaddr=127.0.0.1 port={port} user={role} dbname=postgres {more}"
        ))
    }

    fn open(&self, role: &str, more: &str) -> Result<Connected, ConnectError> {
        block_on(connect::again(&self.tcp(role, more), None))
    }

    /// The outcome in short: `TLS`, `plain`, or the kind of failure.
    fn outcome(&self, role: &str, more: &str) -> String {
        match self.open(role, more) {
            Ok(connected) => match connected.tls {
                Some(version) => {
                    assert_eq!(version, "TLSv1.3");
                    "TLS".to_owned()
                }
                None => "plain".to_owned(),
            },
            Err(error) => format!("{:?}", error.kind),
        }
    }

    /// The outcome with psql: `TLS`, `plain` or `no`. `None`: psql is not installed.
    fn outcome_of_psql(&self, role: &str, more: &str) -> Option<&'static str> {
        let conninfo = format!(
            "host=db.test hostaddr=127.0.0.1 port={} user={role} dbname=postgres {more}",
            self.port()
        );
        let encrypted = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
        let output = Command::new("psql")
            .args(["-wXAtc", encrypted, &conninfo])
            .env_clear()
            .env("PATH", std::env::var_os("PATH")?)
            .env("HOME", "/nonexistent")
            .output()
            .ok()?;
        Some(match output.stdout.as_slice() {
            b"t\n" => "TLS",
            b"f\n" => "plain",
            _ => "no",
        })
    }
}

/// Kind and text of the failure. A successful connection fails the test.
fn refusal(outcome: Result<Connected, ConnectError>, what: &str) -> (FailureKind, String) {
    match outcome {
        Ok(connected) => panic!("{what} should not connect, and did to {}", connected.host),
        Err(error) => (error.kind, error.to_string()),
    }
}

#[test]
fn sslmode_means_what_it_means_to_psql() {
    let Some(house) = house() else { return };
    let (ours, another) = (house.file("ours.crt"), house.file("another.crt"));
    let (ours, another) = (
        format!("sslrootcert={}", ours.display()),
        format!("sslrootcert={}", another.display()),
    );
    let named = |host: &str| format!("host={host}");
    for (mode, root, host, expected) in [
        ("disable", "", "db.test", "plain"),
        ("disable", &another, "wrong.test", "plain"),
        ("allow", "", "db.test", "TLS"),
        ("prefer", "", "wrong.test", "TLS"),
        ("require", "", "wrong.test", "TLS"),
        ("require", &ours, "wrong.test", "TLS"),
        // With a root certificate, require verifies the authority.
        ("require", &another, "db.test", "Tls"),
        ("verify-ca", &ours, "db.test", "TLS"),
        ("verify-ca", &ours, "wrong.test", "TLS"),
        ("verify-ca", &another, "db.test", "Tls"),
        ("verify-full", &ours, "db.test", "TLS"),
        ("verify-full", &ours, "a.cloud.test", "TLS"),
        ("verify-full", &ours, "a.b.cloud.test", "Tls"),
        ("verify-full", &ours, "wrong.test", "Tls"),
        ("verify-full", &ours, "127.0.0.1", "Tls"),
        ("verify-full", &another, "db.test", "Tls"),
        ("verify-full", "sslrootcert=system", "db.test", "Tls"),
    ]
    .map(|(mode, root, host, expected)| (mode, root.to_string(), host, expected))
    {
        let more = format!("sslmode={mode} {root} {}", named(host));
        assert_eq!(house.outcome("postgres", &more), expected, "{more}");
        // hypertop treats sslmode=allow as prefer, as its help says.
        if mode != "allow"
            && let Some(psql) = house.outcome_of_psql("postgres", &more)
        {
            let ours = if expected == "Tls" { "no" } else { expected };
            assert_eq!(ours, psql, "psql does otherwise: {more}");
        }
    }
}

#[test]
fn a_certificate_that_does_not_fit_is_explained() {
    let Some(house) = house() else { return };
    let root = |name: &str| {
        format!(
            "sslmode=verify-full sslrootcert={}",
            house.file(name).display()
        )
    };
    for (more, words) in [
        (
            root("another.crt"),
            "not signed by an authority in sslrootcert",
        ),
        (
            root("ours.crt") + " host=wrong.test",
            "The certificate is for another host name",
        ),
    ] {
        let (kind, told) = refusal(house.open("postgres", &more), &more);
        assert!(kind == FailureKind::Tls && told.contains(words), "{told}");
    }
}

#[test]
fn prefer_connects_without_tls_where_tls_is_not_admitted_and_require_does_not() {
    let Some(house) = house() else { return };
    // The role `holder` has no client certificate: it is refused with TLS and accepted without.
    for role in ["plain_only", "holder"] {
        assert_eq!(house.outcome(role, "sslmode=prefer"), "plain", "{role}");
        let psql = house.outcome_of_psql(role, "sslmode=prefer");
        assert!(psql.is_none_or(|psql| psql == "plain"), "{role}: {psql:?}");
    }
    assert_eq!(
        house.outcome("plain_only", "sslmode=require"),
        "NotAdmitted"
    );
    let plain = start();
    let there = |mode: &str| {
        let port = plain.port();
        let told = format!("host=127.0.0.1 port={port} user=postgres sslmode={mode}");
        block_on(connect::again(&settings(&told), None))
    };
    assert_eq!(there("prefer").unwrap().tls, None);
    let (kind, told) = refusal(there("require"), "require");
    assert!(
        kind == FailureKind::Tls && told.contains("The server does not support TLS"),
        "{told}"
    );
}

#[test]
fn a_client_certificate_opens_the_door_that_wants_one() {
    let Some(house) = house() else { return };
    let with = |name: &str| {
        let (cert, key) = (
            house.file(&format!("{name}.crt")),
            house.file(&format!("{name}.key")),
        );
        format!(
            "sslmode=require sslcert={} sslkey={}",
            cert.display(),
            key.display()
        )
    };
    assert_eq!(house.outcome("holder", &with("holder")), "TLS");
    let (kind, told) = refusal(house.open("holder", "sslmode=require"), "no certificate");
    assert!(
        kind == FailureKind::Tls && told.contains("give sslcert and sslkey"),
        "{told}"
    );
    let (kind, told) = refusal(house.open("holder", &with("stranger")), "a stranger's");
    assert!(
        kind == FailureKind::Tls && told.contains("check sslcert and sslkey"),
        "{told}"
    );
}

#[test]
fn a_password_is_asked_for_only_where_the_server_wants_one_and_none_is_known() {
    let Some(house) = house() else { return };
    let ask = |settings: &Settings, answer: &str| {
        let mut prompts = Vec::new();
        let outcome = block_on(connect::connect(settings, &mut |prompt| {
            prompts.push(prompt.to_owned());
            Ok(answer.to_owned())
        }));
        (outcome.map(|it| it.password).map_err(|it| it.kind), prompts)
    };
    let prompt = vec!["Password for user locked: ".to_owned()];
    let known = house.tcp("locked", "password='right one'");
    assert_eq!(ask(&known, "no"), (Ok(None), vec![]));
    assert_eq!(ask(&house.tcp("postgres", ""), "no"), (Ok(None), vec![]));
    let unknown = house.tcp("locked", "");
    let right = Some("right one".to_owned());
    assert_eq!(
        ask(&unknown, "right one"),
        (Ok(right.clone()), prompt.clone())
    );
    assert_eq!(
        ask(&unknown, "wrong"),
        (Err(FailureKind::Password), prompt.clone())
    );
    let wrong = house.tcp("locked", "password=wrong");
    assert_eq!(
        ask(&wrong, "right one"),
        (Err(FailureKind::Password), vec![])
    );
    let mut never = unknown.clone();
    never.never_ask = true;
    assert_eq!(
        ask(&never, "right one"),
        (Err(FailureKind::NoPassword), vec![])
    );
    let mut first = wrong;
    first.ask_first = true;
    assert_eq!(ask(&first, "right one"), (Ok(right), prompt));
}

#[test]
fn the_password_file_is_read_for_each_host_that_is_tried() {
    let Some(house) = house() else { return };
    let file = house.file("pgpass");
    fs::write(
        &file,
        "db.test:*:*:locked:wrong\n127.0.0.1:*:postgres:locked:right one\n",
    )
    .unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let from = |host: &str| format!("passfile={} host={host}", file.display());
    assert_eq!(house.outcome("locked", &from("127.0.0.1")), "TLS");
    assert_eq!(house.outcome("locked", &from("db.test")), "Password");
    assert_eq!(house.outcome("locked", &from("another.test")), "NoPassword");
}

#[test]
fn each_refusal_has_the_servers_words_and_a_fix() {
    let Some(house) = house() else { return };
    for (role, more, kind, words) in [
        (
            "postgres",
            "dbname=not_there",
            FailureKind::Database,
            "database \"not_there\" does not exist\npsql -l lists",
        ),
        (
            "nobody_here",
            "",
            FailureKind::Role,
            "role \"nobody_here\" does not exist\nName another role",
        ),
        (
            "turned_away",
            "",
            FailureKind::NotAdmitted,
            "No line of the server's pg_hba.conf matches",
        ),
        (
            "stranger",
            "dbname=closed",
            FailureKind::Other,
            "GRANT CONNECT ON DATABASE",
        ),
        (
            "full",
            "",
            FailureKind::Other,
            "too many connections for role \"full\"\nThe connection limit",
        ),
        (
            "locked",
            "password=wrong",
            FailureKind::Password,
            "Check the password",
        ),
        (
            "postgres",
            "port=1",
            FailureKind::Unreachable,
            "Is the server running there",
        ),
    ] {
        let (found, told) = refusal(house.open(role, more), more);
        assert!(found == kind && told.contains(words), "{found:?}: {told}");
    }
    for (conninfo, words) in [
        (
            "host=/nonexistent user=postgres",
            "Is the server running locally",
        ),
        (
            "host=no-such-host.invalid user=postgres",
            "Check the host's name",
        ),
    ] {
        let (kind, told) = refusal(
            block_on(connect::again(&settings(conninfo), None)),
            conninfo,
        );
        assert!(
            kind == FailureKind::Unreachable && told.contains(words),
            "{told}"
        );
    }
}

#[test]
fn sockets_are_used_without_tls_whatever_sslmode_says() {
    let Some(house) = house() else { return };
    let there = format!("{} sslmode=verify-full", house.server.conninfo("postgres"));
    let settings = settings(&there);
    assert_eq!(settings.sslmode, SslMode::VerifyFull);
    let connected = block_on(connect::again(&settings, None)).unwrap();
    assert_eq!(connected.tls, None);
    assert!(connected.host.starts_with("[local]"), "{}", connected.host);
}

#[test]
fn hosts_are_tried_in_turn_until_one_answers_and_a_no_is_an_answer() {
    let Some(house) = house() else { return };
    let port = house.port();
    let two = |ports: &str, more: &str| {
        settings(&format!(
            "host=127.0.0.1,localhost hostaddr=127.0.0.1,127.0.0.1 port={ports} user=postgres {more}"
        ))
    };
    let connected = block_on(connect::again(&two(&format!("1,{port}"), ""), None)).unwrap();
    assert_eq!(connected.host, format!("localhost:{port}"));
    let nobody = refusal(block_on(connect::again(&two("1,2", ""), None)), "nobody");
    assert!(
        nobody.1.contains("port 1 ") && nobody.1.contains("port 2 "),
        "{}",
        nobody.1
    );
    // The first host's error is final, so the second host, which does not exist, is not mentioned.
    let both = two(&format!("{port},1"), "dbname=not_there");
    let (kind, told) = refusal(block_on(connect::again(&both, None)), "no such database");
    assert!(
        kind == FailureKind::Database && !told.contains("port 1 "),
        "{told}"
    );
}

#[test]
fn a_server_that_does_not_answer_is_left_after_the_timeout() {
    let Some(house) = house() else { return };
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent
        .local_addr()
        .map(|address| (silent, address.port()))
        .unwrap();
    let begun = std::time::Instant::now();
    let told = format!(
        "host=127.0.0.1 port={} user=postgres connect_timeout=2",
        silent.1
    );
    let (kind, told) = refusal(block_on(connect::again(&settings(&told), None)), "silence");
    assert!(
        kind == FailureKind::Unreachable && told.contains("timed out after 2 s"),
        "{told}"
    );
    assert!(begun.elapsed().as_secs() < 4);
    let both = format!(
        "host=127.0.0.1,127.0.0.1 port={},{} user=postgres connect_timeout=2",
        silent.1,
        house.port()
    );
    assert!(block_on(connect::again(&settings(&both), None)).is_ok());
}

#[test]
fn the_session_that_is_wanted_is_found_among_primary_and_standby() {
    let Some(house) = house() else { return };
    let standby = start();
    standby.stop().unwrap();
    let signal = standby.socket_folder().join("data/standby.signal");
    fs::write(&signal, "").unwrap();
    give(&signal, standby.socket_folder());
    standby.launch().unwrap();
    let (primary, standby) = (house.port(), standby.port());
    let found = |ports: [u16; 2], wanted: &str| {
        let told = format!(
            "host=127.0.0.1 port={},{} user=postgres target_session_attrs={wanted}",
            ports[0], ports[1]
        );
        let told = told.replace("host=127.0.0.1 ", "host=127.0.0.1,127.0.0.1 ");
        match block_on(connect::again(&settings(&told), None)) {
            Ok(connected) if connected.host.ends_with(&primary.to_string()) => "primary".to_owned(),
            Ok(_) => "standby".to_owned(),
            Err(error) => error.to_string(),
        }
    };
    for (wanted, primary_first, standby_first) in [
        ("any", "primary", "standby"),
        ("read-write", "primary", "primary"),
        ("primary", "primary", "primary"),
        ("read-only", "standby", "standby"),
        ("standby", "standby", "standby"),
        ("prefer-standby", "standby", "standby"),
    ] {
        assert_eq!(found([primary, standby], wanted), primary_first, "{wanted}");
        assert_eq!(found([standby, primary], wanted), standby_first, "{wanted}");
    }
    assert_eq!(found([primary, primary], "prefer-standby"), "primary");
    let told = found([primary, primary], "standby");
    assert!(told.contains("server is not in hot standby mode"), "{told}");
    let told = found([standby, standby], "read-write");
    assert!(told.contains("session is read-only"), "{told}");
}

#[test]
fn a_running_statement_is_cancelled_by_socket_by_tls_and_without() {
    let Some(house) = house() else { return };
    let ways = [
        settings(&house.server.conninfo("postgres")),
        house.tcp("postgres", "sslmode=require"),
        house.tcp("postgres", "sslmode=disable"),
        house.tcp("plain_only", "sslmode=prefer"),
    ];
    for way in ways {
        block_on(async {
            let connected = connect::again(&way, None).await.unwrap();
            let cancel = async {
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                connected.canceller().await;
            };
            let sleep = connected.client.batch_execute("select pg_sleep(20)");
            let (outcome, ()) = tokio::join!(sleep, cancel);
            let code = outcome.unwrap_err().code().cloned();
            assert_eq!(
                code,
                Some(tokio_postgres::error::SqlState::QUERY_CANCELED),
                "{way:?}"
            );
        });
    }
}

#[test]
fn a_certificate_that_only_openssl_takes_is_refused_with_the_reason() {
    if !has_server() {
        return;
    }
    let files = tempfile::tempdir().unwrap();
    let ours = authority("ours");
    issue(&ours, "db.test", &[], files.path());
    let root = files.path().join("ours.crt");
    fs::write(&root, ours.pem()).unwrap();
    fs::write(files.path().join("ours.key"), ours.key().serialize_pem()).unwrap();
    for (name, words) in [
        ("db.test", "has no host name in subjectAltName"),
        ("ours", "uses the self-signed certificate"),
    ] {
        let server = start();
        let own = server.socket_folder();
        for kind in ["crt", "key"] {
            let file = own.join(format!("server.{kind}"));
            fs::copy(files.path().join(format!("{name}.{kind}")), &file).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            give(&file, own);
        }
        speak_tls(&server);
        let conninfo = format!(
            "host=db.test hostaddr=127.0.0.1 port={} user=postgres sslmode=verify-full sslrootcert={}",
            server.port(),
            root.display()
        );
        let outcome = block_on(connect::again(&settings(&conninfo), None));
        let (kind, told) = refusal(outcome, name);
        assert!(kind == FailureKind::Tls && told.contains(words), "{told}");
    }
}

/// Runs the program openssl; returns its output. `None`: it is not installed.
fn openssl(folder: &Path, args: &str) -> Option<String> {
    let mut command = Command::new("openssl");
    let output = command.current_dir(folder).args(args.split(' ')).output();
    let output = output.ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args}: {said}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_certificate_that_nobody_checks_may_be_of_any_kind_and_any_name() {
    if !has_server() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (curve, version) in [("P-521", "3 (0x2)"), ("P-256", "1 (0x0)")] {
        let key = format!(
            "req -new -newkey ec -pkeyopt ec_paramgen_curve:{curve} -nodes -keyout server.key -subj /CN=x -out server.csr"
        );
        if openssl(folder.path(), &key).is_none() {
            println!("SKIPPED, no openssl");
            return;
        }
        // Newer versions of openssl need this option for X.509 v1, and a configuration without extensions.
        let bare = "[req]\ndistinguished_name=dn\n[dn]\n";
        fs::write(folder.path().join("bare"), bare).unwrap();
        let help = Command::new("openssl").args(["req", "-help"]).output();
        let options = String::from_utf8_lossy(&help.unwrap().stderr).contains("-x509v1");
        let sign = match (curve, options) {
            ("P-521", _) => "req -x509 -key server.key -in server.csr -days 9 -out server.crt",
            (_, true) => {
                "req -x509 -x509v1 -config bare -key server.key -in server.csr -days 9 -out server.crt"
            }
            _ => "x509 -req -in server.csr -signkey server.key -days 9 -out server.crt",
        };
        openssl(folder.path(), sign).unwrap();
        let text = openssl(folder.path(), "x509 -in server.crt -noout -text").unwrap();
        assert!(text.contains(&format!("Version: {version}")), "{text}");
        let server = start();
        let own = server.socket_folder();
        for name in ["server.crt", "server.key"] {
            let file = own.join(name);
            fs::copy(folder.path().join(name), &file).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            give(&file, own);
        }
        speak_tls(&server);
        for (host, mode) in [
            ("db.test", "prefer"),
            ("db.test", "require"),
            ("fe80::1%lo", "prefer"),
        ] {
            let there = format!(
                "host={host} hostaddr=127.0.0.1 port={} user=postgres sslmode={mode}",
                server.port()
            );
            let connected = block_on(connect::again(&settings(&there), None));
            let tls = connected.unwrap().tls;
            assert_eq!(tls.as_deref(), Some("TLSv1.3"), "{curve} {host} {mode}");
        }
    }
}

#[test]
fn after_a_tls_handshake_that_failed_nothing_is_sent_in_clear() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 8];
            stream.read_exact(&mut asked).unwrap();
            told.send(asked).unwrap();
            // The server accepts TLS, but then sends no handshake.
            let _ = stream.write_all(b"S this is no handshake");
        }
    });
    // allow (which means prefer) and prefer may continue without TLS, but not after a failed handshake.
    for mode in ["allow", "prefer", "require"] {
        let there = format!("host=127.0.0.1 port={port} user=u password=secret sslmode={mode}");
        let (kind, words) = refusal(
            block_on(connect::again(&settings(&there), None)),
            "no handshake",
        );
        assert_eq!(kind, FailureKind::Tls, "{words}");
        let wants_tls = [0, 0, 0, 8, 4, 210, 22, 47];
        let sent: Vec<_> = heard.try_iter().collect();
        assert_eq!(sent, [wants_tls], "{mode}: {words}");
    }
}

#[test]
fn a_certificate_that_was_revoked_is_refused_where_certificates_are_checked() {
    use rcgen::{CertificateRevocationListParams, KeyIdMethod, KeyUsagePurpose, RevokedCertParams};
    if !has_server() {
        return;
    }
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "ours");
    let ours = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let server = start();
    let own = server.socket_folder();
    let number = rcgen::SerialNumber::from(7_u64);
    let mut params = CertificateParams::new(vec!["db.test".to_owned()]).unwrap();
    params.serial_number = Some(number.clone());
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &ours).unwrap();
    for (name, text) in [("crt", certificate.pem()), ("key", key.serialize_pem())] {
        let file = own.join(format!("server.{name}"));
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        give(&file, own);
    }
    speak_tls(&server);
    let files = tempfile::tempdir().unwrap();
    fs::write(files.path().join("ours.crt"), ours.pem()).unwrap();
    for (name, revoked) in [("good", None), ("bad", Some(number))] {
        let at = rcgen::date_time_ymd(2026, 1, 1);
        let list = CertificateRevocationListParams {
            this_update: at,
            next_update: rcgen::date_time_ymd(2099, 1, 1),
            crl_number: rcgen::SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked
                .into_iter()
                .map(|serial_number| RevokedCertParams {
                    serial_number,
                    revocation_time: at,
                    reason_code: None,
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&ours).unwrap().pem().unwrap();
        fs::write(files.path().join(format!("{name}.crl")), list).unwrap();
    }
    let open = |mode: &str, list: &str| {
        let there = format!(
            "host=db.test hostaddr=127.0.0.1 port={} user=postgres sslmode={mode} sslcrl={}",
            server.port(),
            files.path().join(list).display()
        );
        let root = format!("sslrootcert={}", files.path().join("ours.crt").display());
        let there = if mode == "prefer" {
            there
        } else {
            format!("{there} {root}")
        };
        block_on(connect::again(&settings(&there), None))
    };
    assert!(open("verify-full", "good.crl").is_ok());
    assert!(open("prefer", "bad.crl").is_ok(), "nothing is checked");
    for mode in ["require", "verify-ca", "verify-full"] {
        let (kind, words) = refusal(open(mode, "bad.crl"), mode);
        assert!(
            kind == FailureKind::Tls && words.contains("Revoked"),
            "{words}"
        );
    }
}

/// An address of this machine that is not loopback. `None`: no network.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: connecting a UDP socket only selects the source address.
    socket.connect("198.51.100.1:9").ok()?;
    let address = socket.local_addr().unwrap().ip();
    (!address.is_loopback()).then_some(address)
}

/// Forwards connections from a port of this address to the server's port; returns the port.
fn forward(from: IpAddr, to: u16) -> u16 {
    let listener = TcpListener::bind((from, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let far = TcpStream::connect(("127.0.0.1", to)).unwrap();
            let both = [
                (near.try_clone().unwrap(), far.try_clone().unwrap()),
                (far, near),
            ];
            for (mut from, mut to) in both {
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            }
        }
    });
    port
}

#[test]
fn whether_a_connection_in_clear_stays_on_this_machine_is_judged_by_where_it_leads() {
    let Some(house) = house() else { return };
    let in_clear = |told: &str| {
        let told = format!("{told} user=postgres dbname=postgres sslmode=disable");
        let session = async {
            let connected = connect::again(&settings(&told), None).await.unwrap();
            Session::start(connected).await.unwrap()
        };
        block_on(session).server.is_in_clear()
    };
    let (port, folder) = (house.port(), house.server.socket_folder().display());
    for here in [
        format!("host={folder}"),
        "host=localhost hostaddr=127.0.0.1".to_owned(),
        "host=db1.test hostaddr=127.0.0.1".to_owned(),
    ] {
        assert!(!in_clear(&format!("{here} port={port}")), "{here}");
    }
    let Some(address) = own_address() else {
        println!("SKIPPED in part: this machine has no address but loopback");
        return;
    };
    let port = forward(address, port);
    for host in ["localhost", "127.0.0.1", "127.evil.test", "[local]"] {
        let there = format!("host={host} hostaddr={address} port={port}");
        assert!(in_clear(&there), "{there}");
    }
}
