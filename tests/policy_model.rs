//! The changes of a policy file, without a server: an apply leads to what the file says, and no step in its order is refused.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hypertop::model::setup::apply;
use hypertop::model::setup::change::{Change, What};
use hypertop::model::setup::changes::changes;
use hypertop::model::setup::changes::ground::{Columns, Ground, Plain};
use hypertop::model::setup::file::Wanted;
use hypertop::model::setup::guard::dangers;
use hypertop::model::setup::lint::lint;
use hypertop::model::setup::name::Name;
use hypertop::model::setup::objects::Setup;
use hypertop::model::setup::write;
use proptest::prelude::*;

fn tables() -> BTreeMap<Name, Plain> {
    let columns: Columns = [
        ("ts", "timestamp with time zone"),
        ("d", "integer"),
        ("n", "bigint"),
    ]
    .into_iter()
    .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
    .collect();
    let plain = Plain {
        columns,
        filled: false,
        comment: None,
        unfit: None,
    };
    ["m.a", "m.b", "m.\"C d\""]
        .into_iter()
        .map(|name| (Name::parse(name).unwrap(), plain.clone()))
        .collect()
}

fn wanted(file: &str) -> Wanted {
    Wanted::parse("x.toml", file).unwrap_or_else(|error| panic!("{error}\n{file}"))
}

fn planned(file: &str, present: &Setup) -> Vec<Change> {
    planned_of(&wanted(file), present, false)
}

fn planned_of(wanted: &Wanted, present: &Setup, prune: bool) -> Vec<Change> {
    let (tables, queries) = (tables(), BTreeMap::new());
    let ground = Ground {
        present,
        tables: &tables,
        zone: "UTC",
        queries: &queries,
        prune,
    };
    changes(wanted, &ground).unwrap_or_else(|wrong| panic!("{wrong:?}\n{wanted:?}"))
}

fn applied(file: &str, mut setup: Setup) -> Setup {
    let mut job = 1000;
    for change in planned(file, &setup) {
        apply::after(&mut setup, &change);
        // The server gives a new policy an id.
        for storage in setup
            .hypertables
            .values_mut()
            .map(|table| &mut table.storage)
            .chain(setup.aggregates.values_mut().map(|view| &mut view.storage))
        {
            for policy in [&mut storage.compress, &mut storage.retain]
                .into_iter()
                .flatten()
            {
                job += 1;
                policy.job.get_or_insert(job);
            }
        }
        for refresh in setup
            .aggregates
            .values_mut()
            .flat_map(|view| &mut view.refresh)
        {
            job += 1;
            refresh.job.get_or_insert(job);
        }
    }
    setup
}

prop_compose! {
    fn policies()(compress in prop::option::of(1..400_u32), retain in prop::option::of(401..900_u32), paused in any::<bool>(), every in 1..48_u32, none in any::<bool>()) -> String {
        let compress = compress.map_or_else(
            || if none { "compress = \"none\"\n".to_owned() } else { String::new() },
            |days| format!("compress = {{ segment_by = [\"d\"], after = \"{days} days\", every = \"{every}h\", paused = {paused} }}\n"),
        );
        let retain = retain.map_or_else(
            || if none { "retain = \"none\"\n".to_owned() } else { String::new() },
            |days| format!("retain = {{ after = \"{days} days\" }}\n"),
        );
        compress + &retain
    }
}

prop_compose! {
    fn file()(
        tables in prop::collection::vec((1..90_u32, policies()), 1..4),
        refreshes in prop::collection::vec(prop::option::of((2..1200_u32, 1..3_u32)), 0..3),
        real_time in any::<bool>(),
    ) -> String {
        let names = ["m.a", "m.b", "'m.\"C d\"'"];
        let mut out = String::new();
        for (name, (hours, policies)) in names.iter().zip(&tables) {
            let name = if name.starts_with('\'') { (*name).to_owned() } else { format!("\"{name}\"") };
            let _ = write!(out, "[[hypertable]]\nname = {name}\ntime = \"ts\"\nchunk_interval = \"{hours}h\"\n{policies}");
        }
        let mut from = "m.a".to_owned();
        for (at, refresh) in refreshes.iter().enumerate() {
            let name = format!("m.v{at}");
            let refresh = refresh.map_or_else(
                || "refresh = \"none\"".to_owned(),
                |(start, end)| format!("refresh = [{{ start = \"{start} days\", end = \"{end}h\", every = \"1h\" }}]"),
            );
            let _ = write!(out, "[[aggregate]]\nname = \"{name}\"\nfrom = \"{from}\"\nquery = \"select 1\"\nmaterialized_only = {real_time}\n{refresh}\n");
            from = name;
        }
        out
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_an_apply_nothing_differs(first in file(), second in file()) {
        let one = applied(&first, Setup::default());
        prop_assert_eq!(planned(&first, &one), vec![]);
        let two = applied(&second, one);
        prop_assert_eq!(planned(&second, &two), vec![]);
    }

    #[test]
    fn what_is_exported_is_no_difference(file in file()) {
        let setup = applied(&file, Setup::default());
        for full in [false, true] {
            let exported = write::file(&setup, full);
            prop_assert_eq!(planned(&exported, &setup), vec![], "{}", exported);
        }
    }

    #[test]
    fn no_step_is_more_dangerous_than_where_it_starts_and_where_it_leads(first in file(), second in file()) {
        let mut setup = applied(&first, Setup::default());
        let before = dangers(&setup);
        let after = dangers(&applied(&second, setup.clone()));
        for change in planned(&second, &setup) {
            apply::after(&mut setup, &change);
            for danger in dangers(&setup) {
                let is_known = before.iter().chain(&after).any(|known| known.view == danger.view);
                prop_assert!(is_known, "{:?} after {:?}", danger, change);
            }
        }
    }
}

#[test]
fn rows_are_kept_longer_before_a_refresh_reaches_further_and_dropped_earlier_after_it_reaches_less_far()
 {
    let file = |retain: &str, start: &str| {
        format!(
            "[[hypertable]]\nname = \"m.a\"\ntime = \"ts\"\nretain = {{ after = \"{retain}\" }}\n[[aggregate]]\nname = \"m.v\"\nfrom = \"m.a\"\nquery = \"select 1\"\nrefresh = [{{ start = \"{start}\", end = \"1h\", every = \"1h\" }}]\n"
        )
    };
    let (short, long) = (file("30 days", "20 days"), file("90 days", "60 days"));
    let words = |from: &str, to: &str| -> Vec<bool> {
        let changes = planned(to, &applied(from, Setup::default()));
        changes
            .iter()
            .map(|change| matches!(change.what, What::EditRetain(..)))
            .collect()
    };
    assert_eq!(
        words(&short, &long),
        [true, false],
        "longer: retention first"
    );
    assert_eq!(
        words(&long, &short),
        [false, true],
        "shorter: retention last"
    );
}

#[test]
fn a_pattern_gives_defaults_and_an_exact_name_wins_and_a_later_file_lies_over_an_earlier_one() {
    let first = applied(
        "[[hypertable]]\nname = \"m.a\"\ntime = \"ts\"\n[[hypertable]]\nname = \"m.b\"\ntime = \"ts\"\n",
        Setup::default(),
    );
    let file = "[[hypertable]]\nname = \"m.*\"\nretain = { after = \"90 days\" }\n[[hypertable]]\nname = \"m.b\"\nretain = { after = \"9 days\" }\n";
    let said = |changes: Vec<Change>| -> Vec<String> {
        changes
            .iter()
            .map(|change| format!("{} {}", change.of, change.fields[0]))
            .collect()
    };
    assert_eq!(
        said(planned(file, &first)),
        ["m.a retain.after: 90d", "m.b retain.after: 9d"]
    );
    let over = Wanted::parse(
        "over.toml",
        "[[hypertable]]\nname = \"m.b\"\nretain = { after = \"8 days\" }\n",
    )
    .unwrap();
    let both = Wanted::parse("x.toml", file).unwrap().under(over);
    assert_eq!(
        said(planned_of(&both, &first, false)),
        ["m.a retain.after: 90d", "m.b retain.after: 8d"]
    );
}

#[test]
fn what_the_file_owns_and_does_not_name_differs_and_is_removed_by_prune_only() {
    let setup = applied(
        "[[hypertable]]\nname = \"m.a\"\ntime = \"ts\"\nretain = { after = \"90 days\" }\n[[aggregate]]\nname = \"m.v\"\nfrom = \"m.a\"\nquery = \"select 1\"\n",
        Setup::default(),
    );
    assert_eq!(
        planned("[[hypertable]]\nname = \"m.a\"\n", &setup),
        vec![],
        "what is not named is left alone"
    );
    let owns = "owns = [\"m.*\"]\n[[hypertable]]\nname = \"m.a\"\n";
    let found = planned(owns, &setup);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].of.to_string().as_str(), found[0].sign()),
        ("m.v", '?')
    );
    let wanted = Wanted::parse("x.toml", owns).unwrap();
    let found = planned_of(&wanted, &setup, true);
    assert_eq!(found[0].what, What::DropAggregate);
}

#[test]
fn a_pattern_of_one_kind_says_nothing_of_the_other() {
    let tables = "[[hypertable]]\nname = \"m.a\"\ntime = \"ts\"\nretain = { after = \"900 days\" }\n[[aggregate]]\nname = \"m.v\"\nfrom = \"m.a\"\nquery = \"select 1\"\n";
    let setup = applied(tables, Setup::default());
    let base = Wanted::parse("a.toml", "[[hypertable]]\nname = \"m.*\"\n").unwrap();
    let over = Wanted::parse(
        "b.toml",
        "[[aggregate]]\nname = \"m.*\"\nretain = { after = \"60 days\" }\n",
    )
    .unwrap();
    let found = planned_of(&base.under(over), &setup, false);
    let of: Vec<String> = found.iter().map(|change| change.of.to_string()).collect();
    assert_eq!(of, ["m.v"]);
}

#[test]
fn an_average_is_advised_against_only_over_an_average_of_another_aggregate() {
    let advice = |source: &str, query: &str| -> Vec<String> {
        let file = format!(
            "[[hypertable]]\nname = \"m.a\"\ntime = \"ts\"\n[[aggregate]]\nname = \"m.h\"\nfrom = \"m.a\"\nquery = \"\"\"{source}\"\"\"\n[[aggregate]]\nname = \"m.v\"\nfrom = \"m.h\"\nquery = \"\"\"{query}\"\"\"\n"
        );
        let found = lint(&applied(&file, Setup::default()), &wanted(&file));
        found
            .into_iter()
            .map(|advice| format!("{} {}", advice.of, advice.words))
            .collect()
    };
    let hourly = "select time_bucket('1 hour', ts) as b, round(avg(d), 2) as level, AVG (n) AS \"Mean→n\", max(n) as average_x, count(distinct d) as devices,\n count(*) as n\n from m.a as t where note <> 'avg(x) as n, ' group by 1 having avg(n) > 1";
    for (wrong, words) in [
        (
            "select b, avg(level) as x from m.h group by 1",
            "m.v avg() of level",
        ),
        (
            "select b, d, stddev_samp (h.level) as x from m.h h group by 1, 2",
            "m.v stddev_samp() of level",
        ),
        (
            "select b, stddev(average_x) as x from m.h group by 1",
            "m.v stddev() of average_x",
        ),
        (
            "select b, percentile_cont(0.9) within group (order by average_x) as x from m.h group by 1",
            "m.v percentile_cont() of average_x",
        ),
        (
            "select b, count(distinct average_x) as x from m.h group by 1",
            "m.v count(distinct) of average_x",
        ),
        (
            "select b, sum(devices) as x from m.h group by 1",
            "m.v sum() of devices",
        ),
        (
            "select b, round(avg(coalesce(level, 0)), 1) from m.h group by 1",
            "m.v avg() of level",
        ),
    ] {
        let said = advice(hourly, wrong);
        assert!(
            said.len() == 1 && said[0].starts_with(words),
            "{wrong}: {said:?}"
        );
    }
    for right in [
        "select b, max(level) as avg_level from m.h group by 1",
        "select b, avg(average_x) as x, avg(n) as y from m.h group by 1",
        "select b, sum(n) as n, count(distinct d) as devices, max(devices) as most from m.h group by 1",
        "select b, sum(n) as average_x, 'avg(level)' as t, my_avg(level) from m.h -- avg(level)\n group by 1",
    ] {
        assert_eq!(advice(hourly, right), Vec::<String>::new(), "{right}");
    }
}

/// A file that breaks each rule of `lint`, once. The lines are counted below.
const UNWISE: &str = r#"[[hypertable]]
name = "m.a"
time = "ts"
chunk_interval = "30 days"
compress = { after = "7 days" }
retain = { after = "5 days" }

[[aggregate]]
name = "m.h"
from = "m.a"
query = "select time_bucket('1 hour', ts) as b, avg(n) as mean, count(distinct d) as devices from m.a group by 1"
refresh = [{ start = "10 days", end = "6 days", every = "1h" }]
compress = { segment_by = ["d"], after = "2 days" }
retain = { after = "1 day" }

[[aggregate]]
name = "m.v"
from = "m.h"
query = """
select time_bucket('90 minutes', b) as b, avg(mean) as x from m.h group by 1"""

[[index]]
on = "m.a"
columns = ["to_char(ts, 'YYYY')"]
where = "ts > now() - interval '7 days'"
"#;

#[test]
fn each_piece_of_advice_names_the_line_and_the_column_of_what_it_is_about() {
    let found = lint(&applied(UNWISE, Setup::default()), &wanted(UNWISE));
    let said: Vec<String> = found
        .iter()
        .map(|advice| format!("{}: {}: {}", advice.at, advice.of, advice.words))
        .collect();
    let expected = [
        "x.toml:12:11: m.h: DATA LOSS: its refresh policy refreshes the last 10d, but m.a keeps its rows for 5d",
        "x.toml:12:11: m.h: it is never filled: m.a drops its rows after 5d",
        "x.toml:6:10: m.a: its chunks are dropped after 5d, but compressed only after 7d: compression saves nothing",
        "x.toml:4:18: m.a: its chunks span 30d, but they are compressed after 7d",
        "x.toml:14:10: m.h: its chunks are dropped after 1d, but compressed only after 2d: compression saves nothing",
        "x.toml:13:12: m.h: its chunks are compressed after 2d, within its refresh window",
        "x.toml:14:10: m.h: is kept for 1d, a shorter time than its source (5d)",
        "x.toml:19:9: m.v: avg() of mean is wrong if groups differ in size, because mean in its source is an average",
        "x.toml:19:9: m.v: its buckets of 1h 30m are not a multiple of its source's buckets of 1h",
        "x.toml:24:11: m.a: columns: to_char is not immutable",
        "x.toml:25:9: m.a: where: now is not immutable",
    ];
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.starts_with(expected), "{said}\n{expected}");
    }
}
