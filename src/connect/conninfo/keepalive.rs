//! Keepalive settings, which limit how long a dead connection goes unnoticed.

use std::time::Duration;

use anyhow::{Context, Result};

/// The kernel's keepalive settings. `None`: the system's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keepalive {
    pub on: bool,
    pub idle: Option<Duration>,
    pub interval: Option<Duration>,
    pub count: Option<u32>,
    pub(crate) user_timeout: Option<Duration>,
}

/// Parses the settings. By default a dead peer is noticed within two minutes; the system's own default is two hours.
pub(super) fn keepalive<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Keepalive> {
    let number = |keyword: &str, usual: u32| -> Result<u32> {
        let Some(text) = get(keyword) else {
            return Ok(usual);
        };
        let number: i32 = text.trim().parse().with_context(|| {
            format!("invalid integer value {text:?} for connection option \"{keyword}\"")
        })?;
        // As in libpq, negative values count as zero, and zero means the system's default.
        Ok(u32::try_from(number).unwrap_or(0))
    };
    let some = |number: u32| (number > 0).then_some(number);
    let seconds = |keyword, usual| -> Result<Option<Duration>> {
        Ok(some(number(keyword, usual)?).map(|many| Duration::from_secs(many.into())))
    };
    let milliseconds = number("tcp_user_timeout", 60_000)?;
    Ok(Keepalive {
        on: number("keepalives", 1)? != 0,
        idle: seconds("keepalives_idle", 30)?,
        interval: seconds("keepalives_interval", 10)?,
        count: some(number("keepalives_count", 3)?),
        user_timeout: some(milliseconds).map(|many| Duration::from_millis(many.into())),
    })
}
