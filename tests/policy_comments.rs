//! The reasons in a policy file become comments in the database: an apply writes them, an export reads them, a rollback undoes them.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::screen_id::ScreenId;
use hypertop::screens::Rows;
use hypertop::screens::record::Record;
use hypertop::server::known::At;
use support::program::{Files, run};
use support::triage;

const PLANT: &str = r#"create schema mes; create schema "Wé.s";
create table mes.raw (ts timestamptz not null, line int not null, v float8);
comment on table mes.raw is 'made by hand';
create table "Wé.s"."it's" (ts timestamptz not null);
create table mes.other (ts timestamptz not null);
comment on table mes.other is 'not in the file'"#;

const FILE: &str = r#"[store]
comments = true

[[hypertable]]
name = "mes.raw"
time = "ts"
why = "~1000 samples/s: \"fast\", it's said"
compress = { segment_by = ["line"], after = "7 days", why = "late rows for 5 days" }
retain = { after = "90 days", why = "regulatory minimum" }

[[hypertable]]
name = "\"Wé.s\".\"it's\""
time = "ts"

[[aggregate]]
name = "mes.hourly"
from = "mes.raw"
query = "select time_bucket('1 hour', ts) as bucket, line, count(*) as n from mes.raw group by 1, 2"
why = "dashboards"
refresh = [{ start = "3 days", end = "1h", every = "1h" }]
"#;

const COMMENTS: &str = "select string_agg(c.relname || ': ' || coalesce(obj_description(c.oid, 'pg_class'), '-'), '; ' order by c.relname)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname in ('mes', 'Wé.s') and c.relkind in ('r', 'v')";
const KEPT: &str =
    "hourly: dashboards; it's: -; other: not in the file; raw: ~1000 samples/s: \"fast\", it's said
compress: late rows for 5 days
retain: regulatory minimum";

#[test]
fn reasons_become_comments_and_come_back_into_an_export() {
    triage::on_each("comments_file", PLANT, async |rig, version| {
        let folder = Files::new();
        let path = folder.write("policies.toml", FILE);
        let file = path.to_str().unwrap();
        let before = rig.text(COMMENTS).await;
        let (code, text) = run(rig, &["plan", file]);
        assert!(
            code == 2
                && text.contains("~ comment  why: made by hand -> ~1000 samples/s")
                && text.contains("retain.why: regulatory minimum"),
            "{version:?}: {text}"
        );
        let (code, text) = run(rig, &["apply", file, "-y", "--allow", "NOT_UNDOABLE"]);
        assert!(
            code == 0 && text.contains("verified"),
            "{version:?}: {text}"
        );
        assert_eq!(rig.text(COMMENTS).await, KEPT, "{version:?}: {text}");
        assert_eq!(run(rig, &["plan", file]).0, 0, "{version:?}");

        let (_, exported) = run(rig, &["export"]);
        for line in [
            "[store]\ncomments = true",
            "why = \"dashboards\"",
            "why = \"late rows for 5 days\"",
            "why = \"regulatory minimum\"",
        ] {
            assert!(exported.contains(line), "{version:?}: {line}: {exported}");
        }
        let again = folder.write("policies.toml", &exported);
        let (code, text) = run(rig, &["plan", again.to_str().unwrap()]);
        assert_eq!(code, 0, "{version:?}: {text}\n{exported}");

        let other = folder.write(
            "policies.toml",
            &exported.replace("regulatory minimum", "audits"),
        );
        let (code, text) = run(rig, &["plan", "--drift", other.to_str().unwrap()]);
        assert_eq!(
            (code, text.as_str()),
            (
                2,
                "~ mes.raw: comment: retain.why: regulatory minimum -> audits\n"
            ),
            "{version:?}"
        );
        let (code, text) = run(rig, &["apply", other.to_str().unwrap(), "-y"]);
        assert_eq!(code, 0, "{version:?}: {text}");
        let (code, text) = run(rig, &["rollback", "2", "-y"]);
        assert_eq!(
            (code, rig.text(COMMENTS).await.as_str()),
            (0, KEPT),
            "{version:?}: {text}"
        );
        let (code, text) = run(rig, &["rollback", "1", "-y"]);
        assert_eq!(code, 0, "{version:?}: {text}");
        assert_eq!(rig.text(COMMENTS).await, before, "{version:?}: {text}");
    });
}

#[test]
fn reasons_show_in_the_details_and_in_previews_and_without_store_no_comment_is_touched() {
    triage::on_each("comments_shown", PLANT, async |rig, version| {
        let folder = Files::new();
        let text = FILE;
        let without = folder.write(
            "policies.toml",
            &text.replace("comments = true", "comments = false"),
        );
        let (code, text_of) = run(
            rig,
            &[
                "apply",
                without.to_str().unwrap(),
                "-y",
                "--allow",
                "NOT_UNDOABLE",
            ],
        );
        assert_eq!(code, 0, "{version:?}: {text_of}");
        assert!(
            rig.text(COMMENTS).await.contains("raw: made by hand"),
            "{version:?}"
        );
        let path = folder.write("policies.toml", text);
        let (code, text) = run(rig, &["apply", path.to_str().unwrap(), "-y"]);
        assert_eq!(code, 0, "{version:?}: {text}");
        let at = At {
            now: rig.session.server.clock,
            server: &rig.session.server,
        };
        let Rows::Hypertables(rows) = rig.session.load(ScreenId::Hypertables).await.unwrap() else {
            panic!("rows of hypertables")
        };
        let raw = rows.iter().find(|row| row.name == "raw").unwrap();
        let shown = format!("{:?}", raw.facts(&at));
        for words in [
            "~1000 samples/s",
            "late rows for 5 days",
            "regulatory minimum",
        ] {
            assert!(shown.contains(words), "{version:?}: {words}: {shown}");
        }
        let Rows::Aggregates(rows) = rig.session.load(ScreenId::Aggregates).await.unwrap() else {
            panic!("rows of aggregates")
        };
        let shown = format!("{:?}", rows[0].facts(&at));
        assert!(shown.contains("dashboards"), "{version:?}: {shown}");
        let preview = run(
            rig,
            &[
                "run",
                "edit-retention-policy",
                "mes.raw",
                "--set",
                "drop_after=80 days",
                "--dry-run",
            ],
        )
        .1;
        assert!(
            preview.contains("retain.why: regulatory minimum"),
            "{version:?}: {preview}"
        );
    });
}
