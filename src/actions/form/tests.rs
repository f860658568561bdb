use super::*;

fn form() -> Form {
    let items = ["a", "b,c"].map(|key| Item {
        key: key.to_owned(),
        about: String::new(),
    });
    Form::new(vec![
        Field::new("drop_after", "Drop after", FieldType::Interval, "7 days"),
        Field::new("scheduled", "Scheduled", FieldType::Flag, "yes"),
        Field::new("config", "Configuration", FieldType::Json, "").optional(),
        Field::new("chunks", "Chunks", FieldType::Pick(items.to_vec()), "").optional(),
    ])
}

#[test]
fn the_command_line_fills_a_form() {
    let mut form = form();
    form.set("drop_after", "2w").unwrap();
    form.set("chunks", "b,c").unwrap();
    let inputs = form.inputs().unwrap();
    assert_eq!(inputs.text("drop_after"), Some("14 days"));
    assert_eq!(inputs.picked("chunks"), ["b,c"]);
    assert!(inputs.flag("scheduled"));
    form.set("chunks", "all").unwrap();
    assert_eq!(form.inputs().unwrap().picked("chunks"), ["a", "b,c"]);
}

#[test]
fn two_lengths_in_one_field_are_refused_and_not_added() {
    for typed in ["14d-5d", "14d30d"] {
        let mut form = form();
        form.set("drop_after", typed).unwrap();
        let wrong = form.inputs().unwrap_err();
        let [(_, error)] = wrong.as_slice() else {
            panic!("{wrong:?}");
        };
        let expected = format!("drop_after: \"{typed}\" is more than one interval");
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn what_is_wrong_names_the_field_and_the_fix() {
    let mut form = form();
    assert!(
        form.set("drop", "1d")
            .unwrap_err()
            .contains("this action takes: drop_after, scheduled")
    );
    form.set("drop_after", "soon").unwrap();
    form.set("scheduled", "perhaps").unwrap();
    form.set("config", "[1]").unwrap();
    form.set("chunks", "a,z").unwrap();
    let wrong = form.inputs().unwrap_err();
    let errors: Vec<_> = wrong.iter().map(|(_, error)| error.as_str()).collect();
    assert!(
        errors[0].contains("drop_after") && errors[0].contains("7d"),
        "{errors:?}"
    );
    assert!(errors[1].contains("yes or no"), "{errors:?}");
    assert!(errors[2].contains("JSON object"), "{errors:?}");
    assert!(errors[3].contains("z is not in the list"), "{errors:?}");
}

#[test]
fn an_empty_field_is_wanted_unless_it_is_optional() {
    let mut form = form();
    form.set("drop_after", " ").unwrap();
    assert_eq!(
        form.inputs().unwrap_err(),
        [("drop_after", "drop_after is required".to_owned())]
    );
}
