//! The output of a check as text: in the format of Nagios plugins, or for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::outcome::{Found, Outcome, severity};
use crate::model::text;
use crate::model::verdict::Level;

/// Maximum length of the first line without performance data, in bytes. Many pagers cut the line at this length.
const FIRST: usize = 200;

/// The last line, if there are findings.
const EXPLAIN: &str =
    "hypertop explain RULE says what a rule means and what to do (RULE: the name in parentheses)";

/// The first line with performance data, then one line per finding, worst first; at most `most` bytes.
pub(super) fn nagios(outcome: &Outcome, most: usize) -> String {
    let mut text = cut(plain(&summary(outcome)), FIRST);
    let _ = writeln!(text, " | {}", outcome.figures.perfdata());
    let notes = outcome.notes.iter().map(|note| plain(note));
    let explain = (!outcome.found.is_empty()).then(|| EXPLAIN.to_owned());
    let lines = outcome.found.iter().map(line).chain(notes);
    let lines: Vec<_> = lines.chain(explain).collect();
    for (nth, line) in lines.iter().enumerate() {
        let rest = text::plural_of(lines.len() - nth, "more line");
        let left = format!("… {rest} (--max-bytes)\n");
        let is_last = nth + 1 == lines.len();
        let room = if is_last { 0 } else { left.len() };
        if text.len() + line.len() + 1 + room > most {
            text.push_str(&left);
            break;
        }
        let _ = writeln!(text, "{line}");
    }
    text
}

/// Maximum number of findings of one rule that the text for people lists in full.
const IN_FULL: usize = 5;

/// Text for people: the summary, then the findings, each with its fix on a separate line. Further findings of a rule are listed by
/// name only, so that a mail about a thousand objects can be read.
pub(super) fn text(outcome: &Outcome) -> String {
    let mut text = format!("{}\n", plain(&summary(outcome)));
    let mut of_rules: BTreeMap<&str, Vec<&Found>> = BTreeMap::new();
    for found in &outcome.found {
        let finding = &found.finding;
        let same = of_rules.entry(finding.rule.name).or_default();
        same.push(found);
        if same.len() > IN_FULL {
            continue;
        }
        let reason = text::printable(&finding.reason);
        let title = finding.rule.title;
        let subject = text::printable(&found.subject);
        let _ = writeln!(
            text,
            "\n{}: {subject}: {title} ({})",
            finding.level.name(),
            finding.rule.name
        );
        let _ = writeln!(text, "  {reason}");
        if let Some(command) = &found.command {
            let _ = writeln!(text, "  fix: {}", text::printable(command));
        }
        let _ = writeln!(text, "  more: hypertop explain {}", finding.rule.name);
    }
    for (rule, same) in of_rules {
        let Some((_, further @ [first, ..])) = same.split_at_checked(IN_FULL) else {
            continue;
        };
        let (many, title) = (further.len(), first.finding.rule.title);
        let _ = writeln!(
            text,
            "\n{many} more: {title} ({rule}; details: --format json)"
        );
        for found in further {
            let (level, subject) = (found.finding.level.name(), text::printable(&found.subject));
            let _ = writeln!(text, "  {level}: {subject}");
        }
    }
    for note in &outcome.notes {
        let _ = writeln!(text, "\n~ {}", text::printable(note));
    }
    text
}

/// The text of a check that could not run.
pub(super) fn failed(level: Level, error: &str) -> String {
    let mut lines = error.lines().map(plain);
    let first = lines.next().unwrap_or_default();
    let mut text = cut(format!("{} - {first}", status(level)), FIRST);
    text.push('\n');
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    text
}

fn status(level: Level) -> String {
    let level = match level {
        Level::Ok | Level::Notice => "OK",
        Level::Warning => "WARNING",
        Level::Critical => "CRITICAL",
        Level::Unknown => "UNKNOWN",
    };
    format!("HYPERTOP {level}")
}

fn summary(outcome: &Outcome) -> String {
    let count = |level| {
        let of = outcome
            .found
            .iter()
            .filter(|found| found.finding.level == level);
        i64::try_from(of.count()).unwrap_or(i64::MAX)
    };
    let mut counts = Vec::new();
    for (level, one, many) in [
        (Level::Critical, "critical", "critical"),
        (Level::Warning, "warning", "warnings"),
        (Level::Unknown, "unknown", "unknown"),
        (Level::Notice, "notice", "notices"),
    ] {
        match count(level) {
            0 => {}
            1 => counts.push(format!("1 {one}")),
            all => counts.push(format!("{all} {many}")),
        }
    }
    let status = status(outcome.level);
    // Reversed, because `max_by_key` returns the last of equal rows, and the first is wanted.
    let worst = outcome.found.iter().rev();
    let Some(worst) =
        worst.max_by_key(|found| (severity(found.finding.level), found.finding.rule.hurts_now))
    else {
        return format!("{status} - no findings");
    };
    let others = match outcome.found.len() - 1 {
        0 => String::new(),
        others => format!(" (+{others})"),
    };
    format!(
        "{status} - {}: {} {}{others}",
        counts.join(", "),
        worst.subject,
        worst.finding.rule.title
    )
}

fn line(found: &Found) -> String {
    let finding = &found.finding;
    let fix = found.command.as_ref();
    let fix = fix.map_or_else(String::new, |command| format!(" [{command}]"));
    let level = finding.level.name();
    plain(&format!(
        "{level}: {}: {} ({}){fix}",
        found.subject, finding.reason, finding.rule.name
    ))
}

/// The text in one line. `|` is replaced, because it would begin the performance data.
fn plain(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    text::printable(&words.join(" ")).replace('|', "¦")
}

/// Cuts the text to at most this many bytes, between characters.
fn cut(text: String, bytes: usize) -> String {
    if text.len() <= bytes {
        return text;
    }
    let mut end = bytes - '…'.len_utf8();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}
