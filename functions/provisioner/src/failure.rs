//! What requesters are told when Chainguard does not add an image: what happened and what to do.

use domain::capacity::RepositoryLimit;
use domain::catalog::CatalogTier;
use domain::entitlement::{Coverage, Entitlement};
use domain::image::{ImageReference, RepositoryName};
use domain::ports::ChainguardError;
use domain::request::{Failure, FailureKind, Submission};

/// What is shown of Chainguard's own words, in characters.
const MAX_MESSAGE: usize = 300;

fn failure(kind: FailureKind, message: String, remedy: &str) -> Failure {
    Failure { kind, message, remedy: remedy.to_owned() }
}

/// The failure that an error means when the repository was to be added: a quota is that of repositories, and what was not
/// answered may have been done.
#[must_use]
pub fn of_creation(error: &ChainguardError) -> Failure {
    let of_any_call = of(error);
    match error {
        ChainguardError::QuotaExceeded(_) => failure(
            FailureKind::OrganizationLimitReached,
            of_any_call.message,
            "Repositories that nobody uses have to be removed, or the limit raised with Chainguard. An administrator can then retry the request.",
        ),
        ChainguardError::Unavailable(_) => failure(
            of_any_call.kind,
            of_any_call.message,
            "Chainguard did not answer, several times over. An administrator can retry the request once it does; if the repository was added all the same, the retry takes it over.",
        ),
        ChainguardError::Unauthenticated(_)
        | ChainguardError::Credential(_)
        | ChainguardError::Denied(_)
        | ChainguardError::NotFound(_)
        | ChainguardError::AlreadyExists(_)
        | ChainguardError::Refused(_) => of_any_call,
    }
}

/// The failure that an error of any other call means.
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
            "An administrator has to see that the Chainguard identity has the capabilities that docs/chainguard-setup.md lists and that the plan includes the image, and can then retry the request.",
        ),
        ChainguardError::QuotaExceeded(_) => failure(
            FailureKind::ChainguardUnavailable,
            message,
            "Chainguard answers no more questions for the moment. An administrator can retry the request later.",
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

/// A repository of that name exists, and is not in any list.
#[must_use]
pub fn exists_unseen(name: &RepositoryName) -> Failure {
    failure(
        FailureKind::DuplicateImage,
        format!("Chainguard says that there is a repository {name}, and does not show it."),
        "An administrator can retry the request in some minutes: if the repository was added for it, the retry takes it over. Otherwise ask under another name with customName.",
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

/// The organisation has as many repositories as it may; `advice` names candidates for a clean-up, or is empty.
#[must_use]
pub fn limit_reached(counted: u64, limit: RepositoryLimit, advice: &str) -> Failure {
    let remedy = "Repositories that nobody uses have to be removed, or the limit raised with Chainguard. An administrator can then retry the request.";
    failure(
        FailureKind::OrganizationLimitReached,
        format!("The organisation has {counted} of at most {limit} repositories."),
        [remedy, advice].join(" ").trim_end(),
    )
}

/// Chainguard does not offer the image any more.
#[must_use]
pub fn not_in_catalog(image: &RepositoryName, suggestions: &[RepositoryName]) -> Failure {
    let remedy = match suggestions.first() {
        Some(nearest) => format!("Did you mean {nearest}? Search the catalog and ask for another one."),
        None => "Search the catalog and ask for another one.".to_owned(),
    };
    failure(FailureKind::ImageNotInCatalog, format!("Chainguard does not offer {image} any more."), &remedy)
}

/// Chainguard does not keep the tag up to date any more.
#[must_use]
pub fn tag_not_offered(image: &ImageReference, offered: &[String]) -> Failure {
    failure(
        FailureKind::ImageNotInCatalog,
        format!("Chainguard does not keep the tag {} of {} up to date any more.", image.tag.as_str(), image.name),
        &format!("Ask for one of its tags {}.", offered.join(", ")),
    )
}

/// The plan does not include the image.
#[must_use]
pub fn not_entitled(image: &RepositoryName, tier: CatalogTier, entitlement: &Entitlement) -> Failure {
    failure(
        FailureKind::NotEntitled,
        format!("The organisation's plan {}; {image} is in the tier {}.", entitlement.summary(), tier.as_str()),
        "Ask for an image that is included, or have the plan extended with Chainguard.",
    )
}

/// Chainguard refused: because the plan does not include the image, or for another reason.
#[must_use]
pub fn denied(message: &str, submission: &Submission, entitlement: &Entitlement) -> Failure {
    let (image, tier) = (&submission.image.name, submission.catalog_tier);
    match entitlement.covers(image, tier) {
        Coverage::NotIncluded => not_entitled(image, tier, entitlement),
        Coverage::Room => failure(
            FailureKind::NotEntitled,
            format!("The organisation's plan {}, not yet {image}, and has room for it.", entitlement.summary()),
            "An administrator has to add the image to the plan in Chainguard's console, and can then retry the request.",
        ),
        Coverage::Included | Coverage::NotKnown => of(&ChainguardError::Denied(message.to_owned())),
    }
}
