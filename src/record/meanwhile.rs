//! Work beside a request.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

/// Begins a request, does some work, and then waits for the response.
pub(super) async fn meanwhile<F: Future>(request: F, work: impl FnOnce()) -> F::Output {
    let mut request = pin!(request);
    let begun = poll_fn(|context| Poll::Ready(request.as_mut().poll(context))).await;
    work();
    match begun {
        Poll::Ready(output) => output,
        Poll::Pending => request.await,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn work_is_done_after_the_request_has_begun() {
        for waits in [0, 1, 3] {
            let steps = RefCell::new(Vec::new());
            let mut left = waits;
            let request = poll_fn(|context| {
                steps.borrow_mut().push("polled");
                if left == 0 {
                    return Poll::Ready(7);
                }
                left -= 1;
                context.waker().wake_by_ref();
                Poll::Pending
            });
            let work = || steps.borrow_mut().push("worked");
            assert_eq!(pollster::block_on(meanwhile(request, work)), 7);
            assert_eq!(steps.borrow()[..2], ["polled", "worked"]);
            assert_eq!(steps.borrow().len(), 2 + waits);
        }
    }
}
