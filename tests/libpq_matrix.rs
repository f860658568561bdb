//! Connection settings: with the same settings, psql and hypertop connect to the same server, role and database, or both refuse. The
//! remaining differences are in `libpq_matrix/differences.rs`, each with its reason.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

#[path = "libpq_matrix/certificates.rs"]
mod certificates;
#[path = "libpq_matrix/differences.rs"]
#[rustfmt::skip]
mod differences;
#[path = "libpq_matrix/files.rs"]
mod files;
#[path = "libpq_matrix/rows.rs"]
#[rustfmt::skip]
mod rows;
#[path = "libpq_matrix/rows_of_files.rs"]
#[rustfmt::skip]
mod rows_of_files;
#[path = "libpq_matrix/world.rs"]
mod world;

use differences::{CERTIFICATES, DIFFERENCES};
use rows::Row;
use world::{World, psql_version, world};

/// Compares each row's outcome for psql and hypertop with the expected one.
fn check(rows: &[Row]) {
    let Some(world) = world() else { return };
    let mut wrong = Vec::new();
    for (env, args, expected) in rows {
        let (psql, ours) = (world.psql(env, args), world.ours(env, args));
        let expected = world.plain(expected);
        if psql.short != expected || ours.short != expected {
            wrong.push(format!(
                "{env:?} {args:?}: {expected:?} expected\n  psql: {psql}\n  hypertop: {ours}\n"
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.concat());
}

#[test]
fn flags_lead_where_they_lead_psql() {
    check(rows::FLAGS);
}

#[test]
fn pairs_of_keyword_and_value_lead_where_they_lead_psql() {
    check(rows::PAIRS);
}

#[test]
fn addresses_beside_names_lead_where_they_lead_psql() {
    check(rows::HOSTADDR);
    if World::has_ipv6() {
        check(rows::IPV6);
    }
}

#[test]
fn uris_lead_where_they_lead_psql() {
    check(rows::URIS);
}

#[test]
fn the_environment_leads_where_it_leads_psql() {
    check(rows_of_files::ENVIRONMENT);
}

#[test]
fn service_files_lead_where_they_lead_psql() {
    check(rows_of_files::SERVICES);
}

#[test]
fn password_files_open_what_they_open_to_psql() {
    check(rows_of_files::PASSWORDS);
}

#[test]
fn the_session_that_is_wanted_is_the_one_that_psql_finds() {
    check(rows_of_files::WANTED);
}

#[test]
fn tls_protects_what_it_protects_for_psql() {
    check(rows_of_files::TLS);
}

#[test]
fn each_difference_that_is_listed_is_still_one() {
    let Some(world) = world() else { return };
    let mut wrong = Vec::new();
    let version = psql_version();
    for it in DIFFERENCES {
        assert!(!it.why.is_empty() && it.psql != it.ours, "{:?}", it.row);
        let (env, args) = it.row;
        let ours = world.ours(env, args);
        let mut is_so = ours.short == world.plain(it.ours);
        let mut told = format!("hypertop: {ours}");
        if it.versions.contains(&version) {
            let psql = world.psql(env, args);
            is_so &= psql.short == world.plain(it.psql);
            told = format!("{told}\n  psql: {psql}");
        }
        if !is_so {
            wrong.push(format!(
                "{env:?} {args:?} ({}): psql {:?} and hypertop {:?} expected\n  {told}\n",
                it.why, it.psql, it.ours
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.concat());
}

/// Every kind of server certificate with every sslmode and root certificate: 140 cases.
#[test]
fn each_kind_of_server_certificate_is_taken_as_psql_takes_it() {
    let Some(world) = world() else { return };
    let mut wrong = Vec::new();
    let mut used = Vec::new();
    for kind in world::KINDS {
        world.present(kind);
        for mode in ["disable", "prefer", "require", "verify-ca", "verify-full"] {
            for root in ["", "ours", "another", kind] {
                let root_file = match root {
                    "" => String::new(),
                    root => format!(" sslrootcert={{F}}/{root}.crt"),
                };
                let conninfo = format!(
                    "host=db.test hostaddr=127.0.0.1 port={{A}} user=ana sslmode={mode}{root_file}"
                );
                let args = [conninfo.as_str()];
                let (psql, ours) = (world.psql("", &args), world.ours("", &args));
                let root = if root == kind { "itself" } else { root };
                let at = CERTIFICATES.iter().position(|listed| {
                    listed.kinds.contains(&kind)
                        && listed.modes.contains(&mode)
                        && listed.roots.contains(&root)
                });
                let is_right = match at.map(|at| &CERTIFICATES[at]) {
                    None => psql.short == ours.short,
                    Some(listed) => {
                        listed.words.iter().all(|words| ours.whole.contains(words))
                            && psql.short == world.plain(listed.psql)
                            && ours.short == world.plain(listed.ours)
                    }
                };
                used.extend(at);
                let listed = at.map(|at| CERTIFICATES[at].why);
                if !is_right {
                    let listed = listed.unwrap_or("not listed");
                    wrong.push(format!(
                        "{kind} {mode} root {root:?} ({listed})\n  psql: {psql}\n  hypertop: {ours}\n"
                    ));
                }
            }
        }
    }
    world.present("server");
    assert!(wrong.is_empty(), "\n{}", wrong.concat());
    assert!((0..CERTIFICATES.len()).all(|at| used.contains(&at)));
}
