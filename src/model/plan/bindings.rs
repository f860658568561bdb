//! Values for parameters that are known only when a statement runs: results of earlier statements, and new ids of recreated objects.

use std::collections::BTreeMap;

use super::statement::{Lit, Statement};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bindings {
    /// Results of earlier statements, by the name under which they are kept.
    pub kept: BTreeMap<String, String>,
    /// Jobs that were recreated: old id, new id.
    jobs: BTreeMap<i64, i64>,
    /// Indexes that were recreated: old oid, new oid.
    indexes: BTreeMap<i64, i64>,
}

impl Bindings {
    /// Records a kept result. For the names `job 1001` and `index 16402`, `value` is the new id of that job or index.
    pub(crate) fn renew(&mut self, name: &str, value: &str) {
        let Ok(new) = value.parse() else { return };
        let old = |kind: &str| name.strip_prefix(kind).and_then(|id| id.parse().ok());
        if let Some(old) = old("job ") {
            self.jobs.insert(old, new);
        } else if let Some(old) = old("index ") {
            self.indexes.insert(old, new);
        }
    }

    /// The oid that an index has now.
    pub(crate) fn index(&self, mut oid: i64) -> i64 {
        // Oids wrap around, so the map may contain a cycle. The loop ends after as many steps as the map has entries.
        for _ in 0..self.indexes.len() {
            let Some(&next) = self.indexes.get(&oid) else {
                break;
            };
            oid = next;
        }
        oid
    }

    /// The id that a job has now.
    pub(crate) fn job(&self, mut id: i64) -> i64 {
        // A job may have been recreated more than once. New job ids are always larger, so this loop ends.
        while let Some(&next) = self.jobs.get(&id).filter(|next| **next > id) {
            id = next;
        }
        id
    }

    /// The statement with its values; an error if a result that it needs was not kept.
    pub(crate) fn bind(&self, statement: &Statement) -> Result<Statement, String> {
        let mut statement = statement.clone();
        for param in &mut statement.params {
            let bound = match param {
                Lit::Job(id) => Lit::Int(self.job(*id)),
                Lit::Kept(name) => {
                    let value = self
                        .kept
                        .get(name)
                        .ok_or_else(|| format!("an earlier statement did not return {name}"))?;
                    let job = value.parse().ok().filter(|_| name.starts_with("job"));
                    job.map_or_else(|| Lit::Text(value.clone()), |id| Lit::Int(self.job(id)))
                }
                _ => continue,
            };
            *param = bound;
        }
        Ok(statement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_value_must_be_there_and_a_job_is_found_by_its_newest_id() {
        let delete = Statement::new(
            "select delete_job($1)",
            vec![Lit::Kept("job_id".to_owned())],
        );
        let bindings = Bindings {
            kept: [("job_id".to_owned(), "1007".to_owned())].into(),
            jobs: [(1007, 1010), (1010, 1012)].into(),
            ..Bindings::default()
        };
        assert_eq!(
            bindings.bind(&delete).unwrap().literal(),
            "select delete_job(1012)"
        );
        let pause = Statement::new("select alter_job($1)", vec![Lit::Job(1010)]);
        assert_eq!(
            bindings.bind(&pause).unwrap().literal(),
            "select alter_job(1012)"
        );
        assert!(Bindings::default().bind(&delete).is_err());
    }
}
