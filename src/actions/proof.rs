//! What a plan's undo and this role's rights stand on: what is not proven is not promised, and what is not granted is said.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::actions::act::Context;
use crate::actions::membership::not_the_owner;
use crate::model::interval::Interval;
use crate::model::plan::{Consent, Lit, Mode, Plan, Statement, Undo};
use crate::model::target::Kind;
use crate::model::verdict::Level;
use crate::model::version::Version;

/// From here on the database's owner may do what TimescaleDB's own functions do for a table's or a job's owner.
const DATABASE_OWNER: Version = Version::new(2, 28);

/// From here on an aggregate needs no refresh policy to have a compression policy.
const COMPRESSES_ALONE: Version = Version::new(2, 27);

/// From here on who drops an index is asked for the rights on its copies on the chunks too.
const ASKS_OF_CHUNKS: Version = Version::new(2, 22);

/// What `queries/plan_proof.sql` tells; names are quoted, but those of functions.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Proof {
    /// This role.
    role: String,
    /// It has the rights of the database's owner.
    owns_database: bool,
    relation: Option<Relation>,
    /// Schemas of which this role lacks USAGE, or CREATE.
    unusable: Vec<String>,
    uncreatable: Vec<String>,
    /// Tablespaces in which it may not create.
    unplaceable: Vec<String>,
    /// The database's own.
    pub tablespace: Option<String>,
    /// Functions of the extension that it may not execute.
    denied: Vec<String>,
    /// The oids of the catalogue's tables that `alter_job`, `add_…` and `delete_job` write.
    job_table: Option<i64>,
    stat_table: Option<i64>,
    jobs: BTreeMap<i64, Job>,
}

#[derive(Debug, Clone, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the server tells"
)]
struct Relation {
    oid: i64,
    name: String,
    owner: String,
    owned: bool,
    member: bool,
    /// This role has the rights of its schema's owner.
    schema_owned: bool,
    /// And of those of its chunks' schemas.
    parts_owned: bool,
}

/// What making a job again, or altering it, asks for.
#[derive(Debug, Clone, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the server tells"
)]
pub struct Job {
    owner: String,
    owned: bool,
    member: bool,
    /// Not one of TimescaleDB's policies.
    own: bool,
    policy: String,
    /// Its owner may log in, execute its procedure and its check function.
    logs_in: bool,
    procedure: String,
    executes: bool,
    check_executes: bool,
    /// Schemas of which its owner lacks USAGE.
    unusable: Vec<String>,
    /// The check function, where it is not TimescaleDB's own.
    pub check: Option<String>,
    pub check_there: bool,
    /// To whom a policy would belong now.
    belongs: Option<String>,
    /// Its configuration names its hypertable.
    configured: bool,
    compressing: Option<bool>,
    refreshed: Option<bool>,
    index: Option<String>,
    indexed: Option<bool>,
    bucket: Option<String>,
    start: Option<String>,
    end: Option<String>,
}

impl Context<'_> {
    /// What the server said of rights and undo; `None`: it was not asked.
    pub fn proof(&self) -> Option<Proof> {
        Proof::deserialize(self.facts.facts.get("proof")?).ok()
    }
}

/// The plan, promising no more than is proven, warning where the server will refuse, and with every lock that it takes.
pub(crate) fn prove(context: &Context, mut plan: Plan) -> Plan {
    let Some(proof) = context.proof() else {
        return plan;
    };
    let mut doubts = proof.doubts(context, &plan);
    doubts.extend(proof.missing(plan.steps.iter().flat_map(|step| &step.undo)));
    doubts.dedup();
    if let (Undo::Exact(text) | Undo::Partly(text), false) = (&plan.undo, doubts.is_empty()) {
        plan.undo = Undo::Partly(format!("{}; {text}", doubts.join("; ")));
        plan = plan.wanting(Consent::Yes);
    }
    let mut refused = proof.not_owned(context, &plan);
    refused.extend(proof.unalterable(&plan));
    let missing = proof.missing(plan.steps.iter().flat_map(|step| &step.run));
    refused.extend(
        missing
            .into_iter()
            .map(|lack| format!("{lack}: the server will refuse")),
    );
    for why in refused {
        plan = plan.note(Level::Warning, why);
    }
    proof.locks(context, plan)
}

/// The job that a statement calls this function for.
fn job_of(statement: &Statement, function: &str) -> Option<i64> {
    let called = statement.sql.contains(&format!("{function}($1::int"));
    match statement.params.first() {
        Some(Lit::Job(id)) if called => Some(*id),
        _ => None,
    }
}

impl Relation {
    /// Whether a statement is its owner's alone, whom this role is not.
    fn is_anothers(&self, context: &Context, statement: &Statement, landlord: bool) -> bool {
        let asks_of_parts = context.at.server.sql_version() >= ASKS_OF_CHUNKS;
        let sql = statement.sql.to_lowercase();
        let refreshes = sql.contains("refresh_continuous_aggregate(");
        let calls = sql.contains("($1::regclass") || sql.contains("drop_chunks(");
        !self.owned
            && match sql.split_whitespace().next().unwrap_or_default() {
                "alter" | "create" | "reindex" | "comment" | "lock" => true,
                // The schema's owner may drop what is in it.
                "drop" => !self.schema_owned || asks_of_parts && !self.parts_owned,
                _ => refreshes || calls && !landlord,
            }
    }
}

impl Proof {
    pub fn job(&self, id: i64) -> Option<&Job> {
        self.jobs.get(&id)
    }

    /// Why the undo may not bring back what was.
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
        // Who may drop an index because the schema is his may not make it again.
        let undo = || plan.steps.iter().flat_map(|step| &step.undo);
        let landlord = self.is_landlord(context);
        if let Some(relation) = &self.relation
            && undo().any(|statement| relation.is_anothers(context, statement, landlord))
        {
            let (owner, role) = (&relation.owner, &self.role);
            doubts.push(format!(
                "{role} cannot do that: {} belongs to {owner}, and a member of that role can",
                relation.name
            ));
        }
        doubts
    }

    fn is_landlord(&self, context: &Context) -> bool {
        self.owns_database && context.at.server.sql_version() >= DATABASE_OWNER
    }

    /// The rights that these statements want and this role has not, each with what grants it.
    fn missing<'a>(&self, statements: impl Iterator<Item = &'a Statement>) -> Vec<String> {
        let role = &self.role;
        let mut missing = Vec::new();
        for statement in statements {
            let sql = &statement.sql;
            if sql.starts_with("CREATE") {
                let on = |schema: &&String| sql.contains(&format!(" ON {schema}."));
                missing.extend(self.uncreatable.iter().filter(on).map(|schema| {
                    format!("{role} may not create in schema {schema} (GRANT CREATE ON SCHEMA {schema} TO {role})")
                }));
                let on = |space: &&String| sql.contains(&format!(" TABLESPACE {space}"));
                missing.extend(self.unplaceable.iter().filter(on).map(|space| {
                    format!("{role} may not create in tablespace {space} (GRANT CREATE ON TABLESPACE {space} TO {role})")
                }));
            }
            let called = |function: &&String| sql.contains(&format!(".{function}("));
            missing.extend(self.denied.iter().filter(called).map(|function| {
                format!("{role} may not execute {function}() (GRANT EXECUTE ON ALL ROUTINES IN SCHEMA of the extension TO {role})")
            }));
        }
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// What belongs to another, where that matters.
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
                format!("{role} has no USAGE on schema {schema}: the server will refuse (GRANT USAGE ON SCHEMA {schema} TO {role})")
            })
            .collect();
        let server = context.at.server;
        let landlord = self.is_landlord(context);
        let said = |what: &str, owner: &str, member| {
            not_the_owner(what, owner, &self.role, member, server.postgres)
        };
        // Of jobs by themselves their own plans say it.
        if matches!(context.target.kind, Kind::Job | Kind::Session) {
            return words;
        }
        let run = || plan.steps.iter().flat_map(|step| &step.run);
        if let Some(relation) = &self.relation
            && run().any(|statement| relation.is_anothers(context, statement, landlord))
        {
            words.push(said(&relation.name, &relation.owner, relation.member));
        }
        for (id, job) in self.jobs.iter().filter(|(_, job)| !job.owned && !landlord) {
            let named = |function| run().any(|statement| job_of(statement, function) == Some(*id));
            if named("alter_job") || named("delete_job") {
                words.push(said(&format!("job {id}"), &job.owner, job.member));
            }
        }
        words
    }

    /// Jobs that the server lets nobody alter.
    fn unalterable(&self, plan: &Plan) -> Vec<String> {
        let altered = plan.steps.iter().flat_map(|step| &step.run);
        let altered = altered.filter(|statement| !statement.sql.contains("config =>"));
        altered
            .filter_map(|statement| {
                let id = job_of(statement, "alter_job")?;
                let why = self.job(id)?.unalterable()?;
                Some(format!("{why}: the server will refuse to alter job {id} (delete-job deletes it all the same)"))
            })
            .collect()
    }

    /// The plan with the locks that its calls take, where it does not say them itself.
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
            .filter(|_| context.target.kind != Kind::Job)
        {
            // Whatever is done looks at it, and waits for who keeps everybody away.
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

impl Job {
    /// Why the server refuses `alter_job`, whatever it is to change.
    pub fn unalterable(&self) -> Option<String> {
        match (&self.index, self.indexed) {
            (Some(index), Some(false)) => Some(format!("its index {index} is gone")),
            (None, Some(false)) => Some("its configuration names no index".to_owned()),
            _ if !self.configured => Some("its configuration names no hypertable".to_owned()),
            _ => None,
        }
    }

    /// Why its old configuration may be refused when it is to come back.
    fn not_set_again(&self) -> Vec<String> {
        let mut doubts = Vec::from_iter(
            self.unalterable()
                .map(|why| format!("{why}, and the server takes no such configuration back")),
        );
        if let Some(check) = self.check.as_ref().filter(|_| self.check_there) {
            doubts.push(format!(
                "its check function {check} has to agree to the old configuration then, which cannot be known before"
            ));
        }
        doubts
    }

    /// Why it may not come back, or not as it was, after it was deleted.
    fn not_made_again(&self, context: &Context) -> Vec<String> {
        let owner = &self.owner;
        let mut doubts = Vec::new();
        let mut unless =
            |why: String| doubts.push(format!("it cannot be made again as things are: {why}"));
        if !self.logs_in {
            unless(format!(
                "its owner may not log in (ALTER ROLE {owner} LOGIN)"
            ));
        }
        for schema in &self.unusable {
            unless(format!(
                "its owner has no USAGE on schema {schema} (GRANT USAGE ON SCHEMA {schema} TO {owner})"
            ));
        }
        if self.own && !self.executes {
            let procedure = &self.procedure;
            unless(format!(
                "its owner may not execute its procedure (GRANT EXECUTE ON PROCEDURE {procedure} TO {owner})"
            ));
        }
        if let Some(check) = self
            .check
            .as_ref()
            .filter(|_| self.check_there && !self.check_executes)
        {
            unless(format!(
                "its owner may not execute its check function (GRANT EXECUTE ON FUNCTION {check} TO {owner})"
            ));
        }
        if self.compressing == Some(false) {
            unless("compression is disabled on its table (enable-compression first)".to_owned());
        }
        if self.refreshed == Some(false) && context.at.server.sql_version() < COMPRESSES_ALONE {
            unless("its aggregate has no refresh policy (add-refresh-policy first)".to_owned());
        }
        if self.narrow() {
            unless(
                "its window is shorter than two buckets, and the server adds no such policy"
                    .to_owned(),
            );
        }
        if let Some(why) = self.unalterable() {
            unless(why);
        }
        match &self.check {
            Some(check) if self.check_there => doubts.push(format!(
                "its check function {check} has to agree to its configuration again, which cannot be known before"
            )),
            Some(check) => doubts.push(format!("its check function {check} is not there any more: it comes back without one")),
            None => {}
        }
        if let Some(other) = self.belongs.as_ref().filter(|other| *other != owner) {
            doubts.push(format!(
                "it belongs to {other} then, who owns its table now, and not to {owner}"
            ));
        }
        doubts
    }

    /// A refresh policy over less than two buckets.
    fn narrow(&self) -> bool {
        if self.policy != "policy_refresh_continuous_aggregate" {
            return false;
        }
        let (Some(bucket), Some(start), Some(end)) = (&self.bucket, &self.start, &self.end) else {
            return false;
        };
        let length = |text: &str| {
            let number = text.parse::<f64>().ok();
            number.or_else(|| Some(Interval::parse(text).ok()?.seconds()))
        };
        let bucket = match (bucket.parse::<f64>(), Interval::parse(start)) {
            // To 2.14 in microseconds.
            (Ok(micros), Ok(_)) if start.parse::<i64>().is_err() => Some(micros / 1e6),
            _ => length(bucket),
        };
        match (length(start), length(end), bucket) {
            (Some(start), Some(end), Some(bucket)) if bucket > 0.0 => start - end < 2.0 * bucket,
            _ => false,
        }
    }
}
