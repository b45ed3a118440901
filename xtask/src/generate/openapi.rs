//! `docs/openapi.json`: the HTTP API, from the annotations of its handlers.

use anyhow::Context as _;
use domain::problem::{Problem, ProblemType};
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ArrayItems, Components, ObjectBuilder, OneOf, SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::server::Server;
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Content, InfoBuilder, License, Ref, RefOr, Schema};
use utoipa::{OpenApi, ToSchema as _};

use super::files::GeneratedFile;

/// Where it is.
pub(super) const PATH: &str = "docs/openapi.json";

/// The component that lists the kinds of problem.
const PROBLEM_TYPE: &str = "ProblemType";

#[derive(OpenApi)]
#[openapi(paths(
    intake::submit::submit,
    query::read::show_request,
    query::read::list_events,
    query::read::list_requests,
    query::read::search_catalog,
    query::read::openapi,
    approval::decide::approve,
    approval::decide::reject,
    approval::decide::cancel,
    approval::decide::retry,
    approval::decide::break_glass,
    approval::link::show,
    approval::link::probe,
    approval::link::decide,
    chainguard_events::receive::receive,
))]
struct Handlers;

/// The description.
pub(super) fn file() -> anyhow::Result<GeneratedFile> {
    GeneratedFile::in_declared_order(PATH, &description()?)
}

fn description() -> anyhow::Result<utoipa::openapi::OpenApi> {
    let mut api = Handlers::openapi();
    api.info = InfoBuilder::new()
        .title("cgr-request")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Ask for a Chainguard container image to be added to the organisation's registry, follow the request, and \
             decide on those of others.\n\n\
             What is absent is left out of requests and answers; it is never `null`. Every answer other than 2xx is a \
             problem (RFC 9457, `application/problem+json`), and its `type` is one of `ProblemType`; only signed links \
             always lead to a page. \
             Every point in time is RFC 3339 in UTC with milliseconds.",
        ))
        .license(Some(license()))
        .build();
    api.servers = Some(vec![Server::new("/")]);
    api.tags = Some(
        [
            ("requests", "Ask for an image, follow the request, take it back."),
            ("decisions", "Approve and reject what others ask for; send what has failed round again."),
            ("links", "What people who have a signed link, and no token, see in their browser."),
            ("catalog", "What Chainguard offers, and what the organisation has of it."),
            ("chainguard", "What Chainguard announces, for Chainguard alone."),
            ("meta", "About the API itself."),
        ]
        .map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build())
        .into(),
    );
    for path in api.paths.paths.values_mut() {
        let operations =
            [&mut path.get, &mut path.put, &mut path.post, &mut path.delete, &mut path.patch, &mut path.head];
        for operation in operations.into_iter().flatten() {
            forbid_null_in(operation);
            // What needs no token says so.
            operation.security.get_or_insert_default();
        }
    }
    let components = api.components.as_mut().context("no handler names a schema")?;
    components.schemas.values_mut().for_each(forbid_null);
    list_problem_types(components)?;
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    bearer.bearer_format = Some("JWT".to_owned());
    bearer.description = Some(
        "A token of a trusted issuer for this API's audience, with the claims `sub` and `email`, and `groups` for \
         those who decide."
            .to_owned(),
    );
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    let mut chainguard = Http::new(HttpAuthScheme::Bearer);
    chainguard.bearer_format = Some("JWT".to_owned());
    chainguard.description = Some(
        "A token of Chainguard's issuer for the audience `customer`, of the organisation's webhook, with the digest of \
         the body."
            .to_owned(),
    );
    components.add_security_scheme("chainguard", SecurityScheme::Http(chainguard));
    Ok(api)
}

/// What everything here may be used under.
fn license() -> License {
    let mut license = License::new(env!("CARGO_PKG_LICENSE"));
    license.identifier = Some(env!("CARGO_PKG_LICENSE").to_owned());
    license
}

/// Adds the kinds of problem, and says that a problem's `type` is one of them.
fn list_problem_types(components: &mut Components) -> anyhow::Result<()> {
    let kinds = ProblemType::ALL.iter().map(|kind| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some([kind.uri()]))
            .title(Some(kind.title()))
            .description(Some(format!("{} Its HTTP status is {}.", kind.meaning().trim(), kind.status())))
            .extensions(Some([("x-http-status", kind.status())].into_iter().collect()))
            .build()
            .into()
    });
    let mut all = OneOf::new();
    all.description = Some("Kinds of problem. Their names never change; what is added later is a new name.".to_owned());
    all.items = kinds.collect();
    components.schemas.insert(PROBLEM_TYPE.to_owned(), RefOr::T(all.into()));

    let problem = components.schemas.get_mut(Problem::name().as_ref());
    let Some(RefOr::T(Schema::Object(problem))) = problem else { anyhow::bail!("there is no schema of problems") };
    let kind = problem.properties.get_mut("type").context("a problem has no type")?;
    let mut reference = Ref::from_schema_name(PROBLEM_TYPE);
    if let RefOr::T(Schema::Object(text)) = kind {
        reference.description = text.description.take().unwrap_or_default();
    }
    *kind = RefOr::Ref(reference);
    Ok(())
}

fn forbid_null_in(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter {
            parameter.schema.iter_mut().for_each(forbid_null);
        }
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        body.content.values_mut().for_each(forbid_null_in_content);
    }
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            response.content.values_mut().for_each(forbid_null_in_content);
        }
    }
}

fn forbid_null_in_content(content: &mut RefOr<Content>) {
    if let RefOr::T(content) = content {
        content.schema.iter_mut().for_each(forbid_null);
    }
}

/// Takes `null` out of what a schema allows: utoipa reads every `Option` as "or null", but all of ours are left out
/// when they are `None`.
pub(super) fn forbid_null(schema: &mut RefOr<Schema>) {
    let RefOr::T(this) = schema else { return };
    match this {
        Schema::Object(object) => {
            if let SchemaType::Array(types) = &mut object.schema_type {
                types.retain(|of| *of != Type::Null);
                if let [only] = types.as_slice() {
                    object.schema_type = SchemaType::Type(only.clone());
                }
            }
            object.properties.values_mut().for_each(forbid_null);
        }
        Schema::Array(array) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                forbid_null(items);
            }
        }
        Schema::OneOf(one_of) => {
            one_of.items.retain(|item| !is_null(item));
            one_of.items.iter_mut().for_each(forbid_null);
            if let [only] = one_of.items.as_slice() {
                *schema = only.clone();
            }
        }
        Schema::AllOf(all_of) => all_of.items.iter_mut().for_each(forbid_null),
        Schema::AnyOf(any_of) => any_of.items.iter_mut().for_each(forbid_null),
        // utoipa may add kinds of schema.
        _ => {}
    }
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    matches!(schema, RefOr::T(Schema::Object(object)) if object.schema_type == SchemaType::Type(Type::Null))
}

#[cfg(test)]
mod tests;
