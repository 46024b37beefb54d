//! Ids of topics. A topic that is deleted and created again keeps its name and gets another id.
//!
//! rust-rdkafka does not pass the ids on, so librdkafka is called directly.
#![expect(
    unsafe_code,
    reason = "calls librdkafka's DescribeTopics, which rust-rdkafka does not wrap"
)]

use std::{
    ffi::{CStr, CString, c_char},
    ptr,
    sync::Arc,
};

use rdkafka::{
    bindings::{
        self as sys, rd_kafka_admin_op_t, rd_kafka_event_t, rd_kafka_queue_t, rd_kafka_resp_err_t,
    },
    consumer::{BaseConsumer, Consumer},
};

use super::context::Context;

/// Time after which a request without a response counts as failed.
const TIMEOUT_MS: i32 = 5000;

/// Id of a topic, as the halves of a UUID.
pub(super) type TopicId = (i64, i64);

/// Requests the ids of some topics.
pub(super) struct TopicIds {
    consumer: Arc<BaseConsumer<Context>>,
    topics: Vec<CString>,
    /// Receives the responses. Destroyed before `consumer`, which may be the last owner of the
    /// client.
    queue: *mut rd_kafka_queue_t,
}

impl TopicIds {
    pub(super) fn new<T: AsRef<str>>(consumer: Arc<BaseConsumer<Context>>, topics: &[T]) -> Self {
        // SAFETY: the client outlives the queue, since `consumer` is dropped after it.
        let queue = unsafe { sys::rd_kafka_queue_new(consumer.client().native_ptr()) };
        let name = |topic: &T| CString::new(topic.as_ref()).ok();
        Self {
            topics: topics.iter().filter_map(name).collect(),
            consumer,
            queue,
        }
    }

    /// Requests the ids, without waiting for the response.
    pub(super) fn request(&self) {
        let client = self.consumer.client().native_ptr();
        let mut names: Vec<*const c_char> = self.topics.iter().map(|name| name.as_ptr()).collect();
        // SAFETY: the client, the queue and the names live during the call, which copies the names
        // and the options; both are freed once.
        unsafe {
            let topics = sys::rd_kafka_TopicCollection_of_topic_names(
                names.as_mut_ptr().cast(),
                names.len(),
            );
            let options = sys::rd_kafka_AdminOptions_new(
                client,
                rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
            );
            sys::rd_kafka_AdminOptions_set_request_timeout(options, TIMEOUT_MS, ptr::null_mut(), 0);
            sys::rd_kafka_DescribeTopics(client, topics, options, self.queue);
            sys::rd_kafka_AdminOptions_destroy(options);
            sys::rd_kafka_TopicCollection_destroy(topics);
        }
    }

    /// Returns the response if there is one: the topics that exist and have an id. It is empty if
    /// the request failed, and always with brokers before Kafka 2.8, whose topics have no ids.
    pub(super) fn response(&self) -> Option<Vec<(String, TopicId)>> {
        // SAFETY: the queue is live. The event is freed once, after its content was copied.
        unsafe {
            let event = sys::rd_kafka_queue_poll(self.queue, 0);
            if event.is_null() {
                return None;
            }
            let ids = ids(event);
            sys::rd_kafka_event_destroy(event);
            Some(ids)
        }
    }
}

impl Drop for TopicIds {
    fn drop(&mut self) {
        // SAFETY: created by `new`, and not used afterwards.
        unsafe { sys::rd_kafka_queue_destroy(self.queue) }
    }
}

/// Copies the ids out of an event.
///
/// # Safety
/// `event` must be live.
unsafe fn ids(event: *mut rd_kafka_event_t) -> Vec<(String, TopicId)> {
    let mut ids = Vec::new();
    // SAFETY: everything read here belongs to the event, and is only read when it is not null.
    unsafe {
        let result = sys::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return ids;
        }
        let mut count = 0;
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        for index in 0..count {
            let topic = *topics.add(index);
            let error = sys::rd_kafka_error_code(sys::rd_kafka_TopicDescription_error(topic));
            let name = sys::rd_kafka_TopicDescription_name(topic);
            let id = sys::rd_kafka_TopicDescription_topic_id(topic);
            let is_ok = error == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
            if !is_ok || name.is_null() || id.is_null() {
                continue;
            }
            let id = (
                sys::rd_kafka_Uuid_most_significant_bits(id),
                sys::rd_kafka_Uuid_least_significant_bits(id),
            );
            if id != (0, 0) {
                ids.push((CStr::from_ptr(name).to_string_lossy().into_owned(), id));
            }
        }
    }
    ids
}
