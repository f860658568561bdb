//! sslmode as libpq means it, on a real server with certificates made here.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use hypertop::connect::{self, ConnectError, Kind};
use hypertop::private_server::{Options, PrivateServer};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use support::{block_on, has_server, settings};

/// An authority that signs for others.
fn authority(name: &str) -> (String, Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    (pem, Issuer::new(params, key))
}

fn certificate(issuer: &Issuer<'static, KeyPair>, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    (
        params.signed_by(&key, issuer).unwrap().pem(),
        key.serialize_pem(),
    )
}

fn write(folder: &Path, name: &str, text: &str, for_server: bool) {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    if for_server && nix::unistd::Uid::effective().is_root() {
        let account = ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| nix::unistd::User::from_name(name).unwrap())
            .unwrap();
        chown(path, Some(account.uid.as_raw()), Some(account.gid.as_raw())).unwrap();
    }
}

async fn connected(conninfo: &str) -> Result<Option<String>, ConnectError> {
    connect::again(&settings(conninfo), None)
        .await
        .map(|connected| connected.tls)
}

#[test]
fn each_sslmode_checks_what_libpq_checks_and_says_what_is_wrong() {
    if !has_server() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (ca, issuer) = authority("right authority");
    let (other_ca, _) = authority("another authority");
    let (cert, key) = certificate(&issuer, "localhost");
    let (client_cert, client_key) = certificate(&issuer, "certified");
    for (name, text, for_server) in [
        ("server.crt", &cert, true),
        ("server.key", &key, true),
        ("ca.crt", &ca, false),
        ("client_ca.crt", &ca, true),
        ("other.crt", &other_ca, false),
        ("client.crt", &client_cert, false),
        ("client.key", &client_key, false),
    ] {
        write(folder.path(), name, text, for_server);
    }
    let path = |name: &str| folder.path().join(name).display().to_string();
    let options = Options {
        timescaledb: false,
        tcp: true,
        settings: vec![
            ("ssl".to_owned(), "on".to_owned()),
            ("ssl_cert_file".to_owned(), path("server.crt")),
            ("ssl_key_file".to_owned(), path("server.key")),
            ("ssl_ca_file".to_owned(), path("client_ca.crt")),
        ],
    };
    let server = PrivateServer::start(&options).unwrap();
    let port = server.port();
    let at = |host: &str, rest: &str| {
        format!("host={host} hostaddr=127.0.0.1 port={port} user=postgres dbname=postgres {rest}")
    };
    let (right, wrong) = (
        format!("sslrootcert={}", path("ca.crt")),
        format!("sslrootcert={}", path("other.crt")),
    );
    block_on(async {
        for (conninfo, encrypted) in [
            (at("localhost", "sslmode=disable"), false),
            (at("localhost", ""), true),
            (at("elsewhere", "sslmode=require"), true),
            (at("elsewhere", &format!("sslmode=require {right}")), true),
            (at("elsewhere", &format!("sslmode=verify-ca {right}")), true),
            (
                at("localhost", &format!("sslmode=verify-full {right}")),
                true,
            ),
            (server.conninfo("postgres"), false),
        ] {
            let tls = connected(&conninfo)
                .await
                .unwrap_or_else(|error| panic!("{conninfo}: {error}"));
            assert_eq!(tls.is_some(), encrypted, "{conninfo}");
            assert!(tls.is_none_or(|version| version == "TLSv1.3"));
        }
        for (conninfo, words) in [
            (
                at("elsewhere", &format!("sslmode=verify-full {right}")),
                "another host name",
            ),
            (
                at("localhost", &format!("sslmode=verify-ca {wrong}")),
                "not signed by an authority",
            ),
            (
                at("localhost", &format!("sslmode=verify-full {wrong}")),
                "not signed by an authority",
            ),
            (
                at("localhost", &format!("sslmode=require {wrong}")),
                "not signed by an authority",
            ),
        ] {
            let error = connected(&conninfo).await.expect_err(&conninfo);
            assert_eq!(error.kind, Kind::Tls, "{conninfo}: {error}");
            assert!(error.to_string().contains(words), "{conninfo}: {error}");
        }
        // A role that only a client certificate lets in.
        let admin = support::client(&server.conninfo("postgres")).await;
        admin
            .batch_execute("create role certified login")
            .await
            .unwrap();
        server.require("certified", "cert").unwrap();
        let certified = at("localhost", "").replace("user=postgres", "user=certified");
        assert!(
            connected(&certified).await.is_err(),
            "no certificate, no entry"
        );
        let with = format!(
            "{certified} sslcert={} sslkey={}",
            path("client.crt"),
            path("client.key")
        );
        assert!(connected(&with).await.unwrap().is_some());
    });
}

#[test]
fn the_next_host_is_tried_and_the_wanted_side_is_found() {
    if !has_server() {
        return;
    }
    let server = PrivateServer::start(&Options {
        timescaledb: false,
        tcp: true,
        settings: Vec::new(),
    })
    .unwrap();
    let port = server.port();
    let hosts = |rest: &str| {
        format!("host=127.0.0.1,127.0.0.1 port=1,{port} user=postgres dbname=postgres {rest}")
    };
    block_on(async {
        let there = connect::again(&settings(&hosts("")), None).await.unwrap();
        assert_eq!(there.host, format!("127.0.0.1:{port}"));
        for wanted in ["any", "read-write", "primary", "prefer-standby"] {
            assert!(
                connected(&hosts(&format!("target_session_attrs={wanted}")))
                    .await
                    .is_ok(),
                "{wanted}"
            );
        }
        for wanted in ["standby", "read-only"] {
            let error = connected(&hosts(&format!("target_session_attrs={wanted}")))
                .await
                .unwrap_err();
            assert!(
                error.to_string().contains("target_session_attrs"),
                "{error}"
            );
        }
    });
}
