//! Responses to the storing of one instance (PS3.18, 10.5.3 and annex I).

use http::StatusCode;
use serde_json::Value;

/// Failed SOP Sequence and Failure Reason, as DICOM JSON names them.
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

/// Returns the failure reasons in a response; `None` if it is not DICOM JSON.
fn failures(body: &[u8]) -> Option<Vec<u64>> {
    let json: Value = serde_json::from_slice(body).ok()?;
    let module = match &json {
        Value::Array(modules) => modules.first()?,
        module => module,
    };
    module.as_object()?;
    let items = module[FAILED]["Value"].as_array();
    // A failure without a readable reason is one all the same.
    let reason = |item: &Value| item[REASON]["Value"][0].as_u64().unwrap_or(0);
    Some(items.into_iter().flatten().map(reason).collect())
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
