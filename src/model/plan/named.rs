//! The objects that statements name, with their oids or ids, because after a rename the name may belong to another object.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::statement::{Lit, Statement};
use crate::model::text;

/// A relation, identified by properties that survive a rename.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Relation {
    pub oid: i64,
    /// `pg_class.relkind`.
    pub kind: String,
    /// Oid of the index's table; `None`: not an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<i64>,
    /// Oid of the parent table of a chunk; of an index on a chunk, the chunk's parent table. `None`: not a chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<i64>,
    /// Id of the hypertable that the relation belongs to (for an aggregate, its materialization hypertable). `None`: it belongs to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hypertable: Option<i64>,
}

impl Relation {
    /// Whether `now` is the same relation. Comparing oids is not enough: oids wrap around.
    pub(crate) fn is(&self, now: &Self) -> bool {
        let same = |was: Option<i64>, is: Option<i64>| was.is_none() || was == is;
        self.oid == now.oid
            && self.kind == now.kind
            && same(self.table, now.table)
            && same(self.parent, now.parent)
            && same(self.hypertable, now.hypertable)
    }
}

/// A job, identified by properties that `alter_job` does not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JobKind {
    pub proc_schema: String,
    pub proc_name: String,
    pub hypertable: Option<i64>,
}

/// A job that a step acts on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NamedJob {
    #[serde(flatten)]
    pub kind: JobKind,
    /// Ids of the other jobs of this kind when the plan was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alike: Vec<i64>,
}

/// The objects that a step names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Named {
    /// By name, as written in the SQL.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) relations: BTreeMap<String, Relation>,
    /// By id, as text: JSON keys are strings.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub jobs: BTreeMap<String, NamedJob>,
}

impl Named {
    pub(crate) fn is_empty(&self) -> bool {
        self.relations.is_empty() && self.jobs.is_empty()
    }

    /// Adds the objects of `other` that are missing in `self`.
    pub(crate) fn add(&mut self, other: Self) {
        for (name, relation) in other.relations {
            self.relations.entry(name).or_insert(relation);
        }
        for (id, job) in other.jobs {
            self.jobs.entry(id).or_insert(job);
        }
    }
}

/// Schema and name of a qualified name, without quotes; `None`: not a qualified name.
pub(crate) fn parts(name: &str) -> Option<(String, String)> {
    let tokens = tokens(name);
    let [
        (Token::Name(schema), ..),
        (Token::Dot, ..),
        (Token::Name(name), ..),
    ] = tokens.as_slice()
    else {
        return None;
    };
    Some((schema.clone(), name.clone()))
}

/// A qualified name, quoted if necessary.
pub(crate) fn qualified(schema: &str, name: &str) -> String {
    let (schema, name) = (text::quote_identifier(schema), text::quote_identifier(name));
    format!("{schema}.{name}")
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// An identifier or a keyword: unquoted ones in lower case, quoted ones without their quotes.
    Name(String),
    Dot,
    Other,
}

/// Tokens of SQL, each with the offset of its first byte and of the byte after its last.
fn tokens(sql: &str) -> Vec<(Token, usize, usize)> {
    let mut found = Vec::new();
    let mut rest = sql.char_indices().peekable();
    while let Some((from, c)) = rest.next() {
        let token = if c == '"' || c == '\'' {
            let escapes = c == '\'' && sql[..from].ends_with(['E', 'e']);
            let mut inside = String::new();
            while let Some((_, next)) = rest.next() {
                if escapes && next == '\\' {
                    rest.next();
                } else if next != c {
                    inside.push(next);
                } else if rest.next_if(|(_, again)| *again == c).is_some() {
                    inside.push(c);
                } else {
                    break;
                }
            }
            if c == '"' {
                Token::Name(inside)
            } else {
                Token::Other
            }
        } else if c.is_alphabetic() || c == '_' {
            let mut word = c.to_string();
            let goes_on = |c: &char| c.is_alphanumeric() || *c == '_' || *c == '$';
            while let Some((_, next)) = rest.next_if(|(_, c)| goes_on(c)) {
                word.push(next);
            }
            Token::Name(word.to_ascii_lowercase())
        } else if c == '.' {
            Token::Dot
        } else if c.is_whitespace() {
            continue;
        } else {
            Token::Other
        };
        let to = rest.peek().map_or(sql.len(), |(at, _)| *at);
        found.push((token, from, to));
    }
    found
}

/// The SQL without its strings and quoted identifiers.
pub(crate) fn unquoted(sql: &str) -> String {
    let (mut out, mut at) = (String::new(), 0);
    for (_, from, to) in tokens(sql) {
        if sql[from..].starts_with(['"', '\'']) {
            out.push_str(&sql[at..from]);
            at = to;
        }
    }
    out.push_str(&sql[at..]);
    out
}

/// Words that are followed by the name of a relation.
const BEFORE: &[&str] = &[
    "table",
    "only",
    "view",
    "index",
    "on",
    "concurrently",
    "exists",
];

/// Byte offsets (start, end) of the qualified names of relations.
fn places(sql: &str) -> Vec<(usize, usize)> {
    let tokens = tokens(sql);
    let windows = tokens.windows(4);
    let mut places = Vec::new();
    for window in windows {
        let [
            (Token::Name(word), from, to),
            (Token::Name(_), begin, _),
            (Token::Dot, ..),
            (Token::Name(_), _, end),
        ] = window
        else {
            continue;
        };
        let keyword = !sql[*from..*to].starts_with('"') && BEFORE.contains(&word.as_str());
        if keyword {
            places.push((*begin, *end));
        }
    }
    places
}

impl Statement {
    /// Indexes of the parameters that are names of relations (`$1::regclass`).
    fn regclasses(&self) -> impl Iterator<Item = usize> {
        let is = |at: &usize| {
            let place = format!("${}::regclass", at + 1);
            matches!(self.params.get(*at), Some(Lit::Text(_))) && self.sql.contains(&place)
        };
        (0..self.params.len()).filter(is)
    }

    /// The relations that the statement names, as written in the SQL.
    pub(crate) fn relations(&self) -> Vec<String> {
        let sql = places(&self.sql)
            .into_iter()
            .map(|(from, to)| self.sql[from..to].to_owned());
        let params = self.regclasses().filter_map(|at| match &self.params[at] {
            Lit::Text(name) if parts(name).is_some() => Some(name.clone()),
            _ => None,
        });
        sql.chain(params).collect()
    }

    /// The statement with new names for some relations (old name, new name).
    #[must_use]
    pub(crate) fn renamed(&self, names: &BTreeMap<String, String>) -> Self {
        let mut statement = self.clone();
        for (from, to) in places(&self.sql).into_iter().rev() {
            if let Some(name) = names.get(&self.sql[from..to]) {
                statement.sql.replace_range(from..to, name);
            }
        }
        for at in self.regclasses() {
            if let Lit::Text(name) = &mut statement.params[at]
                && let Some(now) = names.get(name)
            {
                name.clone_from(now);
            }
        }
        statement
    }

    /// Replaces the names in `regclass` parameters by oids, which stay valid after a rename.
    pub(crate) fn by_oid(&mut self, known: &BTreeMap<String, Relation>) {
        // A statement that looks up the oid of a new index needs the index's name.
        if self
            .keeps
            .as_ref()
            .is_some_and(|name| name.starts_with("index "))
        {
            return;
        }
        let places: Vec<usize> = self.regclasses().collect();
        for at in places {
            if let Lit::Text(name) = &mut self.params[at]
                && let Some(relation) = known.get(name)
            {
                *name = relation.oid.to_string();
            }
        }
    }

    /// Ids of the jobs in the statement's parameters.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = i64> {
        self.params.iter().filter_map(|param| match param {
            Lit::Job(id) => Some(*id),
            _ => None,
        })
    }

    /// Name, without schema, of the index that the statement creates; `None`: it creates none.
    pub(crate) fn makes_index(&self) -> Option<String> {
        let tokens = tokens(&self.sql);
        let mut words = tokens.iter().map(|(token, ..)| match token {
            Token::Name(word) => word.as_str(),
            _ => "",
        });
        let mut next = || words.next().unwrap_or_default();
        if next() != "create" {
            return None;
        }
        let name = loop {
            match next() {
                "unique" | "index" | "concurrently" => {}
                name => break name,
            }
        };
        (next() == "on").then(|| name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_relations_of_a_statement_are_found_and_given_other_names() {
        let statement = Statement::new(
            r#"alter table "My S".t set (timescaledb.compress_orderby = 'on public.x')"#,
            Vec::new(),
        );
        assert_eq!(statement.relations(), [r#""My S".t"#]);
        let call = Statement::new(
            "select public.f($1::regclass, name => $2::name)",
            vec!["public.m".into(), "public.other".into()],
        );
        assert_eq!(call.relations(), ["public.m"]);
        let names = [("public.m".to_owned(), r#"b."M""#.to_owned())].into();
        assert_eq!(
            call.renamed(&names).literal(),
            r#"select public.f('b."M"'::regclass, name => 'public.other'::name)"#
        );
        let create = Statement::new(
            r#"CREATE UNIQUE INDEX "on" ON public.m USING btree (s.f(x)) WHERE (c.d > 'a''on public.m')"#,
            Vec::new(),
        );
        assert_eq!(create.relations(), ["public.m"]);
        assert_eq!(create.makes_index().as_deref(), Some("on"));
        assert_eq!(
            create.renamed(&names).sql,
            r#"CREATE UNIQUE INDEX "on" ON b."M" USING btree (s.f(x)) WHERE (c.d > 'a''on public.m')"#
        );
        let drop = Statement::new(r#"DROP INDEX CONCURRENTLY s."i""j""#, Vec::new());
        assert_eq!(drop.relations(), [r#"s."i""j""#]);
        assert_eq!(
            parts(r#"s."i""j""#),
            Some(("s".to_owned(), r#"i"j"#.to_owned()))
        );
        assert_eq!(parts("m"), None);
        assert_eq!(parts("a.b.c"), None);
    }
}
