//! libpq's rules for connection settings.

mod files;
mod tls;

use super::*;

fn around(env: &[(&str, &str)]) -> Surroundings {
    let env = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).into()))
        .collect();
    Surroundings {
        env,
        home: Some(PathBuf::from("/nonexistent")),
        os_user: "me".to_owned(),
    }
}

fn database(text: &str) -> Flags {
    Flags {
        database: Some(text.to_owned()),
        ..Flags::default()
    }
}

/// Settings as a short text: `host:port user dbname sslmode`.
fn short(settings: &Settings) -> String {
    let hosts: Vec<_> = settings.hosts.iter().map(ToString::to_string).collect();
    format!(
        "{} {} {} {:?}",
        hosts.join(","),
        settings.user,
        settings.dbname,
        settings.sslmode
    )
}

fn resolved(flags: &Flags, env: &[(&str, &str)]) -> String {
    short(&resolve(flags, &around(env)).unwrap())
}

fn refused(flags: &Flags, env: &[(&str, &str)]) -> String {
    format!("{:#}", resolve(flags, &around(env)).unwrap_err())
}

#[test]
fn forms_of_a_database_argument() {
    for (text, expected) in [
        ("metrics", "h:5432 me metrics Prefer"),
        ("postgresql://", "h:5432 me me Prefer"),
        ("postgres://a@b:5433/c", "b:5433 a c Prefer"),
        (
            "postgresql://a:p%40ss@b/c%20d?sslmode=require",
            "b:5432 a c d Require",
        ),
        ("postgresql://b1:1,b2:2/c", "b1:1,b2:2 me c Prefer"),
        (
            "postgresql://b1,b2/c?target_session_attrs=primary",
            "b1:5432,b2:5432 me c Prefer",
        ),
        ("postgresql://[::1]:5433/c", "[::1]:5433 me c Prefer"),
        ("postgresql://%2Ftmp%2Fsock/c", "[local]:5432 me c Prefer"),
        (
            "postgresql:///c?host=/tmp/x&port=7",
            "[local]:7 me c Prefer",
        ),
        ("postgresql://b/c?ssl=true", "b:5432 me c Require"),
        ("postgresql://a@/c", "h:5432 a c Prefer"),
        ("host=b port=1 dbname=c user=a", "b:1 a c Prefer"),
        ("host = b  dbname = 'it\\'s c'", "b:5432 me it's c Prefer"),
        ("host=b,c port=1,2 dbname=''", "b:1,c:2 me me Prefer"),
        ("host=b,c port=9", "b:9,c:9 me me Prefer"),
        ("host=b sslmode=disable", "b:5432 me me Disable"),
    ] {
        assert_eq!(
            resolved(&database(text), &[("PGHOST", "h")]),
            expected,
            "{text}"
        );
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (text, words) in [
        ("host=b prot=1", "invalid connection option \"prot\""),
        ("host=b hostadr=1", "did you mean \"host"),
        ("host=b port", "missing \"=\" after \"port\""),
        ("host='b", "unterminated quoted string"),
        (
            "host=b port=x",
            "invalid integer value \"x\" for connection option \"port\"",
        ),
        ("host=b port=70000", "invalid port number"),
        (
            "host=a,b port=1,2,3",
            "could not match 3 port numbers to 2 hosts",
        ),
        ("host=b sslmode=always", "invalid sslmode value"),
        ("host=b sslmode=verify-full", "needs a root certificate"),
        ("host=b sslmode=require sslrootcert=system", "weak sslmode"),
        (
            "host=b target_session_attrs=best",
            "invalid target_session_attrs",
        ),
        ("host=b connect_timeout=soon", "connect_timeout"),
        ("host=b sslcrldir=x", "ignoring \"x\" would be unsafe"),
        ("postgresql://b/c?d", "missing key/value separator"),
        ("postgresql://b/%zz", "invalid percent-encoded token"),
        ("postgresql://b/%00", "forbidden value %00"),
        ("postgresql://[::1/c", "matching \"]\""),
    ] {
        let error = refused(&database(text), &[]);
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn the_command_line_comes_before_the_service_and_that_before_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("services");
    std::fs::write(
        &file,
        b"# ours \xff\n[other]\nhost=o\n\n[prod] # the one\nhost=s\nport=6000\nuser=su\n[last]\nuser=\xff\n",
    )
    .unwrap();
    let env = [
        ("PGSERVICEFILE", file.to_str().unwrap()),
        ("PGSERVICE", "prod"),
        ("PGPORT", "7000"),
        ("PGHOST", "e"),
        ("PGDATABASE", "edb"),
    ];
    assert_eq!(resolved(&Flags::default(), &env), "s:6000 su edb Prefer");
    let flags = Flags {
        port: Some("8000".to_owned()),
        ..database("host=c")
    };
    assert_eq!(resolved(&flags, &env), "c:8000 su edb Prefer");
    assert_eq!(
        resolved(&database("service=other"), &env),
        "o:7000 me edb Prefer"
    );
    assert!(
        refused(&database("service=none"), &env)
            .contains("definition of service \"none\" not found; looked in")
    );
}

#[test]
fn a_conninfo_wins_over_the_flags_beside_it() {
    let flags = Flags {
        host: Some("f".to_owned()),
        username: Some("fu".to_owned()),
        dbname: Some("postgresql://u@c:9/d".to_owned()),
        ..Flags::default()
    };
    assert_eq!(resolved(&flags, &[]), "c:9 u d Prefer");
}

#[test]
fn an_address_spares_looking_up_the_name_that_certificates_are_checked_against() {
    let settings = resolve(
        &database("host=db.example hostaddr=127.0.0.1"),
        &around(&[]),
    )
    .unwrap();
    assert_eq!(
        settings.hosts[0].place,
        Place::Tcp {
            name: "db.example".to_owned(),
            address: Some("127.0.0.1".to_owned())
        }
    );
}

#[test]
fn a_timeout_of_one_second_is_two_and_of_zero_is_none() {
    let usual = resolve(&database("x"), &around(&[])).unwrap().timeout;
    assert_eq!(usual, Some(Duration::from_secs(15)));
    for (text, expected) in [("0", None), ("1", Some(2)), ("10", Some(10)), ("-1", None)] {
        let settings =
            resolve(&database(&format!("connect_timeout={text}")), &around(&[])).unwrap();
        assert_eq!(
            settings.timeout,
            expected.map(Duration::from_secs),
            "{text}"
        );
    }
}

#[test]
fn nothing_prints_a_password() {
    let settings = resolve(&database("postgresql://u:hunter2@h/d"), &around(&[])).unwrap();
    assert_eq!(settings.password.as_deref(), Some(b"hunter2".as_slice()));
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn an_option_that_is_not_supported_may_say_what_is_done_anyway() {
    for (text, fine) in [
        ("ssl_min_protocol_version=TLSv1.2", true),
        ("ssl_min_protocol_version=TLSv1.3", true),
        ("ssl_max_protocol_version=TLSv1.1", false),
        ("gssencmode=prefer", true),
        ("gssencmode=disable", true),
        ("gssencmode=require", false),
        ("sslcertmode=allow", true),
        ("sslcertmode=disable", false),
        ("requirepeer=postgres", false),
        ("sslnegotiation=postgres", true),
        ("sslnegotiation=direct", false),
    ] {
        let settings = resolve(&database(&format!("host=h {text}")), &around(&[]));
        assert_eq!(settings.is_ok(), fine, "{text}");
    }
}

#[test]
fn a_password_is_not_repeated_in_a_message_about_its_uri() {
    let error = refused(&database("postgresql://u:hunter%zz@h/d"), &[]);
    assert!(
        error.contains("\"the password\"") && !error.contains("hunter"),
        "{error}"
    );
}

#[test]
fn a_dead_peer_is_given_up_as_the_conninfo_says_and_within_two_minutes_where_it_says_nothing() {
    let of = |text: &str| resolve(&database(text), &around(&[])).unwrap().keepalive;
    let usual = of("host=h");
    assert!(usual.on && usual.user_timeout == Some(Duration::from_secs(60)));
    let (idle, interval) = (usual.idle.unwrap(), usual.interval.unwrap());
    assert!(idle + interval * usual.count.unwrap() < Duration::from_secs(120));
    let own = of(
        "keepalives=0 keepalives_idle=7 keepalives_interval=0 keepalives_count=-1 tcp_user_timeout=1500",
    );
    assert_eq!((own.on, own.interval, own.count), (false, None, None));
    assert_eq!(own.idle, Some(Duration::from_secs(7)));
    assert_eq!(own.user_timeout, Some(Duration::from_millis(1500)));
    assert!(refused(&database("keepalives_idle=soon"), &[]).contains("keepalives_idle"));
}

#[test]
fn a_uri_is_cut_where_libpq_cuts_it() {
    for (text, expected) in [
        // libpq takes `h@i` for the host of the first URI, and `p` for the port of the second URI. An error message would print a part of
        // the password.
        (
            "postgresql://u:p@h@i/d",
            "refused: the URI has an @ after its host",
        ),
        (
            "postgresql://u:p/w@h/d",
            "refused: the URI has an @ after its host",
        ),
        ("postgresql://h/d@e", "h:5432 me d@e Prefer"),
        (
            "postgresql://h:1%2C2/d",
            "refused: could not match 2 port numbers to 1 hosts",
        ),
        (
            "postgresql://h/d?user=a=b",
            "refused: extra key/value separator",
        ),
        (
            "postgresql://h/d?user=a&&",
            "refused: missing key/value separator",
        ),
        ("postgresql://h/d?user=a&", "h:5432 a d Prefer"),
    ] {
        let error = match resolve(&database(text), &around(&[])) {
            Ok(settings) => short(&settings),
            Err(error) => format!("refused: {error:#}"),
        };
        assert!(error.starts_with(expected), "{text}: {error}");
    }
}

#[test]
fn what_is_set_to_nothing_is_set_as_it_is_for_libpq() {
    let env = [("PGDATABASE", "e"), ("PGHOST", "h")];
    assert_eq!(
        resolved(&database("dbname='' user=u"), &env),
        "h:5432 u u Prefer"
    );
    assert!(refused(&database("host=h sslmode=''"), &[]).contains("invalid sslmode value: \"\""));
    let old = [("PGREQUIRESSL", "1"), ("PGHOST", "h")];
    assert_eq!(resolved(&Flags::default(), &old), "h:5432 me me Require");
    assert_eq!(
        resolved(&database("sslmode=prefer"), &old),
        "h:5432 me me Prefer"
    );
}

#[test]
fn an_address_that_is_none_is_refused() {
    for (address, fine) in [
        ("::1%lo", true),
        ("127.1", true),
        ("0x7f000001", true),
        ("localhost", false),
        (" ::1", false),
    ] {
        let settings = resolve(&database(&format!("hostaddr='{address}'")), &around(&[]));
        assert_eq!(settings.is_ok(), fine, "{address}");
    }
}
