//! Locks per key, which make a condition and the write that depends on it atomic.
//!
//! Keys share a fixed number of locks by their hash. Two keys may now and then wait for each other,
//! but no lock ever has to be removed.

use std::hash::{BuildHasher, RandomState};

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

const STRIPES: usize = 256;

/// The locks of a store.
#[derive(Debug)]
pub(super) struct Locks {
    stripes: Vec<RwLock<()>>,
    hasher: RandomState,
}

/// Guards a source for reading and a destination for writing.
pub(super) struct CopyGuard<'a> {
    _write: RwLockWriteGuard<'a, ()>,
    _read: Option<RwLockReadGuard<'a, ()>>,
}

impl Locks {
    pub(super) fn new() -> Self {
        let stripes = (0..STRIPES).map(|_| RwLock::new(())).collect();
        Self {
            stripes,
            hasher: RandomState::new(),
        }
    }

    fn stripe(&self, bucket: &str, key: &str) -> usize {
        (self.hasher.hash_one((bucket, key)) % STRIPES as u64) as usize
    }

    pub(super) async fn read(&self, bucket: &str, key: &str) -> RwLockReadGuard<'_, ()> {
        self.stripes[self.stripe(bucket, key)].read().await
    }

    pub(super) async fn write(&self, bucket: &str, key: &str) -> RwLockWriteGuard<'_, ()> {
        self.stripes[self.stripe(bucket, key)].write().await
    }

    /// Locks both ends of a copy, the lower stripe first, so that opposite copies can't deadlock.
    pub(super) async fn copy(&self, from: (&str, &str), to: (&str, &str)) -> CopyGuard<'_> {
        let from = self.stripe(from.0, from.1);
        let to = self.stripe(to.0, to.1);
        if from == to {
            return CopyGuard {
                _write: self.stripes[to].write().await,
                _read: None,
            };
        }
        if from < to {
            let read = self.stripes[from].read().await;
            return CopyGuard {
                _write: self.stripes[to].write().await,
                _read: Some(read),
            };
        }
        let write = self.stripes[to].write().await;
        CopyGuard {
            _write: write,
            _read: Some(self.stripes[from].read().await),
        }
    }
}
