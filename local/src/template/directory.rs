//! Which resource a name or an ARN belongs to.

use std::collections::BTreeMap;

use super::error::TemplateError;
use super::evaluate::Scope;
use super::kinds::Kind;
use super::reader::Field;
use super::system::TargetKind;
use super::{Resource, names};

/// The bus that every account has.
pub(super) const DEFAULT_BUS: &str = "default";

/// The resources of the template by what refers to them. What another stack made is not here and is refused.
#[derive(Default)]
pub(super) struct Directory {
    /// Logical id by ARN and by name.
    functions: BTreeMap<String, String>,
    /// Name by ARN.
    queues: BTreeMap<String, String>,
    /// Name by stream ARN.
    streams: BTreeMap<String, String>,
    /// Name by ARN and by name.
    buses: BTreeMap<String, String>,
    /// Name by ARN, with and without the `:*` at its end.
    log_groups: BTreeMap<String, String>,
}

impl Directory {
    pub(super) fn new(scope: Scope<'_>, resources: &BTreeMap<&str, &Resource>) -> Result<Self, TemplateError> {
        let mut directory = Self::default();
        let default = (names::bus_arn(DEFAULT_BUS), DEFAULT_BUS.to_owned());
        directory.buses.extend([default, (DEFAULT_BUS.to_owned(), DEFAULT_BUS.to_owned())]);
        for (logical_id, resource) in resources {
            let name = scope.physical_name(&format!("Resources.{logical_id}"), logical_id)?;
            match resource.kind {
                Kind::Function => {
                    let by_arn = (names::function_arn(&name), (*logical_id).to_owned());
                    directory.functions.extend([by_arn, (name, (*logical_id).to_owned())]);
                }
                Kind::Queue => _ = directory.queues.insert(names::queue_arn(&name), name),
                Kind::Table => _ = directory.streams.insert(names::stream_arn(&name), name),
                Kind::EventBus => directory.buses.extend([(names::bus_arn(&name), name.clone()), (name.clone(), name)]),
                Kind::WithoutMeaning(_) if resource.type_name == "AWS::Logs::LogGroup" => {
                    let arn = names::log_group_arn(&name);
                    let short = arn.trim_end_matches(":*").to_owned();
                    directory.log_groups.extend([(arn, name.clone()), (short, name)]);
                }
                _ => {}
            }
        }
        Ok(directory)
    }

    /// The name of the queue with this ARN.
    pub(super) fn queue(&self, arn: &Field<'_>) -> Result<String, TemplateError> {
        find(&self.queues, arn, "queue")
    }

    /// The logical id of the function with this ARN or name.
    pub(super) fn function(&self, arn: &Field<'_>) -> Result<String, TemplateError> {
        find(&self.functions, arn, "function")
    }

    /// The name of the table with this stream.
    pub(super) fn stream(&self, arn: &Field<'_>) -> Result<String, TemplateError> {
        find(&self.streams, arn, "table stream")
    }

    /// The name of the bus with this ARN or name, the account's own bus if none is given.
    pub(super) fn bus(&self, bus: Option<&Field<'_>>) -> Result<String, TemplateError> {
        bus.map_or_else(|| Ok(DEFAULT_BUS.to_owned()), |bus| find(&self.buses, bus, "event bus"))
    }

    /// What a rule or a schedule with this target ARN calls.
    pub(super) fn target(&self, arn: &Field<'_>) -> Result<TargetKind, TemplateError> {
        let text = arn.text()?;
        if let Some(queue) = self.queues.get(&text) {
            Ok(TargetKind::Queue(queue.clone()))
        } else if let Some(function) = self.functions.get(&text) {
            Ok(TargetKind::Function(function.clone()))
        } else if let Some(log_group) = self.log_groups.get(&text) {
            Ok(TargetKind::LogGroup(log_group.clone()))
        } else {
            Err(arn.inconsistent(format!("no queue, function or log group of this template has the ARN {text}")))
        }
    }
}

fn find(directory: &BTreeMap<String, String>, field: &Field<'_>, what: &str) -> Result<String, TemplateError> {
    let text = field.text()?;
    directory
        .get(&text)
        .cloned()
        .ok_or_else(|| field.inconsistent(format!("no {what} of this template is called {text}")))
}
