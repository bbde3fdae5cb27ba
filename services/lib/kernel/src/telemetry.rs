//! Logs as JSON lines on stdout, traces over OTLP when asked for, metrics as Prometheus text.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::KernelConfig;

/// Held by `main`; flushed at the end.
pub(crate) struct Telemetry {
    pub(crate) metrics: PrometheusHandle,
    provider: SdkTracerProvider,
}

impl Telemetry {
    pub(crate) fn start(service: &'static str, config: &KernelConfig) -> anyhow::Result<Self> {
        let resource = Resource::builder().with_service_name(format!("gwm-{service}")).build();
        let mut builder = SdkTracerProvider::builder().with_resource(resource);
        if let Some(endpoint) = &config.otlp {
            let exporter = opentelemetry_otlp::SpanExporter::builder()
                .with_tonic()
                .with_endpoint(endpoint)
                .build()?;
            builder = builder.with_batch_exporter(exporter);
        }
        let provider = builder.build();
        // The layer is there without an exporter too: its trace ids are what the logs are joined by.
        let traces = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("gwm"))
            .with_location(false)
            .with_threads(false);
        let logs = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false);
        // One filter for both. With one a layer, a library that only asks whether something would be
        // logged (sqlx does, after each query) makes the next span on its thread disappear.
        let filter = EnvFilter::try_new(&config.log)?;
        tracing_subscriber::registry().with(filter).with(traces).with(logs).try_init()?;
        let metrics = PrometheusBuilder::new()
            .set_buckets(&[
                0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
            ])?
            .install_recorder()?;
        Ok(Self { metrics, provider })
    }

    pub(crate) fn flush(&self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::debug!(%error, "traces could not be flushed");
        }
    }
}
