//! ANALYZE of a hypertable and all of its chunks.

use crate::actions::act::{Context, Refusal};
use crate::actions::form::Inputs;
use crate::model::plan::{Mode, Plan, Statement, Step, Undo};
use crate::model::text;
use crate::model::verdict::Level;

use super::facts::Hypertable;

pub(super) fn plan(context: &Context, _: &Inputs) -> Result<Plan, Refusal> {
    let facts: Hypertable = context.read()?;
    let statement = Statement::new(format!("analyze {}", facts.relation), Vec::new());
    let step = Step::new(
        format!("analyze {}", facts.name),
        vec![statement],
        Vec::new(),
    )
    .plain();
    let undo = Undo::Needless(
        "it only gathers statistics: no row changes, but query plans may".to_owned(),
    );
    let title = format!("Analyze {}", facts.name);
    let mut plan = Plan::new(title, vec![step], undo).changing(&["/intervals"]);
    if !facts.may_analyze {
        plan = plan.note(
            Level::Warning,
            format!(
                "the server skips the table with a warning: only {} (or a member of that role) may analyze {}",
                facts.owner, facts.name
            ),
        );
    }
    plan = plan.note(Level::Ok, what(&facts)).note(
        Level::Ok,
        "reads a sample of each table's pages, table by table; if it is stopped, the tables that are done keep their new statistics",
    );
    plan = plan.touching(
        facts.oid,
        facts.relation.as_str(),
        Mode::ShareUpdateExclusive,
    );
    for chunk in &facts.touched {
        plan = plan.touching(chunk.oid, chunk.name.as_str(), Mode::ShareUpdateExclusive);
    }
    Ok(plan)
}

/// Text such as `220 chunks (13 compressed); no ANALYZE is recorded for 4 chunks; the oldest ANALYZE was 3h ago`.
fn what(facts: &Hypertable) -> String {
    let mut said = text::plural(facts.chunks, "chunk");
    if facts.compressed > 0 {
        said = format!("{said} ({} compressed)", text::count(facts.compressed));
    }
    if let Some(rows) = facts.rows {
        said = format!(
            "{said}, about {} uncompressed rows in the analyzed chunks",
            text::count(rows)
        );
    }
    if facts.unanalyzed > 0 {
        said = format!(
            "{said}; no ANALYZE is recorded for {}",
            text::plural(facts.unanalyzed, "chunk")
        );
    }
    match facts.analyzed_seconds {
        Some(seconds) => format!(
            "{said}; the oldest ANALYZE was {} ago",
            text::duration(seconds)
        ),
        None => said,
    }
}
