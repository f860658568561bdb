//! TLS settings: mode, root certificate, client certificate.

use std::ffi::OsStr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use super::files;
use super::surroundings::Surroundings;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Root {
    /// Server certificates are not checked.
    None,
    /// The operating system's root certificates.
    System,
    File(PathBuf),
}

pub(super) fn sslmode(text: Option<&str>) -> Result<Option<SslMode>> {
    Ok(Some(match text {
        None => return Ok(None),
        Some("disable") => SslMode::Disable,
        Some("prefer" | "allow") => SslMode::Prefer,
        Some("require") => SslMode::Require,
        Some("verify-ca") => SslMode::VerifyCa,
        Some("verify-full") => SslMode::VerifyFull,
        Some(other) => bail!(
            "invalid sslmode value: {other:?}; write disable, allow, prefer, require, verify-ca or verify-full"
        ),
    }))
}

pub(super) fn tls(
    mode: Option<&str>,
    root: Option<&OsStr>,
    around: &Surroundings,
) -> Result<(SslMode, Root)> {
    let system = root.is_some_and(|root| root == "system");
    let mut sslmode = sslmode(mode)?.unwrap_or(if system {
        SslMode::VerifyFull
    } else {
        SslMode::Prefer
    });
    if system {
        ensure!(
            sslmode == SslMode::VerifyFull,
            "weak sslmode {:?} may not be used with sslrootcert=system (use \"verify-full\")",
            mode.unwrap_or("")
        );
        return Ok((sslmode, Root::System));
    }
    let given = root.map(PathBuf::from);
    let file = root_file(root, around);
    if let Some(path) = &given
        && file.is_none()
        && sslmode >= SslMode::VerifyCa
    {
        bail!(
            "root certificate file {} does not exist: give the file with sslrootcert, or sslrootcert=system",
            path.display()
        );
    }
    let root = match (sslmode, file) {
        (SslMode::Disable | SslMode::Prefer, _) | (SslMode::Require, None) => Root::None,
        (SslMode::Require, Some(file)) => {
            // As in libpq, `require` with a root certificate means `verify-ca`.
            sslmode = SslMode::VerifyCa;
            Root::File(file)
        }
        (_, Some(file)) => Root::File(file),
        (_, None) => bail!(
            "sslmode {:?} needs a root certificate: give it with sslrootcert, put it in ~/.postgresql/root.crt, or use sslrootcert=system",
            mode.unwrap_or("")
        ),
    };
    Ok((sslmode, root))
}

/// The file with root certificates, if it exists: the given file, else `~/.postgresql/root.crt`.
pub(super) fn root_file(root: Option<&OsStr>, around: &Surroundings) -> Option<PathBuf> {
    root.map(PathBuf::from)
        .or_else(|| around.certificate("root.crt"))
        .filter(|path| path.exists())
}

/// The allowed TLS versions. rustls supports only these two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) tls12: bool,
    pub(crate) tls13: bool,
}

pub(super) fn versions<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Versions> {
    let minor = |keyword: &str, usual: u8| -> Result<u8> {
        let Some(text) = get(keyword) else {
            return Ok(usual);
        };
        let names = ["tlsv1", "tlsv1.1", "tlsv1.2", "tlsv1.3"];
        let at = names
            .iter()
            .position(|name| text.eq_ignore_ascii_case(name));
        let at = at.with_context(|| {
            format!("invalid {keyword} value: {text:?}; write TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3")
        })?;
        Ok(u8::try_from(at)?)
    };
    let (least, most) = (
        minor("ssl_min_protocol_version", 2)?,
        minor("ssl_max_protocol_version", 3)?,
    );
    ensure!(
        least <= most && most >= 2,
        "ssl_min_protocol_version and ssl_max_protocol_version exclude both supported TLS versions, 1.2 and 1.3"
    );
    Ok(Versions {
        tls12: least <= 2,
        tls13: most >= 3,
    })
}

/// The file with revocation lists: the given file, else `~/.postgresql/root.crl` if it exists, as in libpq.
pub(super) fn revoked(file: Option<&OsStr>, around: &Surroundings) -> Option<PathBuf> {
    let usual = || around.certificate("root.crl").filter(|path| path.exists());
    file.map(PathBuf::from).or_else(usual)
}

/// The client's certificate and key. `None`: no certificate is sent. As in libpq, none is sent if there is no TLS or no certificate file.
/// With `prefer`, none is sent either if the key cannot be used.
pub(super) fn certificate(
    cert: Option<&OsStr>,
    key: Option<&OsStr>,
    sslmode: SslMode,
    around: &Surroundings,
    warnings: &mut Vec<String>,
) -> Result<Option<(PathBuf, PathBuf)>> {
    if sslmode == SslMode::Disable {
        return Ok(None);
    }
    let Some(cert_file) = cert
        .map(PathBuf::from)
        .or_else(|| around.certificate("postgresql.crt"))
    else {
        return Ok(None);
    };
    if !cert_file.exists() {
        if cert.is_some() {
            warnings.push(format!(
                "certificate file \"{}\" does not exist: no certificate is sent to the server",
                cert_file.display()
            ));
        }
        return Ok(None);
    }
    let usable = key
        .map(PathBuf::from)
        .or_else(|| around.certificate("postgresql.key"))
        .filter(|path| path.exists())
        .with_context(|| {
            format!(
                "certificate \"{}\" exists, but its private key does not: name the key with sslkey",
                cert_file.display()
            )
        })
        .and_then(|file| files::check_key(&file).map(|()| file));
    match usable {
        Ok(key_file) => Ok(Some((cert_file, key_file))),
        Err(error) if sslmode == SslMode::Prefer => {
            warnings.push(format!("{error:#}; no certificate is sent to the server"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
