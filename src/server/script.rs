//! Reads the query files, which use a few of psql's commands (but no expressions, and no nested `\if`):
//!
//! - `\if :since_2_29`, `\elif :since_2_22`, `\else`, `\endif`: lines for TimescaleDB from that version on, or for all others
//! - `\ir shared/chunk.sql`: the lines of that file
//! - ` :is_interval`: the text of `shared/is_interval.sql`, without its comments, inside a line

use include_dir::{Dir, include_dir};

use crate::model::version::Version;

static FILES: Dir = include_dir!("$CARGO_MANIFEST_DIR/queries");

/// Maximum nesting of fragments. Deeper nesting means that a fragment includes itself.
const DEEPEST: usize = 6;

/// State at a line: outside `\if`, or in one of its parts.
#[derive(Clone, Copy)]
enum Part {
    Outside,
    /// Whether the lines of this part are used, and whether the lines of an earlier part were.
    If(bool, bool),
    Else(bool),
}

/// The names of the queries: one file each.
pub fn names() -> impl Iterator<Item = &'static str> {
    let files = FILES.files().filter_map(|file| file.path().to_str());
    files.filter_map(|path| path.strip_suffix(".sql"))
}

/// The versions named by `\if` and `\elif` in a query's file and in all fragments; oldest first.
pub(super) fn versions(name: &str) -> Vec<Version> {
    let shared = FILES.get_dir("shared").into_iter().flat_map(Dir::files);
    let all = FILES.get_file(format!("{name}.sql")).into_iter();
    let lines = all.chain(shared).filter_map(|file| file.contents_utf8());
    let mut versions: Vec<_> = lines
        .flat_map(str::lines)
        .filter_map(|line| since(line.split_whitespace().nth(1)?))
        .collect();
    versions.sort_unstable();
    versions.dedup();
    versions
}

/// A query's text for a server of this version; an error names the file and the line.
pub fn text(name: &str, version: Version) -> Result<String, String> {
    expand(&format!("{name}.sql"), version, DEEPEST)
}

fn expand(path: &str, version: Version, deepest: usize) -> Result<String, String> {
    let file = FILES.get_file(path).and_then(|file| file.contents_utf8());
    let file = file.ok_or_else(|| format!("there is no file queries/{path}"))?;
    let deeper = deepest.checked_sub(1);
    let deeper = deeper.ok_or_else(|| format!("queries/{path} uses itself"))?;
    read(path, file, version, deeper)
}

fn read(path: &str, file: &str, version: Version, deeper: usize) -> Result<String, String> {
    let (mut out, mut part) = (String::new(), Part::Outside);
    for (number, line) in (1..).zip(file.lines()) {
        let wrong = |what: &str| format!("queries/{path}, line {number}: {what}: {line}");
        let taken = matches!(part, Part::Outside | Part::If(true, _) | Part::Else(true));
        let is = |word: &str| since(word).map(|since| since <= version);
        let words: Vec<_> = line.split_whitespace().collect();
        part = match (&words[..], part) {
            (["\\if", word], Part::Outside) => {
                Part::If(is(word).ok_or_else(|| wrong("no such version"))?, false)
            }
            (["\\elif", word], Part::If(was, before)) => {
                let (is, before) = (
                    is(word).ok_or_else(|| wrong("no such version"))?,
                    was || before,
                );
                Part::If(is && !before, before)
            }
            (["\\else"], Part::If(was, before)) => Part::Else(!(was || before)),
            (["\\endif"], Part::If(..) | Part::Else(_)) => Part::Outside,
            (["\\ir", shared], _) => {
                if taken {
                    out += &expand(shared, version, deeper)?;
                }
                part
            }
            ([word, ..], _) if word.starts_with('\\') => return Err(wrong("out of place")),
            _ => {
                if taken {
                    out += &named(line, version, deeper)?;
                    out.push('\n');
                }
                part
            }
        };
    }
    match part {
        Part::Outside => Ok(out),
        _ => Err(format!("queries/{path}: \\endif is missing")),
    }
}

/// `:since_2_29` as a version.
fn since(word: &str) -> Option<Version> {
    let (major, minor) = word.strip_prefix(":since_")?.split_once('_')?;
    Some(Version::new(major.parse().ok()?, minor.parse().ok()?))
}

/// Replaces each name of a fragment (` :name`) in a line by the fragment's text. A line that is a comment does not change.
fn named(line: &str, version: Version, deeper: usize) -> Result<String, String> {
    let mut out = String::new();
    for (nth, piece) in line.split(" :").enumerate() {
        let word = |c: char| c.is_ascii_lowercase() || c == '_';
        let rest = piece.trim_start_matches(word);
        let name = &piece[..piece.len() - rest.len()];
        if nth == 0 || name.is_empty() || line.trim_start().starts_with("--") {
            out += if nth == 0 { "" } else { " :" };
            out += piece;
            continue;
        }
        let text = expand(&format!("shared/{name}.sql"), version, deeper)?;
        let text: Vec<_> = text
            .lines()
            .filter(|line| !line.starts_with("--"))
            .collect();
        out = out + " " + &text.join("\n") + rest;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(file: &str, version: Version) -> Result<String, String> {
        read("x.sql", file, version, DEEPEST)
    }

    #[test]
    fn lines_are_for_versions_and_a_fragment_is_put_in_by_line_or_in_a_line() {
        let file = "a\n\\if :since_2_22\nb\n\\elif :since_2_14\nc\n\\else\nd\n\\endif\ne::int8 ~ :is_interval,\n";
        let pattern = expand("shared/is_interval.sql", Version::new(0, 0), 1).unwrap();
        let pattern = pattern.split_once('\n').unwrap().1.trim_end();
        for (minor, line) in [(29, "b"), (22, "b"), (21, "c"), (14, "c"), (13, "d")] {
            let text = of(file, Version::new(2, minor)).unwrap();
            assert_eq!(text, format!("a\n{line}\ne::int8 ~ {pattern},\n"));
        }
        let included = of("\\ir shared/is_interval.sql\n", Version::new(2, 29)).unwrap();
        assert!(included.contains(pattern) && included.starts_with("-- "));
        assert_eq!(
            of("-- a :comment\n", Version::new(2, 29)).unwrap(),
            "-- a :comment\n"
        );
    }

    #[test]
    fn what_is_not_understood_is_an_error_with_its_file_and_line() {
        for (file, says) in [
            (
                "\\if :since_2\n\\endif",
                "queries/x.sql, line 1: no such version: \\if :since_2",
            ),
            ("\\if :since_2_14\n\\elif 2_13\n", "line 2: no such version"),
            (
                "\\if :since_2_14\n\\if :since_2_15\n",
                "line 2: out of place",
            ),
            ("\\else\n", "line 1: out of place"),
            ("\\endif\n", "line 1: out of place"),
            ("\\if :since_2_14\n\\else\n\\else\n", "line 3: out of place"),
            ("\\set x\n", "line 1: out of place"),
            ("\\if :since_2_14\nx\n", "queries/x.sql: \\endif is missing"),
            (
                "x\n\\ir shared/none.sql",
                "there is no file queries/shared/none.sql",
            ),
            ("select :none", "there is no file queries/shared/none.sql"),
        ] {
            let error = of(file, Version::new(2, 29)).unwrap_err();
            assert!(error.contains(says), "{file}: {error}");
        }
    }
}
