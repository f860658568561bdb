//! Random policy files are applied one after the other on a real server. After each apply the plan says that nothing differs.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::fmt::Write as _;

use hypertop::model::version::Version;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use support::program::run;
use support::triage;

const TABLES: &str = r#"create schema m; create table m.a (ts timestamptz not null, d int, n bigint, v float8);
create table m."C d" (ts timestamptz not null, d int, n bigint, v float8);
create table m.p (n bigint not null, d int);
create function m.now_of_p() returns bigint language sql stable as 'select 100000::bigint'"#;

/// Number of files.
const FILES: usize = 8;

prop_compose! {
    fn storage()(compress in prop::option::of((5..40_u32, any::<bool>(), any::<bool>(), 1..4_u32)), retain in prop::option::of((50..900_u32, 1..4_u32, any::<bool>()))) -> String {
        let mut out = String::new();
        match compress {
            Some((days, segments, paused, every)) => {
                let segments = if segments { "segment_by = [\"d\"], " } else { "segment_by = [], " };
                let _ = writeln!(out, "compress = {{ {segments}after = \"{days} days\", every = \"{every} days\", paused = {paused} }}");
            }
            None => out.push_str("compress = \"none\"\n"),
        }
        match retain {
            Some((days, every, paused)) => {
                let _ = writeln!(out, "retain = {{ after = \"{days} days\", every = \"{every} days\", paused = {paused} }}");
            }
            None => out.push_str("retain = \"none\"\n"),
        }
        out
    }
}

prop_compose! {
    fn file()(
        tables in (storage(), storage()),
        hours in (1..90_u32, 1..90_u32),
        reasons in ("[a-z'\" é]{0,12}", "[a-z'\" é]{1,12}"),
        pieces in (1..5000_i64, prop::option::of(1..90_000_i64)),
        refresh in prop::option::of((4..40_u32, 1..6_u32, any::<bool>())),
        real_time in any::<bool>(),
        index in any::<bool>(),
    ) -> String {
        let mut out = "[store]\ncomments = true\n".to_owned();
        let quoted = |text: &str| format!("{:?}", format!("why {text}"));
        let _ = write!(out, "[[hypertable]]\nname = \"m.a\"\ntime = \"ts\"\nwhy = {}\nchunk_interval = \"{}h\"\n{}", quoted(&reasons.0), hours.0, tables.0);
        let _ = write!(out, "[[hypertable]]\nname = 'm.\"C d\"'\ntime = \"ts\"\nwhy = {}\nchunk_interval = \"{}h\"\n{}", quoted(&reasons.1), hours.1, tables.1);
        let retain = pieces.1.map_or_else(|| "retain = \"none\"".to_owned(), |after| format!("retain = {{ after = {after} }}"));
        let _ = writeln!(out, "[[hypertable]]\nname = \"m.p\"\ntime = \"n\"\nchunk_interval = {}\ninteger_now_func = \"m.now_of_p\"\n{retain}", pieces.0);
        let refresh = refresh.map_or_else(
            || "refresh = \"none\"".to_owned(),
            |(start, end, paused)| format!("refresh = [{{ start = \"{start} days\", end = \"{end}h\", every = \"1h\", paused = {paused} }}]"),
        );
        let _ = writeln!(out, "[[aggregate]]\nname = \"m.h\"\nfrom = \"m.a\"\nquery = \"select time_bucket('1 hour', ts) as b, d, count(*) as n from m.a group by 1, 2\"\nmaterialized_only = {real_time}\n{refresh}");
        let _ = writeln!(out, "[[index]]\non = \"m.a\"\nname = \"a_d\"\ncolumns = [\"d\", \"ts DESC\"]{}", if index { "" } else { "\nabsent = true" });
        out
    }
}

#[test]
fn after_each_random_file_nothing_differs_and_its_export_says_the_same() {
    triage::on_each("random_file", TABLES, async |rig, version| {
        // Versions from 2.22 on are enough.
        if version < Version::new(2, 22) {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut runner = TestRunner::deterministic();
        for number in 0..FILES {
            let text = file().new_tree(&mut runner).unwrap().current();
            let path = folder.path().join(format!("{number}.toml"));
            std::fs::write(&path, &text).unwrap();
            let file = path.to_str().unwrap();
            let allowed = "DELETES_DATA,BLOCKS_WRITES,ACCESS_EXCLUSIVE,NOT_UNDOABLE,IMMEDIATE_RUN";
            let (code, said) = run(rig, &["apply", file, "-y", "--allow", allowed]);
            assert_eq!(code, 0, "{version:?}: file {number}: {said}\n{text}");
            let (code, said) = run(rig, &["plan", file]);
            assert_eq!(code, 0, "{version:?}: file {number}: {said}\n{text}");
            let (_, exported) = run(rig, &["export"]);
            std::fs::write(&path, &exported).unwrap();
            let (code, said) = run(rig, &["plan", file]);
            assert_eq!(code, 0, "{version:?}: file {number}: {said}\n{exported}");
        }
    });
}
