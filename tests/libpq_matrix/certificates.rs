//! Certificates of every kind. Those that rcgen cannot create are created by the openssl program.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};

use super::world::{KINDS, give};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// Serial number of the usual certificate, which `revoked.crl` revokes.
const NUMBER: u64 = 7;

/// Writes all certificates and keys to `folder`, and the server's files to `server`.
pub fn write(folder: &Path, server: &Path) {
    let ours = authority("ours", folder);
    authority("another", folder);
    let hosts = ["db.test", "*.cloud.test"];
    leaf(&ours, "server", "server", &hosts, folder);
    leaf(&ours, "cn_only", "db.test", &[], folder);
    leaf(&ours, "expired", "server", &hosts, folder);
    leaf(&ours, "holder", "holder", &[], folder);
    for (name, is_ca) in [
        (
            "self_signed_authority",
            IsCa::Ca(BasicConstraints::Unconstrained),
        ),
        ("self_signed", IsCa::ExplicitNoCa),
    ] {
        let mut params = params("db.test", &hosts);
        params.is_ca = is_ca;
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        keep(folder, name, &certificate.pem(), &key);
    }
    let other = CertifiedIssuer::self_signed(params("strange", &[]), KeyPair::generate().unwrap());
    leaf(&other.unwrap(), "stranger", "holder", &[], folder);
    of_openssl(folder);
    revoke(&ours, folder);
    for name in KINDS.into_iter().chain(["ours"]) {
        for end in ["crt", "key"] {
            let file = server.join(format!("{name}.{end}"));
            fs::copy(folder.join(format!("{name}.{end}")), &file).unwrap();
            give(&file, server);
        }
    }
}

fn params(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn authority(name: &str, folder: &Path) -> Authority {
    let mut params = params(name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let made = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    keep(folder, name, &made.pem(), made.key());
    made
}

fn leaf(authority: &Authority, file: &str, name: &str, hosts: &[&str], folder: &Path) {
    let mut params = params(name, hosts);
    if file == "server" {
        params.serial_number = Some(NUMBER.into());
    }
    if file == "expired" {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    keep(folder, file, &certificate.pem(), &key);
}

fn keep(folder: &Path, name: &str, certificate: &str, key: &KeyPair) {
    fs::write(folder.join(format!("{name}.crt")), certificate).unwrap();
    let file = folder.join(format!("{name}.key"));
    fs::write(&file, key.serialize_pem()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Certificates of X.509 v1 for a server and a client, one with a P-521 key, and an encrypted key.
fn of_openssl(folder: &Path) {
    fs::write(folder.join("hosts"), "subjectAltName=DNS:db.test\n").unwrap();
    // Newer versions of openssl need this option for X.509 v1, and a configuration without extensions.
    let bare = "[req]\ndistinguished_name=dn\n[dn]\n";
    fs::write(folder.join("bare"), bare).unwrap();
    let help = Command::new("openssl").args(["req", "-help"]).output();
    let options = String::from_utf8_lossy(&help.unwrap().stderr).contains("-x509v1");
    for (name, subject, curve, extensions, version) in [
        ("version_1", "db.test", "P-256", "", "1 (0x0)"),
        ("old", "old", "P-256", "", "1 (0x0)"),
        ("p521", "db.test", "P-521", " -extfile hosts", "3 (0x2)"),
    ] {
        openssl(
            folder,
            &format!(
                "req -new -newkey ec -pkeyopt ec_paramgen_curve:{curve} -nodes -keyout {name}.key -subj /CN={subject} -out {name}.csr"
            ),
        );
        let sign = if options && version.starts_with('1') {
            "req -x509 -x509v1 -config bare"
        } else {
            "x509 -req"
        };
        openssl(
            folder,
            &format!(
                "{sign} -in {name}.csr -CA ours.crt -CAkey ours.key -set_serial 9 -days 9 -out {name}.crt{extensions}"
            ),
        );
        let text = openssl(folder, &format!("x509 -in {name}.crt -noout -text"));
        assert!(text.contains(&format!("Version: {version}")), "{text}");
        let file = folder.join(format!("{name}.key"));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }
    openssl(
        folder,
        "pkcs8 -topk8 -in holder.key -passout pass:secret -out secret.key",
    );
    fs::set_permissions(folder.join("secret.key"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::copy(folder.join("holder.key"), folder.join("open.key")).unwrap();
    fs::set_permissions(folder.join("open.key"), fs::Permissions::from_mode(0o644)).unwrap();
}

fn openssl(folder: &Path, args: &str) -> String {
    let mut command = Command::new("openssl");
    let output = command.current_dir(folder).args(args.split(' ')).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Writes `good.crl`, which revokes nothing, and `revoked.crl`, which revokes the server's certificate.
fn revoke(ours: &Authority, folder: &Path) {
    let at = date_time_ymd(2026, 1, 1);
    for (name, revoked) in [("good", None), ("revoked", Some(NUMBER))] {
        let list = CertificateRevocationListParams {
            this_update: at,
            next_update: date_time_ymd(2099, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked
                .into_iter()
                .map(|number| RevokedCertParams {
                    serial_number: number.into(),
                    revocation_time: at,
                    reason_code: None,
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(ours).unwrap().pem().unwrap();
        fs::write(folder.join(format!("{name}.crl")), list).unwrap();
    }
}
