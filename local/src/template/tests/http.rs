use std::time::Duration;

use super::super::IdentitySource;
use super::{refusal, system};

const FUNCTIONS: &str = "
Globals:
  Function: {Runtime: provided.al2023}
Resources:
  Gate:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: gate}
  Other:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: other}
";

fn api(auth: &str, events: &str) -> String {
    format!(
        "{FUNCTIONS}
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth: {auth}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: worker
      Events: {events}
"
    )
}

const AUTH: &str = "
        DefaultAuthorizer: Main
        Authorizers:
          Main: {FunctionArn: !GetAtt Gate.Arn, AuthorizerPayloadFormatVersion: 2.0, EnableSimpleResponses: true}
          Second: {FunctionArn: !GetAtt Other.Arn, AuthorizerPayloadFormatVersion: '2.0', EnableSimpleResponses: true}
";

fn event(properties: &str) -> String {
    format!("{{A: {{Type: HttpApi, Properties: {{ApiId: !Ref Api, {properties}}}}}}}")
}

#[test]
fn a_route_has_the_default_authorizer_another_one_or_none() {
    let authorizer = |properties: &str| system(&api(AUTH, &event(properties))).routes[0].authorizer.clone();
    assert_eq!(authorizer("Method: get, Path: /a").as_deref(), Some("Gate"));
    assert_eq!(authorizer("Method: get, Path: /a, Auth: {Authorizer: Second}").as_deref(), Some("Other"));
    assert_eq!(authorizer("Method: get, Path: /a, Auth: {Authorizer: NONE}"), None);
    assert_eq!(system(&api("{}", &event("Method: get, Path: /a"))).routes[0].authorizer, None);
}

#[test]
fn routes_keep_their_method_path_and_patience() {
    let routes = |properties: &str| system(&api("{}", &event(properties))).routes;
    let [route] = &routes("Method: patch, Path: '/request/{id}/approve', TimeoutInMillis: 5000")[..] else {
        panic!("one event is one route");
    };
    assert_eq!((route.method.as_str(), route.path.as_str()), ("PATCH", "/request/{id}/approve"));
    assert_eq!(route.function, "Worker");
    assert_eq!(route.timeout, Duration::from_secs(5));
    assert_eq!(routes("Method: any, Path: '/files/{proxy+}'")[0].method, "ANY");
    assert_eq!(routes("PayloadFormatVersion: '2.0'")[0].path, "$default");
    assert_eq!(routes("Method: GET, Path: /")[0].timeout, Duration::from_secs(30));
}

#[test]
fn an_authorizer_remembers_by_its_identity_sources() {
    let authorizer = |identity: &str| {
        let auth = format!(
            "{{Authorizers: {{Main: {{FunctionArn: !GetAtt Gate.Arn, AuthorizerPayloadFormatVersion: 2.0, EnableSimpleResponses: true, Identity: {identity}}}}}}}"
        );
        let system = system(&api(&auth, "{}"));
        system.api.unwrap().authorizers[0].clone()
    };
    let with_header = authorizer("{Headers: [Authorization], QueryStrings: [token]}");
    assert_eq!(with_header.function, "Gate");
    assert_eq!(with_header.cache, Duration::from_mins(5));
    assert_eq!(
        with_header.identity_sources,
        [IdentitySource::Header("Authorization".to_owned()), IdentitySource::Query("token".to_owned())]
    );
    assert_eq!(authorizer("{Headers: [Authorization], ReauthorizeEvery: 60}").cache, Duration::from_mins(1));
    assert_eq!(authorizer("{ReauthorizeEvery: 0}").cache, Duration::ZERO);
    assert_eq!(authorizer("!Ref AWS::NoValue").cache, Duration::ZERO);
}

#[test]
fn without_an_api_sam_makes_one() {
    let system = system(&format!(
        "{FUNCTIONS}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: worker
      Environment: {{Variables: {{URL: !Sub 'https://${{ServerlessHttpApi}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}'}}}}
      Events:
        A: {{Type: HttpApi, Properties: {{Method: GET, Path: /a}}}}
        B: {{Type: HttpApi}}
"
    ));
    let api = system.api.unwrap();
    assert_eq!(api.logical_id, "ServerlessHttpApi");
    assert_eq!(system.functions[2].environment["URL"], api.endpoint);
    let paths: Vec<_> = system.routes.iter().map(|route| route.path.as_str()).collect();
    assert_eq!(paths, ["/a", "$default"]);
}

#[test]
fn a_request_goes_to_one_function() {
    let two = |one: &str, other: &str| {
        format!(
            "{{A: {{Type: HttpApi, Properties: {{ApiId: !Ref Api, {one}}}}}, B: {{Type: HttpApi, Properties: {{ApiId: !Ref Api, {other}}}}}}}"
        )
    };
    let message = refusal(&api("{}", &two("Method: GET, Path: '/a/{x}'", "Method: get, Path: '/a/{y}'")));
    assert!(
        message.contains("Resources.Worker (line") && message.contains("GET /a/{y} is also a route of `Worker`"),
        "{message}"
    );
    let different = two("Method: GET, Path: '/a/{x}'", "Method: GET, Path: '/a/b'");
    assert_eq!(system(&api("{}", &different)).routes.len(), 2);
}

#[test]
fn what_the_local_api_does_not_do_is_refused() {
    let authorizer = |properties: &str| format!("{{Authorizers: {{Main: {{{properties}}}}}}}");
    let sound = "FunctionArn: !GetAtt Gate.Arn, AuthorizerPayloadFormatVersion: 2.0, EnableSimpleResponses: true";
    let auths = [
        (authorizer("JwtConfiguration: {issuer: x}"), "Main.JwtConfiguration", "Lambda authorizer"),
        (
            authorizer(
                "FunctionArn: arn:aws:lambda:local:000000000000:function:missing, AuthorizerPayloadFormatVersion: 2.0, EnableSimpleResponses: true",
            ),
            "FunctionArn",
            "no function of this template",
        ),
        (
            authorizer(
                "FunctionArn: !GetAtt Gate.Arn, AuthorizerPayloadFormatVersion: '1.0', EnableSimpleResponses: true",
            ),
            "AuthorizerPayloadFormatVersion",
            "2.0",
        ),
        (
            authorizer("FunctionArn: !GetAtt Gate.Arn, AuthorizerPayloadFormatVersion: 2.0"),
            "Authorizers.Main",
            "EnableSimpleResponses",
        ),
        (
            authorizer(&format!("{sound}, Identity: {{ReauthorizeEvery: 60}}")),
            "ReauthorizeEvery",
            "nothing to remember",
        ),
        (authorizer(&format!("{sound}, Identity: {{Context: [x]}}")), "Identity.Context", "context"),
        (
            format!("{{DefaultAuthorizer: Nobody, Authorizers: {{Main: {{{sound}}}}}}}"),
            "DefaultAuthorizer",
            "no authorizer `Nobody`",
        ),
        ("{EnableIamAuthorizer: true}".to_owned(), "EnableIamAuthorizer", "AWS keys"),
    ];
    for (auth, place, named) in auths {
        let message = refusal(&api(&auth, "{}"));
        assert!(message.contains(place) && message.contains(named), "{auth}: {message}");
    }
    let events = [
        (event("Method: GET"), "Properties", "belong together"),
        (event("Method: FETCH, Path: /a"), "Method", "`FETCH`"),
        (event("Method: GET, Path: a"), "Path", "`a`"),
        (event("Method: GET, Path: '/a{b}'"), "Path", "`/a{b}`"),
        (event("Method: GET, Path: '/{a+}/b'"), "Path", "`/{a+}/b`"),
        (event("Method: GET, Path: /a, PayloadFormatVersion: '1.0'"), "PayloadFormatVersion", "2.0"),
        (event("Method: GET, Path: /a, Auth: {Authorizer: AWS_IAM}"), "Authorizer", "no authorizer `AWS_IAM`"),
        ("{A: {Type: HttpApi, Properties: {Method: GET, Path: /a}}}".to_owned(), "Events.A", "second API"),
        ("{A: {Type: HttpApi, Properties: {ApiId: other, Method: GET, Path: /a}}}".to_owned(), "ApiId", "is `Api`"),
    ];
    for (event, place, named) in events {
        let message = refusal(&api("{}", &event));
        assert!(message.contains(place) && message.contains(named), "{event}: {message}");
    }
    let second = format!("{}\n  Api2: {{Type: AWS::Serverless::HttpApi}}\n", api("{}", "{}"));
    assert!(refusal(&second).contains("Resources.Api2"));
}
