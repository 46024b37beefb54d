//! Sessions that several pages share: all that a page must know of one is in its cookie, signed
//! with a key that the pages share. Only the end of a session is kept, in the store.

use std::{collections::HashMap, path::Path, sync::Arc};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use xray::secret::Secret;

use super::{
    seal::{Seal, read_key},
    sessions::{IDLE, LONGEST, Session},
    users::{TokenDigest, User, secret},
};

/// Seconds since 1970.
pub type Seconds = u64;

/// Purpose of the cookies.
const COOKIE: &str = "cookie";
/// A cookie is renewed when it is older than this, in seconds.
const RENEW: Seconds = 60;
/// Difference between the clocks of two pages that is let pass, in seconds.
const SKEW: Seconds = 60;

/// Contents of a cookie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    /// Id of the session, random.
    pub(super) id: String,
    /// The person: the line in the file of users, which is the beginning of the token's digest, so
    /// that another token or another file ends the session; or the name that a proxy has for it.
    pub(super) user: String,
    began: Seconds,
    seen: Seconds,
}

impl Claims {
    /// Begins a session.
    pub(super) fn begin(user: String, now: Seconds) -> Self {
        Self {
            id: secret(),
            user,
            began: now,
            seen: now,
        }
    }

    /// Reports whether the session goes on.
    pub(super) fn is_open(&self, now: Seconds) -> bool {
        let has_begun = self.began.max(self.seen) <= now + SKEW;
        has_begun && now < self.end()
    }

    /// Returns the time at which the session ends if it is not used any more.
    pub(super) fn end(&self) -> Seconds {
        (self.seen + IDLE.as_secs()).min(self.began + LONGEST.as_secs())
    }

    /// Returns the contents of a new cookie for a request of now, if one is due.
    pub(super) fn renewed(&self, now: Seconds) -> Option<Self> {
        let is_due = now.saturating_sub(self.seen) >= RENEW;
        is_due.then(|| Self {
            seen: now,
            ..self.clone()
        })
    }
}

/// Sessions by signed cookies.
pub struct Signed {
    seal: Seal,
    users: HashMap<String, Arc<User>>,
}

impl Signed {
    /// Reads the key that the pages share.
    ///
    /// # Errors
    /// When it can't be read or is short.
    pub fn open(file: &Path, users: &HashMap<TokenDigest, User>) -> Result<Self> {
        Ok(Self::new(read_key(file)?, users))
    }

    fn new(key: Secret, users: &HashMap<TokenDigest, User>) -> Self {
        let users = users
            .iter()
            .map(|(digest, user)| (line(digest), Arc::new(user.clone())));
        Self {
            seal: Seal::new(key),
            users: users.collect(),
        }
    }

    /// Begins a session of the person with this token, and returns its cookie's value.
    pub fn begin(&self, token: &TokenDigest, now: Seconds) -> String {
        self.seal.cookie(COOKIE, &Claims::begin(line(token), now))
    }

    /// Returns the session of a cookie. With `touch` it counts as a request of the person.
    pub fn find(&self, cookie: &str, now: Seconds, touch: bool) -> Option<Session> {
        let claims: Claims = self.seal.claims(COOKIE, cookie)?;
        if !claims.is_open(now) {
            return None;
        }
        let user = self.users.get(&claims.user)?.clone();
        let renewed = claims.renewed(now).filter(|_| touch);
        Some(Session {
            user,
            form_token: self.seal.digest("form", &claims.id),
            may_upload: false,
            stream: None,
            renewed: renewed.map(|claims| self.seal.cookie(COOKIE, &claims)),
            end: Some(self.seal.digest("end", &claims.id)),
        })
    }
}

fn line(digest: &TokenDigest) -> String {
    hex::encode(&digest[..16])
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;
    use crate::page::access::{roles::Roles, users::digest};

    const KEY: &str = "a key of thirty-two characters and more";
    const START: Seconds = 1_800_000_000;

    fn users(tokens: &[&str]) -> HashMap<TokenDigest, User> {
        let user = |name: &&str| {
            let user = User {
                name: (*name).to_owned(),
                roles: Roles::default(),
            };
            (digest(name), user)
        };
        tokens.iter().map(user).collect()
    }

    #[test]
    fn cookie_of_one_page_is_accepted_by_another() {
        let [one, two] = [(); 2].map(|()| Signed::new(Secret::new(KEY), &users(&["alice"])));
        let cookie = one.begin(&digest("alice"), START);
        let found = two.find(&cookie, START + 1, true).unwrap();
        assert_eq!(found.user.name, "alice");
        let again = one.find(&cookie, START + 2, true).unwrap();
        assert_eq!(found.form_token, again.form_token);
        assert_eq!(found.end, again.end);
        let other = one
            .find(&one.begin(&digest("alice"), START), START, true)
            .unwrap();
        assert_ne!(other.end, found.end);
        assert_ne!(other.form_token, found.form_token);

        let foreign = Signed::new(
            Secret::new("another key of more than 32 characters"),
            &users(&["alice"]),
        );
        assert!(foreign.find(&cookie, START, true).is_none());
        // The person has another token now, or none.
        assert!(
            Signed::new(Secret::new(KEY), &users(&["bob"]))
                .find(&cookie, START, true)
                .is_none()
        );
    }

    #[test]
    fn changed_cookie_is_refused() {
        let page = Signed::new(Secret::new(KEY), &users(&["alice"]));
        let cookie = page.begin(&digest("alice"), START);
        let (text, signature) = cookie.split_once('.').unwrap();
        let later = Claims {
            seen: START + 9_999,
            ..page.seal.claims(COOKIE, &cookie).unwrap()
        };
        let later = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&later).unwrap());
        let for_another_purpose = page
            .seal
            .cookie("visit", &Claims::begin(line(&digest("alice")), START));
        for changed in [
            for_another_purpose,
            format!("{later}.{signature}"),
            format!("{text}.{}", "0".repeat(64)),
            format!("{text}."),
            text.to_owned(),
            String::new(),
            format!("x{cookie}"),
        ] {
            assert!(page.find(&changed, START, true).is_none(), "{changed}");
        }
    }

    #[test]
    fn session_ends_when_idle_and_after_eight_hours() {
        let page = Signed::new(Secret::new(KEY), &users(&["alice"]));
        let first = page.begin(&digest("alice"), START);
        assert!(page.find(&first, START + 899, true).is_some());
        assert!(page.find(&first, START + 900, true).is_none());
        // A clock that is ahead may not lengthen a session without end.
        assert!(page.find(&first, START - 60, true).is_some());
        assert!(page.find(&first, START - 61, true).is_none());
        // The live view asks by itself; that does not keep a session.
        assert!(
            page.find(&first, START + 800, false)
                .unwrap()
                .renewed
                .is_none()
        );
        assert!(
            page.find(&first, START + 59, true)
                .unwrap()
                .renewed
                .is_none()
        );

        let (mut cookie, mut now) = (first, START);
        while now + 600 < START + 8 * 3600 {
            now += 600;
            cookie = page.find(&cookie, now, true).unwrap().renewed.unwrap();
        }
        assert!(page.find(&cookie, START + 8 * 3600 - 1, true).is_some());
        assert!(page.find(&cookie, START + 8 * 3600, true).is_none());
    }

    #[test]
    fn short_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, "short\n").unwrap();
        let error = Signed::open(&path, &HashMap::new()).err().unwrap();
        assert!(error.to_string().contains("openssl rand"), "{error}");
    }
}
