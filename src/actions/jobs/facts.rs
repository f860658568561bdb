//! Facts about a job.

use serde::Deserialize;

use crate::actions::act::{Context, Refusal};
use crate::actions::alter_job::Job;
use crate::actions::membership::{may_not_become, not_the_owner};
use crate::model::plan::{Mode, Plan};
use crate::model::unread::Unread;
use crate::model::verdict::Level;
use crate::model::version::Version;

/// From this version on the database's owner may alter, run and delete the jobs of others.
pub(super) const DATABASE_OWNER: Version = Version::new(2, 28);

/// A job, and the other facts that its plans need.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the server reports"
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
    /// This role, quoted if necessary.
    pub(super) role: String,
    /// The role that logged in, quoted if necessary.
    pub(super) session_role: String,
    /// Its procedure exists.
    pub(super) has_proc: bool,
    /// `search_path` of the worker that runs it.
    pub(super) search_path: Option<String>,
    /// The aggregate's source, quoted and qualified; the next field: its `drop_after`.
    pub(super) source: Option<String>,
    pub(super) source_drop_after: Option<String>,
    /// The indexes that a reorder policy could use.
    pub(super) indexes: Option<Vec<String>>,
    /// Process id of the worker that runs it now. `None`: none, or this role may not see it.
    pub(super) pid: Option<i32>,
    /// The aggregate that it refreshes, or those that read what it drops.
    pub(super) unread: Vec<Unread>,
    /// Ends of the chunks that a retention policy drops from.
    pub(super) ends: Option<Vec<i64>>,
    /// Times of the chunks that a policy by creation time would drop now.
    pub(super) made: Option<Vec<(i64, i64)>>,
    /// "Now" on integer time. `None`: the function was not run; then the next fields name it, and the roles that could
    /// replace its code.
    pub(super) integer_now: Option<i64>,
    pub(super) code: Option<String>,
    pub(super) code_owner: Option<String>,
    /// Some chunks are missing between those of its source.
    pub(super) gaps: bool,
    pub(super) local_shift: i64,
    /// Time zone of its owner, in which its worker computes. `None`: the owner has none.
    pub(super) owner_zone: Option<String>,
    /// Time of the query, which decides how long the months before it are.
    #[serde(skip)]
    pub(super) now: i64,
    /// Time zone in which its worker computes.
    #[serde(skip)]
    pub(super) zone: String,
    /// Oids of the catalogue tables that `alter_job` and `delete_job` write.
    pub(super) job_table: i64,
    pub(super) stat_table: i64,
}

impl JobFacts {
    /// The facts, with the time zone in which its worker computes.
    pub(super) fn of(context: &Context) -> Result<Self, Refusal> {
        let mut known: Self = context.read()?;
        known.now = context.at.now.0;
        let zone = known.owner_zone.as_ref();
        known.zone = zone.unwrap_or(&context.at.server.time_zone).clone();
        Ok(known)
    }

    /// Adds the lock of an `alter_job`, which writes one row of the table of all jobs.
    pub(super) fn altering(&self, plan: Plan) -> Plan {
        plan.touching(self.job_table, "bgw_job", Mode::RowExclusive)
    }

    /// Adds a warning if this role lacks the rights of the job's owner.
    pub(super) fn warned(&self, context: &Context, plan: Plan) -> Plan {
        let server = context.at.server;
        if self.owned || self.owns_database && server.sql_version() >= DATABASE_OWNER {
            return plan;
        }
        let (owner, role) = (&self.job.owner, &self.role);
        let words = not_the_owner("the job", owner, role, self.member, server.postgres);
        plan.note(Level::Warning, words)
    }

    /// Text on what a retention policy drops when it runs again.
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

    /// The reason why the deleted job could not be made again. `None`: it could.
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
            "the job would be made again as its owner, and {}",
            may_not_become(&self.session_role, &job.owner, context.at.server.postgres)
        ))
    }
}

/// The word of [`Job::policy`] for it.
pub(super) const RETENTION: &str = "retention policy";
