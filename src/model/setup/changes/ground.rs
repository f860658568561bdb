//! The facts that the comparison of a policy file with the database needs.

use std::collections::BTreeMap;

use crate::model::setup::name::Name;
use crate::model::setup::objects::Setup;

/// The types of a table's columns by name, as `regtype` prints them.
pub type Columns = BTreeMap<String, String>;

/// A plain table that a policy file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plain {
    pub columns: Columns,
    /// True: the table may have rows.
    pub filled: bool,
    /// Comment on the table. `None`: there is none.
    pub comment: Option<String>,
    /// Reason why the table cannot become a hypertable, whatever its columns are. `None`: no such reason.
    pub unfit: Option<String>,
}

/// The facts that the comparison needs in addition to the file.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    pub present: &'a Setup,
    /// Plain tables that the file lists as hypertables.
    pub tables: &'a BTreeMap<Name, Plain>,
    /// The file's queries as the server prints them, by aggregate. A query that is missing here is compared as it is written.
    pub queries: &'a BTreeMap<Name, String>,
    /// Time zone of the database.
    pub zone: &'a str,
    /// Remove the objects that match a pattern in `owns` but are not in the file.
    pub prune: bool,
}
