//! Renders a dead letter for people.

use kafka_trigger::Record;
use rdkafka::message::Header;
use xray::event::TRACEPARENT;

use super::mask;
use crate::kafka::dead_letter_headers;

/// A record of the dead-letter topic.
pub(super) struct Letter<'a>(pub(super) &'a Record);

impl<'a> Letter<'a> {
    /// Returns one of the headers that the trigger added.
    fn said(&self, name: &str) -> String {
        let value = dead_letter_headers().get(self.0, name);
        value.map_or("-".into(), |value| value.into_owned())
    }

    /// Returns the topic it came from.
    pub(super) fn source_topic(&self) -> Option<String> {
        Some(self.said("topic")).filter(|topic| topic != "-")
    }

    /// Returns the headers that the record had originally.
    pub(super) fn own_headers(&self) -> impl Iterator<Item = Header<'a, &'a [u8]>> {
        let added = dead_letter_headers();
        let own = self.0.headers.iter();
        let own = own.filter(move |(name, _)| !added.is_added(name));
        own.map(|(key, value)| Header {
            key,
            value: value.as_deref(),
        })
    }

    /// Returns the context by which the record, sent back, continues its trace.
    pub(super) fn trace(&self) -> Option<String> {
        let value = dead_letter_headers().get(self.0, TRACEPARENT)?;
        Some(value.into_owned())
    }

    /// Summarizes the record in one line, without any of its contents.
    pub(super) fn line(&self, is_sent_back: bool) -> String {
        let Record {
            partition,
            offset,
            value,
            ..
        } = self.0;
        let bytes = value
            .as_ref()
            .map_or("null".into(), |value| format!("{} bytes", value.len()));
        let time = self
            .0
            .timestamp
            .and_then(|time| jiff::Timestamp::from_millisecond(time).ok());
        let time = time.map_or("-".into(), |time| format!("{time:.0}"));
        let place = format!("{partition}:{offset}");
        format!(
            "{place:<10} {time}  {reason:<9} status {status} after {attempts}, from {topic} {from_partition}:{from_offset}, {bytes}{sent}",
            reason = self.said("reason"),
            status = self.said("status"),
            attempts = self.said("attempts"),
            topic = self.said("topic"),
            from_partition = self.said("partition"),
            from_offset = self.said("offset"),
            sent = if is_sent_back { ", sent back" } else { "" },
        )
    }

    /// Renders the whole record; masked unless `reveal` is set.
    pub(super) fn whole(&self, reveal: bool) -> String {
        let show = |bytes: &Option<bytes::Bytes>| match bytes {
            None => "null".to_owned(),
            Some(bytes) if reveal => String::from_utf8_lossy(bytes).into_owned(),
            Some(bytes) => mask::value(bytes),
        };
        let mut lines = vec![self.line(false)];
        for (name, value) in &self.0.headers {
            // Headers of the trigger hold no patient data.
            let value = match value {
                Some(value) if dead_letter_headers().is_added(name) => {
                    String::from_utf8_lossy(value).into_owned()
                }
                value => show(value),
            };
            lines.push(format!("header {name}: {value}"));
        }
        lines.push(format!("key: {}", show(&self.0.key)));
        lines.push(format!("value: {}", show(&self.0.value)));
        if !reveal {
            lines.push("Masked; --reveal shows it as it is.".into());
        }
        lines.join("\n")
    }
}
