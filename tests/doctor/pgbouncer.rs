//! Behind `PgBouncer`: session pooling is well, transaction pooling fails, and shared sessions are left as they were.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use hypertop::demo::private_server::PrivateServer;

use crate::ran::{Doctor, to_create};
use crate::support::act::Rig;
use crate::support::{block_on, client, with_targets};

struct Pooler {
    child: Child,
    port: u16,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `None`: it is not installed; under `CI=true` it must be.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = folders
        .map(|folder| folder.join("pgbouncer"))
        .find(|file| file.exists());
    if found.is_none() {
        let must = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!must, "there is no pgbouncer");
        println!("SKIPPED, no pgbouncer");
    }
    found
}

fn start(program: &Path, server: &PrivateServer, mode: &str) -> Pooler {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let folder = server.socket_folder();
    let (own, at) = (folder.display(), server.port());
    let users = folder.join("users");
    fs::write(&users, "\"postgres\" \"\"\n").unwrap();
    let settings = folder.join(format!("{mode}.ini"));
    let text = format!(
        "[databases]\nplain = host={own} port={at}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
         auth_type = trust\nauth_file = {}\npool_mode = {mode}\n",
        users.display()
    );
    fs::write(&settings, text).unwrap();
    let mut command = server.command(program.to_str().unwrap());
    let child = command
        .arg(&settings)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pooler = Pooler { child, port };
    for _ in 0..200 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return pooler;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("pgbouncer does not listen");
}

#[test]
fn session_pooling_is_well_and_transaction_pooling_fails_and_leaves_no_trace() {
    let Some(program) = program() else { return };
    with_targets(|targets| {
        let server = &targets.server;
        for (mode, well) in [
            ("session", true),
            ("transaction", false),
            ("statement", false),
        ] {
            let pooler = start(&program, server, mode);
            let port = pooler.port;
            let there = format!("host=127.0.0.1 port={port} user=postgres dbname=plain");
            if well {
                let said = Doctor::new(&there).warns("extension", to_create(targets));
                let server = said.evidence("server");
                assert!(server.contains("a pooler answers"), "{server}");
                assert!(server.contains("session pooling"), "{server}");
            } else {
                let said = Doctor::new(&there).fails("server", "pool_mode = session");
                assert_eq!(said.state("rights"), "skipped", "{}", said.text);
            }
            // The settings of a session that the pooler goes on with would be others' too.
            block_on(async {
                let mut all = Vec::new();
                for _ in 0..4 {
                    all.push(client(&there).await);
                }
                for one in &all {
                    let settings = "select current_setting('search_path') || current_setting('default_transaction_read_only') \
                                    || coalesce(current_setting('hypertop.mark', true), '')";
                    let row = one.simple_query(settings).await.unwrap();
                    let row = row.iter().find_map(|of| match of {
                        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
                        _ => None,
                    });
                    assert_eq!(row, Some("\"$user\", publicoff"), "{mode}");
                }
            });
            let none = there.replace("plain", "nowhere");
            Doctor::new(&none).fails("database", "[databases]");
        }
    });
}

#[test]
fn under_transaction_pooling_no_session_is_taken_for_hypertops_own() {
    let Some(program) = program() else { return };
    with_targets(|targets| {
        let pooler = start(&program, &targets.server, "transaction");
        let port = pooler.port;
        let there = format!("host=127.0.0.1 port={port} user=postgres dbname=plain");
        block_on(async {
            let rig = Rig::on("pgbouncer", &there).await;
            let pid = "select pg_backend_pid()::text";
            let own = rig.session.connected.client.query_typed(pid, &[]).await;
            let own: String = own.unwrap()[0].get(0);
            // Other clients get the sessions that hypertop had, and hypertop gets one that another hypertop has used.
            let mut holders = Vec::new();
            for _ in 0..4 {
                let holder = client(&there).await;
                let begin = "begin; set default_transaction_read_only = on";
                holder.batch_execute(begin).await.unwrap();
                holders.push(holder);
            }
            holders[3].batch_execute("commit").await.unwrap();
            let approved = rig.plan("terminate-session", &own, &[]).await.unwrap();
            let notes = format!("{:?}", approved.plan.notes);
            let words = "own sessions is not known, because a pooler assigns sessions";
            assert!(notes.contains(words), "{notes}");
        });
    });
}
