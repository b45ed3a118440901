//! The reader of templates, one file a subject.

mod functions;
mod http;
mod intrinsics;
mod parameters;
mod refusals;
mod rules;
mod schedules;
mod sources;
mod storage;
mod whole;
mod yaml;

use std::collections::BTreeMap;

use super::{System, Template, TemplateError};

const HEADER: &str = "AWSTemplateFormatVersion: '2010-09-09'\nTransform: AWS::Serverless-2016-10-31\n";

/// A template of these sections.
fn template(sections: &str) -> Result<Template, TemplateError> {
    Template::parse(&format!("{HEADER}{sections}"))
}

/// What the sections describe, with the defaults of the parameters.
fn read(sections: &str) -> Result<System, TemplateError> {
    template(sections)?.resolve(&BTreeMap::new())
}

fn system(sections: &str) -> System {
    read(sections).unwrap_or_else(|error| panic!("{}\n{sections}", report(&error)))
}

/// The message, with its cause.
fn refusal(sections: &str) -> String {
    match read(sections) {
        Err(error) => report(&error),
        Ok(system) => panic!("not refused:\n{sections}\n{system:#?}"),
    }
}

fn report(error: &TemplateError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// A function `Worker` with these further properties, at the depth of `Properties`.
fn function(properties: &str) -> String {
    format!(
        "
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      CodeUri: ../functions/worker
{}",
        properties.trim_start_matches('\n')
    )
}
