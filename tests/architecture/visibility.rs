//! Visibility: `pub` is only what the program, the tests or the benchmarks use. The rest is `pub(crate)` or narrower.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;
use syn::visit::{self, Visit};
use syn::{ImplItem, Item, UseTree, Visibility};

use super::{sources, texts};

static WORDS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\w+").unwrap());

/// The names that a file offers as `pub`, and the names in their signatures, which are `pub` with them.
#[derive(Default)]
struct Offered {
    names: BTreeSet<String>,
    signatures: BTreeSet<String>,
}

impl Offered {
    fn offer(&mut self, visibility: &Visibility, name: &syn::Ident) -> bool {
        let is_public = matches!(visibility, Visibility::Public(_));
        if is_public {
            self.names.insert(name.to_string());
        }
        is_public
    }

    fn item(&mut self, item: &Item) {
        match item {
            Item::Const(item) if self.offer(&item.vis, &item.ident) => self.visit_type(&item.ty),
            Item::Static(item) if self.offer(&item.vis, &item.ident) => self.visit_type(&item.ty),
            Item::Type(item) if self.offer(&item.vis, &item.ident) => self.visit_type(&item.ty),
            Item::Fn(item) if self.offer(&item.vis, &item.sig.ident) => {
                self.visit_signature(&item.sig);
            }
            Item::Enum(item) if self.offer(&item.vis, &item.ident) => {
                item.variants.iter().for_each(|one| self.visit_variant(one));
            }
            Item::Trait(item) if self.offer(&item.vis, &item.ident) => self.visit_item_trait(item),
            Item::Struct(item) if self.offer(&item.vis, &item.ident) => {
                // Fields have no check of their own: a test that writes `..default` needs all of them.
                item.fields.iter().for_each(|field| self.visit_field(field));
            }
            Item::Macro(item) => {
                let text = item.mac.tokens.to_string();
                let words = WORDS.find_iter(&text).map(|word| word.as_str().to_owned());
                self.signatures.extend(words);
            }
            Item::Mod(item) => {
                self.offer(&item.vis, &item.ident);
            }
            Item::Use(item) if matches!(item.vis, Visibility::Public(_)) => self.leaf(&item.tree),
            Item::Impl(block) => {
                for item in &block.items {
                    match item {
                        ImplItem::Fn(item) if self.offer(&item.vis, &item.sig.ident) => {
                            self.visit_signature(&item.sig);
                        }
                        ImplItem::Const(item) if self.offer(&item.vis, &item.ident) => {
                            self.visit_type(&item.ty);
                        }
                        // What a trait's implementation for a `pub` type names has to be `pub` too.
                        ImplItem::Type(item) if block.trait_.is_some() => self.visit_type(&item.ty),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn leaf(&mut self, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => self.leaf(&path.tree),
            UseTree::Name(name) => drop(self.names.insert(name.ident.to_string())),
            UseTree::Rename(name) => drop(self.names.insert(name.rename.to_string())),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.leaf(tree)),
            UseTree::Glob(_) => {}
        }
    }
}

impl<'a> Visit<'a> for Offered {
    fn visit_path(&mut self, path: &'a syn::Path) {
        let names = path.segments.iter().map(|part| part.ident.to_string());
        self.signatures.extend(names);
        visit::visit_path(self, path);
    }
}

/// Texts on the names that are `pub`, but that neither a name outside of the crate nor the signature of such a name needs.
fn too_wide(sources: &BTreeMap<String, String>, outside: &[String]) -> Vec<String> {
    let words = outside.iter().flat_map(|text| WORDS.find_iter(text));
    let mut needed: BTreeSet<String> = words.map(|word| word.as_str().to_owned()).collect();
    let offered = sources.iter().map(|(file, text)| {
        let (mut offered, tree) = (Offered::default(), syn::parse_file(text).unwrap());
        tree.items.iter().for_each(|item| offered.item(item));
        (file, offered)
    });
    let offered: Vec<(&String, Offered)> = offered.collect();
    for (_, offered) in &offered {
        needed.extend(offered.signatures.iter().cloned());
    }
    let mut found = Vec::new();
    for (file, offered) in offered {
        let wide = offered.names.difference(&needed);
        found.extend(wide.map(|name| format!("{file}: {name} is pub, but only the crate uses it")));
    }
    found
}

#[test]
fn what_only_the_crate_uses_is_not_pub() {
    let mut sources = sources();
    let main = sources.remove("main.rs").unwrap();
    let users = [texts("tests"), texts("benches")];
    let users = users.into_iter().flat_map(BTreeMap::into_values);
    let outside: Vec<String> = users.chain([main]).collect();
    let found = too_wide(&sources, &outside);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_name_that_is_pub_for_nobody_is_named() {
    let source = (
        "model.rs".to_owned(),
        "pub struct Shown { pub part: Part, own: Own } pub struct Part; struct Own; \
         impl Shown { pub fn print(&self) {} pub fn spare(&self) {} pub(crate) fn inside(&self) {} fn own(&self) {} } \
         pub fn lonely() {} pub(crate) fn shared() {}"
            .to_owned(),
    );
    let test = "fn test(of: model::Shown) { of.part; of.print(); }".to_owned();
    let found = too_wide(&BTreeMap::from([source]), &[test]);
    assert_eq!(
        found,
        [
            "model.rs: lonely is pub, but only the crate uses it",
            "model.rs: spare is pub, but only the crate uses it"
        ]
    );
}
