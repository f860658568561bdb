//! Reading a conninfo: `key=value` pairs, and URIs.

use anyhow::{Result, bail, ensure};

use super::Options;

/// Whether a database argument is a whole conninfo rather than a name.
pub fn is_conninfo(text: &str) -> bool {
    is_uri(text) || text.contains('=')
}

fn is_uri(text: &str) -> bool {
    text.starts_with("postgresql://") || text.starts_with("postgres://")
}

pub fn conninfo(text: &str) -> Result<Options> {
    if is_uri(text) { uri(text) } else { pairs(text) }
}

/// `host=a port = 5433 password='it''s \'quoted\''`, as libpq reads it.
fn pairs(text: &str) -> Result<Options> {
    let mut options = Options::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| c == '=' || c.is_whitespace())
            .unwrap_or(rest.len());
        let (keyword, after) = rest.split_at(end);
        let Some(after) = after.trim_start().strip_prefix('=') else {
            bail!("missing \"=\" after \"{keyword}\" in connection info string");
        };
        let (value, after) = value(after.trim_start())?;
        options.insert(keyword.to_owned(), value);
        rest = after.trim_start();
    }
    Ok(options)
}

/// One value and what follows it.
fn value(text: &str) -> Result<(String, &str)> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut chars = text.char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            c if c.is_whitespace() && !quoted => return Ok((value, &text[at..])),
            c => value.push(c),
        }
    }
    ensure!(
        !quoted,
        "unterminated quoted string in connection info string"
    );
    Ok((value, ""))
}

/// `postgresql://user:password@host:port,[::1]:5433/dbname?keyword=value`.
fn uri(text: &str) -> Result<Options> {
    let mut options = Options::new();
    let (_, rest) = text.split_once("://").unwrap_or_default();
    let (rest, query) = rest
        .split_once('?')
        .map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let (authority, dbname) = rest
        .split_once('/')
        .map_or((rest, None), |(a, d)| (a, Some(d)));
    let (user, hosts) = authority
        .rsplit_once('@')
        .map_or((None, authority), |(u, h)| (Some(u), h));
    if let Some(user) = user {
        let (user, password) = user
            .split_once(':')
            .map_or((user, None), |(u, p)| (u, Some(p)));
        options.insert("user".to_owned(), decode(user)?);
        if let Some(password) = password {
            // Its text is not repeated in a message.
            let Ok(password) = decode(password) else {
                bail!(
                    "the password in the URI has an invalid percent-encoded token; write % as %25"
                );
            };
            options.insert("password".to_owned(), password);
        }
    }
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let (name, port) = host_and_port(host)?;
        names.push(decode(name)?);
        ports.push(decode(port)?);
    }
    if names.iter().any(|name| !name.is_empty()) {
        options.insert("host".to_owned(), names.join(","));
    }
    if ports.iter().any(|port| !port.is_empty()) {
        options.insert("port".to_owned(), ports.join(","));
    }
    if let Some(dbname) = dbname.filter(|name| !name.is_empty()) {
        options.insert("dbname".to_owned(), decode(dbname)?);
    }
    for pair in query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .filter(|pair| !pair.is_empty())
    {
        let Some((keyword, value)) = pair.split_once('=') else {
            bail!("missing key/value separator \"=\" in URI query parameter: \"{pair}\"");
        };
        match (decode(keyword)?, decode(value)?) {
            (keyword, value) if keyword == "ssl" && value == "true" => {
                options.insert("sslmode".to_owned(), "require".to_owned())
            }
            (keyword, value) => options.insert(keyword, value),
        };
    }
    Ok(options)
}

fn host_and_port(text: &str) -> Result<(&str, &str)> {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((address, after)) = rest.split_once(']') else {
            bail!(
                "end of string reached when looking for matching \"]\" in IPv6 host address in URI: \"{text}\""
            );
        };
        ensure!(
            !address.is_empty(),
            "IPv6 host address may not be empty in URI: \"{text}\""
        );
        ensure!(
            after.is_empty() || after.starts_with(':'),
            "unexpected character after \"]\" in URI: \"{text}\""
        );
        return Ok((address, after.trim_start_matches(':')));
    }
    Ok(text.split_once(':').unwrap_or((text, "")))
}

/// Percent-encoding; an escape that is none, or a zero byte, is an error as in libpq.
fn decode(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            bail!("invalid percent-encoded token: \"{text}\"");
        };
        let byte = u8::try_from(high * 16 + low)?;
        ensure!(
            byte != 0,
            "forbidden value %00 in percent-encoded value: \"{text}\""
        );
        bytes.push(byte);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(_) => bail!("percent-encoded value is not UTF-8: \"{text}\""),
    }
}
