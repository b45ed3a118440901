//! Whether enough of the right people have said yes.

use super::{Approver, Matter, Policy};
use crate::request::Decision;

/// How far a request has come towards being approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// In the order of the policy. All have to be met.
    pub parts: Vec<QuorumPart>,
}

/// One requirement of a tier, and who has met it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumPart {
    /// Who may give these approvals.
    pub approvers: Vec<Approver>,
    /// How many are needed; at least 1.
    pub needed: usize,
    /// Which of the approvals count here, by their place in the list; at most `needed`.
    pub given: Vec<usize>,
}

impl Quorum {
    /// How many approvals are still missing.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.parts.iter().map(QuorumPart::missing).sum()
    }

    /// How many of the given approvals count.
    #[must_use]
    pub fn counted(&self) -> usize {
        self.parts.iter().map(|part| part.given.len()).sum()
    }

    /// Whether the approval at this place of the list counts.
    #[must_use]
    pub fn counts(&self, approval: usize) -> bool {
        self.parts.iter().any(|part| part.given.contains(&approval))
    }

    /// The names of those whose approval is still missing.
    #[must_use]
    pub fn waits_for(&self) -> Vec<String> {
        let mut names = Vec::new();
        for approver in self.parts.iter().filter(|part| part.missing() > 0).flat_map(|part| &part.approvers) {
            if !names.contains(&approver.name) {
                names.push(approver.name.clone());
            }
        }
        names
    }
}

impl QuorumPart {
    /// How many approvals are still missing here.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.needed.saturating_sub(self.given.len())
    }
}

impl Policy {
    /// How far `approvals`, each of a different human, get a request; `None` for auto-approve, which needs nobody's.
    ///
    /// An approval counts once, for one requirement, whatever its approver is besides; as many count as possible.
    /// It counts as long as the policy in force has its approver.
    #[must_use]
    pub fn quorum(&self, matter: Matter<'_>, approvals: &[Decision]) -> Option<Quorum> {
        let review = self.review(matter.tier)?;
        let second_line = review.escalate_to.as_ref().filter(|_| matter.escalated);
        let fits: Vec<Vec<usize>> = review
            .approvals
            .iter()
            .map(|requirement| {
                let sets = || std::iter::once(&requirement.approvers).chain(second_line);
                let still_counts = |approval: &Decision| {
                    let holder = approval.on_behalf_of.as_deref().unwrap_or(&approval.approver.email);
                    sets().any(|set| set.still_has(&approval.capacities, holder, matter.team, &self.groups))
                };
                let indices = approvals.iter().enumerate().filter(|(_, approval)| still_counts(approval));
                indices.map(|(index, _)| index).collect()
            })
            .collect();
        let needed: Vec<usize> = review.approvals.iter().map(super::Requirement::count).collect();
        let given = assign(&needed, &fits, approvals.len());
        let parts = review.approvals.iter().zip(needed).zip(given);
        Some(Quorum {
            parts: parts
                .map(|((requirement, needed), given)| QuorumPart {
                    approvers: self.named(std::iter::once(&requirement.approvers).chain(second_line), matter.team),
                    needed,
                    given,
                })
                .collect(),
        })
    }
}

/// Assigns approvals to requirements so that as many as possible count: augmenting paths, one approval after the
/// other, so that one that counts goes on counting when another comes. `fits` lists for each requirement the
/// approvals that would do. There are at most some tens of either.
pub(super) fn assign(needed: &[usize], fits: &[Vec<usize>], approvals: usize) -> Vec<Vec<usize>> {
    let mut given = vec![Vec::new(); needed.len()];
    for approval in 0..approvals {
        let mut seen = vec![false; needed.len()];
        place(approval, needed, fits, &mut given, &mut seen);
    }
    for part in &mut given {
        part.sort_unstable();
    }
    given
}

fn place(approval: usize, needed: &[usize], fits: &[Vec<usize>], given: &mut [Vec<usize>], seen: &mut [bool]) -> bool {
    let would_do = |part: usize| fits.get(part).is_some_and(|fitting| fitting.contains(&approval));
    for part in (0..needed.len()).filter(|part| would_do(*part)) {
        match seen.get_mut(part) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        let taken = given.get(part).cloned().unwrap_or_default();
        if taken.len() < needed.get(part).copied().unwrap_or(0) {
            if let Some(taken) = given.get_mut(part) {
                taken.push(approval);
            }
            return true;
        }
        // Full: perhaps one of those that are here does elsewhere.
        for other in taken {
            if place(other, needed, fits, given, seen) {
                if let Some(taken) = given.get_mut(part) {
                    taken.retain(|index| *index != other);
                    taken.push(approval);
                }
                return true;
            }
        }
    }
    false
}
