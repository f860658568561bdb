//! What the server says of a job.

use serde::Deserialize;

use crate::actions::act::{Context, Refusal};
use crate::actions::alter_job::Job;
use crate::actions::membership::{may_not_become, not_the_owner};
use crate::model::plan::{Mode, Plan};
use crate::model::unread::Unread;
use crate::model::verdict::Level;
use crate::model::version::Version;

/// From here on the database's owner may alter, run and delete the jobs of others.
pub(super) const DATABASE_OWNER: Version = Version::new(2, 28);

/// A job, and what else these plans want to know of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the server tells"
)]
pub(super) struct JobFacts {
    #[serde(flatten)]
    pub(super) job: Job,
    /// This role has the rights of the job's owner.
    pub(super) owned: bool,
    /// This role is a member of the job's owner, perhaps without inheriting its rights.
    pub(super) member: bool,
    /// This role has the rights of the database's owner.
    pub(super) owns_database: bool,
    /// The role that logged in may `SET ROLE` to the job's owner.
    pub(super) becomes: bool,
    /// This role, quoted where it has to be.
    pub(super) role: String,
    /// The role that logged in, quoted where it has to be.
    pub(super) session_role: String,
    /// Its procedure is there.
    pub(super) has_proc: bool,
    /// Where a worker that runs it finds unqualified names.
    pub(super) search_path: Option<String>,
    /// The aggregate's source, quoted and qualified, and what its retention policy keeps.
    pub(super) source: Option<String>,
    pub(super) source_drop_after: Option<String>,
    /// The indexes that a reorder policy could use.
    pub(super) indexes: Option<Vec<String>>,
    /// The worker that runs it now; `None`: none, or this role does not see it.
    pub(super) pid: Option<i32>,
    /// The aggregate that it refreshes, or those that read what it drops.
    pub(super) unread: Vec<Unread>,
    /// Where the chunks end that a retention policy drops from.
    pub(super) ends: Option<Vec<i64>>,
    /// The times of those that a policy by creation would drop now.
    pub(super) made: Option<Vec<(i64, i64)>>,
    /// What is now on integer time; else the function that says so and was not run, and who could put other code in
    /// its place.
    pub(super) integer_now: Option<i64>,
    pub(super) code: Option<String>,
    pub(super) code_owner: Option<String>,
    /// Between its source's chunks some are missing.
    pub(super) gaps: bool,
    pub(super) local_shift: i64,
    /// The time zone of its owner, in which its worker reckons, where that has one.
    pub(super) owner_zone: Option<String>,
    /// When the server was asked, by which months have their lengths.
    #[serde(skip)]
    pub(super) now: i64,
    /// The zone in which its worker reckons.
    #[serde(skip)]
    pub(super) zone: String,
    /// The oids of the catalogue's tables that `alter_job` and `delete_job` write.
    pub(super) job_table: i64,
    pub(super) stat_table: i64,
}

impl JobFacts {
    /// The facts, with the zone in which its worker reckons.
    pub(super) fn of(context: &Context) -> Result<Self, Refusal> {
        let mut known: Self = context.read()?;
        known.now = context.at.now.0;
        let zone = known.owner_zone.as_ref();
        known.zone = zone.unwrap_or(&context.at.server.time_zone).clone();
        Ok(known)
    }

    /// The plan of an `alter_job`, which writes one row of a table of all jobs.
    pub(super) fn altering(&self, plan: Plan) -> Plan {
        plan.touching(self.job_table, "bgw_job", Mode::RowExclusive)
    }

    /// The plan, warning a role that has not the rights of the job's owner.
    pub(super) fn warned(&self, context: &Context, plan: Plan) -> Plan {
        let server = context.at.server;
        if self.owned || self.owns_database && server.sql_version() >= DATABASE_OWNER {
            return plan;
        }
        let (owner, role) = (&self.job.owner, &self.role);
        let words = not_the_owner("the job", owner, role, self.member, server.postgres);
        plan.note(Level::Warning, words)
    }

    /// What a retention policy does as soon as it runs again.
    pub(super) fn drops(&self) -> String {
        let job = &self.job;
        let past = ["drop_after", "drop_created_before"].into_iter();
        let past = past.filter_map(|key| Some(format!("{key} ({})", job.setting(key)?)));
        format!(
            "its next run drops the chunks of {} past {} for good: the Retention screen shows which",
            job.relation.as_deref().unwrap_or("its hypertable"),
            past.collect::<Vec<_>>().join(" or ")
        )
    }

    /// Why the deleted job could not be made anew; `None`: it can.
    pub(super) fn lost_for_good(&self, context: &Context) -> Option<String> {
        let job = &self.job;
        if !self.has_proc {
            return Some(format!(
                "its procedure {}.{} is not there any more, and without that a job cannot be made",
                job.proc_schema, job.proc_name
            ));
        }
        if !job.is_user_defined() || self.becomes {
            return None;
        }
        Some(format!(
            "the job would be made anew as its owner, and {}",
            may_not_become(&self.session_role, &job.owner, context.at.server.postgres)
        ))
    }
}

/// As [`Job::policy`] calls it.
pub(super) const RETENTION: &str = "retention policy";
