//! Checks whether a plan's undo would work, and whether this role has the rights for the plan. A doubtful undo is shown as partial. Missing
//! rights are named.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::actions::act::Context;
use crate::actions::job_proof::JobProof;
use crate::actions::membership::not_the_owner;
use crate::model::plan::{Consent, Lit, Mode, Plan, Statement, Undo};
use crate::model::setup::reason::Reasons;
use crate::model::target::TargetKind;
use crate::model::text;
use crate::model::verdict::Level;
use crate::model::version::Version;

/// From this version on, the database's owner may call TimescaleDB's functions on any table or job, like their owners.
const DATABASE_OWNER: Version = Version::new(2, 28);

/// From this version on, dropping an index also requires rights on the indexes of the chunks.
const ASKS_OF_CHUNKS: Version = Version::new(2, 22);

/// Row of `queries/plan_proof.sql`. Names are quoted, except the names of functions.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Proof {
    /// Connected role.
    role: String,
    /// True if the connected role has the rights of the database's owner.
    owns_database: bool,
    relation: Option<RelationProof>,
    /// Schemas for which the role lacks USAGE.
    unusable: Vec<String>,
    /// Schemas for which the role lacks CREATE.
    uncreatable: Vec<String>,
    /// Tablespaces for which the role lacks CREATE.
    unplaceable: Vec<String>,
    /// The database's default tablespace. `None`: not read.
    pub tablespace: Option<String>,
    /// Extension functions that the role may not execute.
    denied: Vec<String>,
    /// Oid of the catalogue table `bgw_job`, which `alter_job`, `delete_job` and the functions that add jobs write. `None`: no TimescaleDB.
    job_table: Option<i64>,
    /// Oid of the catalogue table `bgw_job_stat`, which `delete_job` writes. `None`: no TimescaleDB.
    stat_table: Option<i64>,
    /// The jobs of the target, by id.
    jobs: BTreeMap<i64, JobProof>,
}

#[derive(Debug, Clone, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one field for each fact that the server reports"
)]
struct RelationProof {
    oid: i64,
    name: String,
    owner: String,
    /// True if the connected role has the owner's rights.
    owned: bool,
    /// True if the connected role is a member of the owner, even if it does not inherit the owner's rights.
    member: bool,
    /// True if the role has the rights of the owner of the relation's schema.
    schema_owned: bool,
    /// True if the role has the rights of the owners of this schema and of the chunks' schemas.
    parts_owned: bool,
    /// The comment on the relation. `None`: it has no comment.
    #[serde(default)]
    comment: Option<String>,
}

impl Context<'_> {
    /// Facts about rights and undo. `None`: they were not read.
    pub(super) fn proof(&self) -> Option<Proof> {
        Proof::deserialize(self.facts.facts.get("proof")?).ok()
    }
}

/// Shows a doubtful undo as partial, warns if the server will refuse a statement, and adds locks that the plan itself does not name. Also
/// adds the reasons for the present settings, which the relation's comment contains.
pub(super) fn prove(context: &Context, mut plan: Plan) -> Plan {
    let Some(proof) = context.proof() else {
        return plan;
    };
    let mut doubts = proof.doubts(context, &plan);
    doubts.extend(proof.missing(context, plan.steps.iter().flat_map(|step| &step.undo)));
    doubts.dedup();
    if let (Undo::Exact(text) | Undo::Partly(text), false) = (&plan.undo, doubts.is_empty()) {
        plan.undo = Undo::Partly(format!("{}; {text}", doubts.join("; ")));
        plan = plan.wanting(Consent::Yes);
    }
    let mut refused = proof.not_owned(context, &plan);
    refused.extend(proof.unalterable(&plan));
    let missing = proof.missing(context, plan.steps.iter().flat_map(|step| &step.run));
    refused.extend(
        missing
            .into_iter()
            .map(|missing| format!("{missing}: the server will refuse")),
    );
    for why in refused {
        plan = plan.note(Level::Warning, why);
    }
    let relation = proof.relation.as_ref();
    for (key, why) in relation
        .and_then(|relation| relation.comment.as_deref())
        .map(Reasons::read)
        .unwrap_or_default()
        .each()
    {
        if let Some(why) = why {
            plan = plan.note(Level::Ok, format!("{key}: {why}"));
        }
    }
    proof.locks(context, plan)
}

/// Id of the job that a statement passes to this function. `None`: the statement does not call it.
fn job_of(statement: &Statement, function: &str) -> Option<i64> {
    let called = statement.sql.contains(&format!("{function}($1::int"));
    match statement.params.first() {
        Some(Lit::Job(id)) if called => Some(*id),
        _ => None,
    }
}

impl RelationProof {
    /// True if the statement requires the rights of the relation's owner, and this role lacks them.
    fn is_anothers(
        &self,
        context: &Context,
        statement: &Statement,
        as_database_owner: bool,
    ) -> bool {
        let asks_of_parts = context.at.server.sql_version() >= ASKS_OF_CHUNKS;
        let sql = statement.sql.to_lowercase();
        let refreshes = sql.contains("refresh_continuous_aggregate(");
        let calls = sql.contains("($1::regclass") || sql.contains("drop_chunks(");
        !self.owned
            && match sql.split_whitespace().next().unwrap_or_default() {
                "alter" | "create" | "reindex" | "comment" | "lock" => true,
                // The owner of a schema may drop every object in the schema.
                "drop" => !self.schema_owned || asks_of_parts && !self.parts_owned,
                _ => refreshes || calls && !as_database_owner,
            }
    }
}

impl Proof {
    pub(super) fn job(&self, id: i64) -> Option<&JobProof> {
        self.jobs.get(&id)
    }

    /// Reasons why the undo may not restore the old state.
    fn doubts(&self, context: &Context, plan: &Plan) -> Vec<String> {
        let mut doubts = Vec::new();
        for step in plan.steps.iter().filter(|step| !step.undo.is_empty()) {
            for statement in &step.run {
                if let Some(job) = job_of(statement, "delete_job").and_then(|id| self.job(id)) {
                    doubts.extend(job.not_made_again(context));
                }
                let altered = job_of(statement, "alter_job").and_then(|id| self.job(id));
                if let Some(job) = altered.filter(|_| statement.sql.contains("config =>")) {
                    doubts.extend(job.not_set_again());
                }
            }
        }
        // A schema's owner may drop the index of another role, but cannot create it again.
        let undo = || plan.steps.iter().flat_map(|step| &step.undo);
        let as_database_owner = self.may_as_database_owner(context);
        if let Some(relation) = &self.relation
            && undo().any(|statement| relation.is_anothers(context, statement, as_database_owner))
        {
            let (owner, role) = (&relation.owner, &self.role);
            doubts.push(format!(
                "{role} cannot undo this: {} belongs to {owner}; {owner} or a member of {owner} can",
                relation.name
            ));
        }
        doubts
    }

    fn may_as_database_owner(&self, context: &Context) -> bool {
        self.owns_database && context.at.server.sql_version() >= DATABASE_OWNER
    }

    /// Rights that this role lacks for these statements, each with the GRANT that would help.
    fn missing<'a>(
        &self,
        context: &Context,
        statements: impl Iterator<Item = &'a Statement>,
    ) -> Vec<String> {
        let role = &self.role;
        let extension = context.at.server.extension_schema.as_deref();
        let extension = text::quote_identifier(extension.unwrap_or("public"));
        let mut missing = Vec::new();
        for statement in statements {
            let sql = &statement.sql;
            if sql.starts_with("CREATE") {
                let on = |schema: &&String| sql.contains(&format!(" ON {schema}."));
                missing.extend(self.uncreatable.iter().filter(on).map(|schema| {
                    format!("{role} may not create objects in schema {schema} (GRANT CREATE ON SCHEMA {schema} TO {role} allows it)")
                }));
                let on = |space: &&String| sql.contains(&format!(" TABLESPACE {space}"));
                missing.extend(self.unplaceable.iter().filter(on).map(|space| {
                    format!("{role} may not create objects in tablespace {space} (GRANT CREATE ON TABLESPACE {space} TO {role} allows it)")
                }));
            }
            let called = |function: &&String| sql.contains(&format!(".{function}("));
            missing.extend(self.denied.iter().filter(called).map(|function| {
                format!("{role} may not execute {function}() (GRANT EXECUTE ON ALL ROUTINES IN SCHEMA {extension} TO {role} allows it)")
            }));
        }
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// Warnings about objects of other owners that the plan's statements act on.
    fn not_owned(&self, context: &Context, plan: &Plan) -> Vec<String> {
        let mut words: Vec<String> = self
            .unusable
            .iter()
            .filter(|schema| {
                let run = plan.steps.iter().flat_map(|step| &step.run);
                let named = format!("{schema}.");
                run.into_iter().any(|one| one.literal().contains(&named))
            })
            .map(|schema| {
                let role = &self.role;
                format!("{role} has no USAGE on schema {schema}: the server will refuse (GRANT USAGE ON SCHEMA {schema} TO {role} allows it)")
            })
            .collect();
        let server = context.at.server;
        let as_database_owner = self.may_as_database_owner(context);
        let said = |what: &str, owner: &str, member| {
            not_the_owner(what, owner, &self.role, member, server.postgres)
        };
        // The actions on jobs and sessions check ownership themselves.
        if matches!(context.target.kind, TargetKind::Job | TargetKind::Session) {
            return words;
        }
        let run = || plan.steps.iter().flat_map(|step| &step.run);
        if let Some(relation) = &self.relation
            && run().any(|statement| relation.is_anothers(context, statement, as_database_owner))
        {
            words.push(said(&relation.name, &relation.owner, relation.member));
        }
        for (id, job) in self
            .jobs
            .iter()
            .filter(|(_, job)| !job.owned && !as_database_owner)
        {
            let named = |function| run().any(|statement| job_of(statement, function) == Some(*id));
            if named("alter_job") || named("delete_job") {
                words.push(said(&format!("job {id}"), &job.owner, job.member));
            }
        }
        words
    }

    /// Warnings about jobs of the plan for which the server refuses every `alter_job` without a new `config`.
    fn unalterable(&self, plan: &Plan) -> Vec<String> {
        let altered = plan.steps.iter().flat_map(|step| &step.run);
        let altered = altered.filter(|statement| !statement.sql.contains("config =>"));
        altered
            .filter_map(|statement| {
                let id = job_of(statement, "alter_job")?;
                let why = self.job(id)?.unalterable()?;
                Some(format!("{why}: the server will refuse to alter job {id} (delete-job can still delete it)"))
            })
            .collect()
    }

    /// Adds the locks of the plan's function calls, unless the plan already names them.
    fn locks(&self, context: &Context, mut plan: Plan) -> Plan {
        let (mut jobs, mut stats) = (false, false);
        for statement in plan.steps.iter().flat_map(|step| &step.run) {
            let called = |name: &str| statement.sql.contains(name);
            jobs |= called("_policy(") || called("_job(");
            stats |= called("delete_job(");
        }
        if jobs {
            plan = lock(plan, self.job_table, "bgw_job", Mode::RowExclusive);
        }
        if stats {
            plan = lock(
                plan,
                self.stat_table,
                "bgw_job_stat",
                Mode::ShareRowExclusive,
            );
        }
        if let Some(relation) = self
            .relation
            .as_ref()
            .filter(|_| context.target.kind != TargetKind::Job)
        {
            // Every statement at least reads the relation, so an ACCESS EXCLUSIVE lock of another session blocks it.
            plan = lock(plan, Some(relation.oid), &relation.name, Mode::AccessShare);
        }
        plan
    }
}

fn lock(plan: Plan, oid: Option<i64>, name: &str, mode: Mode) -> Plan {
    match oid {
        Some(oid) if plan.touches.iter().all(|touch| touch.oid != oid) => {
            plan.touching(oid, name, mode)
        }
        _ => plan,
    }
}
