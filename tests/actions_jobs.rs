//! Jobs: each action is done, seen by SQL, taken back, and seen to be as before; on every TimescaleDB there is.

mod support;

use support::act::Rig;
use support::{block_on, with_targets};

/// All of a job but its id, and its next start.
const JOBS: &str = "select jsonb_agg((to_jsonb(b) - 'id') || jsonb_build_object('application_name',
    regexp_replace(b.application_name::text, ' \\[\\d+\\]$', ''), 'next_start', s.next_start) order by b.proc_name, b.hypertable_id)
  from _timescaledb_config.bgw_job b left join _timescaledb_internal.bgw_job_stat s on s.job_id = b.id
  where b.id >= 1000 and b.proc_name = 'policy_retention'";
const RETENTION: &str =
    "select min(id) from _timescaledb_config.bgw_job where proc_name = 'policy_retention'";

#[test]
fn a_paused_job_is_scheduled_again_as_it_was() {
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| target.real) {
            block_on(async {
                let rig = Rig::new(target).await;
                let job = rig.text(RETENTION).await;
                // A time zone and a far next start are what a careless alter_job loses.
                rig.sql(&format!(
                    "select alter_job({job}, next_start => '2040-01-01 00:00:00+00')"
                ))
                .await;
                rig.sql(&format!("update _timescaledb_config.bgw_job set timezone = 'Asia/Kolkata' where id = {job}")).await;
                rig.there_and_back("pause-job", &job, &[], JOBS).await;
                let refused = rig.plan("resume-job", &job, &[]).await.unwrap_err();
                assert!(refused.contains("scheduled already"), "{refused}");
            });
        }
    });
}
