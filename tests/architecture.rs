//! The structure of the sources: modules import only lower modules, `screens` and `actions` do not import each other, and no modules
//! import each other in a circle. Items that only the crate uses are not `pub`.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "architecture/visibility.rs"]
mod visibility;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use hypertop::model::fix;
use regex::Regex;
use syn::visit::{self, Visit};
use syn::{ItemMod, ItemUse, UseTree};

/// The modules, from the lowest to the highest. Modules in the same list do not import each other.
const FLOORS: &[&[&str]] = &[
    &["model"],
    &["connect"],
    &["journal"],
    &["server"],
    &["demo"],
    &["screens", "actions"],
    &["app"],
    &["ui"],
    &["config"],
    &["run"],
    &["cli"],
    &["main"],
];

/// The file of each module, by the module's path.
type Modules = BTreeMap<Vec<String>, String>;
/// The names that a file imports, by importing and imported file.
type Imports = BTreeMap<(String, String), BTreeSet<String>>;

/// Paths in the text of a macro.
static PATHS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b\w+(?:::\w+)+").unwrap());

/// The sources by their path in `src`.
fn sources() -> BTreeMap<String, String> {
    texts("src")
}

/// The texts of all `.rs` files in a folder of the project, by their path in the folder.
fn texts(folder: &str) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
                let name = name.replace('\\', "/");
                found.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

fn module_of(file: &str) -> Vec<String> {
    let stem = file.trim_end_matches(".rs");
    match stem {
        "lib" => Vec::new(),
        _ => stem.split('/').map(str::to_owned).collect(),
    }
}

/// The paths that a file names.
#[derive(Default)]
struct Paths {
    /// Number of inline modules around the visited item.
    inline: usize,
    /// Imports, each with the number of inline modules around it.
    used: Vec<(usize, Vec<String>, Option<String>)>,
    named: Vec<(usize, Vec<String>)>,
    children: Vec<String>,
}

impl Paths {
    fn tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            UseTree::Name(name) => self.used.push((self.inline, with(&name.ident), None)),
            UseTree::Rename(name) => {
                let alias = name.rename.to_string();
                self.used
                    .push((self.inline, with(&name.ident), Some(alias)));
            }
            UseTree::Glob(_) => {
                self.used
                    .push((self.inline, [before, &["*".to_owned()]].concat(), None));
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(before, tree)),
        }
    }
}

impl<'a> Visit<'a> for Paths {
    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        if item.content.is_some() {
            self.inline += 1;
            visit::visit_item_mod(self, item);
            self.inline -= 1;
        } else {
            self.children.push(item.ident.to_string());
        }
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let names = path.segments.iter().map(|part| part.ident.to_string());
        self.named.push((self.inline, names.collect()));
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, of: &'a syn::Macro) {
        let text = of.tokens.to_string().replace(' ', "");
        for path in PATHS.find_iter(&text) {
            let names = path.as_str().split("::").map(str::to_owned);
            self.named.push((self.inline, names.collect()));
        }
        visit::visit_macro(self, of);
    }
}

/// All imports of the sources.
fn imports(sources: &BTreeMap<String, String>) -> Imports {
    let modules: Modules = sources
        .keys()
        .map(|file| (module_of(file), file.clone()))
        .collect();
    let mut all = Imports::new();
    for (file, text) in sources {
        let here = module_of(file);
        let mut paths = Paths::default();
        paths.visit_file(&syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}")));
        let main = file == "main.rs";
        let mut known: BTreeMap<String, Vec<String>> = paths
            .children
            .iter()
            .map(|child| {
                (
                    child.clone(),
                    [&here[..], std::slice::from_ref(child)].concat(),
                )
            })
            .collect();
        let absolute = |inline: usize, path: &[String], known: &BTreeMap<String, Vec<String>>| {
            let (first, rest) = path.split_first()?;
            match first.as_str() {
                "crate" if !main => Some(rest.to_vec()),
                "hypertop" if main => Some(rest.to_vec()),
                "self" => Some([&here[..], rest].concat()),
                "super" => {
                    let up = path.iter().take_while(|part| *part == "super").count();
                    let up_from_file = up.saturating_sub(inline);
                    let keep = here.len().checked_sub(up_from_file)?;
                    Some([&here[..keep], &path[up..]].concat())
                }
                name => Some([known.get(name)?.as_slice(), rest].concat()),
            }
        };
        let mut wanted = Vec::new();
        for (inline, path, alias) in &paths.used {
            let Some(path) = absolute(*inline, path, &known) else {
                continue;
            };
            let name = alias.as_ref().or(path.last());
            if let Some(name) = name.filter(|name| *name != "*" && *name != "self") {
                known.insert(name.clone(), path.clone());
            }
            wanted.push(path);
        }
        let named = paths.named.iter().filter(|(_, path)| path.len() > 1);
        wanted.extend(named.filter_map(|(inline, path)| absolute(*inline, path, &known)));
        for path in wanted {
            let depth = (0..=path.len())
                .rev()
                .find(|depth| modules.contains_key(&path[..*depth]));
            let Some((depth, target)) = depth.map(|depth| (depth, &modules[&path[..depth]])) else {
                continue;
            };
            // Naming a module imports nothing from it; only names used through it count.
            if let Some(name) = path.get(depth).filter(|_| target != file) {
                let taken = all.entry((file.clone(), target.clone())).or_default();
                taken.insert(name.clone());
            }
        }
    }
    all
}

fn room(file: &str) -> &str {
    let room = file.split('/').next().unwrap_or(file);
    room.trim_end_matches(".rs")
}

fn floor(file: &str) -> usize {
    let floor = FLOORS.iter().position(|rooms| rooms.contains(&room(file)));
    floor.unwrap_or_else(|| panic!("src/{file} is in no room"))
}

/// Texts on all imports of modules that are not lower.
fn upward(imports: &Imports) -> Vec<String> {
    let up = imports.iter().filter(|((from, to), _)| {
        to == "lib.rs" || (room(from) != room(to) && floor(from) <= floor(to))
    });
    up.map(|((from, to), names)| format!("src/{from} imports {names:?} from src/{to}"))
        .collect()
}

/// The files of each circle of imports.
fn circles(imports: &Imports) -> Vec<BTreeSet<&str>> {
    let mut to: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, other) in imports.keys() {
        to.entry(from).or_default().push(other);
    }
    let mut reach: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for from in to.keys() {
        let (mut seen, mut next) = (BTreeSet::new(), vec![*from]);
        while let Some(file) = next.pop() {
            let others = to.get(file).into_iter().flatten().copied();
            next.extend(others.filter(|other| seen.insert(*other)));
        }
        reach.insert(from, seen);
    }
    let mut found: Vec<BTreeSet<&str>> = Vec::new();
    for (file, seen) in &reach {
        if seen.contains(file) && !found.iter().any(|circle| circle.contains(file)) {
            let back = |other: &&&str| reach.get(**other).is_some_and(|of| of.contains(file));
            found.push(seen.iter().filter(back).copied().collect());
        }
    }
    found
}

#[test]
fn every_import_goes_down() {
    let up = upward(&imports(&sources()));
    assert!(up.is_empty(), "{}", up.join("\n"));
}

#[test]
fn an_import_that_goes_up_or_round_is_named() {
    let house = |files: &[(&str, &str)]| {
        let owned = |(file, text): &(&str, &str)| ((*file).to_owned(), (*text).to_owned());
        files.iter().map(owned).collect::<BTreeMap<_, _>>()
    };
    let planted = house(&[
        ("lib.rs", "pub mod app; pub mod model;"),
        ("app.rs", "pub struct App;"),
        ("model.rs", "pub mod text; pub mod value;"),
        (
            "model/text.rs",
            "use super::value; pub fn show() -> value::Value { todo!() }",
        ),
        (
            "model/value.rs",
            "pub struct Value(crate::app::App); mod tests { use super::*; use crate::model::text::{self as words, show}; }",
        ),
    ]);
    let imports = imports(&planted);
    assert_eq!(
        upward(&imports),
        [r#"src/model/value.rs imports {"App"} from src/app.rs"#]
    );
    let circle = BTreeSet::from(["model/text.rs", "model/value.rs"]);
    assert_eq!(circles(&imports), [circle]);
}

#[test]
fn no_files_import_one_another_in_a_circle() {
    let imports = imports(&sources());
    assert_eq!(circles(&imports), Vec::<BTreeSet<&str>>::new());
}

#[test]
fn what_a_screen_names_as_a_fix_is_one() {
    let names = Regex::new(r#"fixed_by\(\s*Some\(\s*"([a-z-]+)""#).unwrap();
    let mut found = 0;
    for (file, text) in sources() {
        for name in names.captures_iter(&text) {
            assert!(fix::by_name(&name[1]).is_some(), "src/{file}: {}", &name[1]);
            found += 1;
        }
    }
    assert!(found > 3, "{found}");
}
