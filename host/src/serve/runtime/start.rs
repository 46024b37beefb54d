//! Loading of an application. All problems of an application are found here.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    rc::Rc,
    sync::{Arc, OnceLock, Weak},
};

use anyhow::{Context, Result, bail};
use wasmtime::{Engine, component::Linker};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use xray::review::TOKEN;

use super::{
    Inner, Options, Runtime, aot,
    concurrency::ConcurrencyLimit,
    crashes::Crashes,
    engine,
    files::Mounts,
    instance::Handler,
    interfaces,
    route::Router,
    settings,
    state::{self, State},
};
use crate::{
    app::{
        compose,
        manifest::{Component, Manifest},
        variables::Variables,
    },
    nn::{
        self, Inference,
        backend::Target,
        choose::{self, Choice, Chosen},
        embedded::Embedded,
        library::SearchPath,
        models,
    },
    serve::{
        logs::Logs,
        metrics::Metrics,
        outbound::{
            OutboundHttp, ServiceOverrides,
            allowed::{AllowedHosts, SELF},
            client::Client,
        },
    },
};

/// The files of components, each read once.
#[derive(Default)]
struct Sources(HashMap<PathBuf, Rc<Vec<u8>>>);

impl Sources {
    fn read(&mut self, path: &Path) -> Result<Rc<Vec<u8>>> {
        if let Some(wasm) = self.0.get(path) {
            return Ok(wasm.clone());
        }
        let wasm = Rc::new(compose::read(path)?);
        self.0.insert(path.to_owned(), wasm.clone());
        Ok(wasm)
    }
}

/// State shared by the components of one application.
struct Loader {
    engine: Engine,
    linker: Linker<State>,
    compiled: aot::Folders,
    client: Client,
    service_overrides: Arc<ServiceOverrides>,
    variables: Variables,
    inference: Arc<Inference>,
    metrics: Arc<Metrics>,
    options: Options,
}

/// Loads the application. Blocks while it compiles components and loads models.
pub fn start(manifest: Manifest, variables: Variables, options: Options) -> Result<Runtime> {
    // Quick checks come first.
    let routes = manifest
        .routes
        .iter()
        .map(|route| (route.route.as_str(), route.component.as_str()));
    let router = Router::new(&manifest.base, routes)?;
    let (mut mounts, mut remarks) = (BTreeMap::new(), Vec::new());
    for (id, component) in &manifest.components {
        let own = Mounts::prepare(&component.files, &manifest.dir, options.temp.as_deref())
            .with_context(|| format!("component {id}"))?;
        let values = variables.for_component(&component.variables);
        let remark = values.and_then(|values| settings::check(&values, &own.models()));
        remarks.extend(remark.with_context(|| format!("component {id}"))?);
        mounts.insert(id.clone(), own);
    }
    let has_models = mounts.values().any(|own| !own.models().is_empty());
    let mut sources = Sources::default();
    let (chosen, inference) = inference(&manifest, &mounts, &options, &mut sources)?;
    // What prevents the start comes alone.
    for remark in remarks {
        tracing::warn!("{remark}; use 32 random bytes, and keep them");
    }
    let metrics = Arc::new(Metrics::default());
    metrics.describe(&inference.version(), options.target.name());

    let engine = engine::build(options.max_concurrency.max(1), options.max_memory)?;
    let itself = Arc::new(OnceLock::new());
    let loader = Loader {
        linker: state::linker(&engine)?,
        engine,
        compiled: aot::Folders {
            cache: options.state_dir.as_ref().map(|dir| dir.join("cwasm")),
            precompiled: options.precompiled_dir.clone(),
        },
        client: Client::new()?,
        service_overrides: Arc::new(with_itself(
            options.service_overrides.clone(),
            itself.clone(),
        )),
        variables,
        inference: Arc::new(inference),
        metrics: metrics.clone(),
        options,
    };
    let mut handlers = HashMap::new();
    for (id, component) in &manifest.components {
        let mounts = mounts.remove(id).unwrap_or_default();
        let handler = loader
            .handler(id, component, mounts, &mut sources)
            .with_context(|| format!("component {id}"))?;
        handlers.insert(id.clone(), Arc::new(handler));
    }
    let Loader {
        options, inference, ..
    } = loader;
    let concurrency = ConcurrencyLimit::new(
        options.max_concurrency.max(1),
        options.queue,
        options.queue_wait,
        metrics.in_flight.clone(),
        metrics.queued.clone(),
    );
    let nn_line = chosen.line;
    let inner = Inner {
        manifest,
        router,
        handlers,
        concurrency,
        inference,
        metrics,
        nn_line,
        has_models,
        options,
    };
    let runtime = Runtime(Arc::new(inner));
    _ = itself.set(Arc::downgrade(&runtime.0));
    Ok(runtime)
}

fn inference(
    manifest: &Manifest,
    mounts: &BTreeMap<String, Mounts>,
    options: &Options,
    sources: &mut Sources,
) -> Result<(Chosen, Inference)> {
    let mut folders: Vec<_> = mounts.values().flat_map(Mounts::models).collect();
    folders.sort();
    folders.dedup();
    let models = models::read_all(&folders)?;
    let path = SearchPath::new(options.backends_dir.as_deref(), Some(&manifest.dir));
    let is_inside = options.nn != Choice::Component && brings_inference(manifest, mounts, sources);
    let choice = match options.nn {
        Choice::Auto if is_inside => Choice::Component,
        _ if is_inside => bail!(
            "the application was composed with its own inference and does not use the host's; omit --nn, or push the \
             image with --compose=false"
        ),
        choice => choice,
    };
    let mut chosen = choose::choose(choice, options.target, &path)?;
    if is_inside {
        chosen.line = "Inference by the application's own component, since it was composed with one; to use the host's, \
                       push the image with --compose=false"
            .to_owned();
    }
    // The contracts are checked even if the component brings its own inference, which is the
    // embedded one in WebAssembly.
    let models = match choice {
        Choice::Component => {
            let backend = Embedded::open(Target::Cpu)?;
            for model in &models {
                nn::load_checked(&backend, model, 1)?;
            }
            &[]
        }
        _ => models.as_slice(),
    };
    let sessions = options.sessions.max(1);
    let inference = Inference::start(&chosen, models, sessions, options.nn_allow_load)?;
    Ok((chosen, inference))
}

/// Reports whether there are models, but no component imports inference from the host.
fn brings_inference(
    manifest: &Manifest,
    mounts: &BTreeMap<String, Mounts>,
    sources: &mut Sources,
) -> bool {
    let with_models = mounts
        .iter()
        .filter(|(_, mounts)| !mounts.models().is_empty());
    let mut components = with_models
        .filter_map(|(id, _)| manifest.components.get(id))
        .peekable();
    // A file that is not a component is reported later.
    let mut asks = |component: &Component| {
        let wasm = sources.read(&component.source);
        let imports = wasm.and_then(|wasm| compose::imports(&wasm));
        imports.is_ok_and(|names| names.iter().any(|name| name.starts_with("wasi:nn/")))
    };
    components.peek().is_some() && !components.any(&mut asks)
}

impl Loader {
    fn handler(
        &self,
        id: &str,
        component: &Component,
        mounts: Mounts,
        sources: &mut Sources,
    ) -> Result<Handler> {
        let options = &self.options;
        let wasm = match options.nn {
            Choice::Component => Rc::new(compose::compose(component)?),
            _ => sources.read(&component.source)?,
        };
        let compiled = aot::load(
            &self.engine,
            &wasm,
            &component.source,
            &self.compiled,
            &self.metrics,
        )?;
        let pre = self
            .linker
            .instantiate_pre(&compiled)
            .and_then(ProxyPre::new)
            .map_err(anyhow::Error::from)
            .with_context(|| interfaces::problem(&wasm))?;
        let mut listeners = options.listeners.clone();
        listeners.push(self.metrics.listener());
        let is_followed = options.follow.is_empty() || options.follow.iter().any(|f| f == id);
        let logs = Arc::new(Logs::open(
            id,
            options.log_dir.as_deref(),
            options.truncate_logs,
            options.quiet || !is_followed,
            listeners,
        )?);
        let mut hosts = Vec::new();
        for template in &component.allowed_outbound_hosts {
            hosts.push(
                self.variables
                    .expand(template)
                    .context("allowed_outbound_hosts")?,
            );
        }
        let outbound_http = OutboundHttp {
            allowed: Arc::new(AllowedHosts::parse(&hosts)?),
            client: self.client.clone(),
            service_overrides: self.service_overrides.clone(),
            logs: logs.clone(),
            scope: None,
            propagates: options.propagate_trace,
        };
        let mut variables = self.variables.for_component(&component.variables)?;
        if let Some(page) = options
            .page_token
            .as_ref()
            .filter(|page| page.component == id)
        {
            variables.set(TOKEN, page.token.clone());
        }
        Ok(Handler {
            id: id.to_owned(),
            pre,
            outbound_http,
            variables: Arc::new(variables),
            environment: component.environment.clone().into_iter().collect(),
            mounts,
            logs,
            inference: self.inference.clone(),
            metrics: self.metrics.clone(),
            crashes: Crashes::default(),
            timeout: options.timeout,
            max_memory: options.max_memory,
        })
    }
}

/// Adds `http://self.alt`, Spin's name for the application itself.
fn with_itself(
    service_overrides: ServiceOverrides,
    itself: Arc<OnceLock<Weak<Inner>>>,
) -> ServiceOverrides {
    service_overrides.with(SELF, move |request| {
        let runtime = itself.get().and_then(Weak::upgrade).map(Runtime);
        async move {
            let runtime = runtime.context("the application has ended")?;
            // Endless recursion is stopped by the queue, since each call holds a permit.
            Ok(Box::pin(runtime.call(request)).await)
        }
    })
}
