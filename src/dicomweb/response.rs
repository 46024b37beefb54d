//! Responses to the storing of one instance (PS3.18, 10.5.3 and annex I).

use http::StatusCode;
use s3::xml;
use serde::Deserialize;
use serde_json::Value;

/// Failed SOP Sequence and Failure Reason, as DICOM JSON and XML name them.
const FAILED: &str = "00081198";
const REASON: &str = "00081197";

/// Failure reasons of an instance that the archive has already: that of DIMSE (PS3.7,
/// annex C), and that of Azure.
const DUPLICATE: [u64; 2] = [0x0111, 0xB00E];

/// Decides whether the archive has the instance.
///
/// # Errors
/// The status and the standard's failure reasons; nothing else of a response, whose texts may quote
/// the instance.
pub(super) fn judge(status: StatusCode, body: &[u8]) -> Result<(), String> {
    let failures = failures(body);
    let code = status.as_u16();
    match (status, failures.as_deref()) {
        (_, Some(reasons @ [_, ..])) => {
            if reasons.iter().all(|reason| DUPLICATE.contains(reason)) {
                return Ok(());
            }
            let reasons: Vec<String> = reasons.iter().map(|r| format!("{r:04X}")).collect();
            let reasons = reasons.join(", ");
            Err(format!("status {code}, failure reason {reasons}"))
        }
        // With no failure an accepted instance is stored with a warning.
        (StatusCode::OK, _) | (StatusCode::ACCEPTED, Some([])) => Ok(()),
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
            Err(format!("status {code}; check its credentials"))
        }
        (StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED, _) => Err(format!(
            "status {code}; check that this is a DICOMweb service"
        )),
        _ => Err(format!("status {code}")),
    }
}

/// Returns the failure reasons in a response, which may be in XML though JSON was asked for; `None`
/// if it is neither.
fn failures(body: &[u8]) -> Option<Vec<u64>> {
    of_json(body).or_else(|| of_xml(body))
}

fn of_json(body: &[u8]) -> Option<Vec<u64>> {
    let json: Value = serde_json::from_slice(body).ok()?;
    let module = match &json {
        Value::Array(modules) => modules.first()?,
        module => module,
    };
    module.as_object()?;
    let items = module[FAILED]["Value"].as_array();
    let number = |value: &Value| match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    };
    // A failure without a readable reason is one all the same.
    let reason = |item: &Value| number(&item[REASON]["Value"][0]).unwrap_or(0);
    Some(items.into_iter().flatten().map(reason).collect())
}

/// Native DICOM Model (PS3.19, A.1), as deep as it is read.
#[derive(Deserialize)]
struct Model {
    #[serde(rename = "DicomAttribute", default)]
    attributes: Vec<Sequence>,
}

#[derive(Deserialize)]
struct Sequence {
    #[serde(rename = "@tag", default)]
    tag: String,
    #[serde(rename = "Item", default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "DicomAttribute", default)]
    attributes: Vec<Attribute>,
}

#[derive(Deserialize)]
struct Attribute {
    #[serde(rename = "@tag", default)]
    tag: String,
    #[serde(rename = "Value", default)]
    values: Vec<Text>,
}

#[derive(Deserialize)]
struct Text {
    #[serde(rename = "$text", default)]
    text: String,
}

fn of_xml(body: &[u8]) -> Option<Vec<u64>> {
    if xml::root(body)? != "NativeDicomModel" {
        return None;
    }
    let model: Model = xml::from_slice(body).ok()?;
    let failed = model.attributes.iter().filter(|own| own.tag == FAILED);
    let reason = |item: &Item| {
        let own = item.attributes.iter().find(|own| own.tag == REASON)?;
        own.values.first()?.text.trim().parse().ok()
    };
    let items = failed.flat_map(|own| &own.items);
    Some(items.map(|item| reason(item).unwrap_or(0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn failed(reasons: &[u64]) -> String {
        let items: Vec<Value> = reasons
            .iter()
            .map(|reason| json!({ REASON: { "vr": "US", "Value": [reason] } }))
            .collect();
        json!({ FAILED: { "vr": "SQ", "Value": items } }).to_string()
    }

    /// As dcm4chee responds, with another sequence around it.
    fn failed_in_xml(reasons: &[&str]) -> String {
        let item = |reason: &&str| {
            format!(
                r#"<Item number="1"><DicomAttribute keyword="ReferencedSOPInstanceUID" tag="00081155" vr="UI">
                <Value number="1">2.25.1</Value></DicomAttribute>
                <DicomAttribute keyword="FailureReason" tag="00081197" vr="US">{reason}</DicomAttribute></Item>"#
            )
        };
        let items: String = reasons.iter().map(item).collect();
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?><NativeDicomModel xml:space="preserve">
            <DicomAttribute tag="00081190" vr="UR"><Value number="1">http://a</Value></DicomAttribute>
            <DicomAttribute keyword="FailedSOPSequence" tag="00081198" vr="SQ">{items}</DicomAttribute>
            <DicomAttribute tag="00081199" vr="SQ"><Item number="1"><DicomAttribute tag="00081197" vr="US">
            <Value number="1">5</Value></DicomAttribute></Item></DicomAttribute></NativeDicomModel>"#
        )
    }

    #[test]
    fn failure_reasons_are_read_in_xml_too() {
        const DUPLICATE: &str = r#"<Value number="1">273</Value>"#;
        const OTHER: &str = r#"<Value number="1">42752</Value>"#;
        for (status, body, expect) in [
            (409, failed_in_xml(&[DUPLICATE]), Ok(())),
            (202, failed_in_xml(&[DUPLICATE]), Ok(())),
            (202, failed_in_xml(&[]), Ok(())),
            (202, "<NativeDicomModel/>".into(), Ok(())),
            (409, "<NativeDicomModel/>".into(), Err("status 409")),
            (202, "<html/>".into(), Err("status 202")),
            (
                409,
                failed_in_xml(&[DUPLICATE, OTHER]),
                Err("status 409, failure reason 0111, A700"),
            ),
            (
                200,
                failed_in_xml(&[OTHER]),
                Err("status 200, failure reason A700"),
            ),
            (
                409,
                failed_in_xml(&["<Value>DOE</Value>"]),
                Err("status 409, failure reason 0000"),
            ),
            (
                409,
                failed_in_xml(&[""]),
                Err("status 409, failure reason 0000"),
            ),
            // Cut off.
            (
                409,
                failed_in_xml(&[DUPLICATE])[..400].into(),
                Err("status 409"),
            ),
            (409, "<Item>".repeat(9000), Err("status 409")),
            (
                409,
                format!(
                    "<NativeDicomModel>{}",
                    "<DicomAttribute><Item>".repeat(2900)
                ),
                Err("status 409"),
            ),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let judged = judge(status, body.as_bytes());
            assert_eq!(judged, expect.map_err(str::to_owned), "{status} {body}");
        }
        let text = json!({ FAILED: { "Value": [{ REASON: { "Value": ["273"] } }] } });
        let judged = judge(StatusCode::CONFLICT, text.to_string().as_bytes());
        assert_eq!(judged, Ok(()));
    }

    #[test]
    fn instance_is_stored_or_a_duplicate_or_refused() {
        for (status, body, expect) in [
            (200, String::new(), Ok(())),
            (200, "<NativeDicomModel/>".into(), Ok(())),
            (200, json!({}).to_string(), Ok(())),
            (202, json!({ "00081199": {} }).to_string(), Ok(())),
            (202, String::new(), Err("status 202")),
            (202, failed(&[273]), Ok(())),
            (409, failed(&[273]), Ok(())),
            (409, failed(&[45070]), Ok(())),
            (409, format!("[{}]", failed(&[273])), Ok(())),
            (409, String::new(), Err("status 409")),
            (409, failed(&[]), Err("status 409")),
            (
                409,
                failed(&[0xA700]),
                Err("status 409, failure reason A700"),
            ),
            (
                409,
                failed(&[273, 0x0110]),
                Err("status 409, failure reason 0111, 0110"),
            ),
            (
                200,
                failed(&[0x0122]),
                Err("status 200, failure reason 0122"),
            ),
            (
                401,
                "DOE^JANE".into(),
                Err("status 401; check its credentials"),
            ),
            (
                404,
                "DOE^JANE".into(),
                Err("status 404; check that this is a DICOMweb service"),
            ),
            (302, String::new(), Err("status 302")),
            (500, "DOE^JANE".into(), Err("status 500")),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let judged = judge(status, body.as_bytes());
            assert_eq!(judged, expect.map_err(str::to_owned), "{status} {body}");
        }
    }
}
