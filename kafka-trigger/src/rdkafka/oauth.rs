//! Access tokens for SASL OAUTHBEARER.

use std::{
    error::Error,
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use rdkafka::{
    client::{ClientContext, OAuthToken},
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::KafkaError,
};

/// An issuer of access tokens.
pub trait TokenSource: Send + Sync + 'static {
    /// Returns a token. Called on the thread that reads records, which waits. The client asks for
    /// the next token when four fifths of the lifetime have passed, and may do so every second
    /// until it has one.
    ///
    /// # Errors
    /// If the source is unavailable or rejects the client. A rejection ends
    /// [`super::RdKafkaBroker::connect`]; later the client keeps the token that it has, and asks
    /// again.
    fn token(&self) -> Result<Token, TokenError>;
}

/// An access token. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The token as the broker expects it, for example a JWT.
    pub value: String,
    /// Name of the client in its own messages.
    pub principal: String,
    /// End of its lifetime.
    pub expires: SystemTime,
}

/// Reason for which there is no token. The texts are logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Another attempt may succeed: for example, the issuer is unreachable.
    #[error("{0}")]
    Unavailable(String),
    /// The issuer rejects the client.
    #[error("{0}")]
    Rejected(String),
}

/// A shared [`TokenSource`]. Two are equal if they are the same source.
#[derive(Clone)]
pub struct Tokens(Arc<dyn TokenSource>);

impl Tokens {
    /// Shares a source.
    pub fn new(source: impl TokenSource) -> Self {
        Self(Arc::new(source))
    }

    /// Returns a token in the form that the client takes.
    ///
    /// # Errors
    /// If the source has none.
    pub fn generate(&self) -> Result<OAuthToken, TokenError> {
        let token = self.0.token()?;
        let lifetime = token.expires.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(OAuthToken {
            token: token.value,
            principal_name: token.principal,
            lifetime_ms: i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX),
        })
    }
}

impl PartialEq for Tokens {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Tokens {}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Context of a client that only needs tokens: a producer, or a consumer without a group.
#[derive(Debug, Clone, Default)]
pub struct TokenContext(pub(super) Option<Tokens>);

impl ClientContext for TokenContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    // Failures are returned by the calls that they concern.
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let tokens = self.0.as_ref().ok_or("no source of tokens is configured")?;
        Ok(tokens.generate()?)
    }
}

impl ConsumerContext for TokenContext {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Fixed;

    impl TokenSource for Fixed {
        fn token(&self) -> Result<Token, TokenError> {
            Ok(Token {
                value: "s3cret".into(),
                principal: "app".into(),
                expires: UNIX_EPOCH + Duration::from_millis(1_500),
            })
        }
    }

    #[test]
    fn token_has_its_end_in_milliseconds_and_debug_hides_it() {
        let tokens = Tokens::new(Fixed);
        let token = tokens.generate().unwrap();
        assert_eq!((token.token.as_str(), token.lifetime_ms), ("s3cret", 1_500));
        assert!(!format!("{:?} {tokens:?}", Fixed.token()).contains("s3cret"));
        assert_eq!(tokens, tokens.clone());
        assert_ne!(tokens, Tokens::new(Fixed));
    }
}
