//! Enabling, changing and disabling compression, and chunks with older settings.

use hypertop::model::version::Version;

use super::{Place, everywhere, notes, version};

#[test]
fn settings_are_changed_and_come_back_and_old_chunks_are_rewritten_and_come_back_too() {
    everywhere(&async |rig, _| {
        let place = Place::make(&rig, "settings").await;
        let set = [
            ("segment_by", r#""select", "a,b""#),
            ("order_by", r#""Größe (mm)" desc nulls last, "Zeit.Punkt""#),
        ];
        rig.there_and_back(
            "edit-compression-settings",
            &place.table,
            &set,
            &place.settings(),
        )
        .await;
        rig.there_and_back(
            "edit-compression-settings",
            &place.table,
            &[("segment_by", "none"), ("order_by", "")],
            &place.settings(),
        )
        .await;
        place.compress(&rig, "8 days").await;
        if version(&rig) < Version::new(2, 14) {
            let refused = rig
                .plan("edit-compression-settings", &place.table, &set)
                .await
                .unwrap_err();
            assert!(refused.contains("decompress-chunks first"), "{refused}");
            let refused = rig
                .plan("rewrite-chunks", &place.table, &[])
                .await
                .unwrap_err();
            assert!(refused.contains("nothing to rewrite"), "{refused}");
            return;
        }
        let refused = rig
            .plan("rewrite-chunks", &place.table, &[])
            .await
            .unwrap_err();
        assert!(
            refused.contains("present settings") && refused.contains("chunks='all'"),
            "{refused}"
        );
        let approved = rig
            .plan("edit-compression-settings", &place.table, &set)
            .await
            .unwrap();
        assert!(
            notes(&approved.plan).contains("compressed chunks keep their settings (2 chunks)"),
            "{}",
            notes(&approved.plan)
        );
        rig.there_and_back(
            "edit-compression-settings",
            &place.table,
            &set,
            &place.settings(),
        )
        .await;
        rig.act("edit-compression-settings", &place.table, &set)
            .await;
        let of_chunks = format!(
            "select string_agg(coalesce(segmentby, '') || '/' || coalesce(orderby, ''), ' ' order by chunk::text)
             from timescaledb_information.chunk_compression_settings where hypertable = '{}'::regclass",
            place.table
        );
        let whole = format!(
            "select ({}) || ({of_chunks}) || ({})",
            place.chunks(),
            place.settings()
        );
        rig.there_and_back("rewrite-chunks", &place.table, &[], &whole)
            .await;
        let report = rig.act("rewrite-chunks", &place.table, &[]).await;
        assert_eq!(report.steps, 2);
        assert!(
            !rig.text(&of_chunks).await.contains("DESC/"),
            "{}",
            rig.text(&of_chunks).await
        );
        assert!(
            rig.text(&of_chunks).await.contains("Größe (mm)"),
            "{}",
            rig.text(&of_chunks).await
        );
        let refused = rig
            .plan("rewrite-chunks", &place.table, &[])
            .await
            .unwrap_err();
        assert!(refused.contains("present settings"), "{refused}");
        rig.act(
            "rewrite-chunks",
            &place.table,
            &[("chunks", "all"), ("at_most", "1")],
        )
        .await;
    });
}

#[test]
fn chunks_under_older_settings_are_decompressed_and_come_back_under_them() {
    everywhere(&async |rig, _| {
        if version(&rig) < Version::new(2, 14) {
            return;
        }
        let place = Place::make(&rig, "older").await;
        place.compress(&rig, "8 days").await;
        rig.act(
            "edit-compression-settings",
            &place.table,
            &[("segment_by", r#""select""#)],
        )
        .await;
        let of_chunks = format!(
            "select ({}) || ({}) || string_agg(coalesce(segmentby, '') || '/' || coalesce(orderby, ''), ' ' order by chunk::text)
             from timescaledb_information.chunk_compression_settings where hypertable = '{}'::regclass",
            place.chunks(),
            place.settings(),
            place.table
        );
        rig.there_and_back(
            "decompress-chunks",
            &place.table,
            &[("older_than", "9 days")],
            &of_chunks,
        )
        .await;
    });
}

#[test]
fn what_is_typed_as_columns_is_checked_by_name() {
    everywhere(&async |rig, _| {
        let place = Place::make(&rig, "columns").await;
        for (key, typed, said) in [
            (
                "segment_by",
                "nosuch",
                r#"the columns are: "Zeit.Punkt", "a,b", "select", "Größe (mm)""#,
            ),
            ("segment_by", r#""a,b"#, "is missing"),
            ("segment_by", r#""Zeit.Punkt""#, "time column"),
            ("segment_by", r#""a,b","a,b""#, "twice"),
            ("order_by", r#""Zeit.Punkt" sideways"#, "ASC or DESC"),
            ("order_by", r#""a,b", "Zeit.Punkt""#, "cannot be in both"),
            ("order_by", r#""Zeit.Punkt","#, "next to a comma"),
            (
                "order_by",
                r#""Zeit.Punkt" DESC"#,
                "already has these settings; change a field",
            ),
        ] {
            let refused = rig
                .plan("edit-compression-settings", &place.table, &[(key, typed)])
                .await
                .unwrap_err();
            assert!(refused.contains(said), "{typed}: {refused}");
        }
        // Older versions create a unique index only while compression is disabled.
        let table = &place.table;
        rig.sql(&format!(
            r#"alter table {table} set (timescaledb.compress = false); create unique index on {table} ("Zeit.Punkt", "select", "Größe (mm)");
               alter table {table} set (timescaledb.compress, timescaledb.compress_segmentby = '"a,b"')"#
        ))
        .await;
        let approved = rig
            .plan(
                "edit-compression-settings",
                &place.table,
                &[("segment_by", "none"), ("order_by", r#""Zeit.Punkt""#)],
            )
            .await
            .unwrap();
        assert!(
            notes(&approved.plan).contains("unique index"),
            "{}",
            notes(&approved.plan)
        );
    });
}

#[test]
fn sparse_indexes_that_a_person_chose_come_back_with_the_compression() {
    everywhere(&async |rig, _| {
        if version(&rig) < Version::new(2, 22) {
            return;
        }
        let place = Place::make(&rig, "sparse").await;
        rig.sql(&format!(
            r#"alter table {} set (timescaledb.compress, timescaledb.compress_segmentby = '"a,b"', timescaledb.compress_orderby = '"Zeit.Punkt"',
                 timescaledb.compress_sparse_index = 'bloom("select"), minmax("Größe (mm)")')"#,
            place.table
        ))
        .await;
        let row = format!(
            "select to_jsonb(s)::text from _timescaledb_catalog.compression_settings s where relid = '{}'::regclass",
            place.table
        );
        assert!(
            rig.text(&row).await.contains("bloom"),
            "{}",
            rig.text(&row).await
        );
        rig.there_and_back("disable-compression", &place.table, &[], &row)
            .await;
        rig.there_and_back(
            "edit-compression-settings",
            &place.table,
            &[("segment_by", "none")],
            &row,
        )
        .await;
    });
}

#[test]
fn compression_is_enabled_and_disabled_with_its_policy_and_comes_back() {
    everywhere(&async |rig, _| {
        let place = Place::make(&rig, "enable").await;
        let whole = format!(
            "select ({}) || coalesce(({})::text, '')",
            place.settings(),
            place.job()
        );
        rig.there_and_back("disable-compression", &place.table, &[], &whole)
            .await;
        rig.sql(&format!(
            "select alter_job(add_compression_policy('{}', interval '7 days'), next_start => '2040-01-01 00:00:00+00')",
            place.table
        ))
        .await;
        rig.there_and_back("disable-compression", &place.table, &[], &whole)
            .await;
        rig.act("disable-compression", &place.table, &[]).await;
        let settings = rig.text(&place.settings()).await;
        assert!(settings.starts_with("none0"), "{}: {settings}", rig.name);
        assert_eq!(rig.text(&place.job()).await, "");
        for action in [
            "compress-chunks",
            "edit-compression-settings",
            "add-compression-policy",
        ] {
            let refused = rig.plan(action, &place.table, &[]).await.unwrap_err();
            assert!(refused.contains("enable-compression"), "{refused}");
        }
        rig.there_and_back(
            "enable-compression",
            &place.table,
            &[],
            &format!(
                "select ({}) || coalesce(({})::text, '')",
                enabled(&place),
                place.settings()
            ),
        )
        .await;
        let set = [
            ("segment_by", r#""select""#),
            ("order_by", r#""Zeit.Punkt" DESC NULLS LAST"#),
        ];
        rig.there_and_back("enable-compression", &place.table, &set, &place.settings())
            .await;
        rig.act("enable-compression", &place.table, &set).await;
        let settings = rig.text(&place.settings()).await;
        assert!(
            settings.contains(r#""attname": "select""#)
                && settings.contains(r#""orderby_nullsfirst": false"#),
            "{settings}"
        );
        place.compress(&rig, "8 days").await;
        let refused = rig
            .plan("disable-compression", &place.table, &[])
            .await
            .unwrap_err();
        assert!(
            refused.contains("2 chunks of") && refused.contains("decompress-chunks first"),
            "{refused}"
        );
        let refused = rig
            .plan("enable-compression", &place.table, &[])
            .await
            .unwrap_err();
        assert!(refused.contains("enabled on"), "{refused}");
    });
}

fn enabled(place: &Place) -> String {
    format!(
        "select (h.compression_state <> 0 or coalesce((to_jsonb(h) ->> 'status')::int & 4, 0) <> 0)::text from _timescaledb_catalog.hypertable h where format('%I.%I', schema_name, table_name) = '{}'",
        place.table
    )
}
