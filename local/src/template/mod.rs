//! The SAM template, read so that the embedded runtime does what is deployed.
//!
//! [`Template::parse`] reads the text and checks everything that needs no parameters: the sections, that every name
//! stands for something. [`Template::resolve`] puts parameters in, evaluates conditions and intrinsic functions and
//! turns what is left into a [`System`].
//!
//! Every resource type, event type and property is one of three things: **honoured**, that is, part of the [`System`];
//! **without meaning on one machine**, listed with its reason in `meaningless.rs` and reported in [`System::ignored`];
//! or **refused** by name. Nothing falls through silently. What has no meaning is not evaluated, but the names in it
//! must exist.
//!
//! Local names are those of a stack called `cgr-request` in the region `local` of the account `000000000000`:
//! see `names.rs`.

mod checks;
mod conditions;
mod directory;
mod error;
mod evaluate;
mod function;
mod globals;
mod http;
mod kinds;
mod meaningless;
mod names;
mod parameters;
mod queues;
mod reader;
mod references;
mod rules;
mod schedules;
mod sections;
mod sources;
mod storage;
mod system;
#[cfg(test)]
mod tests;
mod yaml;

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use self::directory::Directory;
pub use self::error::{Location, TemplateError};
use self::evaluate::Scope;
pub use self::function::POLICY_LAYER;
use self::kinds::Kind;
use self::reader::Fields;
pub use self::system::{
    Api, Authorizer, Bucket, EventBus, Function, IdentitySource, Ignored, InitialValue, Queue, QueueSource, Redrive,
    Retention, Retry, Route, Rule, Schedule, Secret, StartingPosition, StreamSource, System, Table, Target,
    TargetInput, TargetKind,
};
use self::yaml::Lines;

/// A template whose sections are sound and whose names all stand for something.
#[derive(Debug)]
pub struct Template {
    lines: Lines,
    parameters: BTreeMap<String, Map<String, Value>>,
    mappings: Value,
    conditions: BTreeMap<String, Value>,
    globals: BTreeMap<String, Map<String, Value>>,
    resources: BTreeMap<String, Resource>,
}

/// A resource as written, its properties merged with nothing and evaluated in no way.
#[derive(Debug)]
struct Resource {
    type_name: String,
    kind: Kind,
    condition: Option<String>,
    properties: Map<String, Value>,
    /// `Metadata.BuildProperties.Binary`, the binary to build for a function.
    binary: Option<String>,
    ignore_globals: Option<Value>,
}

impl Template {
    /// Reads the text of a template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let document = yaml::parse(text)?;
        let template = sections::read(&document.root, document.lines)?;
        references::check(&template, &document.root)?;
        Ok(template)
    }

    /// The system that the template describes with these parameter values, the defaults for the others.
    pub fn resolve(&self, parameters: &BTreeMap<String, String>) -> Result<System, TemplateError> {
        let parameters = parameters::values(self, parameters)?;
        let ignored = RefCell::new(Vec::new());
        let scope = Scope::new(self, &parameters, &ignored);
        let mut system = self.build(scope)?;
        system.ignored = ignored.take();
        system.ignored.sort();
        system.ignored.dedup();
        checks::check(self, &system)?;
        Ok(system)
    }

    fn build(&self, scope: Scope<'_>) -> Result<System, TemplateError> {
        let mut errors = Vec::new();
        let mut active = BTreeMap::new();
        for (logical_id, resource) in &self.resources {
            match scope.exists(logical_id, resource) {
                Ok(true) => _ = active.insert(logical_id.as_str(), resource),
                Ok(false) => {}
                Err(error) => errors.push(error),
            }
        }
        let directory = Directory::new(scope, &active)?;
        let mut system = System::default();
        // Routes name authorizers, so the API comes before the functions.
        http::read(scope, &directory, &active, &mut system)?;
        for (logical_id, resource) in active {
            if let Err(error) = read(scope, &directory, logical_id, resource, &mut system) {
                errors.push(error);
            }
        }
        error::all(errors)?;
        Ok(system)
    }
}

/// Adds one resource to the system.
fn read(
    scope: Scope<'_>,
    directory: &Directory,
    logical_id: &str,
    resource: &Resource,
    system: &mut System,
) -> Result<(), TemplateError> {
    let path = format!("Resources.{logical_id}");
    let fields = Fields::of_resource(scope, logical_id, resource);
    match resource.kind {
        Kind::Function => function::read(fields, directory, logical_id, resource, system),
        Kind::HttpApi => Ok(()),
        Kind::Table => storage::read_table(fields, logical_id, system),
        Kind::Bucket => storage::read_bucket(fields, logical_id, system),
        Kind::Secret => storage::read_secret(fields, logical_id, system),
        Kind::Queue => queues::read(fields, directory, logical_id, system),
        Kind::EventBus => rules::read_bus(fields, logical_id, system),
        Kind::Rule => rules::read(fields, directory, logical_id, system),
        Kind::Schedule => schedules::read(fields, directory, logical_id, system),
        Kind::WithoutMeaning(reason) => {
            scope.ignore(path, reason);
            Ok(())
        }
        Kind::Refused(reason) => Err(TemplateError::Refused {
            at: scope.template.locate(&format!("{path}.Type")),
            reason: format!("{} {reason}", resource.type_name),
        }),
    }
}

impl Template {
    fn locate(&self, path: &str) -> Location {
        self.lines.locate(path)
    }
}
