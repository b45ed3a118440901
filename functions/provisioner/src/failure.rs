//! What requesters are told when Chainguard does not add an image: what happened and what to do.

use domain::image::RepositoryName;
use domain::ports::{ChainguardError, Entitlement};
use domain::request::{Failure, FailureKind, Submission};

/// What is shown of Chainguard's own words, in characters.
const MAX_MESSAGE: usize = 300;

fn failure(kind: FailureKind, message: String, remedy: &str) -> Failure {
    Failure { kind, message, remedy: remedy.to_owned() }
}

/// The failure that an error means.
#[must_use]
pub fn of(error: &ChainguardError) -> Failure {
    let message: String = error.to_string().chars().filter(|c| !c.is_control()).take(MAX_MESSAGE).collect();
    match error {
        ChainguardError::Unavailable(_) => failure(
            FailureKind::ChainguardUnavailable,
            message,
            "Chainguard did not answer, several times over. An administrator can retry the request once it does.",
        ),
        ChainguardError::Unauthenticated(_) | ChainguardError::Credential(_) => failure(
            FailureKind::AuthenticationFailed,
            message,
            "An administrator has to see to the Chainguard credential, and can then retry the request.",
        ),
        ChainguardError::Denied(_) => failure(
            FailureKind::PermissionDenied,
            message,
            "An administrator has to give the Chainguard identity the capability repo.create, and can then retry the request.",
        ),
        ChainguardError::QuotaExceeded(_) => failure(
            FailureKind::OrganizationLimitReached,
            message,
            "Repositories that nobody uses have to be removed, or the limit raised with Chainguard. An administrator can then retry the request.",
        ),
        ChainguardError::NotFound(_) => failure(
            FailureKind::ImageNotInCatalog,
            message,
            "Chainguard does not offer the image any more. Search the catalog and ask for another one.",
        ),
        ChainguardError::AlreadyExists(_) => failure(
            FailureKind::DuplicateImage,
            message,
            "Use the repository that exists, or ask under another name with customName.",
        ),
        ChainguardError::Refused(_) => failure(
            FailureKind::ChainguardRefused,
            message,
            "An administrator has to look into the provisioner's log: Chainguard does not accept the call itself.",
        ),
    }
}

/// A repository of that name exists and was not made for this request.
#[must_use]
pub fn duplicate(name: &RepositoryName) -> Failure {
    failure(
        FailureKind::DuplicateImage,
        format!("The organisation has a repository {name} that was not added by this request."),
        "Use the repository that exists, or ask under another name with customName.",
    )
}

/// The repository was made for this request and will never have a tag.
#[must_use]
pub fn syncs_from_nothing(name: &RepositoryName) -> Failure {
    failure(
        FailureKind::ChainguardRefused,
        format!("The repository {name} was added for this request, but Chainguard made it without a source."),
        "An administrator has to delete the repository in Chainguard's console, and can then retry the request.",
    )
}

/// Chainguard refused: because the plan does not include the image, or for another reason.
#[must_use]
pub fn denied(message: &str, submission: &Submission, entitlement: &Entitlement) -> Failure {
    let image = submission.image.name.as_str();
    let included = if entitlement.by_image {
        entitlement.images.iter().any(|entitled| entitled == image)
    } else {
        entitlement.tiers.contains(&submission.catalog_tier)
    };
    if included {
        return of(&ChainguardError::Denied(message.to_owned()));
    }
    let has: Vec<&str> = entitlement.tiers.iter().map(|tier| tier.as_str()).collect();
    let has = if has.is_empty() { "images by name".to_owned() } else { format!("the tiers {}", has.join(", ")) };
    failure(
        FailureKind::NotEntitled,
        format!(
            "The organisation's plan {} includes {has}; {image} is in the tier {}.",
            entitlement.plan,
            submission.catalog_tier.as_str()
        ),
        "Ask for an image of a tier that is included, or have the plan extended with Chainguard.",
    )
}
