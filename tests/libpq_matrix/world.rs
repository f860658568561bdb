//! The servers and files of the rows, and how psql and hypertop are run on them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::net::TcpListener;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::{fmt, fs};

use clap::Parser;
use hypertop::cli::Cli;
use hypertop::connect;
use hypertop::connect::conninfo;
use hypertop::connect::conninfo::Surroundings;
use hypertop::demo::private_server::{Options, PrivateServer};
use hypertop::model::text;

use crate::support::{block_on, client, has_server};

/// Outcome of a connection. `short`: `role database server way`, or `no`. `whole`: all output.
pub struct Outcome {
    pub short: String,
    pub whole: String,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} {}",
            self.short,
            self.whole.trim().replace('\n', " / ")
        )
    }
}

/// Query of a session's role, database, server and way, and of unusual settings.
const WHERE: &str = "select concat_ws(' ', current_user, current_database(), 'port=' || current_setting('port'), \
    case when inet_server_addr() is null then 'socket' when ssl then 'tls' else 'plain' end, \
    case when current_setting('work_mem') <> '4MB' then 'work_mem=' || current_setting('work_mem') end, \
    case when current_setting('TimeZone') <> 'UTC' then 'zone=' || current_setting('TimeZone') end, \
    case when current_setting('application_name') not in ('psql', 'hypertop') then 'app=' || current_setting('application_name') end) \
    from pg_stat_ssl where pid = pg_backend_pid()";

/// Kinds of server certificates; `server` is the usual one.
pub const KINDS: [&str; 7] = [
    "server",
    "cn_only",
    "self_signed_authority",
    "self_signed",
    "version_1",
    "p521",
    "expired",
];

pub struct World {
    with_tls: PrivateServer,
    without: PrivateServer,
    files: tempfile::TempDir,
    mute: TcpListener,
    me: String,
}

static WORLD: OnceLock<Mutex<World>> = OnceLock::new();

/// The servers and files. `None`: no server, psql or openssl on this machine, which fails under `CI=true`.
pub fn world() -> Option<MutexGuard<'static, World>> {
    if !has_server() {
        return None;
    }
    for (program, argument) in [(psql(), "--version"), ("openssl".into(), "version")] {
        if Command::new(&program).arg(argument).output().is_err() {
            let must = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!must, "there is no {}", program.display());
            println!("SKIPPED, no {}", program.display());
            return None;
        }
    }
    let world = WORLD.get_or_init(|| Mutex::new(build()));
    Some(
        world
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner),
    )
}

/// Path of psql itself. Debian's wrapper in PATH would set a host.
fn psql() -> OsString {
    let beside = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let beside = beside
        .flatten()
        .map(|version| version.path().join("bin/psql"));
    beside
        .filter(|psql| psql.exists())
        .max()
        .map_or_else(|| "psql".into(), Into::into)
}

/// Major version of psql and its libpq.
pub fn psql_version() -> u32 {
    let said = Command::new(psql()).arg("--version").output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let number = said.split_whitespace().nth(2).unwrap();
    number
        .split(['.', 'd', 'b', 'r'])
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

impl World {
    pub fn has_ipv6() -> bool {
        TcpListener::bind("[::1]:0").is_ok()
    }

    /// A row's text with its placeholders replaced.
    fn filled(&self, text: &str) -> OsString {
        let socket = |server: &PrivateServer| server.socket_folder().display().to_string();
        let (a, b) = (socket(&self.with_tls), socket(&self.without));
        let text = text
            .replace("%{SA}", &a.replace('/', "%2F"))
            .replace("{SA}", &a)
            .replace("{SB}", &b)
            .replace("{A}", &self.with_tls.port().to_string())
            .replace("{B}", &self.without.port().to_string())
            .replace("{NO}", "1")
            .replace(
                "{MUTE}",
                &self.mute.local_addr().unwrap().port().to_string(),
            )
            .replace("{F}", &self.files.path().display().to_string())
            .replace("{ME}", &self.me);
        let parts: Vec<_> = text.split("{E9}").map(str::as_bytes).collect();
        OsString::from_vec(parts.join(&b"\xe9"[..]))
    }

    /// The expected outcome of a row, with its placeholders replaced.
    pub fn plain(&self, text: &str) -> String {
        self.filled(text).to_string_lossy().into_owned()
    }

    /// A session's output in the notation of the rows.
    fn named(&self, said: &str) -> String {
        let port = |server: &PrivateServer| format!("port={} ", server.port());
        said.trim_end_matches('\n')
            .replace(&port(&self.with_tls), "A ")
            .replace(&port(&self.without), "B ")
    }

    fn env(&self, env: &str) -> BTreeMap<String, OsString> {
        let home = self.files.path().join("home_empty").into_os_string();
        let nothing = self.files.path().join("nothing").into_os_string();
        let mut all = BTreeMap::from([
            ("HOME".to_owned(), home),
            ("PGSYSCONFDIR".to_owned(), nothing),
        ]);
        for pair in env.split("; ").filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap();
            all.insert(name.to_owned(), self.filled(value));
        }
        all
    }

    pub fn psql(&self, env: &str, args: &[&str]) -> Outcome {
        let output = Command::new(psql())
            .args(["-wXAtc", WHERE])
            .args(args.iter().map(|arg| self.filled(arg)))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C.UTF-8")
            .envs(self.env(env))
            .output()
            .unwrap();
        let whole = String::from_utf8_lossy(&output.stderr).into_owned();
        let short = if output.status.success() {
            self.named(&String::from_utf8_lossy(&output.stdout))
        } else {
            "no".to_owned()
        };
        Outcome { short, whole }
    }

    pub fn ours(&self, env: &str, args: &[&str]) -> Outcome {
        match self.reached(self.env(env), args) {
            Ok(said) => Outcome {
                short: self.named(&said),
                whole: String::new(),
            },
            Err(error) => Outcome {
                short: "no".to_owned(),
                whole: format!("{error:#}"),
            },
        }
    }

    fn reached(&self, env: BTreeMap<String, OsString>, args: &[&str]) -> anyhow::Result<String> {
        let args = args.iter().map(|arg| self.filled(arg));
        let cli = Cli::try_parse_from(
            [OsString::from("hypertop"), "-w".into()]
                .into_iter()
                .chain(args),
        )?;
        let around = Surroundings {
            home: env.get("HOME").map(Into::into),
            env,
            os_user: self.me.clone(),
        };
        let settings = conninfo::resolve(&cli.connection.flags(None), &around)?;
        block_on(async {
            let connected = connect::again(&settings, None).await?;
            let row = connected.client.query_one(WHERE, &[]).await?;
            assert!(text::width(&connected.host) > 0);
            Ok(row.get(0))
        })
    }

    /// Makes the server use another certificate from now on.
    pub fn present(&self, kind: &str) {
        block_on(async {
            let folder = self.with_tls.socket_folder();
            let way = self.with_tls.conninfo("postgres");
            let admin = client(&way).await;
            for (setting, end) in [("ssl_cert_file", "crt"), ("ssl_key_file", "key")] {
                let set = format!(
                    "alter system set {setting} = '{}/{kind}.{end}'",
                    folder.display()
                );
                admin.batch_execute(&set).await.unwrap();
            }
            admin
                .batch_execute("alter system set ssl = on")
                .await
                .unwrap();
            admin
                .batch_execute("select pg_reload_conf()")
                .await
                .unwrap();
            for _ in 0..400 {
                let now = client(&way).await;
                let row = now.query_one("select current_setting('ssl') = 'on' and current_setting('ssl_key_file') like $1", &[&format!("%/{kind}.key")]).await;
                if row.unwrap().get(0) {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            panic!("the server does not take {kind}");
        });
    }
}

fn start() -> PrivateServer {
    let both = "127.0.0.1, ::1".to_owned();
    let settings = if World::has_ipv6() {
        vec![("listen_addresses".to_owned(), both)]
    } else {
        Vec::new()
    };
    let server = PrivateServer::start(&Options {
        timescaledb: false,
        tcp: true,
        settings,
    });
    server.unwrap()
}

/// Rules of `pg_hba.conf` for the roles of the rows.
const RULES: &str = "local all locked scram-sha-256
local all all trust
hostssl all plain_only all reject
hostnossl all tls_only all reject
hostssl all twofold all scram-sha-256
hostssl all holder all cert
hostssl all old all cert
host all turned_away all reject
host all clear all password
host all hashed all md5
host all locked,colons,slashed,latin,\"c:o\",\"*\" all scram-sha-256
host all all all trust
";

const ROLES: &str = "create role ana login; create role bea login; create role \"o'neil\" login;
create role \"back\\slash\" login; create role plain_only login; create role tls_only login;
create role twofold login password 'right'; create role holder login; create role old login; create role turned_away login;
create role full login connection limit 0; create role reader login; alter role reader set default_transaction_read_only = on;
create role locked login password 'right one'; create role colons login password 'a:b@c'; create role slashed login password 'a\\b';
create role clear login password 'as it is'; create role \"c:o\" login password 'of c'; create role \"*\" login password 'star';
set password_encryption = md5; create role hashed login password 'old way'";

fn build() -> World {
    let (with_tls, without) = (start(), start());
    let files = tempfile::tempdir().unwrap();
    let me = Surroundings::of_process().os_user;
    for server in [&with_tls, &without] {
        block_on(async {
            let admin = client(&server.conninfo("postgres")).await;
            admin.batch_execute(ROLES).await.unwrap();
            let exists = admin
                .query("select from pg_roles where rolname = $1", &[&me])
                .await
                .unwrap();
            if exists.is_empty() {
                admin
                    .batch_execute(&format!("create role \"{me}\" login"))
                    .await
                    .unwrap();
            }
            for database in ["app", "ana", "a b", "ü", "p%20q", "closed", "reader", &me] {
                if database != "postgres" {
                    admin
                        .batch_execute(&format!("create database \"{database}\""))
                        .await
                        .unwrap();
                }
            }
            admin
                .batch_execute("revoke connect on database closed from public")
                .await
                .unwrap();
            let rules = admin.query_one("show hba_file", &[]).await.unwrap();
            fs::write(rules.get::<_, String>(0), RULES).unwrap();
        });
        byte_names(server);
    }
    block_on(async {
        let admin = client(&without.conninfo("postgres")).await;
        admin.batch_execute("create database only_b").await.unwrap();
    });
    without.stop().unwrap();
    let signal = without.socket_folder().join("data/standby.signal");
    fs::write(&signal, "").unwrap();
    give(&signal, without.socket_folder());
    without.launch().unwrap();
    super::certificates::write(files.path(), with_tls.socket_folder());
    let world = World {
        mute: TcpListener::bind("127.0.0.1:0").unwrap(),
        with_tls,
        without,
        files,
        me,
    };
    block_on(async {
        let admin = client(&world.with_tls.conninfo("postgres")).await;
        let clients = world.with_tls.socket_folder().join("ours.crt");
        let set = format!("alter system set ssl_ca_file = '{}'", clients.display());
        admin.batch_execute(&set).await.unwrap();
    });
    world.present("server");
    super::files::write(world.files.path(), &|text| world.filled(text).into_vec());
    world
}

/// Creates a role and a password in another encoding than UTF-8, with psql because only bytes can express them.
fn byte_names(server: &PrivateServer) {
    block_on(async {
        let admin = client(&server.conninfo("postgres")).await;
        let make = "create database sql_ascii encoding 'SQL_ASCII' template template0 locale 'C'";
        admin.batch_execute(make).await.unwrap();
    });
    let sql = b"create role \"u\xe9\" login; create role latin login password 'p\xe9'";
    let mut command = server.command("psql");
    command.env("PGCLIENTENCODING", "SQL_ASCII");
    let output = command
        .args(["-wXqd", &server.conninfo("sql_ascii"), "-c"])
        .arg(OsStr::from_bytes(sql))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Makes a file readable only by the owner of its folder.
pub fn give(file: &Path, folder: &Path) {
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    let owner = fs::metadata(folder).unwrap();
    chown(file, Some(owner.uid()), Some(owner.gid())).unwrap();
}
