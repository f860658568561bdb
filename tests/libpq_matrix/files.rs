//! Service files, password files and home folders for the rows.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const HERE: &str = "host=127.0.0.1\nport={A}\nuser=ana\ndbname=app\n";

/// `HERE` stands for the lines that connect to the database `app` as `ana`.
const SERVICES: &str = "# one of {E9} bytes
dbname=before_any_service
[one]
HERE
[comment] # of the section
# and a line
HERE
  [indented]
\t host=127.0.0.1
   port={A}   \n  user=ana\t
 dbname=app
[spaced]
host = 127.0.0.1
port = {A}
[spaced_value]
host= 127.0.0.1
port={A}
user=ana
[quoted]
host='127.0.0.1'
port={A}
user=ana
[twice]
HEREuser=bea
dbname=ana
[again]
HERE[again]
user=bea
[equals]
HEREoptions=-c work_mem=9MB
[hash]
host=127.0.0.1 # here
port={A}
user=ana
[nested]
HEREservice=one
[unknown]
HEREcolour=red
[broken]
HEREnonsense
[escaped]
host=127.0.0.1
port={A}
user=back\\slash
dbname=app
[a b]
HERE[crlf]\r
host=127.0.0.1\r
port={A}\r
user=ana\r
dbname=app\r
[conninfo]
host=127.0.0.1
port={A}
user=ana
dbname=user=bea
[password]
host=127.0.0.1
port={A}
user=locked
dbname=app
password=right one
[bytes_password]
host=127.0.0.1
port={A}
user=latin
dbname=app
password=p{E9}
[bytes_file]
host=127.0.0.1
port={A}
user=latin
dbname=app
passfile={F}/pass{E9}
[bytes_user]
host=127.0.0.1
port={A}
user=u{E9}
dbname=app
[b{E9}]
HERE[last]
host=127.0.0.1
port={A}
user=ana
dbname=app";

const PASSWORDS: [(&str, &str); 8] = [
    (
        "pass",
        "# a comment\n\nother.test:*:*:*:no\n127.0.0.1:{A}:app:locked:right one",
    ),
    ("pass_open", "*:*:*:*:right one\n"),
    (
        "pass_first",
        "127.0.0.1:1:app:locked:no\n127.0.0.1:{A}:app:locked:wrong\n127.0.0.1:{A}:*:locked:right one\nlocalhost:*:*:*:right one\n",
    ),
    (
        "pass_escapes",
        "\\*:*:*:locked:right one\n*:*:*:\\*:star\n*:*:*:locked:wrong\n*:*:*:colons:a\\:b@c\n*:*:*:slashed:a\\\\b\n*:*:*:c\\:o:of c\n{E9}:*:*:latin:no\n*:*:*:latin:p{E9}\n*:*:*:hashed:old way:and more\n",
    ),
    (
        "pass_address",
        "db.test:*:*:*:right one\n127.0.0.1:*:*:*:right one\n",
    ),
    ("pass_socket", "{SA}:{A}:app:locked:right one\n"),
    (
        "pass_hosts",
        "localhost:*:*:*:wrong\n127.0.0.1:*:*:*:right one\n",
    ),
    ("pass{E9}", "*:*:*:*:p{E9}\n"),
];

pub fn write(folder: &Path, filled: &dyn Fn(&str) -> Vec<u8>) {
    let name = |name: &str| {
        use std::os::unix::ffi::OsStringExt;
        folder.join(std::ffi::OsString::from_vec(filled(name)))
    };
    fs::write(
        name("services"),
        filled(&SERVICES.replace("HERE\n", HERE).replace("HERE", HERE)),
    )
    .unwrap();
    for (file, lines) in PASSWORDS {
        let mode = if file == "pass_open" { 0o644 } else { 0o600 };
        fs::write(name(file), filled(lines)).unwrap();
        fs::set_permissions(name(file), fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::create_dir_all(name("system")).unwrap();
    let of_system = filled(&format!("[of_system]\n{HERE}").replace("user=ana", "user=bea"));
    fs::write(name("system/pg_service.conf"), of_system).unwrap();
    fs::create_dir_all(name("home_empty")).unwrap();
    for (home, copies) in [
        (
            "home",
            &[
                ("pass", ".pgpass"),
                ("services", ".pg_service.conf"),
                ("holder.crt", ".postgresql/postgresql.crt"),
                ("holder.key", ".postgresql/postgresql.key"),
            ][..],
        ),
        ("home_ours", &[("ours.crt", ".postgresql/root.crt")]),
        ("home_another", &[("another.crt", ".postgresql/root.crt")]),
        (
            "home_revoked",
            &[
                ("ours.crt", ".postgresql/root.crt"),
                ("revoked.crl", ".postgresql/root.crl"),
            ],
        ),
    ] {
        fs::create_dir_all(name(home).join(".postgresql")).unwrap();
        for (from, to) in copies {
            // Copied with its permissions.
            fs::copy(name(from), name(home).join(to)).unwrap();
        }
    }
}
