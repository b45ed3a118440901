//! Whether the parts fit together.

use std::collections::{BTreeMap, BTreeSet};

use super::Template;
use super::error::{self, TemplateError};
use super::system::System;

/// Two routes that take the same requests, two resources with one name, queues that show a message again too early.
pub(super) fn check(template: &Template, system: &System) -> Result<(), TemplateError> {
    let mut problems = Vec::new();
    routes(system, &mut problems);
    names(system, &mut problems);
    visibility(system, &mut problems);
    dead_letters(system, &mut problems);
    let errors = problems.into_iter().map(|(logical_id, problem)| TemplateError::Inconsistent {
        at: template.locate(&format!("Resources.{logical_id}")),
        problem,
    });
    error::all(errors.collect())
}

/// A logical id and what is wrong with it.
type Problems = Vec<(String, String)>;

fn routes(system: &System, problems: &mut Problems) {
    let mut taken = BTreeMap::new();
    for route in &system.routes {
        // Routes that differ in the names of their parameters take the same requests.
        let shape: Vec<_> = route
            .path
            .split('/')
            .map(|segment| match (segment.starts_with('{'), segment.ends_with("+}")) {
                (true, true) => "{+}",
                (true, false) => "{}",
                (false, _) => segment,
            })
            .collect();
        if let Some(other) = taken.insert((&route.method, shape), &route.function) {
            let problem = format!("{} {} is also a route of `{other}`", route.method, route.path);
            problems.push((route.function.clone(), problem));
        }
    }
}

fn names(system: &System, problems: &mut Problems) {
    let functions = system.functions.iter().map(|function| ("function", &function.name, &function.logical_id));
    let tables = system.tables.iter().map(|table| ("table", &table.name, &table.logical_id));
    let queues = system.queues.iter().map(|queue| ("queue", &queue.name, &queue.logical_id));
    let buses = system.buses.iter().map(|bus| ("event bus", &bus.name, &bus.logical_id));
    let buckets = system.buckets.iter().map(|bucket| ("bucket", &bucket.name, &bucket.logical_id));
    let secrets = system.secrets.iter().map(|secret| ("secret", &secret.name, &secret.logical_id));
    let mut taken = BTreeMap::new();
    for (what, name, logical_id) in functions.chain(tables).chain(queues).chain(buses).chain(buckets).chain(secrets) {
        if let Some(other) = taken.insert((what, name), logical_id) {
            problems.push((logical_id.clone(), format!("the {what} `{other}` is called {name}, too")));
        }
    }
}

/// Lambda refuses such a source: while the function still works on a message, another invocation would get it.
fn visibility(system: &System, problems: &mut Problems) {
    for source in &system.queue_sources {
        let queue = system.queues.iter().find(|queue| queue.name == source.queue);
        let function = system.functions.iter().find(|function| function.logical_id == source.function);
        if let Some((queue, function)) = queue.zip(function)
            && queue.visibility_timeout < function.timeout
        {
            let problem = format!(
                "VisibilityTimeout is {} s, less than the Timeout of `{}`, which is {} s",
                queue.visibility_timeout.as_secs(),
                function.logical_id,
                function.timeout.as_secs()
            );
            problems.push((queue.logical_id.clone(), problem));
        }
    }
}

/// Dead letters that come back would go round for ever.
fn dead_letters(system: &System, problems: &mut Problems) {
    let next: BTreeMap<_, _> = system
        .queues
        .iter()
        .filter_map(|queue| Some((&queue.name, &queue.redrive.as_ref()?.dead_letter_queue)))
        .collect();
    for queue in &system.queues {
        let mut seen = BTreeSet::new();
        let mut name = &queue.name;
        while let Some(dead_letters) = next.get(name) {
            if !seen.insert(*dead_letters) {
                break;
            }
            name = dead_letters;
        }
        if seen.contains(&queue.name) {
            let problem = "its dead letters come back to it".to_owned();
            problems.push((queue.logical_id.clone(), problem));
        }
    }
}
