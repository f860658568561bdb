//! PostgreSQL's text of a parse tree (`pg_node_tree`), as `pg_rewrite` keeps a view's definition.
//!
//! `{NAME :field value ...}` is a node, `(...)` a list; a backslash makes the next character literal. Reading this text runs no
//! code and takes no lock, unlike `pg_get_viewdef`.

/// Maximum depth of a tree that is read. No hand-written view is so deep.
const DEEPEST: usize = 400;

/// A part of a tree: a node, a list, or anything else as a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tree<'a> {
    Node(Node<'a>),
    List(Vec<Tree<'a>>),
    Word(&'a str),
}

/// A node: its name, and its fields with all their parts (`:constvalue 4 [ 1 0 0 0 ]` has several).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node<'a> {
    pub name: &'a str,
    fields: Vec<(&'a str, Vec<Tree<'a>>)>,
}

impl<'a> Tree<'a> {
    /// `None`: the text is not a parse tree.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let mut left = text;
        let tree = part(&mut left, 0)?;
        word(&mut left).is_none().then_some(tree)
    }

    pub(crate) fn node(&self) -> Option<&Node<'a>> {
        match self {
            Self::Node(node) => Some(node),
            _ => None,
        }
    }

    /// The parts of a list; empty if this is not a list.
    fn parts(&self) -> &[Self] {
        match self {
            Self::List(parts) => parts,
            _ => &[],
        }
    }

    /// The nodes of a list.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node<'a>> {
        self.parts().iter().filter_map(Self::node)
    }

    /// Whether the tree contains, at any depth, a node for which `is` returns true.
    pub(crate) fn holds(&self, is: &dyn Fn(&Node) -> bool) -> bool {
        match self {
            Self::Node(node) => {
                is(node)
                    || node
                        .fields
                        .iter()
                        .any(|(_, parts)| parts.iter().any(|part| part.holds(is)))
            }
            Self::List(parts) => parts.iter().any(|part| part.holds(is)),
            Self::Word(_) => false,
        }
    }
}

impl<'a> Node<'a> {
    /// The first part of this field; `None`: this PostgreSQL version has no such field.
    pub(crate) fn field(&self, name: &str) -> Option<&Tree<'a>> {
        let field = self.fields.iter().find(|(field, _)| *field == name);
        field?.1.first()
    }

    /// The parts of all fields.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Tree<'a>> {
        self.fields.iter().flat_map(|(_, parts)| parts)
    }

    /// The parts of the list in this field.
    pub(crate) fn parts_of(&self, name: &str) -> &[Tree<'a>] {
        self.field(name).map(Tree::parts).unwrap_or_default()
    }

    /// The nodes of the list in this field.
    pub(crate) fn list(&self, name: &str) -> impl Iterator<Item = &Node<'a>> {
        self.parts_of(name).iter().filter_map(Tree::node)
    }

    pub(crate) fn word(&self, name: &str) -> Option<&'a str> {
        match self.field(name)? {
            Tree::Word(word) => Some(word),
            _ => None,
        }
    }

    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.word(name)?.parse().ok()
    }
}

/// Reads the next part. `None`: the text ends here, or is not a parse tree.
fn part<'a>(left: &mut &'a str, depth: usize) -> Option<Tree<'a>> {
    match word(left)? {
        _ if depth > DEEPEST => None,
        "{" => node(left, depth),
        "(" => {
            let mut parts = Vec::new();
            while !closes(left, ')') {
                parts.push(part(left, depth + 1)?);
            }
            Some(Tree::List(parts))
        }
        "}" | ")" => None,
        word => Some(Tree::Word(word)),
    }
}

fn node<'a>(left: &mut &'a str, depth: usize) -> Option<Tree<'a>> {
    let name = word(left)?;
    let mut fields: Vec<(&str, Vec<Tree>)> = Vec::new();
    while !closes(left, '}') {
        match part(left, depth + 1)? {
            Tree::Word(word) if word.starts_with(':') => fields.push((&word[1..], Vec::new())),
            part => fields.last_mut()?.1.push(part),
        }
    }
    Some(Tree::Node(Node { name, fields }))
}

/// Consumes this bracket if it comes next; false: something else comes next.
fn closes(left: &mut &str, bracket: char) -> bool {
    let rest = left.trim_start().strip_prefix(bracket);
    if let Some(rest) = rest {
        *left = rest;
    }
    rest.is_some()
}

/// The next bracket or word; `None`: the end.
fn word<'a>(left: &mut &'a str) -> Option<&'a str> {
    let text = left.trim_start();
    let mut escaped = false;
    let ends = |c: char| {
        let ends = !escaped && (c.is_ascii_whitespace() || matches!(c, '{' | '}' | '(' | ')'));
        escaped = !escaped && c == '\\';
        ends
    };
    let length = match text.chars().next()? {
        '{' | '}' | '(' | ')' => 1,
        _ => text.find(ends).unwrap_or(text.len()),
    };
    let (word, rest) = text.split_at(length);
    *left = rest;
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_read_with_its_fields_lists_and_escapes() {
        let text = "({QUERY :targetList ({TARGETENTRY :resno 2 :resname a\\ b\\) :resjunk false}) :cols (b 9 10) \
                    :constvalue 4 [ 1 0 ] :cteList <>})";
        let tree = Tree::read(text).unwrap();
        let query = tree.nodes().next().unwrap();
        assert_eq!(query.name, "QUERY");
        let entry = query.list("targetList").next().unwrap();
        assert_eq!(entry.number("resno"), Some(2));
        assert_eq!(entry.word("resname"), Some("a\\ b\\)"));
        assert_eq!(query.word("cteList"), Some("<>"));
        assert_eq!(query.number("constvalue"), Some(4));
        assert!(tree.holds(&|node| node.name == "TARGETENTRY"));
        assert!(!tree.holds(&|node| node.name == "AGGREF"));
    }

    #[test]
    fn what_is_no_tree_is_not_read() {
        for text in ["", "(", "{QUERY", "{QUERY a}", "({A)}", ") (", "{A} {B}"] {
            assert_eq!(Tree::read(text), None, "{text}");
        }
        assert_eq!(Tree::read(&"(".repeat(100_000)), None);
    }
}
