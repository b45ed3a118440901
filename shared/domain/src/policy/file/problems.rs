//! What is wrong with a policy file, in words for whoever has to mend it.

use std::fmt;

/// The most problems that are told at once.
const MAX_TOLD: usize = 100;
/// The most problems that are kept until the end, from which the first by line are told: a file may be nothing else.
const MAX_KEPT: usize = 1_000;

/// One thing that is wrong with a policy file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyProblem {
    /// The line, from 1.
    pub line: usize,
    /// The field, `tiers.manager-approval.approvals[0]`; empty for the file as a whole.
    pub place: String,
    /// What is wrong with it; completes a sentence that begins with the place.
    pub wrong: String,
    /// What to do.
    pub fix: String,
}

impl PolicyProblem {
    /// Everything but the line.
    #[must_use]
    pub fn message(&self) -> String {
        let place = if self.place.is_empty() { "the file" } else { &self.place };
        format!("{place}: {}; {}", self.wrong, self.fix)
    }
}

impl fmt::Display for PolicyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message())
    }
}

/// Everything that is wrong with a policy file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PolicyError {
    /// By line; at least one, and at most 100.
    pub problems: Vec<PolicyProblem>,
    /// How many more there are.
    pub left_out: usize,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the policy cannot be used:")?;
        for problem in &self.problems {
            write!(f, "\n{problem}")?;
        }
        match self.left_out {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

/// Collects problems while a file is read.
#[derive(Debug, Default)]
pub(super) struct Problems {
    kept: Vec<PolicyProblem>,
    count: usize,
}

impl Problems {
    pub(super) fn push(&mut self, line: usize, place: &str, wrong: impl Into<String>, fix: impl Into<String>) {
        self.count += 1;
        if self.kept.len() < MAX_KEPT {
            let problem = PolicyProblem { line, place: place.to_owned(), wrong: wrong.into(), fix: fix.into() };
            self.kept.push(problem);
        }
    }

    /// How many there have been so far.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// The problems by line, those of one line in the order in which they were found.
    pub(super) fn into_error(self) -> PolicyError {
        let Self { kept: mut problems, count } = self;
        problems.sort_by_key(|problem| problem.line);
        problems.truncate(MAX_TOLD);
        let left_out = count - problems.len();
        PolicyError { problems, left_out }
    }
}
