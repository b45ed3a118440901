use std::collections::BTreeSet;

use domain::journal;

use super::*;

fn samples() -> Samples {
    Samples::tell().unwrap()
}

#[test]
fn every_storys_records_form_a_chain() {
    for story in samples().stories() {
        let head = journal::verify(&story.records).unwrap();
        assert_eq!(head.sequence, u64::try_from(story.records.len()).unwrap());
    }
}

#[test]
fn a_changed_record_breaks_the_chain() {
    let Samples { approved, .. } = samples();
    for place in 0..approved.records.len() {
        let mut records = approved.records.clone();
        records[place].policy_rule.push('x');
        assert!(journal::verify(&records).is_err(), "{place}");
    }
}

#[test]
fn every_type_of_event_happens() {
    let happened: BTreeSet<EventType> =
        samples().stories().iter().flat_map(|story| story.records.iter().map(|record| record.event_type)).collect();
    assert_eq!(happened, EventType::ALL.into());
}

#[test]
fn stories_are_the_same_whenever_they_are_told() {
    let hashes = |samples: &Samples| -> Vec<String> {
        samples.stories().iter().flat_map(|story| story.records.iter().map(|record| record.hash.to_string())).collect()
    };
    assert_eq!(hashes(&samples()), hashes(&samples()));
}

#[test]
fn every_request_has_an_id_of_its_own_that_sorts_by_its_time() {
    let samples = samples();
    let mut stories = samples.stories().to_vec();
    stories.sort_by_key(|story| story.id);
    assert!(stories.is_sorted_by(|a, b| a.id < b.id && a.records[0].timestamp < b.records[0].timestamp));
    assert!(stories.iter().all(|story| story.records.iter().all(|record| record.request_id == story.id)));
}
