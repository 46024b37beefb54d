//! The addresses of the review.

use std::sync::Arc;

use ::http::{Method, StatusCode};
use anyhow::Result;

use super::{
    Page,
    access::{roles::Kind, sessions::Session},
    audit::{Action, Event},
    http::{Request, Response, content, html, plain, see_other, status},
    pictures::Picture,
    review::{self, Entry, Refusal, Review, Step, Verdict},
    routes::not_found,
    views::{self, review as view},
};
use xray::review::boxes;

/// Responds to a request below `/review`.
pub(super) async fn respond(
    page: &Page,
    request: &Request,
    session: &Session,
    path: &[&str],
) -> Response {
    // As for a page that does not exist.
    if !session.user.roles.reviewer {
        return not_found();
    }
    let Some(review) = &page.review else {
        let text = "This host reviews nothing: start it with --page-credentials-file, the keys of the reviewers' user.";
        return html(StatusCode::NOT_FOUND, views::message("No review", text));
    };
    // An address can hold any text, which must not reach the log.
    let is_known = |word: &&str| ["next", "now"].contains(word) || review::is_id(word);
    if !path.first().is_none_or(is_known) {
        return not_found();
    }
    let is_sent = request.method == Method::POST;
    if is_sent && request.field("form_token") != session.form_token {
        return status(StatusCode::FORBIDDEN);
    }
    let asked = Asked {
        page,
        review,
        request,
        session,
        now: review::now(),
    };
    let response = match (is_sent, path) {
        (false, []) => asked.list().await,
        (true, ["next"]) => asked.next(Some(request.field("after"))).await,
        (true, ["now"]) => {
            review.hurry(&session.user.name, asked.now);
            Ok(status(StatusCode::NO_CONTENT))
        }
        (false, [id]) => asked.look(id).await,
        (false, [id, "copy"]) => asked.copy(id).await,
        (false, [id, "source"]) => asked.source(id).await,
        (true, [id, "decide"]) => asked.decide(id).await,
        (true, [id, "undo"]) => asked.undo(id).await,
        (true, [id, "cover"]) => asked.cover(id).await,
        _ => Ok(not_found()),
    };
    response.unwrap_or_else(|error| {
        tracing::warn!("the review failed: {error:#}");
        let text = match is_sent {
            true => {
                "The store or the function does not respond as it should; the host's log has the reason. It is not known \
                 whether this was done: look at the copy again."
            }
            false => "The store or the function does not respond as it should; the host's log has the reason.",
        };
        html(StatusCode::BAD_GATEWAY, views::message("The store", text))
    })
}

/// A request of a reviewer.
struct Asked<'a> {
    page: &'a Page,
    review: &'a Arc<Review>,
    request: &'a Request,
    session: &'a Session,
    now: review::Millis,
}

impl Asked<'_> {
    fn who(&self) -> &str {
        &self.session.user.name
    }

    async fn list(&self) -> Result<Response> {
        let (waiting, decided) = self.review.waiting().await?;
        let shown = &waiting[..waiting.len().min(view::SHOWN)];
        self.review.describe(shown).await?;
        let page = view::list(&view::Queue {
            waiting: &waiting,
            decided,
            undoable: &self.review.undoable(self.who(), self.now),
            session: self.session,
            now: self.now,
        });
        Ok(html(StatusCode::OK, page))
    }

    /// Claims the next copy and shows it.
    async fn next(&self, after: Option<&str>) -> Result<Response> {
        let after = after.filter(|after| !after.is_empty());
        Ok(match self.review.next(after, self.who(), self.now).await? {
            Some(id) => see_other(&format!("/review/{id}")),
            None => see_other("/review"),
        })
    }

    async fn look(&self, id: &str) -> Result<Response> {
        let Some(entry) = self.review.find(id).await? else {
            return Ok(self.refused(&Refusal::Gone));
        };
        self.review.describe(std::slice::from_ref(&entry)).await?;
        let (waiting, _) = self.review.waiting().await?;
        let next = self
            .review
            .candidates(Some(id), self.who(), self.now)
            .await?;
        let next = match next.first() {
            Some(next) => self.review.find(next).await?,
            None => None,
        };
        let page = view::look(&view::Look {
            entry: &entry,
            waiting: waiting.len(),
            next: next.as_deref(),
            has_module: self.page.module.is_some(),
            has_source: self.session.user.roles.clinician && self.source_of(&entry).is_some(),
            undoable: &self.review.undoable(self.who(), self.now),
            session: self.session,
            now: self.now,
        });
        Ok(html(StatusCode::OK, page))
    }

    fn source_of(&self, entry: &Entry) -> Option<xray::event::ObjectRef> {
        self.page.live.source_of(&entry.facts.get()?.source)
    }

    async fn copy(&self, id: &str) -> Result<Response> {
        let Some(entry) = self.review.find(id).await? else {
            return Ok(not_found());
        };
        let fetch = async {
            let Some(object) = self.review.picture(&entry).await? else {
                return Ok(None);
            };
            // The bytes that are shown, which need not be those that were listed.
            let event = Event::new(self.who(), Action::View).of_copy(id);
            let event = event.of_bytes(&object.head.etag);
            let event = event.what(Kind::Quarantined.word());
            self.review.audit().record(event).await?;
            Ok(Some(object.body))
        };
        let picture = self.page.pictures.of_review(fetch).await?;
        let gone = || Picture::card(["No longer", "in quarantine"]);
        Ok(shown(picture.unwrap_or_else(gone)))
    }

    async fn source(&self, id: &str) -> Result<Response> {
        if !self.session.user.roles.clinician {
            return Ok(not_found());
        }
        let Some(entry) = self.review.find(id).await? else {
            return Ok(not_found());
        };
        self.review.describe(std::slice::from_ref(&entry)).await?;
        let Some(object) = self.source_of(&entry) else {
            return Ok(not_found());
        };
        let event = Event::new(self.who(), Action::View).of_copy(id);
        let event = event.what(Kind::Source.word());
        self.review.audit().record(event).await?;
        let source = self.page.pictures.source(&object).await?;
        let gone = || Picture::card(["The source", "was removed"]);
        Ok(shown(source.unwrap_or_else(gone)))
    }

    async fn decide(&self, id: &str) -> Result<Response> {
        let verdict = match self.request.field("decision") {
            "release" => Verdict::Release,
            "reject" => Verdict::Reject,
            _ => return Ok(plain(StatusCode::BAD_REQUEST, "release or reject?\n")),
        };
        let seen = self.request.field("seen");
        let step = self.review.decide(id, seen, verdict, self.who(), self.now);
        match step.await? {
            // It is decided, whatever comes next.
            Step::Taken => Ok(self.next(Some(id)).await.unwrap_or_else(|error| {
                tracing::warn!("the next copy is not known: {error:#}");
                see_other("/review")
            })),
            Step::Refused(refusal) => Ok(self.refused(&refusal)),
        }
    }

    /// Has the function cover the boxes that the person has drawn, and shows the result.
    async fn cover(&self, id: &str) -> Result<Response> {
        let Some(module) = &self.page.module else {
            return Ok(not_found());
        };
        let Some(boxes) = boxes(self.request.field("boxes")) else {
            let text = "Draw at least one box, and at most 200.";
            let page = views::message("Nothing to cover", text);
            return Ok(html(StatusCode::BAD_REQUEST, page));
        };
        let copy = (id, self.request.field("seen"));
        let step = self
            .review
            .cover(module, copy, &boxes, self.who(), self.now);
        match step.await? {
            Step::Taken => Ok(see_other(&format!("/review/{id}"))),
            Step::Refused(refusal) => Ok(self.refused(&refusal)),
        }
    }

    async fn undo(&self, id: &str) -> Result<Response> {
        match self.review.undo(id, self.who(), self.now).await? {
            Step::Taken => Ok(see_other(&format!("/review/{id}"))),
            Step::Refused(refusal) => Ok(self.refused(&refusal)),
        }
    }

    fn refused(&self, refusal: &Refusal) -> Response {
        let status = match refusal {
            Refusal::Gone => StatusCode::NOT_FOUND,
            _ => StatusCode::CONFLICT,
        };
        html(status, view::refused(refusal, self.session))
    }
}

fn shown(picture: Picture) -> Response {
    content(StatusCode::OK, picture.content_type, picture.bytes)
}
