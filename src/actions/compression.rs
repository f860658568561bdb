//! Actions on the compression of a hypertable, or of an aggregate's materialization hypertable: chunks, settings, policies.

mod as_before;
mod choice;
mod chunks;
mod columns;
mod decompress;
mod eligible;
mod facts;
mod open;
mod picture;
mod policies;
mod rewrite;
mod rule;
mod settings;
pub(super) mod statements;

use crate::actions::action::{Action, Family, Group};
use crate::model::target::TargetKind;
use crate::server::known::Edition;
use crate::server::sql::query;

const TABLE: Family = Family {
    group: Group::Compression,
    on: TargetKind::Hypertable,
    facts: query!("plan_compression"),
    needs: Edition::Community,
};

#[rustfmt::skip]
pub(super) static ACTIONS: &[Action] = &[
    TABLE.asking("compress-chunks", &["c"], chunks::compress_form, chunks::compress,
        "Compress the chunks that are due, picked chunks, or all chunks older than an age"),
    TABLE.asking("decompress-chunks", &["C"], decompress::form, decompress::plan,
        "Decompress chunks; first pauses the policy, which would compress them again"),
    TABLE.asking("recompress-chunks", &[], rewrite::recompress_form, rewrite::recompress,
        "Recompress partially compressed chunks, so that late rows are compressed too"),
    TABLE.asking("rewrite-chunks", &[], rewrite::rewrite_form, rewrite::rewrite,
        "Compress chunks again, with the table's present settings"),
    TABLE.asking("enable-compression", &[], settings::enable_form, settings::enable, "Enable compression, with segmentby and orderby"),
    TABLE.asking("edit-compression-settings", &[], settings::edit_form, settings::edit, "Change segmentby and orderby"),
    TABLE.asking("disable-compression", &[], settings::disable_form, settings::disable, "Disable compression of a table without compressed chunks"),
    TABLE.asking("add-compression-policy", &[], policies::add_form, policies::add, "Add a policy that compresses old chunks"),
    TABLE.asking("edit-compression-policy", &["e"], policies::edit_form, policies::edit,
        "Change when the policy compresses, and how often it runs"),
    TABLE.plain("remove-compression-policy", &[], policies::remove, "Remove the compression policy"),
];
