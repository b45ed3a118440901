//! From what a requester wrote to a draft whose every value is valid.

use domain::api::SubmitRequest;
use domain::catalog::{Catalog, CatalogImage};
use domain::image::{ImageReference, ImageReferenceError, Organization};
use domain::person::Person;
use domain::problem::{Problem, ProblemType};
use domain::request::{Channel, Draft};
use domain::text::{TeamName, Text};
use lambda::problem::{ApiError, sentence};

/// Parses the request and finds its image in the catalog.
pub fn draft<'c>(
    body: SubmitRequest,
    requester: Person,
    organization: &Organization,
    catalog: &'c Catalog,
) -> Result<(Draft, &'c CatalogImage), ApiError> {
    let team = TeamName::new(body.team).map_err(|error| invalid("team", &error))?;
    let custom_name =
        body.custom_name.map(|name| name.parse().map_err(|error| invalid("customName", &error))).transpose()?;
    let justification = body.justification.map(|text| bounded("justification", text)).transpose()?;
    let risk_assessment = body.risk_assessment.map(|text| bounded("riskAssessment", text)).transpose()?;
    let asked_for = ImageReference::parse(&body.image, organization).map_err(|error| not_askable(&error, catalog))?;
    let image = offered(&asked_for, catalog)?;
    let draft = Draft {
        requester,
        image: asked_for,
        custom_name,
        justification,
        risk_assessment,
        team,
        environment: body.environment.unwrap_or_default(),
        channel: Channel::Api,
    };
    Ok((draft, image))
}

fn invalid(field: &str, error: &dyn std::error::Error) -> ApiError {
    Problem::new(ProblemType::InvalidField, sentence(&error.to_string())).about_field(field).into()
}

fn bounded<const MAX: usize>(field: &str, text: String) -> Result<Text<MAX>, ApiError> {
    Text::new(text).map_err(|error| {
        Problem::new(ProblemType::InvalidField, format!("`{field}` {error}.")).about_field(field).into()
    })
}

/// Not an image by its form. What looks like an image of another registry gets names from the catalog with it.
fn not_askable(error: &ImageReferenceError, catalog: &Catalog) -> ApiError {
    let problem = Problem::new(ProblemType::InvalidImageReference, sentence(&error.to_string())).about_field("image");
    match error {
        ImageReferenceError::ForeignRegistry { suggestion, .. } => problem.suggesting(catalog.suggest(suggestion)),
        _ => problem,
    }
    .into()
}

fn offered<'c>(requested: &ImageReference, catalog: &'c Catalog) -> Result<&'c CatalogImage, ApiError> {
    let name = &requested.name;
    let tag = requested.tag.as_str();
    let Some(image) = catalog.find(name) else {
        let suggestions = catalog.suggest(name.as_str());
        let detail = match suggestions.first() {
            Some(nearest) => format!(
                "`{name}` is not in Chainguard's catalog; did you mean `{nearest}`? Tags of other registries do not carry over: ask for `{nearest}:latest`."
            ),
            None => format!(
                "`{name}` is not in Chainguard's catalog, nor is anything like it. Search with GET /catalog?q=."
            ),
        };
        return Err(Problem::new(ProblemType::ImageNotInCatalog, detail)
            .about_field("image")
            .suggesting(suggestions)
            .into());
    };
    if !image.active_tags.is_empty() && !image.active_tags.iter().any(|active| active == tag) {
        let detail = format!(
            "`{name}` is in Chainguard's catalog, but its tag `{tag}` is not kept up to date there. Ask for one of: {}.",
            image.active_tags.join(", ")
        );
        let suggestions: Vec<String> = image.active_tags.iter().map(|tag| format!("{name}:{tag}")).collect();
        return Err(Problem::new(ProblemType::ImageNotInCatalog, detail)
            .about_field("image")
            .suggesting(suggestions)
            .into());
    }
    Ok(image)
}
