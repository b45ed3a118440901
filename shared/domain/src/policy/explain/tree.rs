//! An explanation as lines of text.

use std::fmt;

use super::super::approvers::ApproverKind;
use super::super::words::listed;
use super::{
    Absence, Decider, ExplainedCondition, ExplainedRequirement, ExplainedReview, ExplainedRule, Explanation,
    KnownPerson, Outcome, Trial,
};
use crate::request::Channel;
use crate::time::Span;

/// The most characters of a line.
const WIDTH: usize = 100;
/// The widest column for the names of rules.
const MAX_NAME_WIDTH: usize = 28;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tree = Tree::default();
        let (result, rule) = match &self.outcome {
            Outcome::Denied { rule, .. } => ("denied", rule),
            Outcome::Approved { rule, .. } => ("auto-approve", rule),
            Outcome::Review { rule, review } => (review.tier.as_str(), rule),
        };
        let subject = format!("{} for {} in {}", self.image, self.team, self.environment.as_str());
        tree.line("", &format!("{subject}: {result} (policy {}, rule `{rule}`)", self.policy_version));
        if let Some(requester) = &self.requester {
            tree.line("", &format!("asked for by {requester}"));
        }
        tree.rules("deny rules", &self.deny);
        tree.rules("rules", &self.rules);
        match &self.outcome {
            Outcome::Denied { reason, .. } => {
                tree.line("", "refused");
                tree.line("  ", reason);
            }
            Outcome::Approved { rate_limit, .. } => {
                tree.line("", "approved, nobody is asked");
                let limit = match rate_limit {
                    Some(limit) => format!("at most {} requests of one person in {}", limit.requests, limit.per),
                    None => "as many requests as one likes".to_owned(),
                };
                tree.line("  ", &limit);
            }
            Outcome::Review { review, .. } => tree.review(review, self.requester.as_deref()),
        }
        f.write_str(tree.0.trim_end())
    }
}

/// Lines of text.
#[derive(Default)]
struct Tree(String);

impl Tree {
    /// `head` and then `text`, which goes on below itself where it is too long. Nothing in it moves the cursor.
    fn line(&mut self, head: &str, text: &str) {
        let indent = head.chars().count();
        self.0.push_str(head);
        let (mut column, mut is_fresh) = (indent, true);
        for word in text.split(|character: char| character.is_whitespace() || character.is_control()) {
            let length = word.chars().count();
            if length == 0 {
                continue;
            }
            if !is_fresh && column + 1 + length > WIDTH {
                column = self.next_line(indent);
            } else if !is_fresh {
                self.0.push(' ');
                column += 1;
            }
            for character in word.chars() {
                // Longer than a line.
                if column == WIDTH {
                    column = self.next_line(indent);
                }
                self.0.push(character);
                column += 1;
            }
            is_fresh = false;
        }
        self.0.push('\n');
    }

    fn next_line(&mut self, indent: usize) -> usize {
        self.0.push('\n');
        self.0.extend(std::iter::repeat_n(' ', indent));
        indent
    }

    fn rules(&mut self, heading: &str, rules: &[ExplainedRule]) {
        if rules.is_empty() {
            return;
        }
        self.line("", heading);
        let length = |rule: &ExplainedRule| rule.name.chars().count();
        let width = rules.iter().map(length).filter(|length| *length <= MAX_NAME_WIDTH).max().unwrap_or(0);
        for rule in rules {
            let mark = match rule.trial {
                Trial::Fired => '✓',
                Trial::PassedOver => '✗',
                Trial::NotLookedAt => '·',
            };
            let name = rule.name.replace(char::is_control, " ");
            let mut head = format!("  {mark} {name:width$}  ");
            if length(rule) > width {
                self.line(&format!("  {mark} "), &name);
                head = " ".repeat(width + 6);
            }
            for text in texts(rule) {
                self.line(&head, &text);
                head = " ".repeat(width + 6);
            }
        }
    }

    fn review(&mut self, review: &ExplainedReview, requester: Option<&str>) {
        let fields: Vec<&str> = review.requires.iter().map(|field| field.as_str()).collect();
        self.line("", "fields");
        match fields.as_slice() {
            [] => self.line("  ", "none is required"),
            fields => self.line("  ", &format!("{} must be filled in", listed(fields, "and"))),
        }
        self.line("", "approvals, each by another person");
        for requirement in &review.approvals {
            self.requirement(requirement, requester);
        }
        match &review.second_line {
            Some(second_line) => {
                self.line("", &format!("second line, after {}", review.sla));
                self.deciders("  ", second_line);
            }
            None => self.line("", "second line: nobody"),
        }
        self.line("", "times, from submission");
        self.line("  ", &times(review));
        self.line("", "channels");
        self.line("  ", &channels(review));
        match &review.break_glass {
            Some(deciders) => {
                self.line("", "may break the glass, with a token");
                self.deciders("  ", deciders);
            }
            None => self.line("", "may break the glass: nobody"),
        }
    }

    fn requirement(&mut self, requirement: &ExplainedRequirement, requester: Option<&str>) {
        self.line("  ", &format!("{} of", requirement.count));
        self.deciders("    ", &requirement.approvers);
        if let Some(requester) = requester.filter(|_| requirement.leaves_out_requester) {
            self.line("    ", &format!("not {requester}, who asks"));
        }
    }

    fn deciders(&mut self, indent: &str, deciders: &[Decider]) {
        if deciders.is_empty() {
            self.line(indent, "nobody");
        }
        for decider in deciders {
            match decider.kind {
                ApproverKind::Person => self.people(indent, &decider.people),
                ApproverKind::Group => {
                    self.line(indent, &format!("group {}", decider.name));
                    let inner = format!("{indent}  ");
                    self.people(&inner, &decider.people);
                    if decider.by_token {
                        self.line(&inner, "whoever's token has the group");
                    }
                    if !decider.mailboxes.is_empty() {
                        let mailboxes: Vec<&str> = decider.mailboxes.iter().map(String::as_str).collect();
                        self.line(&inner, &format!("mail without a link to {}", listed(&mailboxes, "and")));
                    }
                }
            }
        }
    }

    fn people(&mut self, indent: &str, people: &[KnownPerson]) {
        for person in people {
            let text = match &person.away {
                None => person.email.clone(),
                Some(Absence { until, delegate, delegate_asks: false }) => {
                    format!("{} (away until {until}, {delegate} decides)", person.email)
                }
                Some(Absence { until, delegate, delegate_asks: true }) => {
                    format!("{} (away until {until}, and {delegate} asks and cannot decide)", person.email)
                }
            };
            self.line(indent, &text);
        }
    }
}

/// What to say of a rule, line by line; at least one.
fn texts(rule: &ExplainedRule) -> Vec<String> {
    match (rule.trial, rule.conditions.as_slice()) {
        (Trial::NotLookedAt, _) => vec!["not looked at".to_owned()],
        (Trial::Fired | Trial::PassedOver, []) => vec!["always".to_owned()],
        (Trial::Fired | Trial::PassedOver, [only]) => vec![only.to_string()],
        (Trial::Fired | Trial::PassedOver, several) => {
            several.iter().map(|condition| format!("{} {condition}", if condition.holds { '✓' } else { '✗' })).collect()
        }
    }
}

impl fmt::Display for ExplainedCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.wanted.as_slice() {
            [only] if *only == self.found => f.write_str(&self.wish()),
            _ => write!(f, "{}: it is {}", self.wish(), self.found),
        }
    }
}

fn times(review: &ExplainedReview) -> String {
    let reminders: Vec<String> = review.reminders.iter().map(Span::to_string).collect();
    let reminders: Vec<&str> = reminders.iter().map(String::as_str).collect();
    let reminded = match reminders.as_slice() {
        [] => String::new(),
        reminders => format!("reminders after {}, ", listed(reminders, "and")),
    };
    format!("{reminded}a decision is due after {}, the request expires after {}", review.sla, review.expires_after)
}

fn channels(review: &ExplainedReview) -> String {
    let names: Vec<String> = review
        .channels
        .iter()
        .map(|channel| match (channel, review.links_valid_for) {
            (Channel::Link, Some(span)) => format!("link (good for {span})"),
            _ => channel.as_str().to_owned(),
        })
        .collect();
    names.join(", ")
}
