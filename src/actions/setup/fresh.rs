//! Steps for objects that the same plan creates. Such objects have no facts yet, and no rows that need checks. Also steps that set
//! comments, which need no checks.

use crate::actions::act::Refusal;
use crate::actions::aggregates::create;
use crate::actions::call::Call;
use crate::actions::compression::statements;
use crate::actions::indexes::expressions;
use crate::model::age_rule::{COMPRESS, DROP, Keys};
use crate::model::interval::Interval;
use crate::model::moment::Axis;
use crate::model::plan::{Lit, Plan, Statement, Step, Undo};
use crate::model::setup::change::{Change, What};
use crate::model::setup::name::Name;
use crate::model::setup::objects::{AgePolicy, Compression, Index, Refresh, Reorder, Setup};
use crate::model::span::Span;
use crate::model::text;
use crate::model::verdict::Level;
use crate::server::known::Server;

/// Name under which the id of a new job is kept.
pub(super) const JOB: &str = "job_id";

/// The plan for a change of an object that the same plan creates, or for a comment. `now`: the setup just before the change.
pub(super) fn plan(change: &Change, now: &Setup, server: &Server) -> Result<Plan, Refusal> {
    let of = &change.of;
    let axis = match &change.what {
        What::CreateHypertable { axis, .. } => *axis,
        _ => now.axis(of).unwrap_or(Axis::TimestampTz),
    };
    let fresh = Fresh {
        of,
        aggregate: now.aggregates.contains_key(of),
        axis,
        server,
    };
    let (label, run, undo) = match &change.what {
        What::CreateHypertable { time, interval, .. } => {
            return Ok(fresh.hypertable(time, *interval));
        }
        What::CreateAggregate {
            query,
            materialized_only,
            ..
        } => {
            let materialized_only = materialized_only.unwrap_or(true);
            return Ok(create::aggregate(of, query, materialized_only, server));
        }
        What::EnableCompression(to) => fresh.compression(to),
        What::SetNow { old, new } => fresh.now_function(old.as_ref(), new),
        What::Describe { old, new } => fresh.described(old.as_ref(), new.as_ref()),
        What::AddCompress(new) => fresh.policy("compression", &COMPRESS, new),
        What::AddRetain(new) => fresh.policy("retention", &DROP, new),
        What::AddRefresh(new) => fresh.refresh(new),
        What::AddReorder(new) => fresh.reorder(new),
        What::CreateIndex { name, index } => fresh.index(name.as_deref(), index),
        _ => {
            return Err(Refusal::new(format!(
                "{of} is created by the same plan: apply that change first, then plan again"
            )));
        }
    };
    let title = label.clone();
    let undone = undone(&change.what, &undo);
    let mut plan = Plan::new(title, vec![Step::new(label, run, undo)], undone);
    if let (What::CreateIndex { index, .. }, false) = (&change.what, fresh.aggregate) {
        let (table, alias) = (of.to_string(), text::quote_identifier(&of.name));
        plan.expressions = expressions::columns(&table, &alias, &index.columns.join(", "));
        let condition = index.predicate.as_ref();
        plan.expressions
            .extend(condition.map(|text| expressions::condition(&table, &alias, text)));
    }
    Ok(plan)
}

/// Text on the undo of a change with these statements.
fn undone(what: &What, undo: &[Statement]) -> Undo {
    match what {
        What::EnableCompression(_) => Undo::Exact(
            "compression is disabled again; chunks compressed meanwhile must be decompressed first"
                .to_owned(),
        ),
        What::AddRetain(_) => Undo::Partly(
            "the policy is deleted; chunks that it has dropped by then cannot be restored"
                .to_owned(),
        ),
        What::SetNow { old: Some(_), .. } => {
            Undo::Exact("the previous function is set again".to_owned())
        }
        What::SetNow { .. } => {
            Undo::Never("TimescaleDB cannot remove the integer_now function".to_owned())
        }
        What::Describe { .. } => Undo::Exact("the previous comment is restored".to_owned()),
        _ if undo.is_empty() => {
            Undo::Partly("an index on an aggregate is removed only with the aggregate".to_owned())
        }
        _ => Undo::Exact("it is removed again".to_owned()),
    }
}

/// The object that a change is about.
struct Fresh<'a> {
    of: &'a Name,
    aggregate: bool,
    axis: Axis,
    server: &'a Server,
}

/// Label, statements and undo statements of a step.
type Parts = (String, Vec<Statement>, Vec<Statement>);

impl Fresh<'_> {
    fn call(&self, function: &str) -> Call {
        Call::new(format!("select {}", self.server.function(function)))
    }

    fn on(&self, function: &str) -> Call {
        let mut call = self.call(function);
        call.give("", "regclass", self.of.to_string().into());
        call
    }

    fn alter(&self, what: &str) -> Statement {
        let kind = if self.aggregate {
            "materialized view"
        } else {
            "table"
        };
        Statement::new(format!("alter {kind} {} {what}", self.of), Vec::new())
    }

    fn compression(&self, to: &Compression) -> Parts {
        let (segment_by, order_by) = (to.segment_list(), to.order_list());
        let on = statements::enabled(segment_by.as_deref(), order_by.as_deref(), None);
        let (set, off) = (self.alter(&on), self.alter(statements::DISABLED));
        let label = format!("enable compression on {}", self.of);
        (label, vec![set], vec![off])
    }

    fn now_function(&self, old: Option<&Name>, new: &Name) -> Parts {
        let set = |function| vec![self.integer_now(function)];
        let label = format!("set the integer_now function of {}", self.of);
        (label, set(new), old.map(set).unwrap_or_default())
    }

    fn integer_now(&self, function: &Name) -> Statement {
        let mut call = self.on("set_integer_now_func");
        call.give("", "text::regproc", function.to_string().into());
        call.give("replace_if_exists", "bool", true.into());
        call.statement()
    }

    fn described(&self, old: Option<&String>, new: Option<&String>) -> Parts {
        let comment = |text| vec![self.comment(text)];
        let label = format!("comment on {}", self.of);
        (label, comment(new), comment(old))
    }

    fn comment(&self, text: Option<&String>) -> Statement {
        let kind = if self.aggregate { "view" } else { "table" };
        let text = text.map_or_else(|| "null".to_owned(), |text| text::quote_literal(text));
        Statement::new(
            format!("comment on {kind} {} is {text}", self.of),
            Vec::new(),
        )
    }

    fn hypertable(&self, time: &str, interval: Option<i64>) -> Plan {
        let mut call = self.on("create_hypertable");
        call.give("", "name", time.into());
        if let Some(interval) = interval {
            self.give(
                &mut call,
                "chunk_time_interval",
                Some(Span::of_raw(self.axis, interval)),
            );
        }
        call.give("migrate_data", "bool", true.into());
        let label = format!("make {} a hypertable", self.of);
        let undo = Undo::Never("a hypertable cannot become a plain table again".to_owned());
        let step = Step::new(label, vec![call.statement()], Vec::new());
        Plan::new(
            format!(
                "Make {} a hypertable by {}",
                self.of,
                text::quote_identifier(time)
            ),
            vec![step],
            undo,
        )
        .note(
            Level::Notice,
            "the table's rows are moved into chunks; meanwhile no session can read or write the table",
        )
    }

    /// Adds an argument that is a length of time: an interval, or units of integer time. `None`: NULL.
    fn give(&self, call: &mut Call, name: &str, span: Option<Span>) {
        let kind = match self.axis {
            Axis::Integer => "bigint",
            _ => "interval",
        };
        let value = match span {
            None => Lit::Null,
            Some(Span::Number(units)) => units.into(),
            Some(Span::Interval(interval)) => interval.to_string().into(),
        };
        call.give(name, kind, value);
    }

    fn policy(&self, policy: &str, keys: &Keys, new: &AgePolicy) -> Parts {
        let mut call = self.on(&format!("add_{policy}_policy"));
        new.age.give(&mut call, keys);
        self.scheduled(policy, call, new.every)
    }

    /// The call that adds the policy, and a second call that sets its schedule interval.
    fn scheduled(&self, policy: &str, call: Call, every: Interval) -> Parts {
        let mut set = self.call("alter_job");
        set.give("", "int", Lit::Kept(JOB.to_owned()));
        set.give("schedule_interval", "interval", every.to_string().into());
        let run = vec![call.statement().keeping(JOB), set.statement()];
        let label = format!("add a {policy} policy to {}", self.of);
        (label, run, vec![self.delete()])
    }

    fn refresh(&self, new: &Refresh) -> Parts {
        let mut call = self.on("add_continuous_aggregate_policy");
        self.give(&mut call, "start_offset", new.start);
        self.give(&mut call, "end_offset", new.end);
        call.give(
            "schedule_interval",
            "interval",
            new.every.to_string().into(),
        );
        let label = format!("add a refresh policy to {}", self.of);
        (
            label,
            vec![call.statement().keeping(JOB)],
            vec![self.delete()],
        )
    }

    fn reorder(&self, new: &Reorder) -> Parts {
        let mut call = self.on("add_reorder_policy");
        call.give("", "name", new.index.as_str().into());
        self.scheduled("reorder", call, new.every)
    }

    fn delete(&self) -> Statement {
        let mut call = self.call("delete_job");
        call.give("", "int", Lit::Kept(JOB.to_owned()));
        call.statement()
    }

    fn index(&self, name: Option<&str>, index: &Index) -> Parts {
        let name = name.map_or_else(|| index_name(self.of, index), str::to_owned);
        let quoted = text::quote_identifier(&name);
        let unique = if index.unique { "UNIQUE " } else { "" };
        let include = match index.include.as_slice() {
            [] => String::new(),
            columns => format!(" INCLUDE ({})", columns.join(", ")),
        };
        let filter = index
            .predicate
            .as_ref()
            .map_or_else(String::new, |text| format!(" WHERE ({text})"));
        let sql = format!(
            "CREATE {unique}INDEX {quoted} ON {} USING {} ({}){include}{filter}",
            self.of,
            index.method,
            index.columns.join(", ")
        );
        // The index of an aggregate is created in the schema of its materialization hypertable, which is known only when the plan runs.
        let undo = if self.aggregate {
            Vec::new()
        } else {
            let schema = text::quote_identifier(&self.of.schema);
            vec![Statement::new(
                format!("DROP INDEX {schema}.{quoted}"),
                Vec::new(),
            )]
        };
        (
            format!("create index {quoted} on {}", self.of),
            vec![Statement::new(sql, Vec::new())],
            undo,
        )
    }
}

/// Name of an index that the file does not name.
fn index_name(of: &Name, index: &Index) -> String {
    let words: Vec<_> = index
        .columns
        .iter()
        .flat_map(|column| column.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .filter(|word| !word.is_empty())
        .collect();
    let whole = format!("{}_{}", of.name, words.join("_").to_lowercase());
    let mut end = whole.len().min(59);
    while !whole.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}_idx", &whole[..end])
}
