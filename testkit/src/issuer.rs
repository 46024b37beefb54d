//! An issuer of ID tokens (OpenID Connect), with keys that are made when a test runs.

use std::{
    convert::Infallible,
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use ring::{
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

use crate::missing;

enum Key {
    Ec(Box<EcdsaKeyPair>),
    Rsa(Box<RsaKeyPair>),
}

/// A key of an issuer, or of somebody who would like to be one.
pub struct Signer {
    pub kid: String,
    key: Key,
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn text(header: &Value, claims: &Value) -> String {
    let parts = [header, claims].map(|part| base64(part.to_string()));
    parts.join(".")
}

/// Returns a token without a signature, as `alg: none` has it.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.", text(header, claims))
}

/// Returns a token that is signed with a secret that everybody knows, such as a public key.
pub fn by_secret(kid: &str, secret: &[u8], claims: &Value) -> String {
    let text = text(&json!({"alg": "HS256", "kid": kid}), claims);
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    let signature = ring::hmac::sign(&key, text.as_bytes());
    format!("{text}.{}", base64(signature))
}

/// Runs openssl, which makes RSA keys and certificates.
fn openssl(dir: &Path, arguments: &[&str]) -> bool {
    match Command::new("openssl")
        .args(arguments)
        .current_dir(dir)
        .output()
    {
        Ok(output) => {
            assert!(output.status.success(), "{output:?}");
            true
        }
        Err(_) => {
            missing("openssl", "install it");
            false
        }
    }
}

impl Signer {
    /// Makes a key for ES256.
    pub fn es256(kid: &str) -> Self {
        let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(kind, document.as_ref(), &random).unwrap();
        Self {
            kid: kid.to_owned(),
            key: Key::Ec(Box::new(key)),
        }
    }

    /// Makes a key for RS256.
    pub fn rs256(kid: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let made = openssl(
            dir.path(),
            &[
                "genpkey",
                "-quiet",
                "-algorithm",
                "RSA",
                "-pkeyopt",
                "rsa_keygen_bits:2048",
                "-outform",
                "DER",
                "-out",
                "key",
            ],
        );
        let bytes = made.then(|| std::fs::read(dir.path().join("key")).unwrap())?;
        // OpenSSL 3.0 writes PKCS #1, others PKCS #8.
        let key = RsaKeyPair::from_pkcs8(&bytes).or_else(|_| RsaKeyPair::from_der(&bytes));
        let key = key.unwrap();
        Some(Self {
            kid: kid.to_owned(),
            key: Key::Rsa(Box::new(key)),
        })
    }

    fn algorithm(&self) -> &'static str {
        match self.key {
            Key::Ec(_) => "ES256",
            Key::Rsa(_) => "RS256",
        }
    }

    /// Returns the public key as an issuer publishes it.
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.key {
            Key::Ec(key) => {
                let point = &key.public_key().as_ref()[1..];
                json!({"kty": "EC", "crv": "P-256", "x": base64(&point[..32]), "y": base64(&point[32..])})
            }
            Key::Rsa(key) => {
                let PublicKeyComponents::<Vec<u8>> { n, e } = key.public().into();
                json!({"kty": "RSA", "n": base64(n), "e": base64(e)})
            }
        };
        jwk["kid"] = self.kid.as_str().into();
        jwk["alg"] = self.algorithm().into();
        jwk["use"] = "sig".into();
        jwk
    }

    /// Returns a token with these claims.
    pub fn token(&self, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm(), "kid": self.kid, "typ": "JWT"});
        self.token_with(&header, claims)
    }

    /// Returns a token with this header.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        let text = text(header, claims);
        let random = SystemRandom::new();
        let signature = match &self.key {
            Key::Ec(key) => {
                let signature = key.sign(&random, text.as_bytes()).unwrap();
                signature.as_ref().to_vec()
            }
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                let signed = key.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature);
                signed.unwrap();
                signature
            }
        };
        format!("{text}.{}", base64(signature))
    }
}

/// An issuer's HTTPS server on loopback, which ends when this is dropped.
pub struct Issuer {
    /// `https://localhost:PORT`, as it names itself.
    pub url: String,
    /// Its certificate in PEM format.
    pub certificate: String,
    keys: Arc<Mutex<Vec<Value>>>,
    fetched: Arc<AtomicUsize>,
    token: Arc<Mutex<String>>,
    task: JoinHandle<()>,
}

impl Issuer {
    pub async fn start() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let made = openssl(
            dir.path(),
            &[
                "req",
                "-x509",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=issuer",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-addext",
                "subjectAltName=DNS:localhost",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
                "-keyout",
                "key",
                "-out",
                "certificate",
            ],
        );
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        let (certificate, key) = made.then(|| (read("certificate"), read("key")))?;
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = format!("https://localhost:{port}");
        let keys = Arc::<Mutex<Vec<Value>>>::default();
        let fetched = Arc::<AtomicUsize>::default();
        let token = Arc::<Mutex<String>>::default();
        let respond = {
            let (url, keys, fetched) = (url.clone(), keys.clone(), fetched.clone());
            let token = token.clone();
            move |path: &str| match path {
                "/.well-known/openid-configuration" => json!({
                    "issuer": url, "jwks_uri": format!("{url}/keys"),
                    "authorization_endpoint": format!("{url}/authorize"),
                    "token_endpoint": format!("{url}/token"),
                }),
                "/token" => {
                    let token = token.lock().unwrap().clone();
                    json!({"access_token": "access", "token_type": "Bearer", "expires_in": 300, "id_token": token})
                }
                _ => {
                    fetched.fetch_add(1, Ordering::SeqCst);
                    json!({"keys": *keys.lock().unwrap()})
                }
            }
        };
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Some(Self {
            task: tokio::spawn(serve(listener, acceptor, Arc::new(respond))),
            url,
            certificate,
            keys,
            fetched,
            token,
        })
    }

    /// Gives this ID token for every code.
    pub fn give(&self, token: String) {
        *self.token.lock().unwrap() = token;
    }

    /// Publishes the keys of these signers and no others.
    pub fn publish(&self, signers: &[&Signer]) {
        *self.keys.lock().unwrap() = signers.iter().map(|signer| signer.jwk()).collect();
    }

    /// Returns the number of times that the keys were fetched.
    pub fn fetched(&self) -> usize {
        self.fetched.load(Ordering::SeqCst)
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    respond: Arc<dyn Fn(&str) -> Value + Send + Sync>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, respond) = (acceptor.clone(), respond.clone());
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let service = service_fn(move |request: Request<Incoming>| {
                let body = respond(request.uri().path()).to_string();
                let response = Response::builder().header("content-type", "application/json");
                let response = response.body(Full::new(Bytes::from(body))).unwrap();
                async move { Ok::<_, Infallible>(response) }
            });
            _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}
