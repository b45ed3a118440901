//! Who is named in a policy file as a person, and what must not be said of them elsewhere in it.

use std::collections::{BTreeMap, BTreeSet};

use super::problems::Problems;
use super::reader::Fields;
use crate::person::mailbox;
use crate::policy::words::quoted;
use crate::policy::{ApproverSet, Delegation, Group};

/// Where people are named, as far as it could be read.
pub(super) struct Named<'p> {
    pub(super) sets: Vec<&'p ApproverSet>,
    pub(super) groups: Option<&'p BTreeMap<String, Group>>,
    pub(super) delegations: &'p [Delegation],
}

impl Named<'_> {
    /// Who is named as a person or as a group's member.
    fn approvers(&self) -> impl Iterator<Item = &String> {
        let in_sets = self.sets.iter().flat_map(|set| &set.people);
        let members = self.groups.into_iter().flat_map(BTreeMap::values).flat_map(|group| &group.members);
        in_sets.chain(members)
    }

    /// The addresses of one person each, as [`mailbox`] tells humans apart.
    fn people(&self) -> BTreeSet<String> {
        let absent = self.delegations.iter().flat_map(|delegation| [&delegation.approver, &delegation.delegate]);
        self.approvers().chain(absent).map(|address| mailbox(address)).collect()
    }
}

/// Nobody can present a token of somebody who is away: only the policy can say as what their delegate decides.
pub(super) fn who_is_away_is_an_approver(named: &Named<'_>, file: &Fields<'_>, problems: &mut Problems) {
    // What of it cannot be read has been told of where it was read.
    let mut told = Problems::default();
    let (Some(spot), Some(_)) = (file.optional("delegations"), named.groups) else {
        return;
    };
    for delegation in spot.elements(&mut told).unwrap_or_default() {
        let fields = delegation.fields(&["approver", "delegate", "from", "until"], &mut told);
        let Some(approver) = fields.as_ref().and_then(|fields| fields.optional("approver")) else {
            continue;
        };
        if let Some(address) = approver.text(&mut told)
            && !named.approvers().any(|named| named.eq_ignore_ascii_case(address))
        {
            let wrong =
                format!("{} is listed nowhere as an approver, so their delegate decides nothing", quoted(address));
            approver.problem(problems, wrong, "list them among `people`, or as a member under `groups`");
        }
    }
}

/// A mailbox is read by several people. Nobody would know who followed a link in it, or who decided.
pub(super) fn mailboxes_are_nobody(named: &Named<'_>, file: &Fields<'_>, problems: &mut Problems) {
    let people = named.people();
    // What of it cannot be read has been told of where it was read.
    let mut told = Problems::default();
    let groups = file.optional("groups").and_then(|groups| groups.members("", &mut told)).unwrap_or_default();
    let of_groups = groups.into_iter().filter_map(|(_, group)| {
        group.fields(&["members", "mailboxes"], &mut Problems::default())?.optional("mailboxes").cloned()
    });
    for mailboxes in of_groups.chain(file.optional("fallbackMailboxes").cloned()) {
        for spot in mailboxes.elements(&mut told).unwrap_or_default() {
            if let Some(address) = spot.text(&mut told)
                && people.contains(&mailbox(address))
            {
                let wrong =
                    format!("{} is named as one person, too, and a mailbox is read by several", quoted(address));
                spot.problem(problems, wrong, "name it as a person or as a mailbox, not as both");
            }
        }
    }
}
