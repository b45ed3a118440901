//! What a token may do.

/// A right at Chainguard, as a role grants it and a token can be narrowed to it (FACTS §4.6). These are the ones that
/// calls of this crate need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Capability {
    /// Finding the organisation.
    GroupsList,
    /// Finding, listing and counting repositories, and their sync status.
    RepoList,
    /// Adding a repository.
    RepoCreate,
    /// Deleting a repository.
    RepoDelete,
    /// Listing tags and their summary.
    TagList,
    /// Reading entitlements.
    EntitlementsList,
    /// Adding images to a plan that counts them.
    EntitlementImagesAdd,
    /// Subscribing to events.
    SubscriptionsCreate,
    /// Listing subscriptions to events.
    SubscriptionsList,
    /// Ending a subscription to events.
    SubscriptionsDelete,
}

impl Capability {
    /// Its name: `repo.create`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GroupsList => "groups.list",
            Self::RepoList => "repo.list",
            Self::RepoCreate => "repo.create",
            Self::RepoDelete => "repo.delete",
            Self::TagList => "tag.list",
            Self::EntitlementsList => "registry.entitlements.list",
            Self::EntitlementImagesAdd => "registry.entitlements.images.add",
            Self::SubscriptionsCreate => "subscriptions.create",
            Self::SubscriptionsList => "subscriptions.list",
            Self::SubscriptionsDelete => "subscriptions.delete",
        }
    }
}
