//! Facts about a job.

use serde::Deserialize;

use crate::actions::act::{Context, Refusal};
use crate::actions::alter_job::Job;
use crate::actions::membership::{may_not_become, not_the_owner};
use crate::model::plan::{Mode, Plan};
use crate::model::unread::Unread;
use crate::model::verdict::Level;
use crate::model::version::Version;

/// From this version on, the database's owner may alter, run and delete jobs of other roles.
const DATABASE_OWNER: Version = Version::new(2, 28);

/// A job, and the other facts that its plans need.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one field for each fact that the server reports"
)]
pub(super) struct JobFacts {
    #[serde(flatten)]
    pub(super) job: Job,
    /// True if the connected role has the rights of the job's owner.
    owned: bool,
    /// True if the connected role is a member of the job's owner, even without inheriting its rights.
    member: bool,
    /// True if the connected role has the rights of the database's owner.
    owns_database: bool,
    /// True if the session's login role may `SET ROLE` to the job's owner.
    becomes: bool,
    /// Connected role, quoted if necessary.
    pub(super) role: String,
    /// Login role of the session, quoted if necessary.
    session_role: String,
    /// True if the job's procedure exists.
    pub(super) has_proc: bool,
    /// `search_path` of the worker that runs the job. `None`: unknown.
    pub(super) search_path: Option<String>,
    /// Source of the aggregate that the job refreshes, quoted and qualified. `None`: the job refreshes no aggregate.
    pub(super) source: Option<String>,
    /// The `drop_after` of the source's retention policy. `None`: there is no such policy or setting.
    pub(super) source_drop_after: Option<String>,
    /// Indexes that a reorder policy can use. `None`: not a reorder policy, or there are no indexes.
    pub(super) indexes: Option<Vec<String>>,
    /// Process id of the worker that runs the job now. `None`: no worker runs it.
    pub(super) pid: Option<i32>,
    /// True if TimescaleDB's scheduler runs in this database.
    #[serde(default = "yes")]
    pub(super) scheduler: bool,
    /// Changes that the refreshed aggregate has not read. For a retention policy: changes that the aggregates on its table have not read.
    pub(super) unread: Vec<Unread>,
    /// Ends of the chunks of a retention policy's table. `None`: not a retention policy, or no chunks.
    pub(super) ends: Option<Vec<i64>>,
    /// Start and end of the chunks that a policy by creation time would drop now. `None`: not such a policy, or no such chunks.
    pub(super) made: Option<Vec<(i64, i64)>>,
    /// "Now" on integer time. `None`: another type of time, not a retention or refresh policy, or the `integer_now` function was not run.
    pub(super) integer_now: Option<i64>,
    /// The `integer_now` function, if it was not run because its owner is not trusted.
    pub(super) code: Option<String>,
    /// Role that could replace the function `code`.
    pub(super) code_owner: Option<String>,
    /// True if there are gaps between the chunks of the source.
    pub(super) gaps: bool,
    /// Offset of the database's time zone from UTC, in microseconds.
    pub(super) local_shift: i64,
    /// Time zone setting of the job's owner, which the worker then uses. `None`: the owner has no such setting.
    pub(super) owner_zone: Option<String>,
    /// Time of the query, microseconds since 1970; the months of an interval are counted back from it.
    #[serde(skip)]
    pub(super) now: i64,
    /// Time zone that the worker uses: the owner's, else the server's.
    #[serde(skip)]
    pub(super) zone: String,
    /// Oids of the catalogue tables `bgw_job` and `bgw_job_stat`, which `alter_job` and `delete_job` write.
    job_table: i64,
    pub(super) stat_table: i64,
}

/// For recordings of versions that did not read it.
const fn yes() -> bool {
    true
}

impl JobFacts {
    /// Parses the facts, and adds the time and the time zone of the worker.
    pub(super) fn of(context: &Context) -> Result<Self, Refusal> {
        let mut known: Self = context.read()?;
        known.now = context.at.now.0;
        let zone = known.owner_zone.as_ref();
        known.zone = zone.unwrap_or(&context.at.server.time_zone).clone();
        Ok(known)
    }

    /// Adds the lock of `alter_job`, which writes one row of the table `bgw_job`.
    pub(super) fn altering(&self, plan: Plan) -> Plan {
        plan.touching(self.job_table, "bgw_job", Mode::RowExclusive)
    }

    /// Adds a warning if the connected role lacks the rights of the job's owner.
    pub(super) fn warned(&self, context: &Context, plan: Plan) -> Plan {
        let server = context.at.server;
        if self.owned || self.owns_database && server.sql_version() >= DATABASE_OWNER {
            return plan;
        }
        let (owner, role) = (&self.job.owner, &self.role);
        let words = not_the_owner("the job", owner, role, self.member, server.postgres);
        plan.note(Level::Warning, words)
    }

    /// Text on the chunks that the next run of a retention policy drops.
    pub(super) fn drops(&self) -> String {
        let job = &self.job;
        let past = ["drop_after", "drop_created_before"].into_iter();
        let past = past.filter_map(|key| Some(format!("{key} ({})", job.setting(key)?)));
        format!(
            "its next run permanently drops the chunks of {} that are past {}; the Retention screen shows these chunks",
            job.relation.as_deref().unwrap_or("its hypertable"),
            past.collect::<Vec<_>>().join(" or ")
        )
    }

    /// The reason why the job could not be created again. `None`: no known reason.
    pub(super) fn lost_for_good(&self, context: &Context) -> Option<String> {
        let job = &self.job;
        if !self.has_proc {
            return Some(format!(
                "its procedure {}.{} no longer exists, so the job could not be created again",
                job.proc_schema, job.proc_name
            ));
        }
        if !job.is_user_defined() || self.becomes {
            return None;
        }
        Some(format!(
            "the undo would create the job as its owner, but {}",
            may_not_become(&self.session_role, &job.owner, context.at.server.postgres)
        ))
    }
}

/// Result of [`Job::policy`] for a retention policy.
pub(super) const RETENTION: &str = "retention policy";
