//! hypertop's sessions resolve names and read texts correctly, whatever the database, the role or the user's options set. A read session
//! that becomes writable is not used again.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::io::Read;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use hypertop::app::{Msg, ask};
use hypertop::connect;
use hypertop::demo::private_server::PrivateServer;
use hypertop::model::screen_id::ScreenId;
use hypertop::run::requests;
use hypertop::screens::overview;
use hypertop::server::session::Session;
use support::act::Rig;
use support::own::on_own;
use support::{block_on, client, session, settings, triage, with_targets};
use tokio::sync::mpsc;

const WORKS: &str = include_str!("palette/works.sql");

/// Copies of all functions, operators and relations of `pg_catalog`, in a schema that comes first in `search_path`.
/// Calling one of the functions or operators is an error.
const SHADOWS: &str = r"do $do$ declare it record; begin
  create schema attacker; grant usage on schema attacker to public;
  for it in select p.proname, pg_get_function_identity_arguments(p.oid) as args, pg_get_function_result(p.oid) as gives
              from pg_proc p where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind <> 'p' loop
    begin execute format('create function attacker.%I(%s) returns %s language plpgsql as $b$ begin raise exception ''a shadow ran''; end $b$', it.proname, it.args, it.gives);
    exception when others then null; end;
  end loop;
  for it in select o.oprname, p.proname, nullif(o.oprleft, 0)::regtype as l, o.oprright::regtype as r
              from pg_operator o join pg_proc p on p.oid = o.oprcode where o.oprnamespace = 'pg_catalog'::regnamespace loop
    begin execute format('create operator attacker.%s (%s rightarg = %s, function = attacker.%I)', it.oprname, 'leftarg = ' || it.l || ',', it.r, it.proname);
    exception when others then null; end;
  end loop;
  for it in select c.relname from pg_class c where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind in ('r', 'v') loop
    begin execute format('create view attacker.%I as select * from pg_catalog.%I where false', it.relname, it.relname);
    exception when others then null; end;
  end loop;
  execute format('alter database %I set search_path = attacker, pg_catalog', current_database());
  execute format('alter role %I in database %I set search_path = attacker, pg_catalog', current_user, current_database());
end $do$";

/// The state that the actions below change.
const STATE: &str = "select concat_ws(' ', (select string_agg(b.id || b.config::text || b.scheduled || b.max_retries, ',' order by b.id) from _timescaledb_config.bgw_job b where b.id >= 1000),
  (select string_agg(d.interval_length::text, ',' order by d.id) from _timescaledb_catalog.dimension d), (select string_agg(i.indexdef, ',' order by i.indexdef) from pg_indexes i where i.schemaname = 'w'),
  (select string_agg(a.materialized_only::text, ',' order by a.mat_hypertable_id) from _timescaledb_catalog.continuous_agg a),
  (select string_agg(c.status::text, ',' order by c.id) from _timescaledb_catalog.chunk c where c.id < 60))";

#[test]
fn what_stands_first_in_search_path_is_never_called() {
    triage::on_each("shadowed", WORKS, async |rig, _| {
        rig.sql(SHADOWS).await;
        let shadow = client(&rig.conninfo).await;
        let ran = shadow.batch_execute("select now()").await.unwrap_err();
        assert!(format!("{ran:?}").contains("a shadow ran"), "{ran:?}");
        let rig = &Rig::on(&rig.name, &rig.conninfo).await;
        rig.sql("set search_path = public").await;

        let found = triage::all(rig).await;
        assert!(!found.is_empty(), "{}: nothing was found", rig.name);
        let job = rig
            .text("select id::text from _timescaledb_config.bgw_job where proc_name = 'alpha'")
            .await;
        for (action, target, set) in [
            ("pause-job", job.as_str(), &[][..]),
            ("edit-job", &job, &[("max_retries", "4")]),
            ("delete-job", &job, &[]),
            (
                "set-chunk-interval",
                "w.\"Ready 3\"",
                &[("interval", "3 days")],
            ),
            ("add-retention-policy", "w.\"Ready 3\"", AGES),
            ("edit-retention-policy", "w.\"Full 1\"", AGES),
            ("remove-retention-policy", "w.\"Full 1\"", &[]),
            ("remove-compression-policy", "w.\"Full 1\"", &[]),
            ("remove-reorder-policy", "w.\"Full 1\"", &[]),
            ("remove-refresh-policy", "w.\"Hour 1\"", &[]),
            ("switch-real-time", "w.\"Hour 1\"", &[]),
            (
                "compress-chunks",
                "w.\"Ready 3\"",
                &[("older_than", "7 days")],
            ),
            (
                "decompress-chunks",
                "w.\"Full 1\"",
                &[("older_than", "8 days")],
            ),
            ("enable-compression", "w.\"Bare 2\"", &[("segment_by", "d")]),
            (
                "create-index",
                "w.\"Ready 3\"",
                &[("columns", "v, ts DESC")],
            ),
            ("drop-index", "w.full_again", &[]),
        ] {
            let before = rig.text(STATE).await;
            let report = rig.act(action, target, set).await;
            // The state does not include the settings of compression.
            assert!(
                action == "enable-compression" || rig.text(STATE).await != before,
                "{}: {action} changed nothing",
                rig.name
            );
            rig.rollback(&[report.id]).await;
        }
        rig.act("refresh-aggregate", "w.\"Hour 1\"", &[]).await;
        rig.act("analyze-table", "w.\"Full 1\"", &[]).await;
    });
}

const AGES: &[(&str, &str)] = &[("drop_after", "9 years")];

#[test]
fn a_job_of_ones_own_finds_the_names_that_its_worker_finds() {
    triage::on_each("own_names", WORKS, async |rig, _| {
        rig.sql(
            "create table w.unqualified (a int); create or replace procedure w.beta(job_id int, config jsonb) language plpgsql \
             as 'begin insert into unqualified values (1); end'",
        )
        .await;
        let job = rig
            .text("select id::text from _timescaledb_config.bgw_job where proc_name = 'beta'")
            .await;
        rig.sql(&format!(
            "alter database {} set search_path = nothing, w, public",
            rig.text("select current_database()").await
        ))
        .await;
        rig.act("run-job-now", &job, &[]).await;
        assert_eq!(
            rig.text("select count(*)::text from w.unqualified").await,
            "1"
        );
    });
}

#[test]
fn no_setting_of_the_database_or_of_ones_own_options_changes_what_a_text_means() {
    with_targets(|targets| {
        for target in &targets.all {
            block_on(async {
                let owner = client(&target.conninfo).await;
                let found = |session: Session| async move {
                    let rows = session.load(ScreenId::Aggregates).await.unwrap();
                    serde_json::to_string(&rows).unwrap()
                };
                let name = owner
                    .query_one("select quote_ident(current_database())", &[])
                    .await
                    .unwrap();
                let name: String = name.get(0);
                let hostile = [
                    "standard_conforming_strings = off",
                    "quote_all_identifiers = on",
                    "intervalstyle = 'iso_8601'",
                    "datestyle = 'German, DMY'",
                    "extra_float_digits = -15",
                    "bytea_output = 'escape'",
                    "xmloption = 'document'",
                    "xmlbinary = 'hex'",
                    "array_nulls = off",
                    "transform_null_equals = on",
                    "row_security = on",
                    "default_transaction_isolation = 'serializable'",
                ];
                for setting in hostile {
                    let set = format!("alter database {name} set {setting}");
                    owner.batch_execute(&set).await.unwrap();
                }
                let options = "options='-c standard_conforming_strings=off -c search_path=public -c geqo_threshold=7\\\\'";
                let there = format!("{} {options}", target.conninfo);
                let hostile_session = session(&there).await;
                let show = async |what: &str| {
                    let sql = format!("select current_setting('{what}')");
                    let rows = hostile_session.connected.client.query(&sql, &[]).await;
                    rows.unwrap()[0].get::<_, String>(0)
                };
                for (what, is) in [
                    ("search_path", "pg_catalog, pg_temp"),
                    ("standard_conforming_strings", "on"),
                    ("intervalstyle", "postgres"),
                    ("datestyle", "ISO, MDY"),
                    ("default_transaction_isolation", "read committed"),
                    // A setting of the user that hypertop does not need stays.
                    ("geqo_threshold", "7"),
                ] {
                    assert_eq!(show(what).await, is, "{}: {what}", target.name);
                }
                let text = found(hostile_session).await;
                owner
                    .batch_execute(&format!("alter database {name} reset all"))
                    .await
                    .unwrap();
                let usual = found(session(&target.conninfo).await).await;
                let figures = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).count();
                assert_eq!(
                    figures(&text),
                    figures(&usual),
                    "{}:\n{text}\n{usual}",
                    target.name
                );
            });
            if target.real {
                the_verdict_stays(target);
            }
        }
    });
}

/// Checks the verdict on a refresh that deletes rows. It was once missing with `standard_conforming_strings = off`.
fn the_verdict_stays(target: &support::Target) {
    block_on(async {
        let owner = client(&target.conninfo).await;
        let name = owner
            .query_one("select current_database()::text", &[])
            .await;
        let name: String = name.unwrap().get(0);
        let set = format!("alter database {name} set standard_conforming_strings = off");
        owner.batch_execute(&set).await.unwrap();
        let rig = Rig::new(target).await;
        let found = triage::all(&rig).await;
        owner
            .batch_execute(&format!("alter database {name} reset all"))
            .await
            .unwrap();
        let wipes = |row: &overview::Row| format!("{row:?}").contains("DATA LOSS");
        assert!(found.iter().any(wipes), "{}: {found:#?}", target.name);
    });
}

#[test]
fn the_start_up_packet_itself_says_where_names_are_found() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let packet = std::thread::spawn(move || {
        let mut packet = vec![0; 4096];
        let read = listener.accept().unwrap().0.read(&mut packet).unwrap();
        String::from_utf8_lossy(&packet[..read]).into_owned()
    });
    let there = format!("host=127.0.0.1 port={port} user=u sslmode=disable options='-c a=b'");
    block_on(connect::again(&settings(&there), None)).unwrap_err();
    let packet = packet.join().unwrap();
    for words in [
        r"-c a=b -c search_path=pg_catalog,\ pg_temp",
        "-c standard_conforming_strings=on",
        "-c row_security=off",
    ] {
        assert!(packet.contains(words), "{words} in {packet:?}");
    }
}

#[test]
fn behind_a_pooler_that_takes_no_options_the_session_is_the_same() {
    let Some(bouncer) = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"]
        .into_iter()
        .find(|path| std::path::Path::new(path).exists())
    else {
        println!("SKIPPED, no pgbouncer");
        return;
    };
    on_own(&[], async |server| {
        for (port, more) in [(6601, ""), (6602, "ignore_startup_parameters = options")] {
            let mut pooler = pooler(server, bouncer, port, more);
            let there = format!(
                "host={} port={port} user=postgres dbname=postgres",
                server.socket_folder().display()
            );
            let mut connected = connect::again(&settings(&there), None).await;
            for _ in 0..100 {
                if connected.is_ok() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
                connected = connect::again(&settings(&there), None).await;
            }
            let session = Session::start(connected.unwrap()).await.unwrap();
            let path = session
                .connected
                .client
                .query_one("show search_path", &[])
                .await;
            let _ = pooler.kill();
            let _ = pooler.wait();
            assert_eq!(
                path.unwrap().get::<_, String>(0),
                "pg_catalog, pg_temp",
                "{more}"
            );
        }
    });
}

fn pooler(server: &PrivateServer, program: &str, port: u16, more: &str) -> std::process::Child {
    let folder = server.socket_folder();
    let at = folder.display();
    let file = folder.join(format!("pooler{port}.ini"));
    let text = format!(
        "[databases]\n* = host={at} port={}\n[pgbouncer]\nlisten_addr =\nlisten_port = {port}\nunix_socket_dir = {at}\nauth_type = any\n\
         pool_mode = session\nlogfile = {at}/pooler{port}.log\npidfile = {at}/pooler{port}.pid\n{more}\n",
        server.port()
    );
    let text = text.replace(
        "[databases]\n* =",
        "[databases]\npostgres = user=postgres dbname=postgres",
    );
    std::fs::write(&file, text).unwrap();
    let mut command = server.command(program);
    command
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().unwrap()
}

#[test]
fn a_session_that_can_write_is_thrown_away_and_a_new_one_opened() {
    with_targets(|targets| {
        let target = &targets.all[0];
        block_on(async {
            let first = session(&target.conninfo).await;
            assert!(first.pulse(ScreenId::Jobs).await.is_ok());
            // Code that a query runs could do this.
            let turn = "set default_transaction_read_only = off";
            first.connected.client.batch_execute(turn).await.unwrap();
            let (answers, mut told) = mpsc::unbounded_channel();
            let there = settings(&target.conninfo);
            let requests = requests::serve(there, None, first, answers, ScreenId::Jobs);
            let pulse = |asked| ask::List::Pulse {
                screen: ScreenId::Jobs,
                asked,
            };
            requests.list(pulse(1));
            let (mut warned, mut down) = (String::new(), String::new());
            loop {
                match tokio::time::timeout(Duration::from_secs(60), told.recv()).await {
                    Ok(Some(Msg::PulseFailed { asked: 1, error })) => warned = error,
                    Ok(Some(Msg::Pulse { asked: 1, .. })) => panic!("nobody noticed"),
                    Ok(Some(Msg::Down { error, .. })) => down = error,
                    Ok(Some(Msg::Up(_))) if !down.is_empty() => requests.list(pulse(2)),
                    Ok(Some(Msg::Pulse { asked: 2, .. })) => break,
                    Ok(Some(_)) => {}
                    other => panic!("{other:?}"),
                }
            }
            for words in [warned, down] {
                assert!(words.contains("able to write"), "{words}");
            }
        });
    });
}
