//! Sessions of signed-in people, in memory: they end with the process. Those that pages share are
//! in [`super::signed`].

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{
    signed::Seconds,
    users::{TokenDigest, User, digest, secret},
};

/// A session ends after this time without a request.
pub const IDLE: Duration = Duration::from_secs(15 * 60);
/// A session ends after this time in any case.
pub const LONGEST: Duration = Duration::from_secs(8 * 60 * 60);
/// Most sessions at a time; the oldest ends for a new one.
const MOST: usize = 1000;

/// A signed-in person.
#[derive(Debug, Clone)]
pub struct Session {
    /// The person.
    pub user: Arc<User>,
    /// Token in this session's forms, which other sites can't know.
    pub form_token: String,
    /// The person may upload pictures.
    pub may_upload: bool,
    /// Ends of a stream of events, if a proxy signs people in.
    pub stream: Option<Stream>,
    /// Cookie that counts this request, to be set with the response.
    pub renewed: Option<String>,
    /// Name under which the store has the session's end, if pages share it.
    pub end: Option<String>,
}

/// Ends of a stream of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// It begins anew then, with the proxy's next token.
    pub renew: Seconds,
    /// The session is over then, unless a later request of the person has lengthened it.
    pub over: Seconds,
}

struct Entry {
    session: Session,
    began: Instant,
    seen: Instant,
}

impl Entry {
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.seen) >= IDLE || now.duration_since(self.began) >= LONGEST
    }
}

/// Sessions by the digest of their cookie, so that memory holds no cookie.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<TokenDigest, Entry>>);

impl Sessions {
    /// Begins a session, and returns its cookie's value.
    pub fn begin(&self, user: User, now: Instant) -> String {
        let cookie = secret();
        let session = Session {
            user: Arc::new(user),
            form_token: secret(),
            may_upload: false,
            stream: None,
            renewed: None,
            end: None,
        };
        let mut all = self.all();
        all.retain(|_, entry| !entry.is_over(now));
        while all.len() >= MOST {
            let oldest = all.iter().min_by_key(|(_, entry)| entry.seen);
            let Some(oldest) = oldest.map(|(key, _)| *key) else {
                break;
            };
            all.remove(&oldest);
        }
        let entry = Entry {
            session,
            began: now,
            seen: now,
        };
        all.insert(digest(&cookie), entry);
        cookie
    }

    /// Returns the session of a cookie. With `touch` it counts as a request of the person.
    pub fn find(&self, cookie: &str, now: Instant, touch: bool) -> Option<Session> {
        let mut all = self.all();
        let key = digest(cookie);
        let entry = all.get_mut(&key)?;
        if entry.is_over(now) {
            all.remove(&key);
            return None;
        }
        if touch {
            entry.seen = now;
        }
        Some(entry.session.clone())
    }

    /// Ends a session.
    pub fn end(&self, cookie: &str) {
        self.all().remove(&digest(cookie));
    }

    fn all(&self) -> MutexGuard<'_, HashMap<TokenDigest, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::access::roles::Roles;

    fn user(name: &str) -> User {
        User {
            name: name.to_owned(),
            roles: Roles::default(),
        }
    }

    #[test]
    fn session_ends_when_idle_and_after_eight_hours() {
        let sessions = Sessions::default();
        let start = Instant::now();
        let cookie = sessions.begin(user("a"), start);
        let minute = Duration::from_secs(60);
        assert!(sessions.find("guess", start, true).is_none());
        // The live view asks by itself; that does not keep a session.
        assert!(sessions.find(&cookie, start + 14 * minute, false).is_some());
        assert!(sessions.find(&cookie, start + 15 * minute, true).is_none());

        let cookie = sessions.begin(user("a"), start);
        let mut now = start;
        while now < start + 479 * minute {
            assert!(sessions.find(&cookie, now, true).is_some());
            now += 10 * minute;
        }
        assert!(sessions.find(&cookie, start + 480 * minute, true).is_none());
    }

    #[test]
    fn sign_out_ends_one_session() {
        let sessions = Sessions::default();
        let now = Instant::now();
        let [one, two] = ["a", "b"].map(|name| sessions.begin(user(name), now));
        sessions.end(&one);
        assert!(sessions.find(&one, now, true).is_none());
        assert_eq!(sessions.find(&two, now, true).unwrap().user.name, "b");
    }
}
