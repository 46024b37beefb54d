use crate::{
    config::Config,
    error::Error,
    model::contract::Contract,
    model::tensor::{InputTensor, NamedTensor},
    ports::Ports,
    text::{Recognizer, contract::TextContract, marker_contract::MarkerContract},
};

/// Contracts of the models, and the digest of the settings together with the models that find text
/// and markers.
pub struct ModelContracts {
    /// Contract of the classifier.
    pub classifier: Contract,
    /// Name and contract of the text detector.
    pub detector: Option<(String, TextContract)>,
    /// Name and contract of the marker recognizer.
    pub markers: Option<(String, MarkerContract)>,
    /// Digest of the settings.
    pub settings: String,
}

impl ModelContracts {
    /// Reads the contracts that the settings name.
    ///
    /// # Errors
    /// When one of them is missing or unreadable.
    pub fn read(ports: &impl Ports, config: &Config) -> Result<ModelContracts, Error> {
        let classifier = ports.contract(&config.model)?;
        let detector = match &config.text_detector {
            Some(name) => Some((name.clone(), ports.text_contract(name)?)),
            None => None,
        };
        // Without text there are no markers.
        let markers = match &config.marker_recognizer {
            Some(name) if detector.is_some() => Some((name.clone(), ports.marker_contract(name)?)),
            _ => None,
        };
        let sha256 = detector
            .as_ref()
            .map(|(_, text)| text.model_sha256.as_str());
        let digest = markers.as_ref().map(|(_, contract)| contract.digest_text());
        let settings = config.settings_digest(sha256, digest.as_deref());
        Ok(ModelContracts {
            classifier,
            detector,
            markers,
            settings,
        })
    }

    /// Runs the text detector.
    ///
    /// # Errors
    /// Those of [`Ports::infer`], and [`Error::Model`] where the settings name no such model.
    pub fn find(
        &self,
        ports: &impl Ports,
        tensor: &InputTensor,
    ) -> Result<Vec<NamedTensor>, Error> {
        let model = self.detector.as_ref();
        let model = model.map(|(name, text)| (&name[..], &text.input.name[..]));
        run(ports, model, "text detector", tensor)
    }

    /// Runs the marker recognizer.
    ///
    /// # Errors
    /// As [`ModelContracts::find`].
    pub fn recognize(
        &self,
        ports: &impl Ports,
        tensor: &InputTensor,
    ) -> Result<Vec<NamedTensor>, Error> {
        let model = self.markers.as_ref();
        let model = model.map(|(name, markers)| (&name[..], &markers.input.name[..]));
        run(ports, model, "marker recognizer", tensor)
    }

    /// Returns the marker recognizer, which runs as [`ModelContracts::recognize`].
    pub fn recognizer<'a>(
        &'a self,
        recognize: &'a dyn Fn(&InputTensor) -> Result<Vec<NamedTensor>, Error>,
    ) -> Option<Recognizer<'a>> {
        let (_, contract) = self.markers.as_ref()?;
        Some(Recognizer {
            contract,
            infer: recognize,
        })
    }

    /// Returns the SHA-256 of the text detector.
    pub fn detector_sha256(&self) -> Option<&str> {
        let (_, contract) = self.detector.as_ref()?;
        Some(&contract.model_sha256)
    }
}

/// Runs a model, given by its name and that of its input.
fn run(
    ports: &impl Ports,
    model: Option<(&str, &str)>,
    what: &str,
    tensor: &InputTensor,
) -> Result<Vec<NamedTensor>, Error> {
    let (name, input) = model.ok_or_else(|| Error::Model(format!("there is no {what}")))?;
    ports.infer(name, input, tensor)
}
