//! The hypertables and aggregates that a statement's text names. The statement's plan may read others, too.

use serde::Deserialize;

use crate::model::text;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Relation {
    pub schema: String,
    pub name: String,
    pub kind: RelationKind,
    /// Bucket width of an aggregate: an interval, or units of integer time; `None`: a hypertable.
    pub bucket: Option<String>,
    /// Schema of an aggregate's source, which is a hypertable or another aggregate; `None`: a hypertable.
    pub source_schema: Option<String>,
    pub source: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RelationKind {
    Hypertable,
    Aggregate,
}

impl Relation {
    pub(super) fn full_name(&self) -> String {
        text::qualified(&self.schema, &self.name)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Catalog(pub Vec<Relation>);

impl Catalog {
    /// Reads the relations from the query's JSON. Relations that cannot be read are left out, so there are no hints about them.
    pub(super) fn read(json: &serde_json::Value) -> Self {
        let all = json.as_array().into_iter().flatten();
        Self(
            all.filter_map(|one| Relation::deserialize(one).ok())
                .collect(),
        )
    }

    /// The relations that the text names: with schema anywhere in the text, without schema only where SQL allows a relation.
    pub(super) fn named_in(&self, text: &str) -> Vec<&Relation> {
        let names = names(&tokens(text));
        let by_schema = |relation: &Relation| {
            names.iter().any(|name| {
                matches!(name.parts.as_slice(), [.., schema, table] if *schema == relation.schema && *table == relation.name)
            })
        };
        let bare = |relation: &Relation| {
            names.iter().any(|name| {
                name.relation && matches!(name.parts.as_slice(), [table] if *table == relation.name)
            })
        };
        self.0
            .iter()
            .filter(|relation| by_schema(relation) || bare(relation))
            .collect()
    }

    /// The aggregates of this hypertable, including aggregates on its aggregates.
    pub(super) fn aggregates_of(&self, hypertable: &Relation) -> Vec<&Relation> {
        let from = |relation: &&Relation| {
            relation.kind == RelationKind::Aggregate
                && self.root(relation) == Some((&hypertable.schema, &hypertable.name))
        };
        self.0.iter().filter(from).collect()
    }

    /// Schema and name of the hypertable at the root of an aggregate's hierarchy; `None`: not found.
    fn root<'a>(&'a self, aggregate: &'a Relation) -> Option<(&'a String, &'a String)> {
        let mut source = (
            aggregate.source_schema.as_ref()?,
            aggregate.source.as_ref()?,
        );
        // Hierarchies are short. The limit ends the loop if a damaged catalogue contains a cycle.
        for _ in 0..20 {
            let parent = self.0.iter().find(|relation| {
                relation.kind == RelationKind::Aggregate
                    && (&relation.schema, &relation.name) == source
            });
            match parent {
                Some(parent) => {
                    source = (parent.source_schema.as_ref()?, parent.source.as_ref()?);
                }
                None => break,
            }
        }
        Some(source)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// Identifier or keyword, in lower case unless it was quoted.
    Word(String),
    /// Text of a string or number.
    Literal(String),
    /// A parameter such as `$1`.
    Parameter,
    Sign(char),
}

/// The statement's tokens, without comments.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '-' if after.starts_with('-') => after.split_once('\n').map_or("", |(_, rest)| rest),
            '/' if after.starts_with('*') => after.split_once("*/").map_or("", |(_, rest)| rest),
            '\'' => quoted(after, '\'', |text| found.push(Token::Literal(text))),
            '"' => quoted(after, '"', |text| found.push(Token::Word(text))),
            '$' if after.starts_with(|c: char| c.is_ascii_digit()) => {
                found.push(Token::Parameter);
                after.trim_start_matches(|c: char| c.is_ascii_digit())
            }
            '$' => dollar(rest, &mut found),
            c if c.is_alphabetic() || c == '_' => {
                let end = rest
                    .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
                    .unwrap_or(rest.len());
                found.push(Token::Word(rest[..end].to_lowercase()));
                &rest[end..]
            }
            c if c.is_ascii_digit() => {
                let end = rest
                    .find(|c: char| !(c.is_ascii_digit() || c == '.'))
                    .unwrap_or(rest.len());
                found.push(Token::Literal(rest[..end].to_owned()));
                &rest[end..]
            }
            c if c.is_whitespace() => after,
            c => {
                found.push(Token::Sign(c));
                after
            }
        };
    }
    found
}

/// Passes the text up to the closing quote to `take` (two quotes mean one), and returns the text after the closing quote.
fn quoted(text: &str, quote: char, mut take: impl FnMut(String)) -> &str {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(end) = rest.find(quote) {
        kept.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        if !rest.starts_with(quote) {
            take(kept);
            return rest;
        }
        kept.push(quote);
        rest = &rest[1..];
    }
    // No closing quote: the text of the query was cut.
    ""
}

/// Reads `$$ … $$` or `$tag$ … $tag$`, and returns the text after it.
fn dollar<'a>(text: &'a str, found: &mut Vec<Token>) -> &'a str {
    let tag = text[1..]
        .find('$')
        .map(|end| &text[..end + 2])
        .filter(|tag| {
            tag[1..tag.len() - 1]
                .chars()
                .all(|c| c.is_alphanumeric() || c == '_')
        });
    let Some(tag) = tag else {
        return &text[1..];
    };
    let body = &text[tag.len()..];
    match body.split_once(tag) {
        Some((literal, rest)) => {
            found.push(Token::Literal(literal.to_owned()));
            rest
        }
        None => "",
    }
}

/// A name in a statement's text.
struct Name {
    /// The parts of a qualified name: `[mes, oee]`.
    parts: Vec<String>,
    /// Whether SQL allows a relation here, and the statement has no CTE of this name.
    relation: bool,
}

/// Every name in the text; for CALL, also the names in string arguments: `CALL refresh(... 'mes.oee_hourly' ...)`.
fn names(tokens: &[Token]) -> Vec<Name> {
    let calls = tokens.first() == Some(&Token::Word("call".to_owned()));
    let mut all: Vec<Name> = Vec::new();
    let (mut joined, mut lists, mut expected) = (false, false, false);
    for token in tokens {
        match token {
            Token::Word(word) => {
                match all.last_mut().filter(|_| joined) {
                    Some(name) => name.parts.push(word.clone()),
                    None => all.push(Name {
                        parts: vec![word.clone()],
                        relation: expected && !is_part(tokens, word),
                    }),
                }
                (lists, expected) = match word.as_str() {
                    "from" | "join" | "using" => (true, true),
                    "into" | "update" | "table" | "only" | "copy" | "lateral" => (lists, true),
                    "select" | "where" | "group" | "order" | "having" | "set" | "values" | "on"
                    | "limit" | "union" | "returning" => (false, false),
                    _ => (lists, false),
                };
                joined = false;
                continue;
            }
            // A dot joins the names before and after it.
            Token::Sign('.') => {
                joined = !all.is_empty();
                continue;
            }
            Token::Literal(literal) if calls => all.extend(names(&self::tokens(literal))),
            _ => {}
        }
        joined = false;
        expected = lists && *token == Token::Sign(',');
    }
    all
}

/// Whether the statement has a CTE of this name (`WITH word AS (`).
fn is_part(tokens: &[Token], word: &str) -> bool {
    tokens.windows(3).any(|three| {
        matches!(three, [Token::Word(name), Token::Word(one), next] if name == word && one == "as"
            && (*next == Token::Sign('(') || matches!(next, Token::Word(next) if next == "materialized" || next == "not")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation(schema: &str, name: &str) -> Relation {
        Relation {
            schema: schema.to_owned(),
            name: name.to_owned(),
            kind: RelationKind::Hypertable,
            bucket: None,
            source_schema: None,
            source: None,
        }
    }

    #[test]
    fn a_name_counts_with_its_schema_or_alone_and_not_in_literals_and_comments() {
        let catalog = Catalog(vec![
            relation("mes", "oee"),
            relation("Weird \"Name\"", "Ölçüm.Tablo 'A'"),
        ]);
        let named = |text: &str| {
            let found = catalog.named_in(text);
            found.iter().map(|one| one.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(named("select * from mes.oee where a = $1"), ["oee"]);
        assert_eq!(named("SELECT avg(v) FROM x, OEE o"), ["oee"]);
        assert_eq!(
            named("select oee, x.oee from x oee where oee > $1"),
            [""; 0]
        );
        assert_eq!(named("with oee as (select 1) select * from oee"), [""; 0]);
        assert_eq!(named("insert into oee values ($1)"), ["oee"]);
        assert_eq!(named("call refresh('mes.oee', null)"), ["oee"]);
        assert_eq!(named("select 1 from other.oee"), [""; 0]);
        assert_eq!(
            named("select 'mes.oee' -- from mes.oee\n, 2 /* oee */"),
            [""; 0]
        );
        assert_eq!(
            named("select * from \"Weird \"\"Name\"\"\".\"Ölçüm.Tablo 'A'\""),
            ["Ölçüm.Tablo 'A'"]
        );
        assert_eq!(named("do $x$ select from oee $x$"), [""; 0]);
        assert_eq!(named("select 'cut in the middle of mes.oee"), [""; 0]);
    }
}
