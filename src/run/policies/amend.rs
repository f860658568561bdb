//! Writes an object's present settings into the policy file, after the user has seen how the file's text changes.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};

use crate::connect::conninfo::Settings;
use crate::model::setup::amend::{Amendment, amended};
use crate::model::setup::name::Name;
use crate::model::setup::wish::Kind;
use crate::server::session::Session;

use super::made::{self, Reading};

/// A new text of the policy file, with the object's settings in the database. An error if a policy file cannot express these settings.
pub(crate) async fn propose(
    settings: &Settings,
    session: &Session,
    object: &str,
) -> Result<Amendment> {
    let files = &session.server.policy_files;
    let mut sources = made::sources(files)?;
    let wanted = made::wanted(&sources)?;
    let name = Name::parse(object).map_err(|why| anyhow!(why))?;
    let reading = || Reading::looking(settings, session).of(&name);
    let made = Box::pin(reading().make(&wanted)).await?;
    let unread = made.unread.contains_key(&name);
    ensure!(
        unread || !made.planned.is_empty(),
        "{object} is as the file says: there is nothing to write"
    );
    let kinds = [Kind::Hypertable, Kind::Aggregate].into_iter();
    let mut exact = kinds.filter_map(|kind| wanted.entry(&name, kind));
    let exact = exact.find(|entry| entry.name.is_exact());
    // Among the files that name the object, the last one applies.
    let at = exact.and_then(|entry| sources.iter().rposition(|of| of.path == entry.at.path));
    let nth = at.or_else(|| sources.len().checked_sub(1));
    let nth = nth.context("no policy file is named: --policies FILE names one")?;
    let changes: Vec<_> = made.planned.into_iter().map(|of| of.change).collect();
    let before = sources[nth].text.clone();
    let after = amended(&before, &name, &made.present, &changes, unread);
    let after = after.map_err(|why| anyhow!("{}: {why}", sources[nth].path))?;
    sources[nth].text.clone_from(&after);
    let wanted = made::wanted(&sources).context("the file would not be valid any more")?;
    let left = Box::pin(reading().make(&wanted)).await?;
    if let Some(left) = left.planned.first() {
        bail!(
            "{}: {object} would still differ ({}): another policy file sets another value, or the difference can only be edited by hand",
            sources[nth].path,
            left.change.words()
        );
    }
    Ok(Amendment {
        path: files[nth].clone(),
        object: object.to_owned(),
        before,
        after,
    })
}

/// Writes the policy file, unless it has changed since it was read. The file is replaced as a whole, and keeps its permissions.
pub(crate) fn write(amendment: &Amendment) -> Result<()> {
    let named = &amendment.path;
    // If the path is a symbolic link, its target is replaced.
    let path = named
        .canonicalize()
        .with_context(|| format!("{}: the file cannot be read", named.display()))?;
    replace(&path, amendment)
        .with_context(|| format!("{}: the file was not written", named.display()))
}

fn replace(path: &Path, amendment: &Amendment) -> Result<()> {
    let folder = path.parent().context("the path names no folder")?;
    let about = std::fs::metadata(path)?;
    let mut file = tempfile::Builder::new()
        .prefix(".hypertop")
        .tempfile_in(folder)?;
    file.write_all(amendment.after.as_bytes())?;
    let own = file.as_file().metadata()?;
    if (own.uid(), own.gid()) != (about.uid(), about.gid()) {
        std::os::unix::fs::chown(file.path(), Some(about.uid()), Some(about.gid())).context(
            "the file belongs to another user or group, and the new file cannot be given to them",
        )?;
    }
    let mode = std::fs::Permissions::from_mode(about.mode() & 0o7777);
    file.as_file().set_permissions(mode)?;
    file.as_file().sync_all()?;
    // This check comes last, to leave hardly any time for another change.
    let now = std::fs::read(path)?;
    ensure!(
        now == amendment.before.as_bytes(),
        "the file changed since it was read: open the preview again"
    );
    file.persist(path)?;
    std::fs::File::open(PathBuf::from(folder))?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amendment(path: &Path) -> Amendment {
        Amendment {
            path: path.to_owned(),
            object: "mes.raw".to_owned(),
            before: "old\n".to_owned(),
            after: "new\n".to_owned(),
        }
    }

    #[test]
    fn a_file_keeps_its_mode_and_a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a.toml"), folder.path().join("link"));
        std::fs::write(&file, "old\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(&amendment(&link)).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new\n");
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_file_that_changed_meanwhile_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        std::fs::write(&file, "another\n").unwrap();
        let error = format!("{:#}", write(&amendment(&file)).unwrap_err());
        assert!(
            error.contains("the file changed since it was read"),
            "{error}"
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "another\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
