//! `hypertop complete-target`, called by shell completions: prints the possible targets of the action on the command line.

use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;

use super::invocation::Invocation;
use crate::actions::action::{Action, Does};
use crate::config;
use crate::connect;
use crate::connect::conninfo;
use crate::server::row;
use crate::server::session::Session;
use crate::server::sql::{Param, Query, query};

const TARGETS: Query = query!("targets");

/// Time limit for connecting and reading. It is short, because the user has pressed Tab and waits.
const LIMIT: Duration = Duration::from_millis(500);

/// A target that the shell offers.
#[derive(Deserialize)]
struct Offer {
    name: String,
    about: Option<String>,
}

/// One line for each target whose name starts with the typed text: the name, a tab, and a description. Empty if the server does not answer
/// in time, or requires a password that is not stored.
pub async fn targets(invocation: &Invocation, action: &Action, typed: &str) -> String {
    let offers = tokio::time::timeout(LIMIT, offers(invocation, action, typed));
    let Ok(Ok(offers)) = offers.await else {
        return String::new();
    };
    offers.iter().filter_map(line).collect()
}

async fn offers(invocation: &Invocation, action: &Action, typed: &str) -> Result<Vec<Offer>> {
    let Does::Plan(act) = &action.does else {
        return Ok(Vec::new());
    };
    let flags = invocation.connection().map_err(anyhow::Error::msg)?;
    let mut settings = conninfo::resolve(&flags, &invocation.around)?;
    settings.trust = config::read(&invocation.around).0.trust(&settings.user);
    let connected = connect::again(&settings, None).await?;
    let session = Session::start(connected).await?;
    let asked = [act.on.name(), typed].map(|text| Param::Text(text.to_owned()));
    let rows = session.ask(&TARGETS, &asked).await?;
    rows.iter().map(row::read).collect()
}

/// The line for one target. `None`: its name has a character that a shell could interpret. The query leaves such names out, but a malicious
/// server could return any name.
fn line(offer: &Offer) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.".contains(c);
    if offer.name.is_empty() || !offer.name.chars().all(is_plain) {
        return None;
    }
    let about = offer.about.as_deref().unwrap_or_default().chars();
    let about: String = about
        .map(|c| if is_plain(c) || c == ' ' { c } else { '?' })
        .take(80)
        .collect();
    Some(if about.is_empty() {
        format!("{}\n", offer.name)
    } else {
        format!("{}\t{about}\n", offer.name)
    })
}

/// The words of a command line, split as a shell does. The last word is the one that is being typed; after a space it is empty. `None`: a
/// quote is open, or a word contains something that only the shell can evaluate, such as `$x`.
pub(crate) fn words(line: &str) -> Option<Vec<String>> {
    let mut words = vec![String::new()];
    let (mut quote, mut blank) = (None, true);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let separates = quote.is_none() && c.is_ascii_whitespace();
        if separates && !blank {
            words.push(String::new());
        }
        blank = separates;
        let word = words.last_mut()?;
        match (c, quote) {
            _ if separates => {}
            ('\'' | '"', None) => quote = Some(c),
            (_, Some(open)) if c == open => quote = None,
            ('$' | '`', None | Some('"')) => return None,
            ('\\', None | Some('"')) => word.push(chars.next()?),
            _ => word.push(c),
        }
    }
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_as_a_shell_splits_it() {
        for (line, expected) in [
            ("hypertop run", Some(&["hypertop", "run"][..])),
            ("hypertop  run ", Some(&["hypertop", "run", ""])),
            (
                "hypertop -d 'host=a dbname=b' r",
                Some(&["hypertop", "-d", "host=a dbname=b", "r"]),
            ),
            (
                r#"hypertop "a \"b" c\ d 'e\f' ''"#,
                Some(&["hypertop", "a \"b", "c d", "e\\f", ""]),
            ),
            ("hypertop '$x'", Some(&["hypertop", "$x"])),
            ("hypertop $x run", None),
            ("hypertop \"`id`\" run", None),
            ("hypertop 'open", None),
            ("hypertop open\\", None),
        ] {
            let split = words(line);
            let split: Option<Vec<&str>> = split
                .as_ref()
                .map(|words| words.iter().map(String::as_str).collect());
            assert_eq!(split.as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn a_name_that_a_shell_could_run_is_not_offered_whatever_the_server_says() {
        let offer = |name: &str, about: Option<&str>| {
            let about = about.map(str::to_owned);
            line(&Offer {
                name: name.to_owned(),
                about,
            })
        };
        for name in [
            "", "a b", "$(id)", "`id`", "a;b", "a\nb", "a\tb", "-d", "\u{1b}[m",
        ] {
            assert_eq!(offer(name, None), None, "{name:?}");
        }
        let job = offer("1018", Some("policy_refresh $(id)\t\u{1b}\n"));
        assert_eq!(job.as_deref(), Some("1018\tpolicy_refresh ??id????\n"));
        assert_eq!(
            offer("mes.oee_daily", None).as_deref(),
            Some("mes.oee_daily\n")
        );
    }
}
