//! From an application and flags to a runtime that is ready for its triggers.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Result;

use super::{
    kafka_args::{self, KafkaArgs},
    page_args::PageArgs,
    report_topic::ReportTopic,
    runtime_args::RuntimeArgs,
};
use crate::{
    app::manifest::Manifest,
    kafka::config::Config,
    serve::{metrics, runtime::Runtime},
};

/// Starts all of an application but its triggers, and serves its metrics.
///
/// # Errors
/// When a setting does not make sense, or something that the application needs is not there.
pub async fn load(
    mut manifest: Manifest,
    settings: &RuntimeArgs,
    flags: &KafkaArgs,
    metrics_address: Option<SocketAddr>,
    page: &PageArgs,
    report_topic: Option<&str>,
) -> Result<(Runtime, Vec<Config>)> {
    flags.apply(&mut manifest)?;
    // Before anything is loaded, because it is quick to check.
    let variables = settings.resolve(&manifest)?;
    let triggers = kafka_args::configs(&manifest, &variables)?;
    let mut options = settings.options(&manifest)?;
    let page = page.prepare(&manifest, &variables, &mut options)?;
    let reports = ReportTopic::prepare(report_topic, &triggers, &mut options)?;
    let runtime = Runtime::start(manifest, variables, options).await?;
    if runtime.has_models() {
        tracing::info!("{}", runtime.nn_line());
    }
    if let Some(reports) = &reports {
        reports.register(&runtime);
    }
    if let Some(address) = metrics_address {
        serve_metrics(&runtime, address).await?;
    }
    if let Some(page) = page {
        let page = page.start(&runtime, reports.as_ref()).await?;
        println!("Page at {}", page.entrance());
    }
    Ok((runtime, triggers))
}

/// Serves a runtime's metrics until the process ends.
///
/// # Errors
/// When the address can't be bound.
pub async fn serve_metrics(runtime: &Runtime, address: SocketAddr) -> Result<()> {
    let source = runtime.clone();
    let render = move || source.metrics().render(source.inference().sessions());
    let address = metrics::serve(address, Arc::new(render)).await?;
    tracing::info!("Metrics at http://{address}/metrics");
    Ok(())
}
