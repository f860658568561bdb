//! The doctor's steps about this machine: terminal, locale, time zone.

use std::path::Path;
use std::process::Command;

use super::step::Step;
use crate::connect::conninfo::Surroundings;
use crate::model::text::is_utf8;
use crate::ui::terminal;

/// `zone`: the time zone of the server's workers; `None`: unknown.
pub(super) fn steps(around: &Surroundings, zone: Option<&str>) -> Vec<Step> {
    let of = |name: &str| -> Option<String> {
        let value = around.env.get(name)?.to_string_lossy().into_owned();
        (!value.is_empty()).then_some(value)
    };
    vec![terminal(&of), locale(&of), time_zone(&of, zone)]
}

fn terminal(of: &dyn Fn(&str) -> Option<String>) -> Step {
    let name = of("TERM");
    let shown = name.as_deref().unwrap_or("not set");
    let mut step = Step::ok("terminal", format!("TERM {shown}"));
    if !terminal::is_there() {
        return step.and("there is no terminal: the console needs one; show, check and run do not");
    }
    if matches!(name.as_deref(), None | Some("dumb")) {
        step = step.fail("set TERM to the kind of this terminal (xterm-256color suits most)");
    }
    let colours = match (of("COLORTERM").as_deref(), name.as_deref()) {
        (Some("truecolor" | "24bit"), _) => "16 million colours",
        (_, Some(term)) if term.contains("256color") || term.contains("direct") => "256 colours",
        _ => "8 or 16 colours, as far as TERM and COLORTERM say",
    };
    step = step.and(colours);
    if of("NO_COLOR").is_some() {
        step = step.and("NO_COLOR is set: the theme is mono");
    }
    if let Ok((columns, lines)) = crossterm::terminal::size() {
        step = step.and(format!("{columns} columns, {lines} lines"));
        if columns < 80 || lines < 24 {
            step = step.warn("make the terminal at least 80 columns wide and 24 lines high");
        }
    }
    let tmux = of("TMUX").is_some();
    let screen = !tmux && (of("STY").is_some() || name.is_some_and(|of| of.starts_with("screen")));
    step.and(if tmux {
        through_tmux(asked_of_tmux().as_deref())
    } else if screen {
        "copying (OSC 52) does not work: GNU screen does not pass it on"
    } else {
        "copying (OSC 52): unknown, because the terminal does not report whether it allows it"
    })
}

/// The value of tmux's option `allow-passthrough` in this pane, empty before tmux 3.3; `None`: tmux does not answer.
fn asked_of_tmux() -> Option<String> {
    let asked = ["show-options", "-Apqv", "allow-passthrough"];
    let output = Command::new("tmux").args(asked).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn through_tmux(passes: Option<&str>) -> &'static str {
    match passes {
        Some("off") => {
            "copying (OSC 52) does not work, because tmux does not pass it on: run tmux set -g allow-passthrough on"
        }
        // Before 3.3 tmux always passes OSC 52 on.
        Some(_) => {
            "copying (OSC 52): tmux passes it on; unknown whether the terminal around it allows it"
        }
        None => "copying (OSC 52): unknown, because tmux does not answer",
    }
}

fn locale(of: &dyn Fn(&str) -> Option<String>) -> Step {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let set = names.iter().find_map(|name| Some((name, of(name)?)));
    let shown = set.map_or("none set, which means C".to_owned(), |(name, value)| {
        format!("{name}={value}")
    });
    let step = Step::ok("locale", shown);
    if is_utf8(of) {
        return step;
    }
    let step = step.and("not UTF-8: lines and bars are drawn in ASCII");
    if terminal::is_there() {
        step.warn("if the terminal shows UTF-8: export LC_ALL=C.UTF-8")
    } else {
        step
    }
}

fn time_zone(of: &dyn Fn(&str) -> Option<String>, zone: Option<&str>) -> Step {
    let linked = || {
        let target = std::fs::canonicalize("/etc/localtime").ok()?;
        let name = target.strip_prefix(Path::new("/usr/share/zoneinfo"));
        Some(name.ok()?.display().to_string())
    };
    let here = of("TZ").or_else(linked);
    let here = here.as_deref().unwrap_or("UTC");
    let step = Step::ok(
        "time zone",
        format!("{here} on this machine; hypertop prints UTC"),
    );
    match zone {
        Some(zone) => step.and(format!("the server's workers use {zone}")),
        None => step,
    }
}

#[cfg(test)]
mod tests {
    use super::through_tmux;

    #[test]
    fn what_tmux_says_decides_whether_copying_can_work() {
        assert!(through_tmux(Some("off")).contains("does not work"));
        for passes in ["on", "all", ""] {
            assert!(through_tmux(Some(passes)).contains("tmux passes it on; unknown"));
        }
        assert!(through_tmux(None).contains("unknown, because tmux does not answer"));
    }
}
