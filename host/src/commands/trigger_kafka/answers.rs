//! Responses to the questions that `spin up` asks a trigger before it starts one.

use clap::Command;
use serde_json::{Value, json};

/// Returns the help of the flags, which `spin up` shows below its own.
pub fn help(command: Command) -> String {
    let command = command
        .disable_help_flag(true)
        .disable_version_flag(true)
        .help_template("{all-args}\n");
    let mut command = command;
    command.render_long_help().to_string()
}

/// Returns the flags as Spin's `LaunchMetadata`: with several types of triggers, Spin passes each
/// trigger only the flags that it knows.
pub fn launch_metadata(command: &Command) -> Value {
    let flags = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let flags = flags.map(|arg| {
        json!({
            "short": arg.get_short().map(|short| format!("-{short}")),
            "long": arg.get_long().map(|long| format!("--{long}")),
        })
    });
    json!({ "all_flags": flags.collect::<Vec<_>>() })
}
