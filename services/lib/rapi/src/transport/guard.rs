//! Knows whether a request may have left this process, and stops it when its deadline is over.
//!
//! Two gates: one between the finished TLS handshake and the HTTP exchange, one at the first read of the request's
//! body, which hyper does after it has written the head into its buffer and before it flushes that buffer. A process
//! stopped by the scheduler (or SIGSTOP) anywhere before the second gate sends nothing when it wakes up too late.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tower::{BoxError, Layer, Service};

/// The deadline was over before anything was sent.
#[derive(Debug, thiserror::Error)]
#[error("the deadline was over before the request was sent")]
pub(crate) struct DeadlineOver;

/// Shared between a call and its connection.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    send_by: Instant,
    has_body: bool,
    open: Arc<AtomicBool>,
}

impl Gate {
    pub(crate) fn new(send_by: Instant, has_body: bool) -> Self {
        Self { send_by, has_body, open: Arc::default() }
    }

    /// Whether bytes of the request may have left.
    pub(crate) fn may_have_sent(&self) -> bool {
        self.open.load(Ordering::SeqCst)
    }

    fn check(&self, opens: bool) -> Result<(), DeadlineOver> {
        if Instant::now() >= self.send_by {
            return Err(DeadlineOver);
        }
        if opens {
            self.open.store(true, Ordering::SeqCst);
        }
        Ok(())
    }
}

impl<S> Layer<S> for Gate {
    type Service = GatedConnector<S>;

    fn layer(&self, inner: S) -> Self::Service {
        GatedConnector { inner, gate: self.clone() }
    }
}

/// The first gate: after TLS, before HTTP.
#[derive(Clone, Debug)]
pub(crate) struct GatedConnector<S> {
    inner: S,
    gate: Gate,
}

impl<S, R> Service<R> for GatedConnector<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let gate = self.gate.clone();
        let connecting = self.inner.call(request);
        Box::pin(async move {
            let connection = connecting.await?;
            // Without a body nothing is asked again, so this gate is the last one.
            gate.check(!gate.has_body)?;
            Ok(connection)
        })
    }
}

/// The second gate: the request's body.
#[derive(Debug)]
pub(crate) struct GatedBody {
    gate: Gate,
    data: Option<Bytes>,
}

impl GatedBody {
    pub(crate) fn new(gate: Gate, data: Bytes) -> Self {
        Self { gate, data: Some(data) }
    }
}

impl Body for GatedBody {
    type Data = Bytes;
    type Error = DeadlineOver;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, DeadlineOver>>> {
        let Some(data) = self.data.take() else { return Poll::Ready(None) };
        Poll::Ready(Some(self.gate.check(true).map(|()| Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.as_ref().map_or(0, |data| data.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tower::service_fn;

    use super::*;

    fn gates(has_body: bool) -> (Gate, Gate) {
        let now = Instant::now();
        (Gate::new(now + Duration::from_secs(60), has_body), Gate::new(now, has_body))
    }

    async fn connect(gate: &Gate) -> Result<u8, BoxError> {
        gate.layer(service_fn(|connection: u8| async move { Ok::<_, BoxError>(connection) }))
            .call(7)
            .await
    }

    async fn send(gate: &Gate) -> Option<Result<Frame<Bytes>, DeadlineOver>> {
        let mut body = GatedBody::new(gate.clone(), Bytes::from_static(b"{}"));
        poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
    }

    #[tokio::test]
    async fn a_late_connection_is_not_used() {
        let (open, over) = gates(false);
        assert_eq!(connect(&open).await.unwrap(), 7);
        assert!(open.may_have_sent(), "without a body nothing else asks");
        assert!(connect(&over).await.unwrap_err().is::<DeadlineOver>());
        assert!(!over.may_have_sent());
    }

    #[tokio::test]
    async fn a_late_body_is_not_sent() {
        let (open, over) = gates(true);
        connect(&open).await.unwrap();
        assert!(!open.may_have_sent(), "connected is not yet sent");
        assert!(send(&open).await.unwrap().is_ok());
        assert!(open.may_have_sent());
        assert!(send(&over).await.unwrap().is_err());
        assert!(!over.may_have_sent());
    }
}
