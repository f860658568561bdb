//! libpq's rules, as a table.

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

/// `host:port user dbname sslmode`, in short.
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
        let told = refused(&database(text), &[]);
        assert!(told.contains(words), "{text}: {told}");
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
fn a_broken_service_file_names_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("services");
    std::fs::write(&file, "[prod]\nhost=s\nnonsense\n").unwrap();
    let told = refused(
        &database("service=prod"),
        &[("PGSERVICEFILE", file.to_str().unwrap())],
    );
    assert!(told.contains("line 3"), "{told}");
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
fn passwords_are_found_by_the_first_line_that_fits() {
    let passwords = Passwords::parse(
        b"# c\nb:5432:d:u:one\n\\*:*:*:u:star\n*:*:*:u:t\\:w\\\\o\nb\xff:*:*:*:x\nlocalhost:*:*:*:local\r\n/run/x:*:*:*:so\xe9:ck\nshort:line\n",
    );
    let tcp = |name: &str| Host {
        place: Place::Tcp {
            name: name.to_owned(),
            address: None,
        },
        port: 5432,
    };
    let socket = |folder: &str| Host {
        place: Place::Socket(PathBuf::from(folder)),
        port: 5432,
    };
    let some = |password: &[u8]| Some(password.to_vec());
    assert_eq!(passwords.find(&tcp("b"), "d", "u"), some(b"one"));
    assert_eq!(passwords.find(&tcp("*"), "d", "u"), some(b"star"));
    assert_eq!(passwords.find(&tcp("c"), "d", "u"), some(b"t:w\\o"));
    assert_eq!(passwords.find(&tcp("c"), "d", "v"), None);
    assert_eq!(passwords.find(&socket("/tmp"), "d", "v"), some(b"local"));
    // A colon that is not escaped ends it, and a byte that is no text is a byte.
    let found = passwords.find(&socket("/run/x"), "d", "v");
    assert_eq!(found, some(b"so\xe9"));
}

#[test]
fn a_password_file_that_others_can_read_is_not_used_and_that_is_said() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pgpass");
    std::fs::write(&file, "*:*:*:*:secret\n").unwrap();
    for (mode, lines, warned) in [(0o600, 1, 0), (0o640, 0, 1), (0o604, 0, 1)] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let settings = resolve(
            &database("x"),
            &around(&[("PGPASSFILE", file.to_str().unwrap())]),
        )
        .unwrap();
        assert_eq!(
            format!("{:?}", settings.passwords),
            format!("Passwords({lines} lines)")
        );
        assert_eq!(settings.warnings.len(), warned, "{mode:o}");
    }
}

#[test]
fn require_with_a_root_certificate_verifies_the_authority() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.crt");
    std::fs::write(&root, "").unwrap();
    let settings = resolve(
        &database(&format!("sslmode=require sslrootcert={}", root.display())),
        &around(&[]),
    )
    .unwrap();
    assert_eq!(
        (settings.sslmode, settings.root),
        (SslMode::VerifyCa, Root::File(root))
    );
    let settings = resolve(&database("sslrootcert=system"), &around(&[])).unwrap();
    assert_eq!(
        (settings.sslmode, settings.root),
        (SslMode::VerifyFull, Root::System)
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
fn a_protection_that_a_service_file_asks_for_is_not_left_out_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("services");
    std::fs::write(
        &file,
        "[strict]\nhost=s\nrequire_auth=scram-sha-256\n[lax]\nhost=s\nload_balance_hosts=random\n",
    )
    .unwrap();
    let env = [("PGSERVICEFILE", file.to_str().unwrap())];
    let told = refused(&database("service=strict"), &env);
    assert!(told.contains("\"require_auth\" is not supported"), "{told}");
    let settings = resolve(&database("service=lax"), &around(&env)).unwrap();
    assert!(
        settings.warnings[0].contains("load_balance_hosts"),
        "{:?}",
        settings.warnings
    );
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
fn a_socket_needs_nothing_of_what_tls_needs() {
    let env = [
        ("PGSSLMODE", "verify-full"),
        ("PGSSLROOTCERT", "/no/root.crt"),
    ];
    assert_eq!(
        resolved(&database("host=/run/x"), &env),
        "[local]:5432 me me VerifyFull"
    );
    assert!(refused(&database("host=h"), &env).contains("/no/root.crt does not exist"));
    // One host of two is reached by TCP.
    assert!(refused(&database("host=/run/x,h"), &env).contains("/no/root.crt does not exist"));
}

#[test]
fn a_client_certificate_that_is_not_there_is_not_sent_and_a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let settings = resolve(&database("host=h sslcert=/no/such.crt"), &around(&[])).unwrap();
    assert_eq!(settings.certificate, None);
    assert!(
        settings.warnings[0].contains("/no/such.crt"),
        "{:?}",
        settings.warnings
    );

    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("c.crt"), "").unwrap();
    std::fs::write(at("c.key"), "").unwrap();
    let given = format!(
        "host=h sslcert={} sslkey={}",
        at("c.crt").display(),
        at("c.key").display()
    );
    let mode = |mode| {
        std::fs::set_permissions(at("c.key"), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o600);
    let settings = resolve(&database(&given), &around(&[])).unwrap();
    assert_eq!(settings.certificate, Some((at("c.crt"), at("c.key"))));
    mode(0o644);
    let strict = refused(&database(&format!("{given} sslmode=require")), &[]);
    assert!(strict.contains("has group or world access"), "{strict}");
    let lax = resolve(&database(&given), &around(&[])).unwrap();
    assert_eq!((lax.certificate, lax.warnings.len()), (None, 1));
    assert!(resolve(&database(&format!("{given} sslmode=disable")), &around(&[])).is_ok());
}

#[test]
fn a_password_is_not_repeated_in_a_message_about_its_uri() {
    let told = refused(&database("postgresql://u:hunter%zz@h/d"), &[]);
    assert!(
        told.contains("\"the password\"") && !told.contains("hunter"),
        "{told}"
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
fn bytes_of_another_encoding_are_used_where_they_can_be_and_named_where_they_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("services");
    std::fs::write(
        &file,
        b"[a]\nhost=s\npassword=p\xe9\nsslcrl=/x/\xe9\n[b]\nhost=s\n# \xe9\nuser=u\xe9\n",
    )
    .unwrap();
    let env = [("PGSERVICEFILE", file.to_str().unwrap())];
    let settings = resolve(&database("service=a"), &around(&env)).unwrap();
    assert_eq!(settings.password.as_deref(), Some(b"p\xe9".as_slice()));
    let list = settings.revoked.unwrap();
    assert_eq!(list.as_os_str().as_bytes(), b"/x/\xe9");
    let told = refused(&database("service=b"), &env);
    for words in [
        file.to_str().unwrap(),
        "line 8",
        "\"user\" is not UTF-8",
        "write the value in UTF-8",
    ] {
        assert!(told.contains(words), "{told}");
    }
    // A value that something else overrides is not looked at.
    let own = database("service=b user=me");
    assert_eq!(resolved(&own, &env), "s:5432 me me Prefer");
    let told = refused(&database("postgresql://u%e9@h/d"), &[]);
    assert!(
        told.contains("connection string: the value of \"user\""),
        "{told}"
    );
}

#[test]
fn a_uri_is_cut_where_libpq_cuts_it() {
    for (text, expected) in [
        ("postgresql://u:p@h@i/d", "h@i:5432 u d Prefer"),
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
        let told = match resolve(&database(text), &around(&[])) {
            Ok(settings) => short(&settings),
            Err(error) => format!("refused: {error:#}"),
        };
        assert!(told.starts_with(expected), "{text}: {told}");
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
