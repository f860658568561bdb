//! The facts that a comparison needs.

use std::collections::BTreeMap;

use crate::model::setup::name::Name;
use crate::model::setup::objects::Setup;

/// A plain table that the file wants as a hypertable: the types of its columns by name, as `regtype` prints them.
pub type Columns = BTreeMap<String, String>;

/// The facts that a comparison needs: the present setup and the following.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    pub present: &'a Setup,
    /// Plain tables that the file lists as hypertables.
    pub tables: &'a BTreeMap<Name, Columns>,
    /// Comments on plain tables that the file names.
    pub comments: &'a BTreeMap<Name, String>,
    /// Queries of the file in the server's spelling, by aggregate. Missing: compared as they are written.
    pub queries: &'a BTreeMap<Name, String>,
    /// Time zone of the database.
    pub zone: &'a str,
    /// Remove what matches `owns` and is not in the file.
    pub prune: bool,
}
