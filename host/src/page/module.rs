//! The function's own component, called in this process: it covers more of a copy, and shows DICOM
//! objects. Pictures are decoded inside its sandbox only.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use xray::{
    picture::boxes::Rect,
    review::{self, BOXES_HEADER, COVER, RESIDUAL_HEADER, SHOW, TOKEN_HEADER},
};

use super::access::users::secret;
use crate::{
    app::manifest::Manifest,
    serve::runtime::{Options, PageToken, Runtime},
};

/// A component that knows the secret of this page.
#[derive(Clone)]
pub struct Module {
    runtime: Runtime,
    token: PageToken,
}

/// A copy of which more is covered.
#[derive(Debug, Clone)]
pub struct Covered {
    /// The file.
    pub bytes: Bytes,
    /// Its media type.
    pub content_type: &'static str,
    /// The number of places where text may be left; `None` if it was not searched.
    pub residual: Option<u64>,
}

impl Module {
    /// Draws the secret, and gives it to the component of the first route, which is the function.
    /// `None` for an application without routes.
    pub fn prepare(manifest: &Manifest, options: &mut Options) -> Option<PageToken> {
        let component = manifest.routes.first()?.component.clone();
        let token = PageToken {
            component,
            token: secret(),
        };
        options.page_token = Some(token.clone());
        Some(token)
    }

    /// Calls the component in this runtime, which was started with the options that
    /// [`Module::prepare`] completed.
    pub fn new(runtime: Runtime, token: PageToken) -> Self {
        Self { runtime, token }
    }

    /// Covers boxes of a copy and searches the result for text.
    ///
    /// # Errors
    /// When the component refuses the copy or the boxes, or fails.
    pub async fn cover(&self, copy: Bytes, boxes: &[Rect]) -> Result<Covered> {
        let response = self.call(COVER, &review::text_of(boxes), copy).await?;
        let kind = response.headers().get(header::CONTENT_TYPE);
        let kinds = ["image/jpeg", "image/png", "application/dicom"];
        let kind = kinds
            .into_iter()
            .find(|own| kind.is_some_and(|kind| kind == own));
        let residual = response.headers().get(RESIDUAL_HEADER);
        let residual = residual.and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Covered {
            content_type: kind.context("the function made no picture")?,
            residual,
            bytes: response.into_body(),
        })
    }

    /// Returns a DICOM object as a PNG; `None` for a picture.
    ///
    /// # Errors
    /// As [`Module::cover`].
    pub async fn shown(&self, object: Bytes) -> Result<Option<Bytes>> {
        let response = self.call(SHOW, "", object).await?;
        let is_shown = response.status() == StatusCode::OK;
        Ok(is_shown.then(|| response.into_body()))
    }

    async fn call(&self, path: &str, boxes: &str, body: Bytes) -> Result<Response<Bytes>> {
        let PageToken { component, token } = &self.token;
        let request = Request::post(format!("http://xray.internal{path}"))
            .header(TOKEN_HEADER, token)
            .header(BOXES_HEADER, boxes)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .body(body)?;
        let response = self.runtime.call_component(component, request).await;
        if !response.status().is_success() {
            // The function's texts name nothing of a patient.
            let text = String::from_utf8_lossy(response.body());
            bail!("the function responds with {}: {text}", response.status());
        }
        Ok(response)
    }
}
