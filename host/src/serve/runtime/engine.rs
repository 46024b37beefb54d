//! The WebAssembly engine, with pooled memory and an epoch clock that interrupts guests.

use std::time::Duration;

use anyhow::{Context, Result};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
};

/// Interval at which a running guest yields, and the precision of its deadline.
pub const TICK: Duration = Duration::from_millis(10);

/// Cranelift's names for the features of x86-64-v3, which servers have had since 2013.
const X86_64_V3: [&str; 12] = [
    "has_cmpxchg16b",
    "has_sse3",
    "has_ssse3",
    "has_sse41",
    "has_sse42",
    "has_popcnt",
    "has_avx",
    "has_avx2",
    "has_bmi1",
    "has_bmi2",
    "has_fma",
    "has_lzcnt",
];

/// Creates an engine for `instances` concurrent instances of `max_memory` bytes each, and starts
/// its clock.
///
/// # Errors
/// When the machine does not support the configuration.
pub fn build(instances: usize, max_memory: usize) -> Result<Engine> {
    let engine = Engine::new(&config(Some(instances), max_memory)).or_else(|error| {
        // The pool reserves four gigabytes of address space for each instance, which some machines
        // don't allow. Without it, an instance takes a few microseconds longer to create.
        tracing::warn!("no instance pool on this machine: {error:#}");
        Engine::new(&config(None, max_memory))
    });
    let engine = engine
        .map_err(anyhow::Error::from)
        .context("the WebAssembly engine did not start")?;
    start_clock(&engine)?;
    Ok(engine)
}

fn config(pool: Option<usize>, max_memory: usize) -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config.memory_init_cow(true);
    config.cranelift_opt_level(OptLevel::Speed);
    if let Some(instances) = pool {
        let instances = u32::try_from(instances).unwrap_or(u32::MAX);
        let mut pool = PoolingAllocationConfig::default();
        // Linux from 6.7 on says which pages were written. Elsewhere all that are kept are cleared,
        // which pays for small requests only.
        let resident = match PoolingAllocationConfig::is_pagemap_scan_available() {
            true => 8 << 20,
            false => 1 << 20,
        };
        // A component consists of several modules: its own and the adapters around it. A
        // composition of two has twice as many, two memories, and the adapters between them.
        pool.total_component_instances(instances)
            .total_core_instances(instances.saturating_mul(16))
            .total_memories(instances.saturating_mul(2))
            .total_tables(instances.saturating_mul(8))
            .total_stacks(instances)
            .max_memory_size(max_memory)
            .max_component_instance_size(4 << 20)
            .max_core_instance_size(4 << 20)
            .max_unused_warm_slots(instances)
            // Keeps pages resident, which are cleared for the next instance; those of a large
            // picture are returned.
            .linear_memory_keep_resident(resident)
            .pagemap_scan(Enabled::Auto)
            .table_keep_resident(64 << 10);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}

/// Creates an engine that only compiles, for any processor of this architecture that is at most
/// about ten years old, instead of for this machine's processor.
///
/// # Errors
/// When this architecture is not supported.
pub fn baseline() -> Result<Engine> {
    let mut config = config(Some(1), 512 << 20);
    // Naming the target turns off the detection of this processor's features.
    config.target(&target_lexicon::HOST.to_string())?;
    if cfg!(target_arch = "x86_64") {
        for feature in X86_64_V3 {
            // SAFETY: nothing runs on this engine. Engines that load its code check that their
            // processor has these features.
            #[expect(unsafe_code, reason = "there is no safe way to name a feature")]
            unsafe {
                config.cranelift_flag_enable(feature);
            }
        }
    }
    Ok(Engine::new(&config)?)
}

/// Starts the epoch clock. It holds a weak reference and ends with the engine.
fn start_clock(engine: &Engine) -> Result<()> {
    let weak = engine.weak();
    std::thread::Builder::new()
        .name("epoch".into())
        .spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })
        .context("cannot start the clock's thread")?;
    Ok(())
}
