//! Any sequence of actions, rolled back newest first, restores the database; on every TimescaleDB and the stand-in.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::cell::RefCell;
use std::collections::BTreeSet;

use hypertop::demo;
use hypertop::journal::Outcome;
use hypertop::model::plan::Undo;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRng, TestRunner};
use support::act::Rig;
use support::works::{self, JOBS};
use support::{Targets, client, with_targets};

type ApprovedPlan = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// Actions that can be rolled back, each with the query of its targets and with its inputs. Plans that are refused (such as pausing a
/// paused job) are skipped.
const DEEDS: &[ApprovedPlan] = &[
    ("pause-job", ALL_JOBS, &[]),
    ("resume-job", ALL_JOBS, &[]),
    ("edit-job", ALL_JOBS, &[("schedule_interval", "5h")]),
    (
        "edit-job",
        ALL_JOBS,
        &[("schedule_interval", "2 mon"), ("max_runtime", "9m")],
    ),
    (
        "edit-job",
        ALL_JOBS,
        &[("max_retries", "4"), ("retry_period", "1d")],
    ),
    (
        "edit-job",
        ALL_JOBS,
        &[("next_start", "2039-01-01 00:00+00")],
    ),
    ("edit-job", ALL_JOBS, &[("timezone", "Asia/Tokyo")]),
    ("edit-job", ALL_JOBS, &[("fixed_schedule", "no")]),
    (
        "edit-job",
        OWN_JOBS,
        &[("config", r#"{"s": 0, "it's": ["ü", 1.50]}"#)],
    ),
    ("delete-job", ALL_JOBS, &[]),
    (
        "add-retention-policy",
        TABLES,
        &[("drop_after", "9 years"), ("first_run", "300d")],
    ),
    (
        "add-retention-policy",
        TABLES,
        &[("drop_after", "700"), ("first_run", "300d")],
    ),
    (
        "edit-retention-policy",
        TABLES,
        &[("drop_after", "8 years")],
    ),
    (
        "edit-retention-policy",
        TABLES,
        &[("drop_after", "800"), ("schedule_interval", "3 days")],
    ),
    ("remove-retention-policy", TABLES, &[]),
    (
        "add-compression-policy",
        TABLES,
        &[("compress_after", "3 years"), ("first_run", "300d")],
    ),
    (
        "add-compression-policy",
        TABLES,
        &[("compress_after", "300"), ("first_run", "300d")],
    ),
    (
        "edit-compression-policy",
        TABLES,
        &[("compress_after", "2 years")],
    ),
    (
        "edit-compression-policy",
        TABLES,
        &[("schedule_interval", "3 days")],
    ),
    ("remove-compression-policy", TABLES, &[]),
    ("enable-compression", TABLES, &[]),
    ("disable-compression", TABLES, &[]),
    ("edit-compression-settings", TABLES, &[("segment_by", "v")]),
    ("remove-reorder-policy", TABLES, &[]),
    ("set-chunk-interval", TABLES, &[("interval", "3 days")]),
    ("set-chunk-interval", TABLES, &[("interval", "300")]),
    ("switch-real-time", VIEWS, &[]),
    (
        "add-refresh-policy",
        VIEWS,
        &[
            ("start_offset", "90 days"),
            ("end_offset", "1 day"),
            ("initial_start", "2040-01-01 00:00"),
        ],
    ),
    (
        "edit-refresh-policy",
        VIEWS,
        &[("schedule_interval", "7 hours")],
    ),
    ("remove-refresh-policy", VIEWS, &[]),
    ("drop-index", INDEX_NAMES, &[]),
];

const ALL_JOBS: &str = "select id::text from _timescaledb_config.bgw_job where id >= 1000 order by proc_name, config::text, id";
const OWN_JOBS: &str = r"select id::text from _timescaledb_config.bgw_job where proc_name like any (array['Job;%', 'job\_%']) order by config::text, id";
const TABLES: &str = r"select format('%I.%I', schema_name, table_name) from _timescaledb_catalog.hypertable where schema_name not like '\_timescaledb%' order by id";
const VIEWS: &str = "select format('%I.%I', user_view_schema, user_view_name) from _timescaledb_catalog.continuous_agg order by mat_hypertable_id";
const INDEX_NAMES: &str = r"select format('%I.%I', i.schemaname, i.indexname) from pg_indexes i join _timescaledb_catalog.hypertable h on h.schema_name = i.schemaname and h.table_name = i.tablename
  where h.schema_name not like '\_timescaledb%' order by 1";

/// The state that rollbacks must restore, as one text.
async fn state(rig: &Rig) -> String {
    let mut state = rig.text(JOBS).await;
    for sql in [HYPERTABLES, AGGREGATES, INDEXES] {
        state.push('\n');
        state.push_str(&rig.text(sql).await);
    }
    // The stand-in has no such view.
    if !rig
        .text("select to_regclass('timescaledb_information.compression_settings')")
        .await
        .is_empty()
    {
        state.push_str(&rig.text(COMPRESSION).await);
    }
    state
}

const HYPERTABLES: &str = "select string_agg(format('%s.%s %s', h.schema_name, h.table_name, d.interval_length), E'\\n' order by d.id)
  from _timescaledb_catalog.dimension d join _timescaledb_catalog.hypertable h on h.id = d.hypertable_id";
const COMPRESSION: &str = "select string_agg(to_jsonb(c)::text, E'\\n' order by to_jsonb(c)::text) from timescaledb_information.compression_settings c";
const AGGREGATES: &str = "select string_agg(format('%s %s', user_view_name, materialized_only), E'\\n' order by mat_hypertable_id) from _timescaledb_catalog.continuous_agg";
const INDEXES: &str = "select string_agg(indexdef, E'\\n' order by indexdef) from pg_indexes where schemaname !~ '^(pg_|_timescaledb|information_schema)'";

/// Indexes of the action and of its target.
type Picks = Vec<(prop::sample::Index, prop::sample::Index)>;

/// Runs the picked actions; returns the journal's ids, oldest first, and texts on what was run.
async fn act(rig: &Rig, picks: &Picks) -> Result<(Vec<u64>, Vec<String>), TestCaseError> {
    let (mut ids, mut done) = (Vec::new(), Vec::new());
    for (approved, on) in picks {
        let (action, targets, set) = *approved.get(DEEDS);
        let targets = rig.texts(targets).await;
        if targets.is_empty() {
            continue;
        }
        let target = on.get(&targets);
        let approved = match rig.plan(action, target, set).await {
            Ok(approved) => approved,
            Err(why) => {
                println!("{}: passed over: {action} {target}: {why}", rig.name);
                continue;
            }
        };
        let undo = &approved.plan.undo;
        // A job comes back under a new id, which the comparison leaves out.
        let whole = undo
            .text()
            .contains(" is created again with all its settings");
        if !matches!(undo, Undo::Exact(_)) && !whole {
            continue;
        }
        done.push(format!("{action} {target} {set:?}"));
        let report = rig
            .perform(&approved)
            .await
            .map_err(|why| failed(&done, &why))?;
        if report.outcome != Outcome::Done {
            return Err(failed(&done, &format!("{:?}", report.problems)));
        }
        ids.push(report.id);
    }
    Ok((ids, done))
}

fn failed(done: &[String], why: &str) -> TestCaseError {
    TestCaseError::fail(format!("after {done:#?}: {why}"))
}

/// Rolls all entries back, together or one by one.
async fn back(
    rig: &Rig,
    ids: &[u64],
    done: &[String],
    together: bool,
) -> Result<(), TestCaseError> {
    let groups: Vec<Vec<u64>> = if together {
        vec![ids.to_vec()]
    } else {
        ids.iter().rev().map(|id| vec![*id]).collect()
    };
    for group in groups.into_iter().filter(|group| !group.is_empty()) {
        let approved = rig
            .rollback_plan(&group)
            .await
            .map_err(|why| failed(done, &why))?;
        let drift = approved
            .plan
            .notes
            .iter()
            .find(|note| note.text.contains("drifted since:"));
        if let Some(note) = drift {
            return Err(failed(
                done,
                &format!("rollback of {group:?}: {}", note.text),
            ));
        }
        let report = rig
            .perform(&approved)
            .await
            .map_err(|why| failed(done, &why))?;
        if report.outcome != Outcome::Done || !report.differs.is_empty() {
            let why = format!(
                "rollback of {group:?}: {:?} {:?}",
                report.problems, report.differs
            );
            return Err(failed(done, &why));
        }
    }
    Ok(())
}

async fn make(targets: &Targets, version: &str) -> Rig {
    if version != STAND_IN {
        return works::make(targets, NAME, version).await;
    }
    let maintenance = client(&targets.server.conninfo("postgres")).await;
    maintenance
        .batch_execute("create database sequences_stand_in")
        .await
        .unwrap();
    let conninfo = targets.server.conninfo("sequences_stand_in");
    demo::load(
        &client(&conninfo).await,
        demo::STAND_IN,
        &demo::Progress::silent(),
    )
    .await
    .unwrap();
    let rig = Rig::on(version, &conninfo).await;
    // A next start that passes during the test cannot be restored.
    rig.sql("update _timescaledb_internal.bgw_job_stat set next_start = '2038-05-05 05:05+00' where next_start > now()").await;
    rig
}

const STAND_IN: &str = "stand_in";

/// A database for the test. It is created again after a failure, because each further try needs the initial state.
struct Works<'a> {
    targets: &'a Targets,
    version: &'a str,
    // One runtime, because the rig's connections belong to it.
    runtime: tokio::runtime::Runtime,
    rig: Rig,
    initial: String,
    /// Number of actions that were run.
    done: usize,
    broken: bool,
}

const NAME: &str = "sequences";

impl<'a> Works<'a> {
    fn new(targets: &'a Targets, version: &'a str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let rig = runtime.block_on(make(targets, version));
        let initial = runtime.block_on(state(&rig));
        Self {
            targets,
            version,
            runtime,
            rig,
            initial,
            done: 0,
            broken: false,
        }
    }

    fn fix(&mut self) {
        if self.broken {
            self.runtime
                .block_on(works::remove(self.targets, NAME, self.version));
            self.rig = self.runtime.block_on(make(self.targets, self.version));
            self.initial = self.runtime.block_on(state(&self.rig));
        }
    }

    fn there_and_back(&mut self, picks: &Picks, together: bool) -> Result<(), TestCaseError> {
        self.fix();
        let tried = self.runtime.block_on(async {
            let (ids, done) = act(&self.rig, picks).await?;
            self.done += ids.len();
            back(&self.rig, &ids, &done, together).await?;
            let now = state(&self.rig).await;
            if now == self.initial {
                Ok(())
            } else {
                let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
                let (was, is) = (lines(&self.initial), lines(&now));
                let lost: Vec<_> = was.difference(&is).collect();
                let new: Vec<_> = is.difference(&was).collect();
                Err(failed(&done, &format!("lost\n{lost:#?}\nnew\n{new:#?}")))
            }
        });
        self.broken = tried.is_err();
        tried
    }
}

fn sequences_on(targets: &Targets, version: &str) {
    let strategy = (
        prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 1..10),
        any::<bool>(),
    );
    let config = Config {
        cases: 16,
        max_shrink_iters: 30,
        failure_persistence: None,
        ..Config::default()
    };
    let works = RefCell::new(Works::new(targets, version));
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let result = TestRunner::new_with_rng(config, rng).run(&strategy, |(picks, together)| {
        works.borrow_mut().there_and_back(&picks, together)
    });
    if let Err(error) = result {
        panic!("{version}: {error}");
    }
    let works = works.into_inner();
    assert!(
        works.done > 20,
        "{version}: only {} approved were done, the rest was refused",
        works.done
    );
    works
        .runtime
        .block_on(works::remove(targets, NAME, version));
}

#[test]
fn any_sequence_of_actions_and_their_rollbacks_newest_first_gives_the_initial_state() {
    with_targets(|targets| {
        for version in targets.server.timescaledb_versions() {
            sequences_on(targets, &version);
        }
        sequences_on(targets, STAND_IN);
    });
}
