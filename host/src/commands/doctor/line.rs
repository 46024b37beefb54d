//! Findings of the checks, as lines for people or a JSON object for programs.

use std::io::IsTerminal;

use serde::Serialize;

/// Result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Works, with a remark.
    Warning,
    /// Does not work.
    Failed,
    /// Could not be checked.
    Skipped,
}

/// One check with its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Name of the check.
    pub check: &'static str,
    /// Its result.
    pub state: State,
    /// Description of the finding.
    pub found: String,
    /// Remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// A finding that is not yet assigned to a check.
#[derive(Debug, Clone)]
pub struct Finding {
    state: State,
    found: String,
    remedy: Option<String>,
}

impl Finding {
    /// Builds the finding of a passed check.
    pub fn ok(found: impl Into<String>) -> Self {
        Self {
            state: State::Ok,
            found: found.into(),
            remedy: None,
        }
    }

    /// Builds the finding of a check that passed with a remark.
    pub fn warning(found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            state: State::Warning,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }

    /// Builds the finding of a failed check.
    pub fn failed(found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            state: State::Failed,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }

    /// Builds the finding of a check that could not be made.
    pub fn skipped(found: impl Into<String>) -> Self {
        Self {
            state: State::Skipped,
            found: found.into(),
            remedy: None,
        }
    }
}

/// The findings so far; each is printed as soon as it is known.
#[derive(Debug)]
pub struct Lines {
    json: bool,
    all: Vec<Line>,
}

impl Lines {
    /// Starts an empty list.
    pub fn new(json: bool) -> Self {
        Self {
            json,
            all: Vec::new(),
        }
    }

    /// Adds the finding of a check, and reports whether the checks that build on it make sense.
    pub fn add(&mut self, check: &'static str, finding: Finding) -> bool {
        let line = Line {
            check,
            state: finding.state,
            found: finding.found,
            remedy: finding.remedy,
        };
        if !self.json {
            line.print();
        }
        let goes_on = matches!(line.state, State::Ok | State::Warning);
        self.all.push(line);
        goes_on
    }

    /// Reports whether no check failed.
    pub fn is_well(&self) -> bool {
        self.count(State::Failed) == 0
    }

    /// Prints the summary.
    pub fn end(&self) {
        if self.json {
            let text = serde_json::json!({"ok": self.is_well(), "checks": self.all});
            println!("{text:#}");
            return;
        }
        println!(
            "{} ok, {} warnings, {} failed, {} skipped",
            self.count(State::Ok),
            self.count(State::Warning),
            self.count(State::Failed),
            self.count(State::Skipped)
        );
    }

    fn count(&self, state: State) -> usize {
        self.all.iter().filter(|line| line.state == state).count()
    }
}

impl Line {
    fn print(&self) {
        let (word, color) = match self.state {
            State::Ok => ("ok", 32),
            State::Warning => ("warn", 33),
            State::Failed => ("FAIL", 31),
            State::Skipped => ("skip", 90),
        };
        let word = format!("{word:<4}");
        let word = if std::io::stdout().is_terminal() {
            format!("\x1b[{color}m{word}\x1b[0m")
        } else {
            word
        };
        println!("{word} {:<18} {}", self.check, self.found);
        if let Some(remedy) = &self.remedy {
            println!("     {:<18} -> {remedy}", "");
        }
    }
}
