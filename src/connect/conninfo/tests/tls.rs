//! TLS settings, and the files that they need.

use std::os::unix::fs::PermissionsExt;

use super::super::{Root, SslMode, resolve};
use super::{around, database, refused, resolved};

#[test]
fn require_with_a_root_certificate_verifies_the_authority() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.crt");
    std::fs::write(&root, "").unwrap();
    let settings = resolve(
        &database(&format!("sslmode=require sslrootcert={}", root.display())),
        &around(&[]),
    )
    .unwrap();
    assert_eq!(
        (settings.sslmode, settings.root),
        (SslMode::VerifyCa, Root::File(root))
    );
    let settings = resolve(&database("sslrootcert=system"), &around(&[])).unwrap();
    assert_eq!(
        (settings.sslmode, settings.root),
        (SslMode::VerifyFull, Root::System)
    );
}

#[test]
fn a_socket_needs_nothing_of_what_tls_needs() {
    let env = [
        ("PGSSLMODE", "verify-full"),
        ("PGSSLROOTCERT", "/no/root.crt"),
    ];
    assert_eq!(
        resolved(&database("host=/run/x"), &env),
        "[local]:5432 me me VerifyFull"
    );
    assert!(refused(&database("host=h"), &env).contains("/no/root.crt does not exist"));
    // One of the two hosts is connected by TCP, so the certificate matters.
    assert!(refused(&database("host=/run/x,h"), &env).contains("/no/root.crt does not exist"));
}

#[test]
fn a_client_certificate_that_is_not_there_is_not_sent_and_a_key_that_others_can_read_is_refused() {
    let settings = resolve(&database("host=h sslcert=/no/such.crt"), &around(&[])).unwrap();
    assert_eq!(settings.certificate, None);
    assert!(
        settings.warnings[0].contains("/no/such.crt"),
        "{:?}",
        settings.warnings
    );

    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("c.crt"), "").unwrap();
    std::fs::write(at("c.key"), "").unwrap();
    let given = format!(
        "host=h sslcert={} sslkey={}",
        at("c.crt").display(),
        at("c.key").display()
    );
    let mode = |mode| {
        std::fs::set_permissions(at("c.key"), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o600);
    let settings = resolve(&database(&given), &around(&[])).unwrap();
    assert_eq!(settings.certificate, Some((at("c.crt"), at("c.key"))));
    mode(0o644);
    let strict = refused(&database(&format!("{given} sslmode=require")), &[]);
    assert!(strict.contains("has group or world access"), "{strict}");
    let lax = resolve(&database(&given), &around(&[])).unwrap();
    assert_eq!((lax.certificate, lax.warnings.len()), (None, 1));
    assert!(resolve(&database(&format!("{given} sslmode=disable")), &around(&[])).is_ok());
}
