//! What a role may become, and how that is said.

/// Whom an owner's right is wanted of, and has it not: in words, with the statement that fixes it.
pub(crate) fn not_the_owner(
    what: &str,
    owner: &str,
    role: &str,
    member: bool,
    postgres: i32,
) -> String {
    let (is, fix) = match (member, postgres >= MEMBERSHIP_OPTIONS) {
        (false, _) => (
            "is no member of that role",
            format!("GRANT {owner} TO {role}"),
        ),
        (true, false) => (
            "is a member of that role that does not inherit its rights",
            format!("ALTER ROLE {role} INHERIT"),
        ),
        (true, true) => (
            "is a member of that role that does not inherit its rights",
            format!("GRANT {owner} TO {role} WITH INHERIT TRUE"),
        ),
    };
    format!("{what} belongs to {owner}, and {role} {is}: the server will refuse ({fix})")
}

/// From this PostgreSQL on (`server_version_num`) a membership has options of its own: whether it lets SET ROLE, and whether
/// it brings the role's rights.
pub(crate) const MEMBERSHIP_OPTIONS: i32 = 160_000;

/// That a role (as SQL writes it) may not become another on this PostgreSQL, and what lets it.
pub(crate) fn may_not_become(role: &str, other: &str, postgres: i32) -> String {
    let option = if postgres < MEMBERSHIP_OPTIONS {
        ""
    } else {
        " WITH SET TRUE"
    };
    format!("{role} may not SET ROLE to {other} (GRANT {other} TO {role}{option} lets it)")
}
