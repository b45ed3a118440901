//! Why a template cannot be run on one machine.

use std::fmt;

use crate::pattern::PatternError;

/// Where in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Keys and list positions from the top, as in `Resources.Api.Properties.Auth`.
    pub path: String,
    /// The line of the nearest enclosing key that the text has, from 1.
    pub line: Option<usize>,
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "{} (line {line})", self.path),
            None => formatter.write_str(&self.path),
        }
    }
}

/// A template that cannot be read, or that asks for something that one process cannot do.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// Not the YAML that `CloudFormation` reads.
    #[error("line {line}: {problem}")]
    Yaml {
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A value that `CloudFormation` would not accept there.
    #[error("{at}: {problem}")]
    Malformed {
        /// Where.
        at: Location,
        /// What is wrong with it.
        problem: String,
    },
    /// Something that works in the cloud and that the embedded runtime would silently do differently.
    #[error("{at} cannot be honoured on one machine: {reason}")]
    Refused {
        /// The property, event or resource.
        at: Location,
        /// Why, and what to write instead where there is something.
        reason: String,
    },
    /// A name that stands for nothing.
    #[error("{at}: there is no {what} `{name}`")]
    Unknown {
        /// Where the name is used.
        at: Location,
        /// What was looked for: `resource or parameter`, `condition`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A reference to a resource that is left out because its condition is false.
    #[error("{at}: the resource `{name}` is left out, because the condition `{condition}` is false")]
    LeftOut {
        /// Where the resource is used.
        at: Location,
        /// Its logical id.
        name: String,
        /// Its condition.
        condition: String,
    },
    /// Names or conditions that are defined by themselves.
    #[error("{at}: `{name}` is defined by itself")]
    Cycle {
        /// Where the circle closes.
        at: Location,
        /// The resource or condition.
        name: String,
    },
    /// A parameter without a value, or with one that the template does not allow.
    #[error("parameter `{name}`: {problem}")]
    Parameter {
        /// The parameter's name.
        name: String,
        /// What is wrong with its value.
        problem: String,
    },
    /// An event pattern or a filter that EventBridge would refuse.
    #[error("{at}: the pattern is not one that EventBridge accepts")]
    Pattern {
        /// The pattern.
        at: Location,
        /// Where in the pattern, and why.
        source: Box<PatternError>,
    },
    /// Text that must be JSON.
    #[error("{at}: not JSON")]
    Json {
        /// The text.
        at: Location,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// Parts that do not fit together.
    #[error("{at}: {problem}")]
    Inconsistent {
        /// The part to change.
        at: Location,
        /// What it does not fit.
        problem: String,
    },
    /// Several of these, one a line, each with its cause.
    #[error("{}", lines(.0))]
    Several(Vec<TemplateError>),
}

/// Nothing wrong, the one thing, or all of them.
pub(super) fn all(mut errors: Vec<TemplateError>) -> Result<(), TemplateError> {
    match errors.pop() {
        None => Ok(()),
        Some(only) if errors.is_empty() => Err(only),
        Some(last) => {
            errors.push(last);
            Err(TemplateError::Several(errors))
        }
    }
}

fn lines(errors: &[TemplateError]) -> String {
    let with_cause = |error: &TemplateError| match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    errors.iter().map(with_cause).collect::<Vec<_>>().join("\n")
}
