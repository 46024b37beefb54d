//! Requests of the page that reviews copies. The host makes them in its own process, with a secret
//! that it draws when it starts and gives the component as the variable [`TOKEN`]: no request from
//! elsewhere can carry it, and on other hosts, which have no such variable, there are none.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use crate::{
    config::Config,
    error::Error,
    picture::boxes::Rect,
    picture::sniff::Format,
    pipeline::stored,
    ports::Ports,
    record::contracts::ModelContracts,
    secret::sha256_hex,
    text::{Detector, Withheld},
};

/// Variable with the secret.
pub const TOKEN: &str = "page_token";
/// Header with the secret.
pub const TOKEN_HEADER: &str = "x-xray-page-token";
/// Header with boxes: `X,Y,WIDTH,HEIGHT` in pixels, separated by `;`.
pub const BOXES_HEADER: &str = "x-xray-boxes";
/// Header of the response: the number of places where text may be left.
pub const RESIDUAL_HEADER: &str = "x-xray-residual";
/// Path of requests to cover boxes of the copy in the body.
pub const COVER: &str = "/page/cover";
/// Path of requests to show the DICOM object in the body.
pub const SHOW: &str = "/page/show";
/// Bytes of a copy. The limits on its pixels and memory are the settings'.
pub const MAX_COPY_BYTES: u64 = 256 << 20;
/// Boxes of a request.
const MOST_BOXES: usize = 200;

/// Work that the page asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// Covers boxes.
    Cover(Vec<Rect>),
    /// Shows a DICOM object.
    Show,
}

/// Recognizes a request of the page by its path and the secret.
///
/// # Errors
/// [`Error::NotAnEvent`] for boxes that are malformed.
pub fn job(path: &str, headers: &HeaderMap, token: Option<&str>) -> Result<Option<Job>, Error> {
    let path = path.split('?').next().unwrap_or_default();
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let token = token.filter(|token| !token.is_empty());
    // Digests, so that the time of the comparison tells nothing of the secret.
    let digest = |text: &str| sha256_hex(text.as_bytes());
    if token.is_none() || text(TOKEN_HEADER).map(digest) != token.map(digest) {
        return Ok(None);
    }
    match path {
        SHOW => Ok(Some(Job::Show)),
        COVER => {
            let boxes = boxes(text(BOXES_HEADER).unwrap_or_default());
            let boxes = boxes.ok_or_else(|| Error::NotAnEvent("malformed boxes".into()))?;
            Ok(Some(Job::Cover(boxes)))
        }
        _ => Ok(None),
    }
}

/// Parses boxes.
pub fn boxes(text: &str) -> Option<Vec<Rect>> {
    let one = |text: &str| {
        let numbers: Vec<u32> = text
            .split(',')
            .map(|number| number.trim().parse().ok())
            .collect::<Option<_>>()?;
        let [x, y, width, height] = numbers[..] else {
            return None;
        };
        (width > 0 && height > 0).then_some(Rect {
            x,
            y,
            width,
            height,
        })
    };
    let boxes: Vec<Rect> = text.split(';').map(one).collect::<Option<_>>()?;
    (boxes.len() <= MOST_BOXES).then_some(boxes)
}

/// Writes boxes as [`boxes`] parses them.
pub fn text_of(boxes: &[Rect]) -> String {
    let one = |rect: &Rect| format!("{},{},{},{}", rect.x, rect.y, rect.width, rect.height);
    boxes.iter().map(one).collect::<Vec<_>>().join(";")
}

/// Does the work.
///
/// # Errors
/// Those of [`stored::cover`] and [`stored::shown`], and of the models.
pub fn run(
    ports: &impl Ports,
    config: &Config,
    job: &Job,
    bytes: &[u8],
) -> Result<http::Response<Bytes>, Error> {
    let limits = &config.pixels.limits;
    let boxes = match job {
        Job::Show => {
            let shown = stored::shown(bytes, limits)?;
            return Ok(match shown {
                Some(png) => response(StatusCode::OK, Format::Png.content_type(), png),
                None => response(StatusCode::NO_CONTENT, "text/plain", Vec::new()),
            });
        }
        Job::Cover(boxes) => boxes,
    };
    let contracts = ModelContracts::read(ports, config)?;
    let find = |tensor: &_| contracts.find(ports, tensor);
    let recognize = |tensor: &_| contracts.recognize(ports, tensor);
    let recognizer = contracts.recognizer(&recognize);
    let detector = contracts.detector.as_ref().map(|(_, contract)| Detector {
        contract,
        // One that might be a part of the name was covered when the copy was made.
        keep_side_markers: true,
        withheld: Withheld::default(),
        recognizer: recognizer.as_ref(),
        infer: &find,
    });
    let covered = stored::cover(bytes, boxes, limits, detector.as_ref())?;
    let mut response = response(StatusCode::OK, covered.format.content_type(), covered.bytes);
    if let Some(residual) = covered.residual {
        response
            .headers_mut()
            .insert(RESIDUAL_HEADER, residual.into());
    }
    Ok(response)
}

fn response(status: StatusCode, kind: &'static str, body: Vec<u8>) -> http::Response<Bytes> {
    let mut response = http::Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let value = http::HeaderValue::from_static(value);
            (http::HeaderName::from_static(name), value)
        });
        pairs.collect()
    }

    #[test]
    fn work_is_for_the_one_who_knows_the_secret() {
        let cover = [(TOKEN_HEADER, "secret"), (BOXES_HEADER, "1,2,3,4")];
        let boxes = vec![Rect {
            x: 1,
            y: 2,
            width: 3,
            height: 4,
        }];
        for (path, pairs, token, expect) in [
            (COVER, &cover[..], Some("secret"), Some(Job::Cover(boxes))),
            (SHOW, &cover[..1], Some("secret"), Some(Job::Show)),
            ("/", &cover[..], Some("secret"), None),
            // On a host without a page.
            (COVER, &cover[..], None, None),
            (COVER, &[(TOKEN_HEADER, "")], Some(""), None),
            (COVER, &cover[1..], None, None),
            // From elsewhere.
            (COVER, &cover[..], Some("another"), None),
            (COVER, &cover[1..], Some("secret"), None),
            (SHOW, &[], Some("secret"), None),
        ] {
            let found = job(path, &headers(pairs), token).unwrap();
            assert_eq!(found, expect, "{path} {pairs:?} {token:?}");
        }
    }

    #[test]
    fn boxes_are_four_numbers_each() {
        let text = "0,0,1,2;10,20,30,40";
        assert_eq!(text_of(&boxes(text).unwrap()), text);
        for bad in [
            "",
            "1,2,3",
            "1,2,3,4,5",
            "1,2,3,0",
            "1,2,-3,4",
            "1,2,3,4;",
            "1,2,3,99999999999",
        ] {
            assert_eq!(boxes(bad), None, "{bad}");
        }
        let many = vec!["1,1,1,1"; MOST_BOXES + 1].join(";");
        assert_eq!(boxes(&many), None);
        let headers = headers(&[(TOKEN_HEADER, "s"), (BOXES_HEADER, "x")]);
        assert_eq!(job(COVER, &headers, Some("s")).unwrap_err().status(), 400);
    }
}
