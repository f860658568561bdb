//! Triage of columns that must not be aggregated again, such as averages of averages, in aggregates on aggregates and in plain views.
//! Columns that may be aggregated again have no finding.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::process::Command;

use hypertop::model::rules;
use hypertop::model::screen_id::ScreenId;
use hypertop::model::verdict::Level;
use hypertop::screens::aggregates::{DIVISIONS, OTHERS, function};
use support::act::Rig;
use support::triage::{find, found, gone, look, on_each};
use support::{client, triage};

/// One hour has a single row of 100, the next hour has 60 rows of 10. The average of all rows is 11.475, the average of both averages is
/// 55.
const SOURCE: &str = r"set client_min_messages = error; create table raw (ts timestamptz not null, dev int, v float8, k text);
select create_hypertable('raw', 'ts');
insert into raw values ('2026-01-05 00:30Z', 1, 100, 'a');
insert into raw select timestamptz '2026-01-05 01:00Z' + i * interval '1 minute', 1, 10, 'k' || i from generate_series(0, 59) i;
create materialized view hourly with (timescaledb.continuous, timescaledb.materialized_only = true) as
 select time_bucket('1 hour', ts) as b, dev, avg(v) as a, sum(v) as s, count(*) as n, min(v) as mn, max(v) as mx, stddev(v) as sd,
        variance(v) as va, percentile_cont(0.9) within group (order by v) as p, count(distinct k) as u, sum(v) / nullif(count(*), 0) as r,
        round(avg(v)::numeric, 2) as ra, avg(v) * count(v) as product, sum(v) / 60 as rate
   from raw group by 1, 2 with no data;
create table other (dev int, a float8);
call refresh_continuous_aggregate('hourly', null, null)";

const RULE: &rules::Rule = &rules::AGGREGATE_OF_AVERAGES;

/// A rig with new sessions, which read the views again.
async fn fresh(rig: &Rig) -> Rig {
    Rig::on(&rig.name, &rig.conninfo).await
}

#[test]
fn an_average_of_averages_is_found_with_the_way_to_the_true_value_and_gone_with_it() {
    on_each("averages", SOURCE, async |rig, _| {
        let daily = async |columns: &str| {
            rig.sql(&format!("set client_min_messages = error; create materialized view daily with (timescaledb.continuous, timescaledb.materialized_only = true) as select time_bucket('1 day', b) as b, {columns} from hourly group by 1 with no data")).await;
            rig.sql("call refresh_continuous_aggregate('daily', null, null)")
                .await;
        };
        daily("avg(a) as a").await;
        assert_eq!(rig.text("select a from daily").await, "55");
        let words = [
            "it computes avg(a) of public.hourly, where a is an average",
            "every bucket has the same weight",
            "Keep sum and count in public.hourly, and divide at the end: sum(sum) / sum(count)",
        ];
        let row = found(&fresh(rig).await, RULE, "public.daily", &words).await;
        assert_eq!(row.finding.level, Level::Warning);
        let overview = triage::overview(&fresh(rig).await).await;
        let listed = overview.iter().filter(|row| row.finding.rule == RULE);
        assert_eq!(listed.count(), 1, "{}", rig.name);
        let check = |args: &[&str]| {
            let output = Command::new(env!("CARGO_BIN_EXE_hypertop"))
                .args(["-w", "-d", &rig.conninfo, "check"])
                .args(args)
                .env("XDG_CONFIG_HOME", "/nonexistent")
                .env("XDG_STATE_HOME", "/nonexistent")
                .output()
                .unwrap();
            (
                output.status.code(),
                String::from_utf8(output.stdout).unwrap(),
            )
        };
        let (code, text) = check(&["--only", RULE.name]);
        assert!(
            code == Some(1) && text.contains("public.daily"),
            "{}: {text}",
            rig.name
        );
        let (_, metrics) = check(&["--format", "prometheus"]);
        let series = "rule=\"aggregate-of-averages\",level=\"warning\"} 1\n";
        assert!(metrics.contains(series), "{}: {metrics}", rig.name);

        rig.sql("drop materialized view daily").await;
        daily("sum(s) / sum(n) as a, sum(s) as s, sum(n) as n").await;
        let value = rig.text("select round(a::numeric, 3) from daily").await;
        assert_eq!(value, "11.475");
        gone(&fresh(rig).await, RULE, "public.daily").await;
    });
}

/// Views over `hourly` that take a wrong value: the query, the call that is named, and the level.
const WRONG: &[(&str, &str, Level)] = &[
    ("select avg(a) from hourly", "avg(a)", Level::Warning),
    (
        "select dev, avg(h.a::numeric) from hourly h group by 1",
        "avg(a)",
        Level::Warning,
    ),
    (
        "select round(avg(round(a::numeric, 1)), 2) from hourly",
        "avg(a)",
        Level::Warning,
    ),
    (
        "select avg(coalesce(a, 0) * 2 / 60) from hourly",
        "avg(a)",
        Level::Warning,
    ),
    (
        "select avg(case when dev = 1 then a end) from hourly",
        "avg(a)",
        Level::Warning,
    ),
    (
        "select avg(a) filter (where dev = 1) from hourly",
        "avg(a)",
        Level::Warning,
    ),
    (
        "select dev from hourly group by dev having avg(a) > 5",
        "avg(a)",
        Level::Warning,
    ),
    (
        "select avg(x) from (select a - 1 as x from hourly) q",
        "avg(a)",
        Level::Warning,
    ),
    (
        "with z as (select dev as d, a as x from hourly) select d, avg(x) from z group by 1",
        "avg(a)",
        Level::Warning,
    ),
    (
        "select avg(h.a) from other o left join hourly h using (dev)",
        "avg(a)",
        Level::Warning,
    ),
    (
        "select avg(a) from (hourly cross join (select 1 as one) q) j",
        "avg(a)",
        Level::Warning,
    ),
    (
        "select o.dev, (select avg(h.a) from hourly h where h.dev = o.dev) from other o",
        "avg(a)",
        Level::Warning,
    ),
    (
        "select avg(x) from (select a as x from hourly union all select a from other) q",
        "avg(a)",
        Level::Warning,
    ),
    (
        "select avg(x) from (select a as x, s from hourly) q, lateral (select q.s) l",
        "avg(a)",
        Level::Warning,
    ),
    ("select avg(ra) from hourly", "avg(ra)", Level::Warning),
    ("select avg(r) from hourly", "avg(r)", Level::Warning),
    (
        "select avg(sd) as x, avg(va) as y from hourly",
        "avg(sd)",
        Level::Warning,
    ),
    ("select avg(p) from hourly", "avg(p)", Level::Warning),
    ("select sum(u) from hourly", "sum(u)", Level::Warning),
    ("select avg(u) from hourly", "avg(u)", Level::Notice),
    ("select stddev(a) from hourly", "stddev(a)", Level::Notice),
    (
        "select percentile_cont(0.5) within group (order by a) from hourly",
        "percentile_cont(a)",
        Level::Notice,
    ),
];

/// Views that are right, or that nobody can judge by their definition.
const RIGHT: &[&str] = &[
    "select sum(s) / sum(n) as a, sum(s) as s, sum(n), min(mn), max(mx), count(*) from hourly",
    "select sum(a * n) / sum(n) from hourly",
    "select avg(s) as a, avg(n) as b, avg(mx) as c, avg(rate) as d, avg(product) as e from hourly",
    "select max(a) as a, min(a) as b, count(a) as c, count(distinct a) as d, max(p) as e, max(u) as f from hourly",
    "select sum(a) as a, sum(r) as r from hourly",
    "select b, avg(a) over (partition by dev order by b rows 5 preceding) from hourly",
    "select a, count(*) from hourly group by a",
    "select avg(o.a) from hourly h join other o on o.dev = h.dev",
    "select avg(a) from (select s as a, a as s from hourly) q",
    "select avg(v) from raw",
    "select avg(length(h::text)) from hourly h",
    "with recursive r as (select 1 as i, dev, n as a from hourly union all select i + 1, dev, a from r where i < 3) select avg(a) from r",
];

#[test]
fn plain_views_are_judged_by_what_their_columns_are_and_not_by_names() {
    on_each("views", SOURCE, async |rig, _| {
        for (nth, (sql, ..)) in WRONG.iter().enumerate() {
            rig.sql(&format!("create view wrong_{nth} as {sql}")).await;
        }
        for (nth, sql) in RIGHT.iter().enumerate() {
            rig.sql(&format!("create view right_{nth} as {sql}")).await;
        }
        rig.sql("create materialized view kept as select avg(a) from hourly; create view above as select a from hourly; create view over_it as select avg(a) from above")
            .await;
        let (screens, _) = look(&fresh(rig).await, &[ScreenId::Aggregates]).await;
        let row = &screens.aggregates.rows()[0];
        let said = |view: &str| {
            let view = format!("public.{view}");
            let mut all = row.reaggregated.iter();
            let of = all.find(|of| of.reader.as_ref() == Some(&view))?;
            Some((format!("{}({})", of.function, of.column), of.level))
        };
        for (nth, (sql, call, level)) in WRONG.iter().enumerate() {
            let expected = Some(((*call).to_owned(), *level));
            assert_eq!(
                said(&format!("wrong_{nth}")),
                expected,
                "{}: {sql}",
                rig.name
            );
        }
        for (nth, sql) in RIGHT.iter().enumerate() {
            assert_eq!(said(&format!("right_{nth}")), None, "{}: {sql}", rig.name);
        }
        for view in ["kept", "over_it"] {
            assert!(said(view).is_some(), "{}: {view}", rig.name);
        }
        assert_eq!(said("above"), None);
        // One finding for all of them.
        let row = find(&fresh(rig).await, RULE, "public.hourly")
            .await
            .unwrap();
        let reason = &row.finding.reason;
        assert!(
            reason.contains(" more") && reason.contains("computes avg(a) of public.hourly"),
            "{reason}"
        );
    });
}

#[test]
fn it_is_found_while_the_views_are_locked_and_by_a_role_without_rights() {
    on_each("locked", SOURCE, async |rig, _| {
        rig.sql("create view odd as select avg(a) as x from hourly")
            .await;
        let holder = client(&rig.conninfo).await;
        holder
            .batch_execute("begin; lock table hourly, odd in access exclusive mode")
            .await
            .unwrap();
        let role = format!("nobody {}", rig.name);
        rig.sql(&format!("create role \"{role}\" login")).await;
        let theirs = rig
            .conninfo
            .replace("user=postgres", &format!("user='{role}'"));
        let words = ["view public.odd computes avg(a) of public.hourly"];
        let row = found(
            &Rig::on(&rig.name, &theirs).await,
            RULE,
            "public.hourly",
            &words,
        )
        .await;
        assert_eq!(row.finding.level, Level::Warning);
        holder.batch_execute("rollback").await.unwrap();
        rig.sql(&format!("drop role \"{role}\"")).await;
        // The finding has the present names.
        rig.sql("alter materialized view hourly rename column a to \"Mean v\"")
            .await;
        let words = [
            "view public.odd computes avg(\"Mean v\") of public.hourly, where \"Mean v\" is an average",
        ];
        found(&fresh(rig).await, RULE, "public.hourly", &words).await;
    });
}

#[test]
fn functions_and_operators_are_those_of_the_server() {
    on_each("numbers", "", async |rig, _| {
        let names = "'avg', 'sum', 'variance', 'stddev', 'var_samp', 'stddev_samp', 'var_pop', 'stddev_pop', 'percentile_disc', 'percentile_cont', 'mode'";
        let rows = rig.texts(&format!("select oid::int8 || ' ' || proname from pg_proc where pronamespace = 'pg_catalog'::regnamespace and prokind = 'a' and (proname in ({names}) or oid = 2147)")).await;
        assert!(rows.len() > 50, "{rows:?}");
        for row in &rows {
            let (oid, name) = row.split_once(' ').unwrap();
            let known = function(oid.parse().unwrap()).map(|(_, name)| name);
            assert_eq!(known, Some(name), "{row}");
        }
        let all = (0..16_384).filter(|oid| function(*oid).is_some()).count();
        assert_eq!(
            all,
            rows.len(),
            "no other function has one of these numbers"
        );
        for (numbers, signs) in [(DIVISIONS, "{/}"), (OTHERS, "{+,-,*}")] {
            let numbers = format!("{numbers:?}").replace(['[', ']'], "");
            let wrong = rig.texts(&format!("select oprname from pg_operator where oid in ({numbers}) and oprname <> all ('{signs}')")).await;
            assert!(wrong.is_empty(), "{wrong:?}");
        }
    });
}
