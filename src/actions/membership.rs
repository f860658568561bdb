//! Texts for rights that a role lacks because of missing role memberships.

/// Text that a role lacks the owner's rights, with the GRANT that would help.
pub(super) fn not_the_owner(
    what: &str,
    owner: &str,
    role: &str,
    member: bool,
    postgres: i32,
) -> String {
    let (is, fix) = match (member, postgres >= MEMBERSHIP_OPTIONS) {
        (false, _) => ("is not a member of", format!("GRANT {owner} TO {role}")),
        (true, false) => (
            "does not inherit the rights of",
            format!("ALTER ROLE {role} INHERIT"),
        ),
        (true, true) => (
            "does not inherit the rights of",
            format!("GRANT {owner} TO {role} WITH INHERIT TRUE"),
        ),
    };
    format!(
        "{what} belongs to {owner}, and {role} {is} {owner}: the server will refuse ({fix} allows it)"
    )
}

/// First PostgreSQL (`server_version_num`) whose role memberships have the options SET and INHERIT.
const MEMBERSHIP_OPTIONS: i32 = 160_000;

/// Text that a role (quoted as in SQL) may not SET ROLE to another role, with the GRANT that would help.
pub(super) fn may_not_become(role: &str, other: &str, postgres: i32) -> String {
    let option = if postgres < MEMBERSHIP_OPTIONS {
        ""
    } else {
        " WITH SET TRUE"
    };
    format!("{role} may not SET ROLE to {other} (GRANT {other} TO {role}{option} allows it)")
}
