use super::*;
use crate::model::trust;

fn parse(text: &str) -> Result<Config, String> {
    merged(&[Source::of_text(text)])
}

#[test]
fn settings_are_read() {
    let config =
        parse("refresh = \"5s\"\ntheme = \"light\"\nmouse = true\npreview = false\n").unwrap();
    assert_eq!(
        config,
        Config {
            refresh: Duration::from_secs(5),
            theme: "light".to_owned(),
            mouse: true,
            preview: false,
            ..Config::default()
        }
    );
}

#[test]
fn a_connection_can_be_for_reading_only_or_protected() {
    let config = parse("[[connection]]\nhost = \"prod-*\"\nprotected = true\n[[connection]]\nhost = \"*\"\ndatabase = \"billing\"\nread_only = true\n").unwrap();
    let rules = config.rules("prod-1:5432", "billing", "dba", false);
    assert!(rules.protected && rules.read_only.is_some());
    assert_eq!(
        config.rules("test:5432", "factory", "dba", false),
        Access::default()
    );
    assert!(
        config
            .rules("test:5432", "factory", "dba", true)
            .read_only
            .unwrap()
            .contains("--read-only")
    );
}

#[test]
fn owners_are_trusted_where_the_connection_and_its_role_match() {
    let config = parse("[[connection]]\nhost = \"db1\"\nuser = \"monitor\"\ntrusted_owners = [\"app\", \"etl\"]\n[[connection]]\ndatabase = \"lab\"\ntrusted_owners = [\"app\"]\n").unwrap();
    let trusted = |host, database, user| trust::owners(&config.trust(user), host, database);
    assert_eq!(trusted("db1:5432", "lab", "monitor"), ["app", "etl"]);
    assert_eq!(trusted("db1:5432", "lab", "postgres"), ["app"]);
    assert_eq!(trusted("db2:5432", "plant", "monitor"), [""; 0]);
    let error = parse("[[connection]]\ntrusted_owners = \"app\"\n").unwrap_err();
    assert!(error.contains("line 2"), "{error}");
}

#[test]
fn busy_hours_are_of_the_last_connection_that_matches_and_a_wrong_one_names_its_line() {
    let config = parse("[[connection]]\nbusy_hours = \"06:00-22:00\"\n[[connection]]\nhost = \"db1\"\nbusy_hours = \"07:00-19:00 Europe/Berlin\"\n[[connection]]\ndatabase = \"lab\"\nread_only = true\n").unwrap();
    let hours = |host, database| {
        let busy = config.busy_hours(host, database, "dba");
        busy.map(|busy| (busy.hours(), busy.zone("UTC").to_owned()))
    };
    let everywhere = Some(("06:00-22:00".to_owned(), "UTC".to_owned()));
    assert_eq!(hours("db2:5432", "lab"), everywhere);
    let there = Some(("07:00-19:00".to_owned(), "Europe/Berlin".to_owned()));
    assert_eq!(hours("db1:5432", "lab"), there);
    assert_eq!(Config::default().busy_hours("db1:5432", "lab", "dba"), None);
    let error = parse("[[connection]]\nhost = \"db1\"\nbusy_hours = \"6 to 22\"\n").unwrap_err();
    assert!(
        error.contains("line 3")
            && error.contains("busy_hours = \"6 to 22\"")
            && error.contains("write \"06:00-22:00\""),
        "{error}"
    );
}

#[test]
fn policy_files_are_of_the_last_connection_that_names_some_and_have_whole_paths() {
    let config = parse("policies = [\"/p/all.toml\"]\n[[connection]]\ndatabase = \"lab\"\npolicies = [\"/p/a.toml\", \"/p/b.toml\"]\n").unwrap();
    let files = |database| config.policies("db1:5432", database, "dba").to_vec();
    assert_eq!(files("plant"), [PathBuf::from("/p/all.toml")]);
    let own = [PathBuf::from("/p/a.toml"), PathBuf::from("/p/b.toml")];
    assert_eq!(files("lab"), own);
    let error = parse("[[connection]]\npolicies = [\"a.toml\"]\n").unwrap_err();
    assert!(
        error.contains("line 2") && error.contains("write the whole path"),
        "{error}"
    );
}

#[test]
fn the_machine_is_of_the_host_that_is_named_and_a_wrong_key_names_its_line() {
    let text = "[host]\nname = \"db1\"\nmemory = \"16 GiB\"\ncores = 8\ndisk_free = \"1 TiB\"\n";
    let config = parse(text).unwrap();
    let machine = Machine {
        memory_bytes: Some(16 << 30),
        cores: Some(8),
        disk_free_bytes: Some(1 << 40),
    };
    assert_eq!(config.machine("db1:5432"), machine);
    assert_eq!(config.machine("db2:5432"), Machine::default());
    for (line, words) in [
        ("memory = 16", "line 2: memory: write a size"),
        ("cores = \"8\"", "line 2: cores: write a number"),
        ("disk = 1", "line 2: [host] has no key disk"),
    ] {
        let error = parse(&format!("[host]\n{line}\n")).unwrap_err();
        assert!(error.contains(words), "{line}: {error}");
    }
}

#[test]
fn thresholds_are_read_and_a_wrong_one_names_its_line() {
    let config = parse("[thresholds]\nreplication_lag = \"5m\"\n[[thresholds_for]]\nname = \"mes.*\"\npoor_ratio = 2\n").unwrap();
    assert_eq!(config.thresholds.all.replication_lag, 300.0);
    assert_eq!(config.thresholds.of("mes.metrics").poor_ratio, 2.0);
    let error = parse("refresh = \"5s\"\n[thresholds]\nreplication_lag = \"soon\"\n").unwrap_err();
    assert!(
        error.contains("line 3: replication_lag") && error.contains("write \"5m\""),
        "{error}"
    );
}

#[test]
fn a_wrong_key_names_its_line_and_leaves_the_other_settings_in_force() {
    let config = parse("read_only = true\n[keys]\nquit = \"Q\"\nmark-row = \"Q\"\n").unwrap();
    let error = config.keys.unwrap_err();
    assert!(
        error.starts_with("line 4: mark-row") && error.contains("quit has that key too"),
        "{error}"
    );
    assert!(config.read_only);
    let error = parse("[keys]\nquit = \"Q\"\nquit = \"x\"\n").unwrap_err();
    assert!(error.contains("line 3"), "{error}");
}

#[test]
fn what_is_wrong_names_the_line_and_the_fix() {
    let error = parse("refresh = \"5s\"\ncolour = 1\n").unwrap_err();
    assert!(
        error.contains("line 2")
            && error.contains("colour")
            && error.contains("known keys: refresh"),
        "{error}"
    );
    assert!(
        parse("refresh = \"soon\"")
            .unwrap_err()
            .contains("write 2s")
    );
    assert!(
        parse("refresh = \"1h\"")
            .unwrap_err()
            .contains("between 500ms and 5m")
    );
}
