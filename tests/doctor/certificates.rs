//! A server with TLS: a wrong authority, an expired certificate, one that soon ends, and a wrong name.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use hypertop::demo::private_server::{Options, PrivateServer};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::ran::Doctor;
use crate::support::{block_on, client, has_server};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str, folder: &Path) -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let made = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    fs::write(folder.join(format!("{name}.crt")), made.pem()).unwrap();
    made
}

/// Gives the server a certificate that ends so many days from now.
fn present(server: &PrivateServer, authority: &Authority, days: i64) {
    let folder = server.socket_folder();
    let mut params = CertificateParams::new(vec!["db.test".to_owned()]).unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, "the server");
    let end = hypertop::run::now().0 / 1_000_000 + days * 86_400 + 3600;
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = params.not_before
        + (std::time::Duration::from_secs(u64::try_from(end - 1_577_836_800).unwrap()));
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let about = fs::metadata(folder).unwrap();
    for (name, text) in [
        ("server.crt", certificate.pem()),
        ("server.key", key.serialize_pem()),
    ] {
        let file = folder.join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        chown(&file, Some(about.uid()), Some(about.gid())).unwrap();
    }
    let own = folder.display();
    block_on(async {
        let admin = client(&server.conninfo("postgres")).await;
        for statement in [
            &format!("alter system set ssl_cert_file = '{own}/server.crt'"),
            &format!("alter system set ssl_key_file = '{own}/server.key'"),
            "alter system set ssl = on",
        ] {
            admin.batch_execute(statement).await.unwrap();
        }
    });
    // A reload is not waited for by the server, a restart is.
    server.stop().unwrap();
    server.launch().unwrap();
}

#[test]
fn a_certificate_that_does_not_hold_fails_by_its_own_fix() {
    if !has_server() {
        return;
    }
    let options = Options {
        timescaledb: false,
        tcp: true,
        ..Options::default()
    };
    let server = PrivateServer::start(&options).unwrap();
    let files = tempfile::tempdir().unwrap();
    let ours = authority("ours", files.path());
    authority("another", files.path());
    let with = |mode: &str, root: &str, host: &str| {
        let (port, folder) = (server.port(), files.path().display());
        Doctor::new(&format!(
            "host={host} hostaddr=127.0.0.1 port={port} user=postgres dbname=postgres sslmode={mode} sslrootcert={folder}/{root}.crt"
        ))
    };
    present(&server, &ours, 90);
    let said = with("verify-full", "ours", "db.test").run();
    assert_eq!(said.state("tls"), "ok", "{}", said.text);
    let tls = said.evidence("tls");
    for words in [
        "TLSv1.3",
        "CN=the server",
        "for db.test",
        "issued by CN=ours",
        "(in 90 days)",
        "sslmode=verify-full accepts the certificate",
    ] {
        assert!(tls.contains(words), "{words}: {tls}");
    }
    with("verify-full", "another", "db.test").fails("tls", "add the certificate of CN=ours");
    with("verify-full", "ours", "wrong.test").fails("tls", "connect by that name");
    let said = with("prefer", "another", "db.test").run();
    assert_eq!(said.state("tls"), "ok", "{}", said.text);
    let would = said.evidence("tls");
    assert!(
        would.contains("verify-full would refuse the certificate"),
        "{would}"
    );
    let said = with("prefer", "ours", "db.test").run();
    assert!(
        said.evidence("tls")
            .contains("verify-full would accept the certificate")
    );
    present(&server, &ours, 5);
    let said = with("verify-full", "ours", "db.test").run();
    assert_eq!(said.state("tls"), "warn", "{}", said.text);
    assert!(said.fix("tls").contains("renew"), "{}", said.text);
    present(&server, &ours, -20);
    let said =
        with("verify-full", "ours", "db.test").fails("tls", "renew the certificate CN=the server");
    assert!(
        said.evidence("tls").contains("20 days ago"),
        "{}",
        said.text
    );
}
