//! Responses of an issuer (RFC 6749, sections 5.1 and 5.2).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use kafka_trigger::rdkafka::TokenError;
use serde::Deserialize;
use serde_json::Value;

/// A token and its lifetime.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Granted {
    pub(super) token: String,
    pub(super) lifetime: Duration,
    pub(super) expires: SystemTime,
}

#[derive(Deserialize)]
struct Body {
    access_token: Option<String>,
    /// Seconds; some issuers write them as a string.
    expires_in: Option<Value>,
    error: Option<String>,
}

/// Claims of a JWT that matter here.
#[derive(Deserialize)]
struct Claims {
    exp: f64,
}

/// Reads the response that `host` gave at the time `now`. No error shows more of the body than the
/// issuer's error code.
pub(super) fn read(
    host: &str,
    status: StatusCode,
    body: &[u8],
    now: SystemTime,
) -> Result<Granted, TokenError> {
    let body = serde_json::from_slice::<Body>(body);
    if !status.is_success() {
        let code = body.ok().and_then(|body| body.error).unwrap_or_default();
        let code: String = code
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
            .take(40)
            .collect();
        let status = status.as_u16();
        return Err(if status >= 500 || matches!(status, 408 | 429) {
            TokenError::Unavailable(format!(
                "the token issuer at {host} responded with {status} {code}"
            ))
        } else {
            TokenError::Rejected(format!(
                "the token issuer at {host} rejected the client with {status} {code}; check \
                 oauth_token_url, oauth_client_id, oauth_client_secret and oauth_scope"
            ))
        });
    }
    let unusable = |lack: &str| {
        TokenError::Rejected(format!(
            "the response of the token issuer at {host} has no {lack}; check oauth_token_url"
        ))
    };
    let body = body.map_err(|_| unusable("JSON"))?;
    let token = body
        .access_token
        .filter(|token| !token.is_empty() && !token.contains('\0'))
        .ok_or_else(|| unusable("access_token"))?;
    let seconds = match body.expires_in {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    let lifetime = match seconds {
        Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        None => exp(&token).and_then(|exp| exp.duration_since(now).ok()),
    };
    let lifetime = lifetime
        .filter(|lifetime| !lifetime.is_zero())
        .ok_or_else(|| unusable("expires_in"))?;
    let expires = now
        .checked_add(lifetime)
        .ok_or_else(|| unusable("expires_in"))?;
    Ok(Granted {
        token,
        lifetime,
        expires,
    })
}

/// Returns the end of a JWT's lifetime, without a check of its signature, which is the broker's.
fn exp(token: &str) -> Option<SystemTime> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(claims.exp).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = UNIX_EPOCH;

    fn ok(body: &str) -> Result<Granted, TokenError> {
        read("sso.example", StatusCode::OK, body.as_bytes(), NOW)
    }

    #[test]
    fn lifetime_comes_from_expires_in_or_the_token() {
        let seconds = |body: &str| ok(body).ok().unwrap().lifetime.as_secs();
        assert_eq!(seconds(r#"{"access_token":"a","expires_in":300}"#), 300);
        assert_eq!(seconds(r#"{"access_token":"a","expires_in":"60"}"#), 60);
        let claims = URL_SAFE_NO_PAD.encode(r#"{"sub":"x","exp":90}"#);
        let body = format!(r#"{{"access_token":"e30.{claims}.c2ln"}}"#);
        assert_eq!(seconds(&body), 90);
        assert_eq!(
            ok(&body).ok().unwrap().expires,
            NOW + Duration::from_secs(90)
        );
    }

    #[test]
    fn unusable_responses_say_what_is_missing() {
        for (body, lack) in [
            ("<html>", "JSON"),
            (r#"{"expires_in":1}"#, "access_token"),
            (r#"{"access_token":"","expires_in":1}"#, "access_token"),
            (r#"{"access_token":"opaque"}"#, "expires_in"),
            (r#"{"access_token":"a","expires_in":0}"#, "expires_in"),
            (r#"{"access_token":"a","expires_in":-1}"#, "expires_in"),
            (r#"{"access_token":"a","expires_in":1e300}"#, "expires_in"),
        ] {
            let Err(TokenError::Rejected(text)) = ok(body) else {
                panic!("{body}")
            };
            assert!(text.contains(lack), "{body}: {text}");
            assert!(!text.contains("html"), "{text}");
        }
    }

    #[test]
    fn rejection_is_told_from_an_outage() {
        let failed = |status: u16, body: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            match read("sso.example", status, body.as_bytes(), NOW) {
                Err(error) => error,
                Ok(_) => panic!("{status}"),
            }
        };
        let body = r#"{"error":"invalid_client","error_description":"secret of app"}"#;
        let TokenError::Rejected(text) = failed(401, body) else {
            panic!("not a rejection")
        };
        assert!(text.contains("401 invalid_client"), "{text}");
        assert!(!text.contains("secret of app"), "{text}");
        for status in [408, 429, 500, 503] {
            assert!(matches!(failed(status, "x"), TokenError::Unavailable(_)));
        }
    }
}
