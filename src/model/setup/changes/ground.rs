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
    /// Queries of the file as the server would print them, by aggregate. If one is missing, the file's own text is compared.
    pub queries: &'a BTreeMap<Name, String>,
    /// Remove objects that match `owns` and are not in the file.
    pub prune: bool,
}
