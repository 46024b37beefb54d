//! Addresses and credentials of archives, from the settings.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, Uri};

/// Parses the address of a DICOMweb service.
///
/// # Errors
/// Says which form it has.
pub(crate) fn url(text: &str) -> Result<String, String> {
    let plain = |uri: &Uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.query().is_none()
            && uri.authority().is_some_and(|a| !a.as_str().contains('@'))
    };
    match text.parse::<Uri>() {
        Ok(uri) if plain(&uri) => Ok(text.trim_end_matches('/').to_owned()),
        _ => Err(
            "must be the address of a DICOMweb service without a user, as in https://pacs.example.com/dicom-web"
                .to_owned(),
        ),
    }
}

/// Parses credentials: `USER:PASSWORD`, or `Bearer TOKEN`.
///
/// # Errors
/// Says which forms there are, never the value.
pub(crate) fn credentials(text: &str) -> Result<HeaderValue, String> {
    let value = match text.strip_prefix("Bearer ") {
        Some(_) => text.to_owned(),
        None if text.contains(':') => format!("Basic {}", STANDARD.encode(text)),
        None => return Err("must be USER:PASSWORD, or Bearer TOKEN".to_owned()),
    };
    let mut value = HeaderValue::from_str(&value)
        .map_err(|_| "contains a character that is not allowed in a header".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_services_are_http_without_a_user() {
        for (text, expect) in [
            (
                "http://10.0.0.1:8042/dicom-web/",
                Some("http://10.0.0.1:8042/dicom-web"),
            ),
            ("https://pacs.example.com", Some("https://pacs.example.com")),
            ("pacs.example.com/dicom-web", None),
            ("ftp://pacs.example.com", None),
            ("https://user:password@pacs.example.com", None),
            ("https://pacs.example.com/?study=1", None),
        ] {
            assert_eq!(url(text).ok().as_deref(), expect, "{text}");
        }
    }

    #[test]
    fn credentials_are_basic_or_a_token_and_never_printed() {
        let basic = credentials("orthanc:secret").unwrap();
        assert_eq!(basic, "Basic b3J0aGFuYzpzZWNyZXQ=");
        assert!(!format!("{basic:?}").contains("b3J0"));
        assert_eq!(credentials("Bearer abc.def").unwrap(), "Bearer abc.def");
        for text in ["secret", "Bearer a\nb"] {
            let problem = credentials(text).unwrap_err();
            assert!(!problem.contains("secret"), "{problem}");
        }
    }
}
