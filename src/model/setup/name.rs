//! A qualified name, compared by schema and name regardless of quotes.

use std::fmt;

use crate::model::plan::named;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    pub(crate) schema: String,
    pub(crate) name: String,
}

impl Name {
    /// Reads `schema.name`, as SQL writes it. The error says how to write it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let whole = named::parts(text);
        let (schema, name) = whole.ok_or_else(|| {
            format!("{text:?} is not schema.name (put a name with capitals, dots or spaces in double quotes)")
        })?;
        Ok(Self { schema, name })
    }

    /// Without quotes, for patterns.
    pub(crate) fn plain(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", named::qualified(&self.schema, &self.name))
    }
}
