//! Who may act on a job: roles with certain membership options, and the database's owner.

use hypertop::model::plan::{Consent, Plan, Undo};
use hypertop::model::version::Version;

use super::OWN;
use super::support::act::Rig;
use super::support::with_targets;
use super::support::works::{JOBS, on_each};

#[test]
fn a_role_without_rights_is_warned_and_gets_the_servers_words_and_the_fix() {
    with_targets(|targets| {
        on_each(targets, "rights", async |rig, version| {
            let job = rig.text(OWN).await;
            rig.sql("create role nobody_here login; grant usage on schema \"ts X\" to nobody_here")
                .await;
            let nobody = Rig::on(
                version,
                &rig.conninfo.replace("user=postgres", "user=nobody_here"),
            )
            .await;
            for (action, set) in [
                ("pause-job", &[][..]),
                ("edit-job", &[("max_runtime", "9m")]),
                ("delete-job", &[]),
                ("run-job-now", &[]),
            ] {
                let approved = nobody.plan(action, &job, set).await.unwrap();
                assert!(
                    approved
                        .plan
                        .notes
                        .iter()
                        .any(|note| note.text.contains("the server will refuse")),
                    "{action}: {:?}",
                    approved.plan.notes
                );
                let report = nobody.perform(&approved).await.unwrap();
                let (_, problem) = &report.problems[0];
                assert_eq!(
                    problem.sqlstate.as_deref(),
                    Some("42501"),
                    "{version}: {action}: {problem}"
                );
                assert!(
                    problem.to_string().contains("member of the owner"),
                    "{problem}"
                );
            }
            // A member of the owner's role may, and a deleted job gets its owner back.
            rig.sql("grant \"Ow\"\"ner 1\" to nobody_here").await;
            nobody.there_and_back("pause-job", &job, &[], JOBS).await;
            let before = rig.text(JOBS).await;
            let done = nobody.act("delete-job", &job, &[]).await;
            nobody.rollback(&[done.id]).await;
            assert_eq!(rig.text(JOBS).await, before, "{version}");
            drop(nobody);
            rig.sql("drop owned by nobody_here; drop role nobody_here")
                .await;
        });
    });
}

/// Creates the role, and connects as it.
async fn as_role(rig: &Rig, version: &str, role: &str) -> Rig {
    rig.sql(&format!(
        "create role {role} login noinherit; grant usage on schema \"ts X\" to {role}"
    ))
    .await;
    let conninfo = rig
        .conninfo
        .replace("user=postgres", &format!("user={role}"));
    Rig::on(version, &conninfo).await
}

/// The warning that the server will refuse, and the fix in its brackets. `None`: there is no such warning.
fn refusal_and_fix(plan: &Plan) -> Option<(String, String)> {
    let note = plan
        .notes
        .iter()
        .find(|note| note.text.contains("the server will refuse"))?;
    let (told, fix) = note.text.split_once("refuse (").expect("a fix");
    Some((told.to_owned(), fix.strip_suffix(" allows it)")?.to_owned()))
}

#[test]
fn a_member_that_does_not_inherit_is_warned_with_the_statement_that_fixes_it() {
    with_targets(|targets| {
        on_each(targets, "heirless", async |rig, version| {
            let job = rig.text(OWN).await;
            let heir = as_role(rig, version, "heirless").await;
            rig.sql("grant \"Ow\"\"ner 1\" to heirless").await;
            let approved = heir.plan("pause-job", &job, &[]).await.unwrap();
            let (told, fix) = refusal_and_fix(&approved.plan).expect("a warning");
            assert!(told.contains("does not inherit"), "{version}: {told}");
            let report = heir.perform(&approved).await.unwrap();
            let state = report.problems[0].1.sqlstate.as_deref();
            assert_eq!(state, Some("42501"), "{version}: it was refused");
            rig.sql(&fix).await;
            let approved = heir.plan("pause-job", &job, &[]).await.unwrap();
            assert_eq!(refusal_and_fix(&approved.plan), None, "{version}");
            heir.there_and_back("pause-job", &job, &[], JOBS).await;
            drop(heir);
            rig.sql("drop owned by heirless; drop role heirless").await;
        });
    });
}

#[test]
fn the_databases_owner_is_warned_of_others_jobs_just_where_the_server_refuses() {
    with_targets(|targets| {
        on_each(targets, "landlord", async |rig, version| {
            let job = rig.text(OWN).await;
            let owner = as_role(rig, version, "landlord").await;
            rig.sql("do $$ begin execute format('alter database %I owner to landlord', current_database()); end $$").await;
            let policy = rig.text("select min(id) from _timescaledb_config.bgw_job where proc_name = 'policy_retention'").await;
            let mut warned = false;
            for inherits in ["noinherit", "inherit"] {
                rig.sql(&format!("alter role landlord {inherits}")).await;
                let approved = owner.plan("pause-job", &policy, &[]).await.unwrap();
                warned = refusal_and_fix(&approved.plan).is_some();
                let report = owner.perform(&approved).await.unwrap();
                let refused = !report.problems.is_empty();
                assert_eq!(warned, refused, "{version}: {:?}", report.problems);
                if !refused {
                    owner.rollback(&[report.id]).await;
                }
            }
            let early = Version::parse(version).unwrap() < Version::new(2, 28);
            assert_eq!(warned, early, "{version}");
            // The database's owner may delete the job, but could not create it again for its owner.
            let approved = owner.plan("delete-job", &job, &[]).await.unwrap();
            let Undo::Never(why) = &approved.plan.undo else {
                panic!("{version}: {:?}", approved.plan.undo)
            };
            assert!(
                why.contains("landlord may not SET ROLE to \"Ow\"\"ner 1\""),
                "{version}: {why}"
            );
            drop(owner);
            rig.sql("do $$ begin execute format('alter database %I owner to postgres', current_database()); end $$").await;
            rig.sql("drop owned by landlord; drop role landlord").await;
        });
    });
}

#[test]
fn without_the_set_option_a_job_is_deleted_for_good_and_its_rollback_refused_before_it_begins() {
    with_targets(|targets| {
        on_each(targets, "setless", async |rig, version| {
            if rig.session.server.postgres < 160_000 {
                println!("SKIPPED, memberships have no options before PostgreSQL 16");
                return;
            }
            let grant = async |options: &str| {
                rig.sql(&format!("grant \"Ow\"\"ner 1\" to setless with {options}"))
                    .await;
            };
            let fix = "GRANT \"Ow\"\"ner 1\" TO setless WITH SET TRUE";
            let job = rig.text(OWN).await;
            let role = as_role(rig, version, "setless").await;
            grant("inherit true, set false").await;
            let before = rig.text(JOBS).await;
            role.there_and_back("pause-job", &job, &[], JOBS).await;
            let approved = role.plan("delete-job", &job, &[]).await.unwrap();
            assert_eq!(approved.plan.consent, Consent::Name, "{version}");
            let Undo::Never(why) = &approved.plan.undo else {
                panic!("{version}: {:?}", approved.plan.undo)
            };
            assert!(why.contains(fix), "{version}: {why}");
            rig.sql(fix).await;
            let approved = role.plan("delete-job", &job, &[]).await.unwrap();
            // The check function may refuse the undo, whatever the role.
            let Undo::Partly(why) = &approved.plan.undo else {
                panic!("{version}: {:?}", approved.plan.undo)
            };
            assert!(why.starts_with("its check function"), "{version}: {why}");
            let done = role.perform(&approved).await.unwrap();
            assert_eq!(done.problems, [], "{version}");
            let deleted = rig.text(JOBS).await;
            grant("set false").await;
            let why = role.rollback_plan(&[done.id]).await.unwrap_err();
            assert!(why.contains(fix), "{version}: {why}");
            assert_eq!(rig.text(JOBS).await, deleted, "{version}");
            rig.sql(fix).await;
            role.rollback(&[done.id]).await;
            assert_eq!(rig.text(JOBS).await, before, "{version}");
            drop(role);
            rig.sql("drop owned by setless; drop role setless").await;
        });
    });
}
