//! Visits of people whom a proxy has signed in. The proxy's own session may be longer than this
//! page allows, so each visit is in a cookie of the page, signed as those of
//! [`super::super::signed`].

use super::{
    super::{
        seal::Seal,
        signed::{Claims, Seconds},
    },
    Refusal,
};

/// Purpose of the cookies.
const COOKIE: &str = "visit";

/// Visits by signed cookies.
pub(super) struct Visits(Seal);

/// A visit that goes on.
pub(super) struct Visit {
    /// Token of its forms.
    pub(super) form_token: String,
    /// Cookie to be set, if there is a new one.
    pub(super) cookie: Option<String>,
    /// Time at which it ends if the person does nothing.
    pub(super) over: Seconds,
    /// It begins with this request.
    pub(super) is_new: bool,
}

/// A request, as far as visits are concerned.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Value of the page's cookie.
    pub cookie: Option<&'a str>,
    /// It opens a document, with which a visit can begin.
    pub is_document: bool,
    /// The person made it, not the live view by itself.
    pub touch: bool,
    /// Time.
    pub now: Seconds,
}

impl Visits {
    pub(super) fn new(seal: Seal) -> Self {
        Self(seal)
    }

    /// Returns the person's visit to which a request belongs, or begins one.
    ///
    /// # Errors
    /// When the visit is over, or none has begun and this request begins none.
    pub(super) fn find(&self, who: &str, asked: Asked<'_>) -> Result<Visit, Refusal> {
        let claims = asked.cookie;
        let claims = claims.and_then(|cookie| self.0.claims::<Claims>(COOKIE, cookie));
        // Somebody else may have signed in at the proxy with the same browser.
        let (claims, renewed, is_new) = match claims.filter(|claims| claims.user == who) {
            Some(claims) if !claims.is_open(asked.now) => return Err(Refusal::Over),
            Some(claims) => {
                let renewed = claims.renewed(asked.now).filter(|_| asked.touch);
                (claims, renewed, false)
            }
            None if !asked.is_document => return Err(Refusal::Unbegun),
            None => {
                let claims = Claims::begin(who.to_owned(), asked.now);
                (claims.clone(), Some(claims), true)
            }
        };
        Ok(Visit {
            form_token: self.0.digest("visit form", &claims.id),
            over: claims.end(),
            cookie: renewed.map(|claims| self.0.cookie(COOKIE, &claims)),
            is_new,
        })
    }
}
