//! What the trigger says on standard error: a line when something changes, not one a second while it lasts.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How long the same is not said again.
const QUIET: Duration = Duration::from_secs(60);

/// What was said last about each matter, and when.
#[derive(Debug, Default)]
pub struct Notices {
    said: Mutex<HashMap<String, (String, Instant)>>,
    is_muted: AtomicBool,
}

impl Notices {
    /// Says nothing from now on, or speaks again: what ends the start is told once, by the error that ends it.
    pub fn mute(&self, is_muted: bool) {
        self.is_muted.store(is_muted, Ordering::Relaxed);
    }

    /// Says it, unless it was said just now.
    pub fn say(&self, matter: &str, text: &str) {
        if self.is_muted.load(Ordering::Relaxed) {
            return;
        }
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some((last, at)) = said.get(matter)
            && last == text
            && now - *at < QUIET
        {
            return;
        }
        said.insert(matter.to_owned(), (text.to_owned(), now));
        eprintln!("xray: kafka: {matter}: {text}");
    }
}
