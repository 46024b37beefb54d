//! A record's bytes with everything masked that may identify a patient.

use serde_json::Value;

/// Fields of a notification that describe the store and not a patient.
const PLAIN: [&str; 8] = [
    "eventVersion",
    "eventSource",
    "eventName",
    "eventTime",
    "awsRegion",
    "s3SchemaVersion",
    "configurationId",
    "sequencer",
];

/// Returns the bytes masked: JSON keeps its shape, and of other texts only the length is kept.
pub(super) fn value(bytes: &[u8]) -> String {
    match serde_json::from_slice(bytes) {
        Ok(json @ (Value::Object(_) | Value::Array(_))) => masked(json, "").to_string(),
        _ => format!("({} bytes)", bytes.len()),
    }
}

fn masked(value: Value, field: &str) -> Value {
    match value {
        Value::String(text) if !PLAIN.contains(&field) => format!("({} bytes)", text.len()).into(),
        // A birth date may come as a number.
        Value::Number(_) if field != "size" => "(number)".into(),
        Value::Array(list) => list.into_iter().map(|entry| masked(entry, field)).collect(),
        Value::Object(map) => {
            // The name of the bucket is the only name that is not of a person.
            let own = |(name, value): (String, Value)| match (field, name.as_str()) {
                ("bucket", "name") => (name, value),
                _ => {
                    let value = masked(value, &name);
                    let known = name.len() <= 24
                        && name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'3');
                    (if known { name } else { "(name)".into() }, value)
                }
            };
            Value::Object(map.into_iter().map(own).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_patient_is_left() {
        let shown = value(
            br#"{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"xray-data-in"},
            "object":{"key":"DOE_JANE_1960.jpeg","size":7,"metadata":[{"key":"x-amz-meta-who","val":"JANE"}]}},
            "born":19600101,"Jane Doe 1960":{"a":1}}]}"#,
        );
        for plain in [
            "ObjectCreated:Put",
            "xray-data-in",
            r#""size":7"#,
            "(18 bytes)",
        ] {
            assert!(shown.contains(plain), "{plain}: {shown}");
        }
        for private in ["JANE", "Jane", "1960", "DOE"] {
            assert!(!shown.contains(private), "{private}: {shown}");
        }
        assert_eq!(value(b"DOE JANE"), "(8 bytes)");
        assert_eq!(value(b"\"DOE\""), "(5 bytes)");
        assert_eq!(value(b"\xff"), "(1 bytes)");
    }
}
