//! Texts on roles that may not become another role.

/// Text on a role that lacks an owner's rights, with the statement that grants them.
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

/// From this PostgreSQL on (`server_version_num`) a membership has options: whether it allows SET ROLE, and whether it
/// inherits the role's rights.
pub(crate) const MEMBERSHIP_OPTIONS: i32 = 160_000;

/// Text saying that a role (quoted as in SQL) may not become another on this PostgreSQL, with the remedy.
pub(crate) fn may_not_become(role: &str, other: &str, postgres: i32) -> String {
    let option = if postgres < MEMBERSHIP_OPTIONS {
        ""
    } else {
        " WITH SET TRUE"
    };
    format!("{role} may not SET ROLE to {other} (GRANT {other} TO {role}{option} lets it)")
}
