//! Data that a role may not see is Unknown on the Overview, with the GRANT that would show it.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::screen_id::ScreenId;
use hypertop::model::verdict::Level;
use hypertop::run::show;
use hypertop::run::show::Format;
use support::act::Rig;
use support::{settings, triage};

const SOURCE: &str = r#"set client_min_messages = error; create schema "Me.s"; create table "Me.s".raw (ts timestamptz not null, v float8);
select create_hypertable('"Me.s".raw', 'ts'); insert into "Me.s".raw select t, 1 from generate_series(now() - interval '3 days', now(), interval '1 hour') t;
create materialized view "Me.s".hourly with (timescaledb.continuous) as select time_bucket('1 hour', ts) as bucket, count(*) from "Me.s".raw group by 1 with no data;
select add_continuous_aggregate_policy('"Me.s".hourly', null, interval '1 hour', interval '1 hour', initial_start => now() + interval '1 day')"#;

/// Names and reasons of the findings about hidden data.
async fn hidden(rig: &Rig) -> Vec<(&'static str, String)> {
    let rows = triage::overview(rig).await.into_iter();
    let hidden = rows.filter(|row| row.finding.rule.name.ends_with("-hidden"));
    let said = hidden.map(|row| {
        assert_eq!(row.finding.level, Level::Unknown);
        (row.finding.rule.name, row.finding.reason)
    });
    said.collect()
}

#[test]
fn what_a_role_may_not_see_is_unknown_until_the_grants_that_it_names_are_given() {
    triage::on_each("blind", SOURCE, async |rig, _| {
        let role = format!("Night Watch {}", rig.name);
        rig.sql(&format!("create role \"{role}\" login")).await;
        rig.sql(&format!("grant usage on schema \"Me.s\" to \"{role}\""))
            .await;
        let theirs = rig
            .conninfo
            .replace("user=postgres", &format!("user='{role}'"));
        let watch = Rig::on(&rig.name, &theirs).await;
        let said = hidden(&watch).await;
        let names: Vec<_> = said.iter().map(|(name, _)| *name).collect();
        for name in ["server-hidden", "job-hidden", "aggregate-hidden"] {
            assert!(names.contains(&name), "{}: {said:#?}", rig.name);
        }
        let mut text = Vec::new();
        let (settings, overview) = (settings(&theirs), ScreenId::Overview);
        let printed = show::show(
            &settings,
            &watch.session,
            overview,
            Format::Table,
            &mut text,
        );
        Box::pin(printed).await.unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(
            text.contains("figures of the server are hidden"),
            "{}: {text}",
            rig.name
        );
        // The GRANT in each reason is run as printed.
        for (name, reason) in &said {
            if let Some((_, grant)) = reason.split_once("GRANT ") {
                let end = grant.find(" shows").unwrap_or(grant.len());
                rig.sql(&format!("grant {}", &grant[..end])).await;
            } else {
                assert_eq!(*name, "session-hidden", "{reason}");
            }
        }
        let watch = Rig::on(&rig.name, &theirs).await;
        assert_eq!(hidden(&watch).await, [], "{}", rig.name);
        drop(watch);
        rig.sql(&format!("drop owned by \"{role}\"")).await;
        rig.sql(&format!("drop role \"{role}\"")).await;
    });
}
