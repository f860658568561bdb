//! `hypertop explain`: every rule, action, screen and threshold has a page, and everything that a page names exists.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod console;
mod support;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use clap::Parser;
use console::{connected, drawn, press, screen};
use hypertop::actions::action::Does;
use hypertop::actions::catalogue;
use hypertop::app::pages;
use hypertop::cli::Cli;
use hypertop::model::pages::{Catalogue, Handwritten, Page, files, fixes};
use hypertop::model::screen_id::ScreenId;
use hypertop::model::thresholds::{ALL, Limits, Threshold};
use hypertop::model::verdict::Level;
use hypertop::model::{fix, rules, threshold_settings};
use hypertop::server::sql;
use serde_json::Value as Json;
use support::with_targets;

fn explain(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hypertop"))
        .arg("explain")
        .args(args)
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn told(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Every page, as the console and the command line make it.
fn all() -> Vec<Page> {
    let limits = Limits::default();
    let page = |(catalogue, name)| pages::page(catalogue, name, &limits).unwrap();
    pages::names().into_iter().map(page).collect()
}

/// The names whose pages have a hand-written part.
fn written() -> Vec<(Catalogue, &'static str)> {
    let acts = |name: &str| {
        let action = catalogue::by_name(name).unwrap();
        matches!(action.does, Does::Plan(_))
    };
    let mut names = pages::names();
    names.retain(|(of, name)| *of != Catalogue::Actions || acts(name));
    names
}

#[test]
fn every_name_has_a_page_with_all_headings_and_every_page_a_name() {
    let names = written();
    for (of, name) in &names {
        let page = Handwritten::of(*of, name);
        let page = page.unwrap_or_else(|| panic!("pages/{}/{name}.md is missing", of.name()));
        let mut headings: Vec<_> = page.headings().collect();
        if *of == Catalogue::Rules {
            headings.retain(|heading| *heading != "How to silence it");
        }
        assert_eq!(headings, of.written(), "{name}");
        for heading in headings {
            let words = page.section(heading).split_whitespace().count();
            assert!(words > 1, "{name}: {heading}");
        }
    }
    for of in Catalogue::ALL {
        for file in files(of) {
            assert!(names.contains(&(of, file)), "{}/{file}.md", of.name());
        }
    }
    for page in all() {
        let filled = page.passages.iter().all(|of| !of.text.trim().is_empty());
        assert!(filled && !page.passages.is_empty(), "{page:?}");
        assert!(!page.title.is_empty(), "{page:?}");
    }
}

#[test]
fn the_head_of_a_rules_page_names_what_there_is() {
    for rule in rules::ALL {
        let page = Handwritten::of(Catalogue::Rules, rule.name).unwrap();
        let known = |key: &str, is: &dyn Fn(&str) -> bool| {
            let names = page.names(key);
            let wrong: Vec<_> = names.iter().filter(|name| !is(name)).collect();
            assert!(wrong.is_empty(), "{}: {key}: {wrong:?}", rule.name);
            names.len()
        };
        let level = |name: &str| Level::ALL.iter().any(|level| level.name() == name);
        assert!(known("levels", &level) > 0, "{}", rule.name);
        assert_eq!(
            known("screen", &|name| ScreenId::by_name(name).is_some()),
            1
        );
        let query = |name: &str| sql::names().any(|known| known == name);
        assert!(known("queries", &query) > 0, "{}", rule.name);
        known("fixes", &|name| fix::by_name(name).is_some());
        known("thresholds", &|key| Threshold::named(key).is_some());
    }
}

#[test]
fn a_value_in_a_page_comes_from_the_thresholds() {
    let sign = regex::Regex::new(r"\{([^}]*)\}").unwrap();
    for (of, name) in written() {
        let page = Handwritten::of(of, name).unwrap();
        for heading in page.headings() {
            for key in sign.captures_iter(page.section(heading)) {
                let known = Threshold::named(&key[1]).is_some();
                assert!(known && of == Catalogue::Rules, "{name}: {}", &key[0]);
            }
        }
    }
    let mut limits = Limits::default();
    let text = |limits: &Limits| {
        let page = pages::page(Catalogue::Rules, "job-late", limits).unwrap();
        page.markdown(1)
    };
    assert!(text(&limits).contains("2m after its next start"));
    limits.set("job_late", 5400.0);
    assert!(text(&limits).contains("1h 30m after its next start"));
    let page = pages::page(Catalogue::Thresholds, "job_late", &limits).unwrap();
    assert!(
        page.facts.contains("default 2m · set here: 1h 30m"),
        "{page:?}"
    );
}

#[test]
fn every_command_in_a_page_is_one() {
    let mut seen = 0;
    for page in all() {
        for passage in &page.passages {
            for line in passage.text.lines() {
                let Some(command) = line.strip_prefix("    hypertop ") else {
                    continue;
                };
                let words = command.split(' ').map(|word| word.trim_matches('\''));
                let parsed = Cli::try_parse_from(["hypertop"].into_iter().chain(words));
                assert!(parsed.is_ok(), "{}: {command}", page.name);
                if let Some((_, set)) = command.split_once("--threshold ") {
                    let set = threshold_settings::one(set.trim_matches('\''));
                    let of = Threshold::named(page.name).unwrap();
                    assert_eq!(set, Ok((of.key.to_owned(), of.default)), "{command}");
                }
                seen += 1;
            }
            // Code within a sentence, between backticks.
            let parts = passage.text.split('`').skip(1).step_by(2);
            for part in parts.filter(|part| part.starts_with("hypertop ")) {
                let word = part.split(' ').nth(1).unwrap();
                let parsed = Cli::try_parse_from(["hypertop", word, "--help"]);
                let help = parsed.unwrap_err().kind() == clap::error::ErrorKind::DisplayHelp;
                assert!(help, "{}: {part}", page.name);
            }
        }
    }
    assert!(seen > 400, "{seen}");
}

#[test]
fn the_lines_for_config_toml_are_read_as_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("hypertop")).unwrap();
    let file = folder.path().join("hypertop/config.toml");
    for of in ALL {
        let page = pages::page(Catalogue::Thresholds, of.key, &Limits::default()).unwrap();
        let markdown = page.markdown(1);
        let lines = markdown
            .lines()
            .filter_map(|line| line.strip_prefix("    "));
        let lines: Vec<_> = lines.filter(|line| !line.starts_with("hypertop")).collect();
        std::fs::write(&file, lines.join("\n")).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_hypertop"))
            .args(["thresholds", "--format", "json"])
            .env("XDG_CONFIG_HOME", folder.path())
            .output()
            .unwrap();
        let listed: Json =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        let rows = listed["thresholds"].as_array().unwrap().iter();
        let own: Vec<_> = rows.filter(|row| row["key"] == of.key).collect();
        assert!(
            own.iter().all(|row| row["value"] == row["default"]),
            "{own:?}"
        );
        assert!(
            own[0]["from"].as_str().unwrap().contains("config.toml"),
            "{own:?}"
        );
    }
}

#[test]
fn a_finding_of_the_factory_has_a_level_and_a_fix_that_its_page_names() {
    with_targets(|targets| {
        for target in &targets.all {
            let mut seen = 0;
            let output = Command::new(env!("CARGO_BIN_EXE_hypertop"))
                .args([
                    "show",
                    "overview",
                    "--all",
                    "--format",
                    "json",
                    &target.conninfo,
                ])
                .env("XDG_CONFIG_HOME", "/nonexistent")
                .output()
                .unwrap();
            let shown: Json = serde_json::from_slice(&output.stdout).unwrap();
            for row in shown["rows"].as_array().unwrap() {
                let rule = rules::by_name(row["rule"].as_str().unwrap()).unwrap();
                let page = Handwritten::of(Catalogue::Rules, rule.name).unwrap();
                let level = row["verdict"].as_str().unwrap();
                assert!(
                    page.names("levels").contains(&level),
                    "{}: {row}",
                    target.name
                );
                if let Some(fix) = row["fix"].as_str() {
                    assert!(fixes(rule).contains(&fix), "{}: {row}", target.name);
                }
                seen += 1;
            }
            assert!(seen > 10, "{}: {seen}", target.name);
        }
    });
}

/// Each level with which the code names a rule is on the rule's page.
#[test]
fn a_level_in_the_code_of_a_verdict_is_in_the_page_of_its_rule() {
    let pair = regex::Regex::new(r"rules::([A-Z_]+),\s*Level::([A-Z][a-z]+)").unwrap();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            for found in pair.captures_iter(&text) {
                let name = found[1].to_lowercase().replace('_', "-");
                let level = found[2].to_lowercase();
                // This name differs from that of its constant.
                let name = name.replace("job-busy", "job-busy-hours");
                let page = Handwritten::of(Catalogue::Rules, &name);
                let page = page.unwrap_or_else(|| panic!("{}: {name}", path.display()));
                let is_remark = level == "ok";
                assert!(
                    is_remark || page.names("levels").contains(&level.as_str()),
                    "{}: {name} is {level}",
                    path.display()
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 60, "{seen}");
}

/// Each rule is named (as a constant or by its name) in a test file whose tests have a server.
#[test]
fn every_rule_is_named_by_a_test_that_has_a_server() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")];
    let mut texts = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|of| of == "rs") {
                texts.push(std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let serves = regex::Regex::new(r"\b(on_each|alone_on_each|on_own|with_targets|Rig)\b").unwrap();
    texts.retain(|text| serves.is_match(text));
    for rule in rules::ALL {
        let constant = rule.name.to_uppercase().replace('-', "_");
        let constant = constant.replace("JOB_BUSY_HOURS", "JOB_BUSY");
        let name = rule.name;
        let names = format!(r#"rules::{constant}\b|"{name}"|rule=\\"{name}\\""#);
        let names = regex::Regex::new(&names).unwrap();
        assert!(texts.iter().any(|text| names.is_match(text)), "{name}");
    }
}

#[test]
fn a_page_is_short_and_says_each_thing_once() {
    for page in all() {
        if page.catalogue != Catalogue::Rules {
            continue;
        }
        let lines = page.lines(78);
        assert!(lines.len() <= 50, "{}: {} lines", page.name, lines.len());
        for (_, line) in &lines {
            assert!(
                line.chars().count() <= 78 || line.contains("hypertop"),
                "{line}"
            );
        }
    }
}

#[test]
fn a_page_is_printed_plain_and_in_markdown_and_all_names_are_listed() {
    let page = told(explain(&["aggregate-wipe"]));
    assert!(
        page.starts_with("aggregate-wipe: refresh would delete rows\nrule · critical · "),
        "{page}"
    );
    for words in [
        "Meaning\n",
        "hypertop run edit-refresh-policy AGGREGATE --dry-run\n",
        "hypertop sql aggregates\n",
        "hypertop check --except aggregate-wipe\n",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains('\x1b') && !page.contains('`'), "{page}");
    assert!(
        page.lines().all(|line| line.chars().count() <= 80),
        "{page}"
    );
    let two = told(explain(&[
        "job_late",
        "drop-chunks",
        "--format",
        "markdown",
    ]));
    assert!(
        two.contains("# job_late: ") && two.contains("\n# drop-chunks: "),
        "{two}"
    );
    assert!(
        two.contains("Irreversible") && two.contains("- chunks_per_step: "),
        "{two}"
    );
    // A screen and a rule have the same name.
    let both = told(explain(&["journal"]));
    assert!(
        both.contains("\nrule · ") && both.contains("\nscreen\n"),
        "{both}"
    );
    let list = told(explain(&["--list"]));
    assert_eq!(list, told(explain(&[])));
    let reference = told(explain(&["--all", "--format", "markdown"]));
    for (of, name) in pages::names() {
        let line = |line: &str| line.starts_with(&format!("{name} ")) && line.contains(of.one());
        assert!(list.lines().any(line), "{name}");
        assert!(reference.contains(&format!("\n## {name}: ")), "{name}");
    }
    assert!(told(explain(&["--all"])).lines().count() > 4000);
}

#[test]
fn a_wrong_name_is_a_wrong_command_line_and_the_nearest_names_are_offered() {
    for (typed, near) in [
        ("aggregate-wype", "similar: aggregate-wipe"),
        ("job_lat", "similar: job_late"),
        ("jobss", "similar: jobs"),
        ("qqqq", "`hypertop explain --list` lists all"),
    ] {
        let output = explain(&[typed]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(near), "{near}: {said}");
        assert!(output.stdout.is_empty());
    }
    assert_eq!(explain(&["--all", "jobs"]).status.code(), Some(2));
}

#[test]
fn the_help_key_opens_the_page_of_the_rows_problem_and_again_the_keys() {
    let mut app = connected();
    press(&mut app, "?");
    let shown = drawn(&mut app, 80, 24).backend().to_string();
    assert!(
        shown.contains("compression-backlog · j/k scroll, ? help, Esc closes"),
        "{shown}"
    );
    assert!(
        shown.contains("compression-backlog: chunks wait for compression"),
        "{shown}"
    );
    assert!(shown.contains("What to do"), "{shown}");
    // The help of the screen is below the page.
    let whole = drawn(&mut app, 100, 200).backend().to_string();
    let at = |words: &str| {
        whole
            .find(words)
            .unwrap_or_else(|| panic!("{words}: {whole}"))
    };
    let silence = at("hypertop check --except compression-backlog");
    let help = at("Help: Compression");
    assert!(silence < help && help < at("BACKLOG"), "{whole}");
    press(&mut app, "G");
    let end = drawn(&mut app, 80, 24).backend().to_string();
    assert!(!end.contains("What to do"), "{end}");
    press(&mut app, "?");
    assert!(screen(&mut app).contains("Help: Compression"));
    press(&mut app, "?");
    assert!(app.overlay.is_none());
    press(&mut app, "? esc");
    assert!(app.overlay.is_none());
    // This row has no finding.
    press(&mut app, "G ?");
    assert!(screen(&mut app).contains("Help: Compression"));
}

#[test]
fn the_help_key_on_the_overview_opens_the_page_of_the_finding_or_of_its_group() {
    let mut app = connected();
    press(&mut app, "1 ?");
    let shown = drawn(&mut app, 120, 40).backend().to_string();
    assert!(
        shown.contains("compression-backlog: chunks wait for compression"),
        "{shown}"
    );
    insta::assert_snapshot!(drawn(&mut app, 80, 24).backend());
}
