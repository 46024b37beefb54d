use std::collections::{HashMap, VecDeque};

use xray::event::ObjectRef;

/// Objects that are remembered: those of the rows, and those of requests in progress.
const MOST: usize = 20_000;

/// Objects by the keyed digest that reports carry, the oldest forgotten first.
#[derive(Default)]
pub(super) struct Objects {
    by_digest: HashMap<String, ObjectRef>,
    order: VecDeque<String>,
}

impl Objects {
    /// Remembers an object.
    pub(super) fn remember(&mut self, digest: String, object: ObjectRef) {
        if self.by_digest.insert(digest.clone(), object).is_some() {
            return;
        }
        self.order.push_back(digest);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_digest.remove(&oldest);
        }
    }

    /// Returns the object of a digest.
    pub(super) fn find(&self, digest: &str) -> Option<ObjectRef> {
        self.by_digest.get(digest).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_object_is_forgotten() {
        let mut objects = Objects::default();
        let object = ObjectRef::new("in", "a", None).unwrap();
        for index in 0..=MOST {
            objects.remember(index.to_string(), object.clone());
            objects.remember("0".to_owned(), object.clone());
        }
        assert!(objects.by_digest.len() <= MOST && objects.order.len() <= MOST);
        assert!(objects.find(&MOST.to_string()).is_some());
        assert!(objects.find("1").is_none());
    }
}
