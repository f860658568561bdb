//! Finds columns that are aggregated again although the result is wrong, such as an average of averages. It reads parse trees.
//!
//! It finds the functions in [`functions`] on a column, also through casts, rounding, CASE, arithmetic with constants, subqueries, CTEs and
//! other views. It does not find functions of extensions (such as `average(stats_agg)`), columns computed from several columns, moving
//! averages (window functions), and queries that are not views.

use std::cell::Cell;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::functions::{self, DIVISIONS, Function, Held};
use crate::model::parse_tree::{Node, Tree};
use crate::model::verdict::Level;

/// A column that is aggregated again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaggregated {
    /// The view that aggregates the column again; `None`: this aggregate itself, which reads a column of its parent.
    pub reader: Option<String>,
    /// Name of the function that aggregates the column again, such as `avg`.
    pub function: String,
    pub level: Level,
    pub column: String,
    pub(super) held: Held,
}

/// A row of the companion query, with the definitions that are searched.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Views {
    /// Oid of the aggregate's view.
    shown: Option<i64>,
    columns: Option<Vec<String>>,
    /// Parse tree of the aggregate's definition.
    tree: Option<String>,
    /// Oid of the parent aggregate's view. Its columns are in `parent_columns`, its parse tree in `parent_tree`. `None`: the aggregate
    /// reads a hypertable.
    parent: Option<i64>,
    parent_columns: Option<Vec<String>>,
    parent_tree: Option<String>,
    readers: Option<Vec<Reader>>,
}

/// A plain view that reads the aggregate.
#[derive(Debug, Deserialize)]
struct Reader {
    oid: i64,
    name: String,
    tree: String,
}

impl Views {
    /// The columns that are aggregated again, by this aggregate or by views over it.
    pub(super) fn reaggregated(&self) -> Vec<Reaggregated> {
        let own = self.tree.as_deref().and_then(Tree::read);
        let parent = self.parent_tree.as_deref().and_then(Tree::read);
        let mut found = Vec::new();
        if let (Some(own), Some(parent), Some(oid)) = (&own, &parent, self.parent) {
            let source = Source::new(oid, self.parent_columns.as_deref(), parent, HashMap::new());
            found.extend(source.read_by(None, own));
        }
        let readers = self.readers.as_deref().unwrap_or_default();
        let trees = readers
            .iter()
            .filter_map(|reader| Some((reader, Tree::read(&reader.tree)?)));
        let trees: Vec<_> = trees.collect();
        if let (Some(own), Some(oid)) = (&own, self.shown) {
            let views = trees.iter().map(|(reader, tree)| (reader.oid, tree));
            let source = Source::new(oid, self.columns.as_deref(), own, views.collect());
            for (reader, tree) in &trees {
                found.extend(source.read_by(Some(&reader.name), tree));
            }
        }
        found
    }
}

/// An aggregate with the kinds of values in its columns, and the plain views over it.
struct Source<'t> {
    oid: i64,
    names: &'t [String],
    held: Vec<Option<Held>>,
    views: HashMap<i64, &'t Tree<'t>>,
    /// Remaining steps for one reader. Without this limit, nested views and subqueries could need too many steps.
    fuel: Cell<usize>,
}

/// A column of the source: its number, counted from 1, and the kind of its values.
#[derive(Clone, Copy)]
struct Origin {
    held: Held,
    column: usize,
}

/// A call of an aggregate function on a column of the source.
struct Found {
    function: &'static str,
    level: Level,
    origin: Origin,
}

/// A query, and the queries that it is nested in.
#[derive(Clone, Copy)]
struct Scope<'q, 't> {
    query: &'q Node<'t>,
    outer: Option<&'q Scope<'q, 't>>,
    /// Number of nested queries and views between the reader and this query.
    depth: usize,
}

/// Maximum depth. Deeper nesting means a recursive CTE.
const DEEPEST: usize = 50;
const FUEL: usize = 20_000;

impl<'t> Source<'t> {
    fn new(
        oid: i64,
        names: Option<&'t [String]>,
        tree: &Tree,
        views: HashMap<i64, &'t Tree<'t>>,
    ) -> Self {
        let entries = tree
            .nodes()
            .next()
            .into_iter()
            .flat_map(|query| query.list("targetList"));
        let held = entries.map(|entry| passes(entry.field("expr")?, &held));
        Self {
            oid,
            names: names.unwrap_or_default(),
            held: held.collect(),
            views,
            fuel: Cell::new(FUEL),
        }
    }

    /// The columns that a view with this parse tree aggregates again.
    fn read_by(&self, reader: Option<&str>, tree: &Tree) -> Vec<Reaggregated> {
        self.fuel.set(FUEL);
        let mut found = Vec::new();
        for query in tree.nodes() {
            let top = Scope {
                query,
                outer: None,
                depth: 0,
            };
            self.query(&top, &mut found);
        }
        let mut all: Vec<Reaggregated> = Vec::new();
        for Found {
            function,
            level,
            origin,
        } in found
        {
            let Some(column) = self.names.get(origin.column - 1) else {
                continue;
            };
            let one = Reaggregated {
                reader: reader.map(str::to_owned),
                function: function.to_owned(),
                level,
                column: column.clone(),
                held: origin.held,
            };
            if !all.contains(&one) {
                all.push(one);
            }
        }
        all
    }

    /// Adds the calls of aggregate functions in a query and in the queries inside it to `found`.
    fn query(&self, at: &Scope<'_, '_>, found: &mut Vec<Found>) {
        for part in at.query.parts() {
            self.part(part, at, found);
        }
    }

    fn part(&self, part: &Tree, at: &Scope<'_, '_>, found: &mut Vec<Found>) {
        let node = match part {
            Tree::Word(_) => return,
            Tree::List(parts) => {
                for part in parts {
                    self.part(part, at, found);
                }
                return;
            }
            Tree::Node(node) => node,
        };
        if node.name == "QUERY" {
            let inner = Scope {
                query: node,
                outer: Some(at),
                depth: 0,
            };
            return self.query(&inner, found);
        }
        if node.name == "AGGREF"
            && node.number("agglevelsup") == Some(0)
            && let Some((function, name)) = functions::of(node)
        {
            found.extend(node.list("args").filter_map(|argument| {
                let origin = self.origin(argument.field("expr")?, at)?;
                Some(Found {
                    function: name,
                    level: functions::level(function, origin.held)?,
                    origin,
                })
            }));
        }
        for part in node.parts() {
            self.part(part, at, found);
        }
    }

    /// The source column that this expression returns, perhaps cast or rounded: see [`passes`].
    fn origin(&self, expression: &Tree, at: &Scope<'_, '_>) -> Option<Origin> {
        passes(expression, &|node| {
            (node.name == "VAR")
                .then(|| self.variable(node, at))
                .flatten()
        })
    }

    fn variable(&self, node: &Node, at: &Scope<'_, '_>) -> Option<Origin> {
        self.fuel.set(self.fuel.get().checked_sub(1)?);
        let depth = at.depth + 1;
        let inside = |query, outer| {
            let inner = Scope {
                query,
                outer,
                depth,
            };
            (depth < DEEPEST).then_some(inner)
        };
        let at = above(at, node.number("varlevelsup")?)?;
        let table = usize::try_from(node.number("varno")?)
            .ok()?
            .checked_sub(1)?;
        let table = at.query.list("rtable").nth(table)?;
        let column = usize::try_from(node.number("varattno")?).ok()?;
        let index = column.checked_sub(1)?;
        match table.number("rtekind")? {
            // A relation.
            0 => {
                let oid = table.number("relid")?;
                if oid == self.oid {
                    let held = (*self.held.get(index)?)?;
                    return Some(Origin { held, column });
                }
                let query = self.views.get(&oid)?.nodes().next()?;
                self.column(&inside(query, None)?, column)
            }
            // A subquery.
            1 => {
                let query = table.field("subquery")?.node()?;
                self.column(&inside(query, Some(at))?, column)
            }
            // A join.
            2 => self.origin(table.parts_of("joinaliasvars").get(index)?, at),
            // A CTE.
            6 => {
                let at = above(at, table.number("ctelevelsup")?)?;
                let name = table.word("ctename")?;
                let mut all = at.query.list("cteList");
                let of = all.find(|of| of.word("ctename") == Some(name))?;
                let query = of.field("ctequery")?.node()?;
                self.column(&inside(query, Some(at))?, column)
            }
            // The grouped columns (PostgreSQL 18).
            _ => self.origin(table.parts_of("groupexprs").get(index)?, at),
        }
    }

    /// The source column that a column of a subquery returns.
    fn column(&self, of: &Scope<'_, '_>, column: usize) -> Option<Origin> {
        let number = i64::try_from(column).ok();
        let mut entries = of.query.list("targetList");
        let entry = entries.find(|entry| entry.number("resno") == number)?;
        self.origin(entry.field("expr")?, of)
    }
}

fn above<'q, 't>(level: &'q Scope<'q, 't>, levels: i64) -> Option<&'q Scope<'q, 't>> {
    (0..levels).try_fold(level, |level, _| level.outer)
}

/// Calls `leaf` with the innermost node of an expression. Casts, rounding, CASE and arithmetic with constants are skipped, because they do
/// not change the kind of a value.
fn passes<T>(expression: &Tree, leaf: &dyn Fn(&Node) -> Option<T>) -> Option<T> {
    let node = expression.node()?;
    let only = || {
        let mut live = node
            .parts_of("args")
            .iter()
            .filter(|part| !is_constant(part));
        let one = live.next()?;
        live.next().is_none().then_some(one)
    };
    match node.name {
        "FUNCEXPR" | "NULLIFEXPR" => passes(only()?, leaf),
        "OPEXPR" => match only() {
            Some(one) if functions::is_arithmetic(node) => passes(one, leaf),
            Some(_) => None,
            None => leaf(node),
        },
        "RELABELTYPE" | "COERCEVIAIO" | "COLLATE" | "COLLATEEXPR" => {
            passes(node.field("arg")?, leaf)
        }
        "COALESCE" | "COALESCEEXPR" => {
            let mut args = node.parts_of("args").iter();
            args.find_map(|argument| passes(argument, leaf))
        }
        "CASE" | "CASEEXPR" => {
            let results = node.list("args").filter_map(|when| when.field("result"));
            results
                .chain(node.field("defresult"))
                .find_map(|result| passes(result, leaf))
        }
        _ => leaf(node),
    }
}

fn is_constant(expression: &Tree) -> bool {
    let live = ["VAR", "AGGREF", "SUBLINK", "PARAM", "WINDOWFUNC"];
    !expression.holds(&|node| live.contains(&node.name))
}

/// The kind of values in a column of an aggregate, by the innermost node of the column's expression. `None`: the column may be aggregated
/// again.
fn held(node: &Node) -> Option<Held> {
    if node.name == "OPEXPR" {
        // A sum divided by a sum or a count.
        let is_division = DIVISIONS.contains(&node.number("opno")?);
        let mut parts = node.parts_of("args").iter();
        let sums = parts.all(|part| part.holds(&|node| node.name == "AGGREF"));
        return (is_division && sums).then_some(Held::Ratio);
    }
    if node.name != "AGGREF" {
        return None;
    }
    match functions::of(node)?.0 {
        Function::Average => Some(Held::Average),
        Function::Deviation => Some(Held::Deviation),
        Function::Percentile => Some(Held::Percentile),
        Function::Count => (node.word("aggdistinct") != Some("<>")).then_some(Held::DistinctCount),
        Function::Sum => None,
    }
}
