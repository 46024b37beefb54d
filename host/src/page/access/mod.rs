//! Signing in: by a one-time address on loopback, by a token whose digest is in a file, or at a
//! proxy in front of the page.

pub mod origin;
pub mod proxy;
pub mod roles;
mod seal;
pub mod sessions;
pub mod signed;
pub mod users;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use anyhow::Result;

use self::{
    proxy::Proxy,
    roles::Role,
    sessions::{Session, Sessions},
    signed::{Seconds, Signed},
    users::{TokenDigest, User, digest, secret},
};

/// Users, sessions and the one-time token.
pub struct Access {
    users: HashMap<TokenDigest, User>,
    sessions: Sessions,
    /// Sessions that other pages accept too.
    signed: Option<Signed>,
    once: Mutex<Option<String>>,
    /// The person at this machine's terminal, if there is no file.
    local: Option<User>,
    /// The proxy that signs people in, if one does.
    proxy: Option<Proxy>,
    /// Time of the last refusal that was noted.
    refused: Mutex<Option<Instant>>,
}

impl Access {
    /// Lets the people in a file sign in. With a file of a key, pages with the same key and the
    /// same people accept each other's sessions.
    ///
    /// # Errors
    /// When a file can't be read, or the key is short.
    pub fn of_file(path: &Path, key: Option<&Path>) -> Result<Self> {
        let users = users::read(path)?;
        let signed = key.map(|key| Signed::open(key, &users)).transpose()?;
        Ok(Self {
            users,
            signed,
            sessions: Sessions::default(),
            once: Mutex::default(),
            local: None,
            proxy: None,
            refused: Mutex::default(),
        })
    }

    /// Lets the person in who reads this process's terminal.
    pub fn of_terminal(person: User) -> Self {
        Self {
            users: HashMap::new(),
            signed: None,
            sessions: Sessions::default(),
            once: Mutex::default(),
            local: Some(person),
            proxy: None,
            refused: Mutex::default(),
        }
    }

    /// Lets the people in whom a proxy has signed in.
    pub fn of_proxy(proxy: Proxy) -> Self {
        Self {
            users: HashMap::new(),
            signed: None,
            sessions: Sessions::default(),
            once: Mutex::default(),
            local: None,
            proxy: Some(proxy),
            refused: Mutex::default(),
        }
    }

    /// Reports whether somebody who may sign in has this role.
    pub fn grants(&self, role: Role) -> bool {
        let people = self.users.values().chain(&self.local);
        let by_proxy = self.proxy.as_ref().is_some_and(|proxy| proxy.grants(role));
        by_proxy || people.into_iter().any(|person| person.roles.has(role))
    }

    /// Returns the proxy that signs people in, if one does.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// Reports whether one-time addresses are given out.
    pub fn has_one_time_addresses(&self) -> bool {
        self.local.is_some()
    }

    /// Returns the token of the next one-time address. It stays the same until it is used.
    pub fn one_time_token(&self) -> String {
        let mut once = self.once.lock().unwrap_or_else(PoisonError::into_inner);
        once.get_or_insert_with(secret).clone()
    }

    /// Begins a session by a one-time token, which is used up, and returns its cookie's value.
    pub fn enter(&self, token: &str, now: Instant) -> Option<String> {
        let person = self.local.as_ref()?;
        let mut once = self.once.lock().unwrap_or_else(PoisonError::into_inner);
        // Digests, so that the time of the comparison tells nothing of the token.
        if once.as_deref().map(digest) != Some(digest(token)) {
            return None;
        }
        *once = None;
        Some(self.sessions.begin(person.clone(), now))
    }

    /// Begins a session by a person's token, and returns its cookie's value.
    pub fn sign_in(&self, token: &str, now: Instant) -> Option<String> {
        let token = digest(token);
        let user = self.users.get(&token)?;
        Some(match &self.signed {
            Some(signed) => signed.begin(&token, seconds()),
            None => self.sessions.begin(user.clone(), now),
        })
    }

    /// Returns the session of a cookie. With `touch` it counts as a request of the person. One that
    /// pages share may have been ended by another page, which its store knows.
    pub fn session(&self, cookie: &str, now: Instant, touch: bool) -> Option<Session> {
        match &self.signed {
            Some(signed) => signed.find(cookie, seconds(), touch),
            None => self.sessions.find(cookie, now, touch),
        }
    }

    /// Reports whether no other refusal was noted within the last second.
    pub fn is_first_refusal_of_a_second(&self, now: Instant) -> bool {
        let mut last = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let second = Duration::from_secs(1);
        let is_first = last.is_none_or(|last| now.duration_since(last) >= second);
        if is_first {
            *last = Some(now);
        }
        is_first
    }

    /// Ends a session of this page alone.
    pub fn sign_out(&self, cookie: &str) {
        self.sessions.end(cookie);
    }
}

/// Returns the time in seconds since 1970.
pub(super) fn seconds() -> Seconds {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}

#[cfg(test)]
mod tests {
    use super::{roles::Roles, *};

    #[test]
    fn one_time_token_works_once() {
        let access = Access::of_terminal(User {
            name: "alice@host".to_owned(),
            roles: Roles::ALL,
        });
        let now = Instant::now();
        assert!(access.enter("", now).is_none());
        let token = access.one_time_token();
        assert_eq!(access.one_time_token(), token);
        assert!(access.enter(&token[1..], now).is_none());
        let cookie = access.enter(&token, now).unwrap();
        assert!(access.enter(&token, now).is_none(), "it was used");
        let next = access.one_time_token();
        assert_ne!(next, token);
        assert!(access.enter(&token, now).is_none());
        let session = access.session(&cookie, now, true).unwrap();
        assert_eq!(session.user.name, "alice@host");
        assert!(access.sign_in(&next, now).is_none());
        access.sign_out(&cookie);
        assert!(access.session(&cookie, now, true).is_none());
    }

    #[test]
    fn file_of_users_gives_no_one_time_addresses() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("users");
        let (token, line) = users::new_token("alice", "clinician").unwrap();
        std::fs::write(&path, line).unwrap();
        let access = Access::of_file(&path, None).unwrap();
        let now = Instant::now();
        let once = access.one_time_token();
        assert!(access.enter(&once, now).is_none());
        let cookie = access.sign_in(&token, now).unwrap();
        assert_eq!(
            access.session(&cookie, now, true).unwrap().user.name,
            "alice"
        );
        std::fs::write(&path, "# nobody\n").unwrap();
        assert!(Access::of_file(&path, None).is_err());
    }
}
