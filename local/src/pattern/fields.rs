//! An event as the flat list of its leaf values.

use std::collections::BTreeMap;

use serde_json::Value;

/// The leaf values of an event by their dotted path.
pub(super) struct Fields<'e> {
    by_path: BTreeMap<String, Vec<Field<'e>>>,
}

/// One leaf value and the array elements that it lies in.
pub(super) struct Field<'e> {
    pub(super) value: &'e Value,
    pub(super) membership: Membership,
}

/// Which element of which array: arrays are numbered in the order in which they are met.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Membership(BTreeMap<usize, usize>);

impl Membership {
    /// Both together, or nothing if they name different elements of one array.
    pub(super) fn with(&self, other: &Self) -> Option<Self> {
        let mut both = self.clone();
        for (array, element) in &other.0 {
            if both.0.insert(*array, *element).is_some_and(|before| before != *element) {
                return None;
            }
        }
        Some(both)
    }

    fn inside(&self, array: usize, element: usize) -> Self {
        let mut inside = self.clone();
        inside.0.insert(array, element);
        inside
    }
}

impl<'e> Fields<'e> {
    pub(super) fn of(event: &'e Value) -> Self {
        let mut walk = Walk { by_path: BTreeMap::new(), arrays: 0 };
        if event.is_object() {
            walk.visit("", event, &Membership::default());
        }
        Self { by_path: walk.by_path }
    }

    pub(super) fn named(&self, path: &str) -> impl Iterator<Item = &Field<'e>> {
        self.by_path.get(path).into_iter().flatten()
    }
}

/// The dotted path of a field below `parent`.
pub(super) fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

struct Walk<'e> {
    by_path: BTreeMap<String, Vec<Field<'e>>>,
    arrays: usize,
}

impl<'e> Walk<'e> {
    fn visit(&mut self, path: &str, value: &'e Value, membership: &Membership) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    self.visit(&join(path, name), member, membership);
                }
            }
            Value::Array(elements) => {
                let array = self.arrays;
                self.arrays += 1;
                for (index, element) in elements.iter().enumerate() {
                    // Only objects and arrays have fields that could belong together.
                    if element.is_object() || element.is_array() {
                        self.visit(path, element, &membership.inside(array, index));
                    } else {
                        self.visit(path, element, membership);
                    }
                }
            }
            leaf => self
                .by_path
                .entry(path.to_owned())
                .or_default()
                .push(Field { value: leaf, membership: membership.clone() }),
        }
    }
}
