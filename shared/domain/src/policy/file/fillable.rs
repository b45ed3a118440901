//! Whether a tier's approvals can be given at all, and whoever asks.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Requirement;
use super::super::quorum::assign;
use crate::person::mailbox;

/// The most approvals that a tier asks for.
pub(super) const MAX_APPROVALS: usize = 10;

/// Why the requirements of a tier cannot all be met by different people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shortage {
    /// There are too few, whoever asks.
    Always,
    /// There are too few when somebody who is named asks: nobody decides their own request.
    Without {
        /// The place of the first requirement that names them.
        requirement: usize,
        /// Their place there.
        person: usize,
    },
}

/// Of requirements that ask for [`MAX_APPROVALS`] at most in all: what keeps them from being met by different people.
///
/// A requirement that names a group can always be met, since the policy does not know who belongs to it. So can one
/// that names more people than approvals are asked for in all, once the others are met.
pub(super) fn shortages(requirements: &[Requirement]) -> Vec<Shortage> {
    let mut humans: BTreeMap<String, usize> = BTreeMap::new();
    let mut first_named: Vec<Shortage> = Vec::new();
    let (mut needed, mut fits): (Vec<usize>, Vec<Vec<usize>>) = (Vec::new(), Vec::new());
    for (requirement, wanted) in requirements.iter().enumerate() {
        let people = &wanted.approvers.people;
        let different: BTreeSet<String> = people.iter().map(|email| mailbox(email)).collect();
        if !wanted.approvers.groups.is_empty() || different.len() > MAX_APPROVALS {
            continue;
        }
        for (person, email) in people.iter().enumerate() {
            let next = humans.len();
            humans.entry(mailbox(email)).or_insert_with(|| {
                first_named.push(Shortage::Without { requirement, person });
                next
            });
        }
        needed.push(wanted.count());
        fits.push(different.iter().filter_map(|human| humans.get(human)).copied().collect());
    }
    let can_be_met = |requester: Option<usize>| {
        let others = |fitting: &Vec<usize>| fitting.iter().copied().filter(|human| Some(*human) != requester).collect();
        let fits: Vec<Vec<usize>> = fits.iter().map(others).collect();
        let given = assign(&needed, &fits, humans.len());
        given.iter().zip(&needed).all(|(given, needed)| given.len() >= *needed)
    };
    if !can_be_met(None) {
        return vec![Shortage::Always];
    }
    let named = first_named.into_iter().enumerate();
    named.filter(|(human, _)| !can_be_met(Some(*human))).map(|(_, shortage)| shortage).collect()
}
