//! The documents: the reference equals the program's own texts, links lead to existing headings, and commands and settings are accepted.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

#[path = "docs/picture.rs"]
mod picture;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Output, Stdio};

use clap::{CommandFactory, Parser};
use hypertop::cli::Cli;

/// Environment variable with which the test writes the reference instead of comparing it.
const WRITE: &str = "HYPERTOP_WRITE_REFERENCE";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn hypertop(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hypertop"))
        .args(args)
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("HYPERTOP_SYSCONFDIR", "/nonexistent")
        .env_remove("COLUMNS")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn printed(args: &[&str]) -> String {
    let output = hypertop(args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

const MADE: &str =
    "<!-- Made by the program: HYPERTOP_WRITE_REFERENCE=1 cargo test --test docs -->\n\n";

/// The pages of the reference, by file name.
fn reference() -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    let all = format!(
        "\n{}",
        printed(&["explain", "--all", "--format", "markdown"])
    );
    for part in all.split("\n# ").skip(1) {
        let name = part.lines().next().unwrap().to_lowercase();
        pages.insert(
            format!("{name}.md"),
            format!("{MADE}# {}\n", part.trim_end()),
        );
    }
    assert_eq!(pages.len(), 4, "{:?}", pages.keys());
    let help = |args: &[&str]| {
        let help = printed(args);
        // clap leaves trailing blanks.
        let lines: Vec<_> = help.lines().map(str::trim_end).collect();
        format!("```text\n{}\n```\n", lines.join("\n").trim_end())
    };
    let mut commands = format!("{MADE}# Commands\n\n{}", help(&["--help"]));
    for of in Cli::command()
        .get_subcommands()
        .filter(|of| !of.is_hide_set())
    {
        let name = of.get_name();
        let help = help(&[name, "--help"]);
        let _ = write!(commands, "\n## hypertop {name}\n\n{help}");
    }
    pages.insert("commands.md".to_owned(), commands);
    pages
}

#[test]
fn the_reference_and_the_picture_are_what_the_program_says() {
    let pages = reference().into_iter();
    let mut all: BTreeMap<_, _> = pages
        .map(|(name, page)| (format!("docs/reference/{name}"), page))
        .collect();
    let recording = root().join("tests/fixtures/factory.jsonl");
    all.insert("docs/overview.svg".to_owned(), picture::svg(&recording));
    for (name, page) in all {
        let file = root().join(&name);
        if std::env::var_os(WRITE).is_some() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, page).unwrap();
            continue;
        }
        let there = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            there == page,
            "{name} is stale: `{WRITE}=1 cargo test --test docs` makes it again"
        );
    }
}

/// The hand-written documents.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in [root().to_owned(), root().join("docs")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "md") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 10, "{found:?}");
    found
}

/// The anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>()
        .trim()
        .replace(' ', "-")
        .to_lowercase()
}

/// The links of a document to other documents and to headings.
fn links(text: &str) -> Vec<String> {
    let links = regex::Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let links = links.captures_iter(text).map(|found| found[1].to_owned());
    links.filter(|link| !link.starts_with("http")).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_exist() {
    for file in documents() {
        let text = std::fs::read_to_string(&file).unwrap();
        for link in links(&text) {
            let (path, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() {
                file.clone()
            } else {
                file.parent().unwrap().join(path)
            };
            assert!(target.exists(), "{}: {link}", file.display());
            if !heading.is_empty() {
                let there = std::fs::read_to_string(&target).unwrap();
                let mut headings = there.lines().filter_map(|line| line.strip_prefix('#'));
                let is_there = headings.any(|line| anchor(line.trim_start_matches('#')) == heading);
                assert!(is_there, "{}: {link}", file.display());
            }
        }
    }
}

/// The lines of the fenced blocks of this language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let parts = text.split(&fence).skip(1);
    parts
        .map(|part| part.split("```").next().unwrap().to_owned())
        .collect()
}

/// The words of a command as a shell takes them, up to a pipe, a redirection or a comment.
fn words(line: &str) -> Vec<String> {
    let script = format!("set -- {line}; printf '%s\\0' \"$@\"");
    let output = Command::new("bash")
        .args(["-fc", &script])
        .output()
        .unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn every_command_of_hypertop_in_a_document_is_a_right_command_line() {
    let mut seen = 0;
    for file in documents() {
        let text = std::fs::read_to_string(&file).unwrap();
        for line in blocks(&text, "sh").iter().flat_map(|block| block.lines()) {
            let line = line.trim_start_matches("$ ");
            if !line.starts_with("hypertop") {
                continue;
            }
            let end = line.find([';', '|', '>', '&', '#']).unwrap_or(line.len());
            let words = words(&line[..end]);
            let parsed = Cli::try_parse_from(&words);
            let is_right = parsed
                .as_ref()
                .map_or_else(|error| !error.use_stderr(), |_| true);
            assert!(is_right, "{}: {line}: {parsed:?}", file.display());
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}

#[test]
fn every_config_toml_in_a_document_is_accepted() {
    let mut seen = 0;
    for file in documents() {
        let text = std::fs::read_to_string(&file).unwrap();
        for block in blocks(&text, "toml") {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join("hypertop")).unwrap();
            std::fs::write(folder.path().join("hypertop/config.toml"), &block).unwrap();
            // `doctor` reads all of it, the keys too.
            let output = Command::new(env!("CARGO_BIN_EXE_hypertop"))
                .args(["-h", "/nonexistent", "doctor"])
                .env("XDG_CONFIG_HOME", folder.path())
                .env("HYPERTOP_SYSCONFDIR", "/nonexistent")
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let is_read =
                |line: &str| line.starts_with("ok      config ") && line.ends_with(" is read");
            assert!(
                text.lines().any(is_read),
                "{}: {block}: {text}",
                file.display()
            );
            seen += 1;
        }
    }
    assert!(seen >= 2, "{seen}");
}

#[test]
fn the_readme_is_short_and_has_the_two_commands_of_a_fresh_machine() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.lines().count() <= 150, "{}", readme.lines().count());
    for command in ["cargo run --release -- demo", "cargo test"] {
        assert!(readme.lines().any(|line| line == command), "{command}");
    }
}

#[test]
fn every_source_file_that_a_document_names_exists() {
    let span =
        regex::Regex::new(r"`((?:src|tests|queries|pages|scripts|contrib|themes)/[^`\s*]+)`")
            .unwrap();
    let mut seen = 0;
    // The changes name files as they were then.
    let documents = documents().into_iter();
    for file in documents.filter(|file| !file.ends_with("CHANGELOG.md")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let paths = span.captures_iter(&text).map(|found| found[1].to_owned());
        for path in paths.filter(|path| !path.contains("NAME")) {
            assert!(root().join(&path).exists(), "{}: {path}", file.display());
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
}

/// The files of a package by their path in its folder of documents, each with its path in the repository.
type Packaged = BTreeMap<PathBuf, PathBuf>;

/// Adds an asset. `source`: a file, or all files of a folder (`docs/**/*`).
fn add(files: &mut Packaged, source: &str, folder: &str) {
    let Some(tree) = source.strip_suffix("/**/*") else {
        let name = Path::new(source).file_name().unwrap();
        files.insert(Path::new(folder).join(name), source.into());
        return;
    };
    for entry in std::fs::read_dir(root().join(tree)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            add(
                files,
                &format!("{tree}/{name}/**/*"),
                &format!("{folder}{name}/"),
            );
        } else {
            add(files, &format!("{tree}/{name}"), folder);
        }
    }
}

/// What `scripts/release` packs, by the name of the package.
fn packages() -> BTreeMap<&'static str, Packaged> {
    let mut packages = BTreeMap::from([("deb", Packaged::new()), ("rpm", Packaged::new())]);
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let metadata = &manifest["package"]["metadata"];
    let deb = metadata["deb"]["assets"].as_array().unwrap().iter();
    let deb = deb.map(|asset| ("deb", &asset[0], &asset[1]));
    let rpm = metadata["generate-rpm"]["assets"]
        .as_array()
        .unwrap()
        .iter();
    let rpm = rpm.map(|asset| ("rpm", &asset["source"], &asset["dest"]));
    for (package, source, dest) in deb.chain(rpm) {
        let dest = dest.as_str().unwrap().trim_start_matches('/');
        if let Some(folder) = dest.strip_prefix("usr/share/doc/hypertop/") {
            let files = packages.get_mut(package).unwrap();
            add(files, source.as_str().unwrap(), folder);
        }
    }
    let script = std::fs::read_to_string(root().join("scripts/release")).unwrap();
    let copies = script
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("cp "));
    let mut archive = Packaged::new();
    for word in copies.flat_map(str::split_whitespace) {
        if root().join(word).is_dir() {
            add(&mut archive, &format!("{word}/**/*"), &format!("{word}/"));
        } else if root().join(word).is_file() {
            add(&mut archive, word, "");
        }
    }
    packages.insert("tar.gz", archive);
    packages
}

/// The path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

#[test]
fn every_link_of_a_packaged_document_leads_to_a_file_of_the_package() {
    for (package, files) in packages() {
        let mut seen = 0;
        for (path, source) in &files {
            if path.extension().is_none_or(|end| end != "md") {
                continue;
            }
            let text = std::fs::read_to_string(root().join(source)).unwrap();
            for link in links(&text) {
                let to = link.split('#').next().unwrap();
                let target = plain(&path.parent().unwrap().join(to));
                let is_there = to.is_empty() || files.contains_key(&target);
                assert!(is_there, "{package}: {}: {link}", path.display());
                seen += 1;
            }
        }
        assert!(seen > 80, "{package}: {seen}");
    }
}

#[test]
fn every_action_says_in_the_same_words_whether_it_can_be_undone() {
    let (mut always, mut sometimes) = (BTreeSet::new(), BTreeSet::new());
    for entry in std::fs::read_dir(root().join("pages/actions")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let page = std::fs::read_to_string(&path).unwrap();
        let undo = page.split("## Undo\n\n").nth(1).unwrap();
        let words = [
            "Exact",
            "Partial",
            "Irreversible",
            "Nothing to undo",
            "It depends",
        ];
        assert!(
            words.iter().any(|word| undo.starts_with(word)),
            "{name}: {undo}"
        );
        assert!(!undo.contains("IRREVERSIBLE"), "{name}: {undo}");
        if undo.starts_with("Irreversible") {
            always.insert(name);
        } else if undo.contains("Irreversible") {
            sometimes.insert(name);
        }
    }
    let acting = std::fs::read_to_string(root().join("docs/acting.md")).unwrap();
    let listed = |from: &str| -> BTreeSet<String> {
        let text = acting.split(from).nth(1).unwrap();
        let names = text
            .split("\n- ")
            .next()
            .unwrap()
            .split('`')
            .skip(1)
            .step_by(2);
        names.map(str::to_owned).collect()
    };
    assert_eq!(listed("- Irreversible are "), always);
    assert_eq!(listed("- Irreversible in some cases, "), sometimes);
}
