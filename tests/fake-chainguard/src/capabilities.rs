//! What tokens may do (FACTS §4.6).

/// Every capability that a call of the fake needs. A token that was not issued here has them all.
pub(crate) const ALL: [&str; 11] = [
    "groups.list",
    "registry.entitlements.images.add",
    "registry.entitlements.list",
    "repo.create",
    "repo.delete",
    "repo.list",
    "repo.update",
    "subscriptions.create",
    "subscriptions.delete",
    "subscriptions.list",
    "tag.list",
];

/// All of them, owned.
pub(crate) fn all() -> Vec<String> {
    ALL.map(ToOwned::to_owned).to_vec()
}

/// What is left of `granted` in a token that was asked for with these `cap`: without any, everything. A name that is not
/// granted narrows like any other; whether the real issuer refuses it instead is not known.
pub(crate) fn narrowed(granted: Vec<String>, cap: &[String]) -> Vec<String> {
    let wanted: Vec<&String> = cap.iter().filter(|name| !name.is_empty()).collect();
    if wanted.is_empty() {
        return granted;
    }
    granted.into_iter().filter(|name| wanted.contains(&name)).collect()
}
