//! Service files and password files.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::super::{Host, Passwords, Place, resolve};
use super::{around, database, refused, resolved};

#[test]
fn a_broken_service_file_names_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("services");
    std::fs::write(&file, "[prod]\nhost=s\nnonsense\n").unwrap();
    let error = refused(
        &database("service=prod"),
        &[("PGSERVICEFILE", file.to_str().unwrap())],
    );
    assert!(error.contains("line 3"), "{error}");
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
    // An unescaped colon ends the password. The password need not be UTF-8.
    let found = passwords.find(&socket("/run/x"), "d", "v");
    assert_eq!(found, some(b"so\xe9"));
}

#[test]
fn a_password_file_that_others_can_read_is_not_used_and_that_is_said() {
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
fn a_protection_that_a_service_file_asks_for_is_not_left_out_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("services");
    std::fs::write(
        &file,
        "[strict]\nhost=s\nrequire_auth=scram-sha-256\n[lax]\nhost=s\nload_balance_hosts=random\n",
    )
    .unwrap();
    let env = [("PGSERVICEFILE", file.to_str().unwrap())];
    let error = refused(&database("service=strict"), &env);
    assert!(
        error.contains("\"require_auth\" is not supported"),
        "{error}"
    );
    let settings = resolve(&database("service=lax"), &around(&env)).unwrap();
    assert!(
        settings.warnings[0].contains("load_balance_hosts"),
        "{:?}",
        settings.warnings
    );
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
    let error = refused(&database("service=b"), &env);
    for words in [
        file.to_str().unwrap(),
        "line 8",
        "\"user\" is not UTF-8",
        "write this value in UTF-8",
    ] {
        assert!(error.contains(words), "{error}");
    }
    // The invalid value is overridden, so it is not checked.
    let own = database("service=b user=me");
    assert_eq!(resolved(&own, &env), "s:5432 me me Prefer");
    let error = refused(&database("postgresql://u%e9@h/d"), &[]);
    assert!(
        error.contains("connection string: the value of \"user\""),
        "{error}"
    );
}
