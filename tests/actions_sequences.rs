//! Any sequence of actions, taken back newest first, leaves the database as it was: on every TimescaleDB there is.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::cell::RefCell;

use hypertop::journal::Outcome;
use hypertop::plan::Undo;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRng, TestRunner};
use support::act::Rig;
use support::works::{self, JOBS};
use support::{Targets, with_targets};

/// An action that can be taken back, the query that names its targets, and what is set. One line for each that is
/// tried; a deed that its plan refuses (the job is paused already) is passed over.
const DEEDS: &[(&str, &str, &[(&str, &str)])] = &[
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
];

const ALL_JOBS: &str = "select id::text from _timescaledb_config.bgw_job where id >= 1000 order by proc_name, config::text";
const OWN_JOBS: &str = "select id::text from _timescaledb_config.bgw_job where proc_name like 'Job;%' order by config::text";

/// All that a rollback has to bring back, as one text.
async fn state(rig: &Rig) -> String {
    let mut state = rig.text(JOBS).await;
    for sql in [HYPERTABLES, AGGREGATES, INDEXES] {
        state.push('\n');
        state.push_str(&rig.text(sql).await);
    }
    state
}

const HYPERTABLES: &str = "select string_agg(format('%s.%s %s', h.schema_name, h.table_name, d.interval_length), E'\\n' order by d.id)
  from _timescaledb_catalog.dimension d join _timescaledb_catalog.hypertable h on h.id = d.hypertable_id";
const AGGREGATES: &str = "select string_agg(format('%s %s', user_view_name, materialized_only), E'\\n' order by mat_hypertable_id) from _timescaledb_catalog.continuous_agg";
const INDEXES: &str = "select string_agg(indexdef, E'\\n' order by indexdef) from pg_indexes where schemaname not like 'pg\\_%' and schemaname <> 'information_schema'";

/// Which deed, on which of its targets.
type Picks = Vec<(prop::sample::Index, prop::sample::Index)>;

/// What is picked is done; gives the journal's numbers, oldest first, and what was done in words.
async fn act(rig: &Rig, picks: &Picks) -> Result<(Vec<u64>, Vec<String>), TestCaseError> {
    let (mut ids, mut done) = (Vec::new(), Vec::new());
    for (deed, on) in picks {
        let (action, targets, set) = *deed.get(DEEDS);
        let targets = rig.texts(targets).await;
        if targets.is_empty() {
            continue;
        }
        let target = on.get(&targets);
        let Ok(deed) = rig.plan(action, target, set).await else {
            continue;
        };
        if !matches!(deed.plan.undo, Undo::Exact(_)) {
            continue;
        }
        done.push(format!("{action} {target} {set:?}"));
        let report = rig
            .perform(&deed)
            .await
            .map_err(|why| failed(&done, &why))?;
        if report.outcome != Outcome::Done {
            return Err(failed(&done, &format!("{:?}", report.problems)));
        }
        ids.push(report.id.unwrap());
    }
    Ok((ids, done))
}

fn failed(done: &[String], why: &str) -> TestCaseError {
    TestCaseError::fail(format!("after {done:#?}: {why}"))
}

/// All of it is taken back: as one group, or one by one.
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
        let deed = rig
            .rollback_plan(&group)
            .await
            .map_err(|why| failed(done, &why))?;
        let drift = deed
            .plan
            .notes
            .iter()
            .find(|note| note.text.contains("drifted"));
        if let Some(note) = drift {
            return Err(failed(
                done,
                &format!("rollback of {group:?}: {}", note.text),
            ));
        }
        let report = rig.perform(&deed).await.map_err(|why| failed(done, &why))?;
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

/// Works to act in, made anew after a failure: to make it smaller, each try needs them whole.
struct Works<'a> {
    targets: &'a Targets,
    version: &'a str,
    // One runtime: the rig's connections live in it.
    runtime: tokio::runtime::Runtime,
    rig: Rig,
    initial: String,
    /// How many deeds were done.
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
        let rig = runtime.block_on(works::make(targets, NAME, version));
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

    fn mend(&mut self) {
        if self.broken {
            self.runtime
                .block_on(works::remove(self.targets, NAME, self.version));
            self.rig = self
                .runtime
                .block_on(works::make(self.targets, NAME, self.version));
            self.initial = self.runtime.block_on(state(&self.rig));
        }
    }

    fn there_and_back(&mut self, picks: &Picks, together: bool) -> Result<(), TestCaseError> {
        self.mend();
        let tried = self.runtime.block_on(async {
            let (ids, done) = act(&self.rig, picks).await?;
            self.done += ids.len();
            back(&self.rig, &ids, &done, together).await?;
            let now = state(&self.rig).await;
            if now == self.initial {
                Ok(())
            } else {
                Err(failed(&done, &format!("was\n{}\nis\n{now}", self.initial)))
            }
        });
        self.broken = tried.is_err();
        tried
    }
}

fn sequences_on(targets: &Targets, version: &str) {
    let strategy = (
        prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 1..8),
        any::<bool>(),
    );
    let config = Config {
        cases: 12,
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
        "{version}: only {} deeds were done, the rest was refused",
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
    });
}
