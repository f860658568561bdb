//! Parses a conninfo: `key=value` pairs or a URI.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use anyhow::{Result, bail, ensure};

use super::provenance::is_secret;
use super::surroundings::Options;

/// True if a database argument is a conninfo, not a name.
pub(super) fn is_conninfo(text: &str) -> bool {
    is_uri(text) || text.contains('=')
}

fn is_uri(text: &str) -> bool {
    text.starts_with("postgresql://") || text.starts_with("postgres://")
}

pub(super) fn conninfo(text: &str) -> Result<Options> {
    if is_uri(text) { uri(text) } else { pairs(text) }
}

/// White space that separates options. As in libpq, other Unicode spaces do not.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r')
}

/// Parses pairs such as `host=a port = 5433 password='it''s \'quoted\''`, as libpq does.
fn pairs(text: &str) -> Result<Options> {
    let mut options = Options::new();
    let mut rest = text.trim_start_matches(is_space);
    let mut after_secret = false;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| c == '=' || is_space(c))
            .unwrap_or(rest.len());
        let (keyword, after) = rest.split_at(end);
        let Some(after) = after.trim_start_matches(is_space).strip_prefix('=') else {
            // The text may be the rest of a password, so it is not shown.
            let shown = if after_secret {
                "the password"
            } else {
                keyword
            };
            bail!(
                "missing \"=\" after \"{shown}\" in connection info string; a value with a space needs quotes: password='a b'"
            );
        };
        after_secret = is_secret(keyword);
        let (value, after) = value(after.trim_start_matches(is_space))?;
        insert(&mut options, keyword, value.into());
        rest = after.trim_start_matches(is_space);
    }
    Ok(options)
}

/// Stores an option; a later value replaces an earlier one. As in libpq, `requiressl` is still accepted.
fn insert(options: &mut Options, keyword: &str, value: OsString) {
    let (keyword, value) = match keyword {
        "requiressl" if value.to_string_lossy().starts_with('1') => ("sslmode", "require".into()),
        "requiressl" => ("sslmode", "prefer".into()),
        _ => (keyword, value),
    };
    options.insert(keyword.to_owned(), value);
}

/// The first value, and the text after it.
fn value(text: &str) -> Result<(String, &str)> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut chars = text.char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            c if is_space(c) && !quoted => return Ok((value, &text[at..])),
            c => value.push(c),
        }
    }
    ensure!(
        !quoted,
        "unterminated quoted string in connection info string"
    );
    Ok((value, ""))
}

/// Parses a URI such as `postgresql://user:password@host:port,[::1]:5433/dbname?keyword=value`, as libpq does.
fn uri(text: &str) -> Result<Options> {
    let mut options = Options::new();
    let (_, mut rest) = text.split_once("://").unwrap_or_default();
    let mut store = |keyword: &str, text: &str, what: &str| -> Result<()> {
        if !text.is_empty() {
            options.insert(keyword.to_owned(), decode(text, what)?);
        }
        Ok(())
    };
    if let Some(at) = rest
        .find(['@', '/'])
        .filter(|at| rest[*at..].starts_with('@'))
    {
        let (user, password) = rest[..at].split_once(':').unwrap_or((&rest[..at], ""));
        store("user", user, user)?;
        // Error messages must not contain the password.
        store("password", password, "the password")?;
        rest = &rest[at + 1..];
    }
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    loop {
        let (name, port, after) = host_and_port(rest)?;
        names.push(name);
        ports.push(port);
        rest = after;
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None => break,
        }
    }
    // An unescaped `@`, `/` or `:` cuts a password short. If the rest of the password were taken as a host, a port or a database, an
    // error message would print it.
    let is_port = |port: &&str| {
        port.bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'%')
    };
    ensure!(
        !names.iter().any(|name| name.contains('@'))
            && (ports.iter().all(is_port) || !rest.contains('@')),
        "the URI has an @ after its host: in a user name or password, write @ as %40, / as %2F and : as %3A"
    );
    let (names, ports) = (names.join(","), ports.join(","));
    store("host", &names, &names)?;
    store("port", &ports, &ports)?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let dbname = path.strip_prefix('/').unwrap_or_default();
    store("dbname", dbname, dbname)?;
    // A single `&` at the end is allowed.
    let query = query.strip_suffix('&').unwrap_or(query);
    if !query.is_empty() {
        for pair in query.split('&') {
            let (keyword, value) = parameter(pair)?;
            insert(&mut options, &keyword, value);
        }
    }
    Ok(options)
}

fn parameter(pair: &str) -> Result<(String, OsString)> {
    let Some((keyword, value)) = pair.split_once('=') else {
        bail!("missing key/value separator \"=\" in URI query parameter: \"{pair}\"");
    };
    let keyword = decode(keyword, keyword)?.to_string_lossy().into_owned();
    let shown = if is_secret(&keyword) {
        "the password"
    } else {
        value
    };
    ensure!(
        !value.contains('='),
        "extra key/value separator \"=\" in URI query parameter: \"{keyword}\"; write = as %3D in a value"
    );
    let value = decode(value, shown)?;
    Ok(if keyword == "ssl" && value == "true" {
        ("sslmode".to_owned(), "require".into())
    } else {
        (keyword, value)
    })
}

/// The first host of a list, its port, and the text after both.
fn host_and_port(text: &str) -> Result<(&str, &str, &str)> {
    let (name, rest) = if let Some(rest) = text.strip_prefix('[') {
        let Some((address, rest)) = rest.split_once(']') else {
            bail!(
                "end of string reached when looking for matching \"]\" in IPv6 host address in URI: \"{text}\""
            );
        };
        ensure!(
            !address.is_empty(),
            "IPv6 host address may not be empty in URI: \"{text}\""
        );
        ensure!(
            rest.is_empty() || rest.starts_with([':', '/', '?', ',']),
            "unexpected character after \"]\" in URI: \"{text}\""
        );
        (address, rest)
    } else {
        text.split_at(text.find([':', '/', '?', ',']).unwrap_or(text.len()))
    };
    let Some(rest) = rest.strip_prefix(':') else {
        return Ok((name, "", rest));
    };
    let (port, rest) = rest.split_at(rest.find(['/', '?', ',']).unwrap_or(rest.len()));
    Ok((name, port, rest))
}

/// Decodes percent-encoding. As in libpq, an invalid escape or a zero byte is an error. Errors show `shown` instead of the text.
fn decode(text: &str, shown: &str) -> Result<OsString> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            bail!("invalid percent-encoded token in the URI: \"{shown}\"; write % itself as %25");
        };
        let byte = u8::try_from(high * 16 + low)?;
        ensure!(
            byte != 0,
            "forbidden value %00 in percent-encoded value: \"{shown}\""
        );
        bytes.push(byte);
    }
    Ok(OsString::from_vec(bytes))
}
