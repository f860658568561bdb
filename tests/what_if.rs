//! The drawing of a policy's change shows the effect of the next run before and after the change, and the run then has this effect.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::picture::{Picture, State};
use hypertop::model::plan::Plan;
use hypertop::model::version::Version;
use support::act::Rig;
use support::console::Console;
use support::triage::{self, NAME, PACKS_WELL};
use support::{block_on, with_targets};

fn picture(plan: &Plan) -> &Picture {
    plan.picture.as_deref().expect("a picture")
}

fn states(picture: &Picture, strip: usize, state: State) -> usize {
    let states = picture.strips[strip].states.iter();
    states.filter(|one| **one == state).count()
}

fn notes(plan: &Plan) -> String {
    let texts: Vec<_> = plan.notes.iter().map(|note| note.text.as_str()).collect();
    texts.join("\n")
}

async fn count(rig: &Rig, sql: &str) -> usize {
    rig.text(sql).await.parse().unwrap()
}

/// Closes the dialog and quits.
fn leaves(mut console: Console) {
    console.press("\x1b");
    // Two quick keys after Esc would be read as one.
    std::thread::sleep(std::time::Duration::from_millis(200));
    console.press("q");
    assert_eq!(console.ended(), 0);
}

const COMPRESSED: &str = "select count(*) from timescaledb_information.chunks where is_compressed";

#[test]
fn a_compression_policy_is_pictured_before_and_after_and_its_run_does_what_is_pictured() {
    triage::on_each("pictured", PACKS_WELL, async |rig, _| {
        rig.sql(&format!("begin; select alter_job(add_compression_policy('{NAME}', interval '7 days'), next_start => '2040-01-01 00:00+00'); commit")).await;
        let id = rig
            .text(
                "select id from _timescaledb_config.bgw_job where proc_name = 'policy_compression'",
            )
            .await;
        rig.act("run-job-now", &id, &[]).await;
        let (done, all) = (
            count(rig, COMPRESSED).await,
            count(rig, "select count(*) from timescaledb_information.chunks").await,
        );
        assert!(done > 0, "{}", rig.name);
        let set = [("compress_after", "3d")];
        let approved = rig
            .plan("edit-compression-policy", NAME, &set)
            .await
            .unwrap();
        let drawn = picture(&approved.plan);
        let labels: Vec<_> = drawn.strips.iter().map(|strip| strip.label).collect();
        assert_eq!(labels, ["before", "after"], "{}", rig.name);
        assert_eq!(states(drawn, 0, State::Done), done, "{}", rig.name);
        assert_eq!(states(drawn, 0, State::Taken), 0, "{}", rig.name);
        assert_eq!(drawn.strips[0].count, format!("+0 = {done} of {all}"));
        let taken = states(drawn, 1, State::Taken);
        assert!(taken > 0, "{}", rig.name);
        assert_eq!(
            drawn.strips[1].count,
            format!("+{taken} = {} of {all}", done + taken)
        );
        let marks: Vec<_> = drawn.marks.iter().map(|mark| mark.label.as_str()).collect();
        assert_eq!(marks, ["now", "old 7d", "new 3d"], "{}", rig.name);
        let words = notes(&approved.plan);
        for part in [
            "next run in ".to_owned(),
            format!("with this setting it would compress {taken} chunks ("),
            "at the ratio so far (".to_owned(),
            " this frees ".to_owned(),
            " got late rows; ".to_owned(),
            "rows older than 3d may still arrive".to_owned(),
            "its age limit fits the refresh and retention policies".to_owned(),
        ] {
            assert!(words.contains(&part), "{}: {part}: {words}", rig.name);
        }
        rig.perform(&approved).await.unwrap();
        rig.act("run-job-now", &id, &[]).await;
        assert_eq!(count(rig, COMPRESSED).await, done + taken, "{}", rig.name);
        // Without a change both strips are equal, without labels for old and new.
        let refused = rig.form("edit-compression-policy", NAME).await.unwrap();
        assert_eq!(refused.fields[0].value, "3d");
        rig.sql(&format!(
            "insert into {NAME} select min(ts), 1, 'late' from {NAME}"
        ))
        .await;
        let set = [("compress_after", "2d")];
        let approved = rig
            .plan("edit-compression-policy", NAME, &set)
            .await
            .unwrap();
        let words = notes(&approved.plan);
        let late = |line: &str| line.starts_with("1 of ") && line.contains(" got late rows");
        assert!(words.lines().any(late), "{}: {words}", rig.name);
    });
}

#[test]
fn what_cannot_be_known_of_a_new_policy_is_said() {
    triage::on_each("first", PACKS_WELL, async |rig, _| {
        let set = [("compress_after", "3d"), ("first_run", "1d")];
        let approved = rig
            .plan("add-compression-policy", NAME, &set)
            .await
            .unwrap();
        let drawn = picture(&approved.plan);
        assert_eq!(states(drawn, 0, State::Taken), 0, "{}", rig.name);
        assert!(states(drawn, 1, State::Taken) > 0, "{}", rig.name);
        let words = notes(&approved.plan);
        assert!(
            words.contains("how much that frees is unknown, because no chunk is compressed yet"),
            "{}: {words}",
            rig.name
        );
        let set = [("compress_after", "3d")];
        let limit = rig
            .act(
                "add-compression-policy",
                NAME,
                &[("compress_after", "3d"), ("first_run", "1d")],
            )
            .await;
        let set = [set[0], ("maxchunks_to_compress", "2")];
        let approved = rig
            .plan("edit-compression-policy", NAME, &set)
            .await
            .unwrap();
        let words = notes(&approved.plan);
        assert!(words.contains("at most 2 per run"), "{}: {words}", rig.name);
        rig.rollback(&[limit.id]).await;
    });
}

#[test]
fn a_policy_by_creation_time_has_no_limit_on_the_axis() {
    triage::on_each("made", PACKS_WELL, async |rig, version| {
        if version < Version::new(2, 13) {
            return;
        }
        rig.sql("update _timescaledb_catalog.chunk set creation_time = now() - interval '2 days' where id % 2 = 0")
            .await;
        let set = [("compress_created_before", "1d"), ("first_run", "1d")];
        let approved = rig
            .plan("add-compression-policy", NAME, &set)
            .await
            .unwrap();
        let drawn = picture(&approved.plan);
        let labels: Vec<_> = drawn.marks.iter().map(|mark| mark.label.as_str()).collect();
        assert_eq!(labels, ["now"], "{}", rig.name);
        assert_eq!(states(drawn, 1, State::Taken), 5, "{}", rig.name);
    });
}

#[test]
fn a_retention_policy_is_pictured_and_drops_what_is_pictured() {
    triage::on_each("dropped", PACKS_WELL, async |rig, _| {
        rig.sql(&format!("begin; select alter_job(add_retention_policy('{NAME}', interval '1 year'), next_start => '2040-01-01 00:00+00'); commit")).await;
        let all = count(rig, "select count(*) from timescaledb_information.chunks").await;
        let set = [("drop_after", "4d")];
        let approved = rig.plan("edit-retention-policy", NAME, &set).await.unwrap();
        let drawn = picture(&approved.plan);
        let dropped = states(drawn, 1, State::Dropped);
        assert!(
            dropped > 0 && states(drawn, 0, State::Dropped) == 0,
            "{}",
            rig.name
        );
        assert_eq!(drawn.strips[0].count, format!("-0 = {all} of {all}"));
        assert_eq!(
            drawn.strips[1].count,
            format!("-{dropped} = {} of {all}", all - dropped)
        );
        rig.perform(&approved).await.unwrap();
        let id = rig
            .text("select id from _timescaledb_config.bgw_job where proc_name = 'policy_retention'")
            .await;
        rig.act("run-job-now", &id, &[]).await;
        let left = count(rig, "select count(*) from timescaledb_information.chunks").await;
        assert_eq!(left, all - dropped, "{}", rig.name);
        // A new policy has no limit before the change.
        rig.act("remove-retention-policy", NAME, &[]).await;
        let set = [("drop_after", "2d"), ("first_run", "1d")];
        let approved = rig.plan("add-retention-policy", NAME, &set).await.unwrap();
        let drawn = picture(&approved.plan);
        let labels: Vec<_> = drawn.marks.iter().map(|mark| mark.label.as_str()).collect();
        assert_eq!(labels, ["now", "2d"], "{}", rig.name);
    });
}

#[test]
fn a_refresh_window_is_pictured_over_the_chunks_of_its_source() {
    let source = format!(
        "{PACKS_WELL};\ncreate materialized view a with (timescaledb.continuous) as select time_bucket('1 day', ts) as b, count(*) from {NAME} group by 1 with no data"
    );
    triage::on_each("window", &source, async |rig, _| {
        rig.sql("select alter_job(add_continuous_aggregate_policy('a', interval '4 days', interval '1 hour', interval '1 hour'), scheduled => false)").await;
        let set = [("start_offset", "8 days")];
        let approved = rig
            .plan("edit-refresh-policy", "public.a", &set)
            .await
            .unwrap();
        let drawn = picture(&approved.plan);
        let (before, after) = (
            states(drawn, 0, State::Taken),
            states(drawn, 1, State::Taken),
        );
        assert!(
            0 < before && before < after,
            "{}: {before} {after}",
            rig.name
        );
        assert_eq!(
            drawn.strips[1].count,
            format!("reads {after} chunks"),
            "{}",
            rig.name
        );
        // A window that is refused is drawn too.
        rig.sql(&format!("begin; select alter_job(add_retention_policy('{NAME}', interval '6 days'), next_start => '2040-01-01 00:00+00'); commit")).await;
        let vars = [("XDG_CONFIG_HOME", "/nonexistent")];
        let mut console = Console::open_in(&[&rig.conninfo], &vars, 120, 40);
        console.wait_for("1 Over");
        console.press("6");
        console.wait_for("REFRESHED");
        console.wait_for("public.a");
        console.press("e");
        console.wait_for("no change: job");
        console.press("\x15");
        console.press("8d");
        let shown = console.wait_for("it, set override_data_loss");
        assert!(
            shown.contains("before ") && shown.contains("reads "),
            "{shown}"
        );
        leaves(console);
    });
}

#[test]
fn a_stand_in_pictures_its_retention_too() {
    with_targets(|targets| {
        for target in targets.all.iter().filter(|target| !target.real) {
            block_on(async {
                let rig = Rig::new(target).await;
                let table = rig
                    .text("select format('%I.%I', h.schema_name, h.table_name) from _timescaledb_catalog.hypertable h join _timescaledb_config.bgw_job j on j.hypertable_id = h.id where j.proc_name = 'policy_retention' order by j.id limit 1")
                    .await;
                let set = [("drop_after", "3 days"), ("override_data_loss", "yes")];
                let approved = rig
                    .plan("edit-retention-policy", &table, &set)
                    .await
                    .unwrap();
                assert!(
                    states(picture(&approved.plan), 1, State::Dropped) > 0,
                    "{table}"
                );
            });
        }
    });
}

#[test]
fn the_form_shows_the_picture_beside_its_words_and_they_scroll_where_there_is_no_room() {
    triage::on_each("drawn", PACKS_WELL, async |rig, _| {
        rig.sql(&format!("begin; select alter_job(add_compression_policy('{NAME}', interval '7 days'), next_start => '2040-01-01 00:00+00'); commit")).await;
        rig.sql(&format!(
            "select compress_chunk(c) from show_chunks('{NAME}', older_than => interval '7 days') c"
        ))
        .await;
        let vars = [("XDG_CONFIG_HOME", "/nonexistent")];
        for (width, height) in [(120, 40), (80, 24)] {
            let mut console = Console::open_in(&[&rig.conninfo], &vars, width, height);
            console.wait_for("1 Over");
            console.press("2");
            console.wait_for("OLDER THAN");
            console.wait_for("Me.s");
            console.press("e");
            // The form opens with the present setting.
            console.wait_for("no change: job");
            console.press("\x15");
            console.press("3d");
            let shown = console.wait_for("was 7d");
            let shown = if shown.contains("▒") {
                shown
            } else {
                console.wait_for("▒")
            };
            for words in [
                "before ",
                "after ",
                "█ compressed",
                "▒ the next run compresses",
                "with this setting it would compress",
                "Undo (exact)",
            ] {
                assert!(
                    shown.contains(words),
                    "{} {width}x{height}: {words}:\n{shown}",
                    rig.name
                );
            }
            console.press("\r");
            console.wait_for("Enter runs it");
            leaves(console);
            // The drawing also works without colours and without UTF-8.
        }
        let vars = [
            ("XDG_CONFIG_HOME", "/nonexistent"),
            ("LC_ALL", "C"),
            ("NO_COLOR", "1"),
        ];
        let mut console = Console::open_in(&[&rig.conninfo], &vars, 100, 14);
        console.wait_for("1 Over");
        console.press("2");
        console.wait_for("Me.s");
        console.press("e");
        console.wait_for("no change: job");
        console.press("\x15");
        console.press("3d");
        // The terminal is too small for the drawing, but all of the text can be read.
        let shown = console.wait_for("with this setting it would compress");
        assert!(!shown.contains("####"), "{shown}");
        assert!(shown.contains("more . PgDn"), "{shown}");
        // With some more lines the drawing stays, and the text scrolls below it.
        console.resize(100, 17);
        let shown = console.wait_for("####");
        assert!(shown.contains("before ") && shown.contains("::"), "{shown}");
        assert!(!shown.contains("Undo (exact)"), "{shown}");
        console.press("\x1b[6~");
        console.press("\x1b[6~");
        let shown = console.wait_for("Undo (exact)");
        assert!(shown.contains("####"), "{shown}");
        console.resize(100, 34);
        let shown = console.wait_for("with this setting it would compress");
        assert!(
            shown.contains("before ") && shown.contains("####"),
            "{shown}"
        );
        leaves(console);
    });
}
