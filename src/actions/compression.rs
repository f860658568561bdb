//! Acting on compression: chunks, settings, policies; of a hypertable or of an aggregate's materialization.

mod back;
mod choice;
mod chunks;
mod columns;
mod decompress;
mod eligible;
mod facts;
mod open;
mod policies;
mod rewrite;
mod rule;
mod settings;

use crate::actions::act::{Act, Context, MakeForm, Refusal};
use crate::actions::action::{Action, Group, act};
use crate::actions::form::Inputs;
use crate::model::plan::Plan;
use crate::model::target::Kind;
use crate::server::sql::{Query, query};

const FACTS: Query = query!("plan_compression");

const fn on(form: Option<MakeForm>, plan: fn(&Context, &Inputs) -> Result<Plan, Refusal>) -> Act {
    Act {
        on: Kind::Hypertable,
        facts: FACTS,
        form,
        plan,
    }
}

pub static ACTIONS: &[Action] = &[
    act(
        "compress-chunks",
        &["c"],
        Group::Compression,
        on(Some(chunks::compress_form), chunks::compress),
        "Compress chunks: the policy's backlog, those picked, or all older than so long",
    ),
    act(
        "decompress-chunks",
        &["C"],
        Group::Compression,
        on(Some(decompress::form), decompress::plan),
        "Decompress chunks; pauses the policy first, or it compresses them again",
    ),
    act(
        "recompress-chunks",
        &[],
        Group::Compression,
        on(Some(rewrite::recompress_form), rewrite::recompress),
        "Recompress partially compressed chunks: late rows join the others",
    ),
    act(
        "rewrite-chunks",
        &[],
        Group::Compression,
        on(Some(rewrite::rewrite_form), rewrite::rewrite),
        "Compress chunks anew, under the table's present settings",
    ),
    act(
        "enable-compression",
        &[],
        Group::Compression,
        on(Some(settings::enable_form), settings::enable),
        "Enable compression, with segment-by and order-by",
    ),
    act(
        "edit-compression-settings",
        &[],
        Group::Compression,
        on(Some(settings::edit_form), settings::edit),
        "Change segment-by and order-by",
    ),
    act(
        "disable-compression",
        &[],
        Group::Compression,
        on(Some(settings::disable_form), settings::disable),
        "Disable compression where no chunk is compressed",
    ),
    act(
        "add-compression-policy",
        &[],
        Group::Compression,
        on(Some(policies::add_form), policies::add),
        "Add a policy that compresses old chunks",
    ),
    act(
        "edit-compression-policy",
        &["e"],
        Group::Compression,
        on(Some(policies::edit_form), policies::edit),
        "Change when the policy compresses, and how often it looks",
    ),
    act(
        "remove-compression-policy",
        &[],
        Group::Compression,
        on(None, policies::remove),
        "Remove the compression policy",
    ),
];
