//! What a check found, as a line for people or a JSON object for programs.

use std::io::IsTerminal;

use serde::Serialize;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, and there is something to know.
    Warning,
    /// It does not work.
    Failed,
    /// It could not be looked at.
    Skipped,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What was checked.
    pub check: &'static str,
    /// How it ended.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// What was found, before it is known which check it belongs to.
#[derive(Debug, Clone)]
pub struct Finding {
    state: State,
    found: String,
    remedy: Option<String>,
}

impl Finding {
    /// All is well.
    pub fn ok(found: impl Into<String>) -> Self {
        Self {
            state: State::Ok,
            found: found.into(),
            remedy: None,
        }
    }

    /// It works, but.
    pub fn warning(found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            state: State::Warning,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }

    /// It does not work.
    pub fn failed(found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            state: State::Failed,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }

    /// It could not be looked at.
    pub fn skipped(found: impl Into<String>) -> Self {
        Self {
            state: State::Skipped,
            found: found.into(),
            remedy: None,
        }
    }
}

/// The lines so far; each is printed as soon as it is known.
#[derive(Debug)]
pub struct Lines {
    json: bool,
    all: Vec<Line>,
}

impl Lines {
    /// None so far.
    pub fn new(json: bool) -> Self {
        Self {
            json,
            all: Vec::new(),
        }
    }

    /// Adds what a check found, and says whether the checks that build on it make sense.
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

    /// Whether nothing failed.
    pub fn is_well(&self) -> bool {
        self.count(State::Failed) == 0
    }

    /// Prints what comes at the end.
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
        let (word, colour) = match self.state {
            State::Ok => ("ok", 32),
            State::Warning => ("warn", 33),
            State::Failed => ("FAIL", 31),
            State::Skipped => ("skip", 90),
        };
        let word = format!("{word:<4}");
        let word = if std::io::stdout().is_terminal() {
            format!("\x1b[{colour}m{word}\x1b[0m")
        } else {
            word
        };
        println!("{word} {:<18} {}", self.check, self.found);
        if let Some(remedy) = &self.remedy {
            println!("     {:<18} -> {remedy}", "");
        }
    }
}
