use serde_json::Value as Json;

/// Compares two recorded states, but only the parts that these JSON pointers name. Without pointers, compares everything. Returns path,
/// first value and second value of each difference.
pub(crate) fn differences(
    pointers: &[String],
    first: &Json,
    second: &Json,
) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let whole = [String::new()];
    for pointer in if pointers.is_empty() {
        &whole[..]
    } else {
        pointers
    } {
        let part = |state: &Json| state.pointer(pointer).cloned().unwrap_or(Json::Null);
        compare(pointer, &part(first), &part(second), &mut found);
    }
    found
}

fn compare(path: &str, first: &Json, second: &Json, found: &mut Vec<(String, String, String)>) {
    match (first, second) {
        _ if first == second => {}
        (Json::Object(a), Json::Object(b)) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let of = |object: &serde_json::Map<String, Json>| {
                    object.get(key).cloned().unwrap_or(Json::Null)
                };
                compare(&format!("{path}/{key}"), &of(a), &of(b), found);
            }
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}/{at}"), a, b, found);
            }
        }
        _ => found.push((
            path.trim_start_matches('/').to_owned(),
            said(first),
            said(second),
        )),
    }
}

fn said(value: &Json) -> String {
    match value {
        Json::Null => "(none)".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_the_place_and_both_sides() {
        let (a, b) = (
            serde_json::json!({"jobs": [{"scheduled": true, "x": 1}], "other": 1}),
            serde_json::json!({"jobs": [{"scheduled": false, "x": 1}], "other": 2}),
        );
        let found = differences(&["/jobs".to_owned()], &a, &b);
        assert_eq!(
            found,
            [(
                "jobs/0/scheduled".to_owned(),
                "true".to_owned(),
                "false".to_owned()
            )]
        );
        assert_eq!(differences(&[], &a, &b).len(), 2);
    }
}
