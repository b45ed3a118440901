//! `AWS::Serverless::HttpApi`, its authorizers, and the `HttpApi` events that are its routes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::directory::Directory;
use super::error::TemplateError;
use super::evaluate::Scope;
use super::kinds::{self, Kind};
use super::names::{IMPLICIT_API, api_endpoint};
use super::reader::{Field, Fields};
use super::system::{Api, Authorizer, IdentitySource, Route, System};
use super::{Resource, meaningless};

const IMPLICIT_TYPE: &str = "AWS::Serverless::HttpApi";
const DEFAULT_CACHE: Duration = Duration::from_mins(5);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// `Auth: { Authorizer: NONE }` of an event.
const NO_AUTHORIZER: &str = "NONE";

/// Reads the one API that there is, or makes the one that SAM would make.
pub(super) fn read(
    scope: Scope<'_>,
    directory: &Directory,
    resources: &BTreeMap<&str, &Resource>,
    system: &mut System,
) -> Result<(), TemplateError> {
    let mut apis = resources.iter().filter(|(_, resource)| resource.kind == Kind::HttpApi);
    match (apis.next(), apis.next()) {
        (Some((logical_id, resource)), None) => {
            let fields = Fields::of_resource(scope, logical_id, resource);
            system.api = Some(api(fields, directory, logical_id)?);
        }
        (Some(_), Some((second, _))) => {
            return Err(
                scope.refused(&format!("Resources.{second}"), "one process serves one API, and this is a second one")
            );
        }
        (None, _) if resources.values().any(|resource| has_routes(resource)) => {
            let implicit = Resource {
                type_name: IMPLICIT_TYPE.to_owned(),
                kind: kinds::of(IMPLICIT_TYPE),
                condition: None,
                properties: Map::new(),
                binary: None,
                ignore_globals: None,
            };
            let fields = Fields::of_resource(scope, IMPLICIT_API, &implicit);
            system.api = Some(api(fields, directory, IMPLICIT_API)?);
        }
        (None, _) => {}
    }
    Ok(())
}

fn has_routes(resource: &Resource) -> bool {
    let events = resource.properties.get("Events").and_then(Value::as_object);
    let mut types = events.into_iter().flatten().filter_map(|(_, event)| event.get("Type"));
    resource.kind == Kind::Function && types.any(|event_type| event_type == "HttpApi")
}

fn api(mut fields: Fields<'_>, directory: &Directory, logical_id: &str) -> Result<Api, TemplateError> {
    fields.refuse("CorsConfiguration", "pages are served by the API itself, so no other origin is let in")?;
    fields.refuse("DefinitionBody", "routes are read from the events of the functions")?;
    fields.refuse("DefinitionUri", "routes are read from the events of the functions")?;
    fields.refuse("StageVariables", "no stage hands variables to a function")?;
    fields.only("StageName", "$default", "a stage's name would be a part of every path")?;
    let mut authorizers = Vec::new();
    let mut default_authorizer = None;
    if let Some(mut auth) = fields.fields("Auth")? {
        if let Some(mut written) = auth.fields("Authorizers")? {
            for (name, field) in written.rest()? {
                authorizers.push(authorizer(field.fields()?, directory, name)?);
            }
        }
        if let Some(default) = auth.take("DefaultAuthorizer")? {
            default_authorizer = Some(known(&default, &authorizers)?.name.clone());
        }
        auth.only("EnableIamAuthorizer", "false", "nobody signs requests with AWS keys here")?;
        auth.finish(meaningless::NOTHING)?;
    }
    fields.finish(meaningless::HTTP_API)?;
    Ok(Api { logical_id: logical_id.to_owned(), endpoint: api_endpoint(logical_id), authorizers, default_authorizer })
}

fn authorizer(mut fields: Fields<'_>, directory: &Directory, name: String) -> Result<Authorizer, TemplateError> {
    for jwt in ["JwtConfiguration", "IdentitySource", "AuthorizationScopes"] {
        fields.refuse(jwt, "tokens are verified by a function: write a Lambda authorizer")?;
    }
    let function = directory.function(&fields.require("FunctionArn")?)?;
    let version = fields.require("AuthorizerPayloadFormatVersion")?;
    if version.text()? != "2.0" {
        return Err(version.refused("an authorizer gets payload format 2.0"));
    }
    match fields.take("EnableSimpleResponses")? {
        Some(simple) if simple.flag()? => {}
        _ => {
            return Err(fields.refused("an authorizer answers simply: write EnableSimpleResponses: true"));
        }
    }
    let mut identity_sources = Vec::new();
    let mut every = None;
    if let Some(mut identity) = fields.fields("Identity")? {
        for header in identity.list("Headers")? {
            identity_sources.push(IdentitySource::Header(header.text()?));
        }
        for parameter in identity.list("QueryStrings")? {
            identity_sources.push(IdentitySource::Query(parameter.text()?));
        }
        identity.refuse("Context", "a request has no gateway's context")?;
        identity.refuse("StageVariables", "there are no stages")?;
        every = identity.take("ReauthorizeEvery")?;
        identity.finish(meaningless::NOTHING)?;
    }
    let cache = match &every {
        Some(every) => Duration::from_secs(every.integer(0..=3600)?.into()),
        None if identity_sources.is_empty() => Duration::ZERO,
        None => DEFAULT_CACHE,
    };
    if let Some(every) = every.filter(|_| identity_sources.is_empty() && !cache.is_zero()) {
        return Err(every.inconsistent("without identity sources there is nothing to remember an answer by"));
    }
    fields.finish(meaningless::AUTHORIZER)?;
    Ok(Authorizer { name, function, identity_sources, cache })
}

fn known<'a>(name: &Field<'_>, authorizers: &'a [Authorizer]) -> Result<&'a Authorizer, TemplateError> {
    let text = name.text()?;
    authorizers
        .iter()
        .find(|authorizer| authorizer.name == text)
        .ok_or_else(|| name.inconsistent(format!("the API has no authorizer `{text}`")))
}

/// An `HttpApi` event; without properties it takes everything that no other route takes.
pub(super) fn read_route(
    properties: Option<Fields<'_>>,
    path: &str,
    scope: Scope<'_>,
    function: &str,
    system: &mut System,
) -> Result<(), TemplateError> {
    let Some(api) = &system.api else {
        return Err(scope.malformed(path, "the API of this event could not be read"));
    };
    let without_id = || {
        if api.logical_id == IMPLICIT_API {
            Ok(())
        } else {
            let reason = format!("without `ApiId: !Ref {}` SAM makes a second API", api.logical_id);
            Err(scope.refused(path, reason))
        }
    };
    let mut authorizer = api.default_authorizer.clone();
    let mut route = Route {
        method: "ANY".to_owned(),
        path: "$default".to_owned(),
        function: function.to_owned(),
        authorizer: None,
        timeout: DEFAULT_TIMEOUT,
    };
    match properties {
        None => without_id()?,
        Some(mut fields) => {
            match fields.take("ApiId")? {
                Some(id) if id.text()? == api.logical_id => {}
                Some(id) => {
                    return Err(id.inconsistent(format!("the API of this template is `{}`", api.logical_id)));
                }
                None => without_id()?,
            }
            match (fields.take("Method")?, fields.take("Path")?) {
                (Some(method), Some(path)) => {
                    route.method = self::method(&method)?;
                    route.path = self::path(&path)?;
                }
                (None, None) => {}
                _ => return Err(fields.malformed("`Method` and `Path` belong together")),
            }
            fields.only("PayloadFormatVersion", "2.0", "a function gets payload format 2.0")?;
            if let Some(timeout) = fields.integer("TimeoutInMillis", 50..=30_000)? {
                route.timeout = Duration::from_millis(timeout.into());
            }
            if let Some(mut auth) = fields.fields("Auth")? {
                if let Some(name) = auth.take("Authorizer")? {
                    authorizer = match name.text()?.as_str() {
                        NO_AUTHORIZER => None,
                        _ => Some(known(&name, &api.authorizers)?.name.clone()),
                    };
                }
                auth.refuse("AuthorizationScopes", "scopes belong to JWT authorizers, and there are none")?;
                auth.finish(meaningless::NOTHING)?;
            }
            fields.finish(meaningless::HTTP_EVENT)?;
        }
    }
    let authorizers = api.authorizers.iter();
    route.authorizer = authorizer.and_then(|name| {
        let mut named = authorizers.filter(|authorizer| authorizer.name == name);
        named.next().map(|authorizer| authorizer.function.clone())
    });
    system.routes.push(route);
    Ok(())
}

fn method(field: &Field<'_>) -> Result<String, TemplateError> {
    let method = field.text()?.to_uppercase();
    match method.as_str() {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" | "ANY" => Ok(method),
        "X-AMAZON-APIGATEWAY-ANY-METHOD" => Ok("ANY".to_owned()),
        _ => Err(field.malformed(format!("`{method}` is not a method of HTTP APIs"))),
    }
}

/// A path starts with a slash, and a brace begins and ends a whole segment; only the last may be greedy.
fn path(field: &Field<'_>) -> Result<String, TemplateError> {
    let path = field.text()?;
    if path == "$default" {
        return Ok(path);
    }
    let malformed = || field.malformed(format!("`{path}` is not a path such as /request/{{id}}"));
    let segments: Vec<_> = path.strip_prefix('/').ok_or_else(malformed)?.split('/').collect();
    for (position, segment) in segments.iter().enumerate() {
        let parameter = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let sound = match parameter {
            Some(greedy) if greedy.ends_with('+') => greedy.len() > 1 && position + 1 == segments.len(),
            Some(name) => !name.is_empty(),
            None => !segment.contains(['{', '}']),
        };
        if !sound {
            return Err(malformed());
        }
    }
    Ok(path)
}
