//! The command line: what can be asked for, as types that hold only what makes sense.
//!
//! clap prints help and usage errors itself and ends with code 2 on the latter.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use ephor::profile::PhaseName;

use crate::facts::FACTS_FILES;
use crate::words::{Word, words};

/// The most workers that a replay may be spread over.
pub(crate) const WORKERS_MAX: u16 = 64;

const REPLAY_EXAMPLES: &str = "\
Examples:
  ephor replay
      The sample that is built in, as fast as possible
  ephor replay --trace calls.jsonl --facts facts/ --policy policy/ --json report.json
      A trace of your own
  ephor replay --arrivals requests.csv --speed 100
      Paced as real requests arrived, a hundred times as fast
  ephor replay --inject panic:desk@100
      An agent that crashes, to see supervision work

Exit codes: 0 done, 2 bad input or usage, 130 ended by Ctrl-C";

const PROFILE_EXAMPLES: &str = "\
Examples:
  ephor profile
      The overseers that are built in, against the original's targets; under two minutes
  ephor profile --quick --json now.json --html now.html
      Under twenty seconds, with a report for programs and one for people
  ephor profile --targets mine.toml --rate 20000 --baseline before.json
      Against targets of your own, latency at a rate of your own, beside an earlier run
  ephor profile --trace calls.jsonl --facts facts/ --policy policy/ --charter charter.toml
      The bus that a trace is replayed on, driven by its messages
  ephor profile --phase validate
      One phase, with the targets of its figures: profile, status, validate or analyse

Exit codes: 0 all targets met, 1 a target missed or a check, fault or action failed, 2 bad input or usage,
130 ended by Ctrl-C. What got worse since a baseline is shown and does not change the code.";

const VERIFY_EXAMPLES: &str = "\
Examples:
  ephor audit verify log/
      The log is consistent with its own checkpoint
  ephor audit verify log/ --vkey KEY --checkpoint kept.txt
      It is signed by that key and still holds all that the checkpoint saw

Exit codes: 0 the log verifies, 2 bad input or usage, 3 the log does not verify";

/// A governed bus: every message is checked against a constitution.
#[derive(Debug, Parser)]
#[command(name = "ephor", version, about, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the command does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Replays recorded traffic of agents through a governed bus
    Replay(ReplayOptions),
    /// Measures a bus in five phases and compares it with targets
    Profile(ProfileOptions),
    /// Works with the audit log that a replay leaves
    #[command(subcommand)]
    Audit(AuditCommand),
}

/// What is done with an audit log.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Verifies that a log is whole and unchanged
    Verify(VerifyOptions),
}

/// What a replay reads, how it runs and what it writes. What is left out is the embedded sample's.
#[derive(Debug, Default, PartialEq, Args)]
#[command(after_help = REPLAY_EXAMPLES)]
pub(crate) struct ReplayOptions {
    /// Messages to replay, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Directory of reservations.json, users.json and flights.json
    #[arg(long, value_name = "DIR")]
    pub(crate) facts: Option<PathBuf>,
    /// Directory of Rego files that decide about commands
    #[arg(long, value_name = "DIR")]
    pub(crate) policy: Option<PathBuf>,
    /// Charter that every message is checked against
    #[arg(long, value_name = "FILE")]
    pub(crate) charter: Option<PathBuf>,
    /// Directory for the audit log, new or empty [default: a new directory, printed]
    #[arg(long, value_name = "DIR")]
    pub(crate) audit: Option<PathBuf>,
    /// Writes the decision on each command, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) decisions: Option<PathBuf>,
    /// Writes the summary as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Threads that run agents, 1 to 64 [default: as the machine suggests]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(WORKERS_MAX)))]
    pub(crate) workers: Option<u16>,
    /// Paces messages by the arrival times in this CSV file [default: as fast as possible]
    #[arg(long, value_name = "FILE")]
    pub(crate) arrivals: Option<PathBuf>,
    /// Replays the arrivals N times as fast [default: 1]
    #[arg(long, value_name = "N", requires = "arrivals", allow_negative_numbers = true)]
    pub(crate) speed: Option<Speed>,
    /// Makes an agent (customer, desk, tools, policy) panic on its Nth message, counted from 1
    #[arg(long, value_name = "panic:AGENT@N")]
    pub(crate) inject: Option<Injection>,
    /// Shows no progress bar and no tables
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// What is profiled, against what, and what is written.
#[derive(Debug, Default, PartialEq, Args)]
#[command(after_help = PROFILE_EXAMPLES)]
pub(crate) struct ProfileOptions {
    /// Measures less often: under 20 seconds
    #[arg(long)]
    pub(crate) quick: bool,
    /// Runs one phase, profile, status, validate or analyse, and judges the targets of its figures
    #[arg(long, value_name = "NAME")]
    pub(crate) phase: Option<PhaseChoice>,
    /// Targets, TOML [default: those of the original; `strict` for our own]
    #[arg(long, value_name = "FILE|strict")]
    pub(crate) targets: Option<PathBuf>,
    /// Writes the report as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Writes the report as a page that needs no other file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Writes the report as Markdown
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Compares with an earlier report, one that `--json` wrote; what got worse does not change the exit code
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Compares with a baseline of another machine, subject, input or build, and marks it
    #[arg(long, requires = "baseline")]
    pub(crate) force: bool,
    /// Puts the figures of the original system beside ours
    #[arg(long)]
    pub(crate) compare_original: bool,
    /// Profiles the bus that this trace is replayed on, driven by its messages
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Directory of reservations.json, users.json and flights.json
    #[arg(long, value_name = "DIR")]
    pub(crate) facts: Option<PathBuf>,
    /// Directory of Rego files that decide about commands
    #[arg(long, value_name = "DIR")]
    pub(crate) policy: Option<PathBuf>,
    /// Charter that every message is checked against
    #[arg(long, value_name = "FILE")]
    pub(crate) charter: Option<PathBuf>,
    /// Measures latency at N messages a second [default: that of the baseline, or the highest of 10000, 1000 and 100 that is at
    /// most a quarter of saturation]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) rate: Option<Rate>,
    /// Drives the load curve by the arrival times in this CSV file too
    #[arg(long, value_name = "FILE")]
    pub(crate) arrivals: Option<PathBuf>,
    /// Shows no progress and no tables
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Measures one cold start in this process and prints it: what the profile starts processes for
    #[arg(long, hide = true)]
    pub(crate) cold_start: bool,
}

/// A phase of the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PhaseChoice(pub(crate) PhaseName);

impl FromStr for PhaseChoice {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let found = PhaseName::ALL.into_iter().find(|phase| phase.name() == text);
        if found == Some(PhaseName::Report) {
            return Err(ValueError::ReportAlone);
        }
        found.map(Self).ok_or_else(|| ValueError::Phase(text.to_owned()))
    }
}

/// Which log is verified, and against what.
#[derive(Debug, PartialEq, Args)]
#[command(after_help = VERIFY_EXAMPLES)]
pub(crate) struct VerifyOptions {
    /// Directory of the log
    #[arg(value_name = "DIR")]
    pub(crate) log: PathBuf,
    /// Key that must have signed the checkpoint: itself, or a file that holds it
    #[arg(long, value_name = "KEY|FILE")]
    pub(crate) vkey: Option<VerifierKey>,
    /// Checkpoint kept elsewhere, which the log must still hold
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Prints the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Why two options cannot be used together.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum OptionsError {
    /// An output would overwrite an input or another output.
    #[error("{path}: {output} and {other} name the same file; choose another for {output}")]
    SameFile {
        /// The file.
        path: String,
        /// The option that would write it.
        output: &'static str,
        /// The option that names it too.
        other: &'static str,
    },
    /// An output would lie inside the log, which then would not verify.
    #[error(
        "{path}: {output} lies inside the --audit directory, which holds the log alone; choose another place"
    )]
    InsideAudit {
        /// The file.
        path: String,
        /// The option that would write it.
        output: &'static str,
    },
}

impl ReplayOptions {
    /// How many times as fast as they came the arrivals are replayed.
    pub(crate) fn speed(&self) -> Speed {
        self.speed.unwrap_or_default()
    }

    /// Checks that no output overwrites an input, another output or the log.
    ///
    /// # Errors
    /// Names the file and the options that clash. Files that are not regular (`/dev/null`) never clash.
    pub(crate) fn check_outputs(&self) -> Result<(), OptionsError> {
        let outputs = [("--decisions", &self.decisions), ("--json", &self.json)];
        check_outputs(&outputs, self.inputs(), self.audit.as_deref())
    }

    /// The files that are read, each with the option that names it.
    fn inputs(&self) -> Vec<(&'static str, PathBuf)> {
        let files = [("--trace", &self.trace), ("--charter", &self.charter), ("--arrivals", &self.arrivals)];
        let files = files.into_iter().filter_map(|(option, path)| Some((option, resolve(path.as_deref()?))));
        let facts = self.facts.iter().flat_map(|facts| FACTS_FILES.map(|name| resolve(&facts.join(name))));
        files.chain(facts.map(|path| ("--facts", path))).collect()
    }
}

impl ProfileOptions {
    /// Checks that no output overwrites an input or another output.
    ///
    /// # Errors
    /// Names the file and the options that clash. Files that are not regular (`/dev/null`) never clash.
    pub(crate) fn check_outputs(&self) -> Result<(), OptionsError> {
        let outputs = [("--json", &self.json), ("--html", &self.html), ("--markdown", &self.markdown)];
        let files = [
            ("--trace", &self.trace),
            ("--charter", &self.charter),
            ("--arrivals", &self.arrivals),
            ("--targets", &self.targets),
            ("--baseline", &self.baseline),
        ];
        let files = files
            .into_iter()
            .filter_map(|(option, path)| Some((option, resolve(path.as_deref()?))))
            .collect();
        check_outputs(&outputs, files, None)
    }
}

/// Checks that none of `outputs` is one of `inputs`, another of them, or inside the log.
fn check_outputs(
    outputs: &[(&'static str, &Option<PathBuf>)],
    inputs: Vec<(&'static str, PathBuf)>,
    audit: Option<&Path>,
) -> Result<(), OptionsError> {
    let mut taken = inputs;
    for &(output, path) in outputs {
        let Some(path) = path.as_deref().filter(|path| is_regular_or_new(path)) else {
            continue;
        };
        let (resolved, shown) = (resolve(path), path.display().to_string());
        if let Some((other, _)) = taken.iter().find(|(_, other)| *other == resolved) {
            return Err(OptionsError::SameFile { path: shown, output, other });
        }
        if audit.is_some_and(|audit| resolved.starts_with(resolve(audit))) {
            return Err(OptionsError::InsideAudit { path: shown, output });
        }
        taken.push((output, resolved));
    }
    Ok(())
}

fn is_regular_or_new(path: &Path) -> bool {
    path.metadata().map_or(true, |metadata| metadata.is_file())
}

/// The file that `path` leads to, by its one name, whether it is there yet or not.
fn resolve(path: &Path) -> PathBuf {
    if let Ok(canonical) = path.canonicalize() {
        return canonical;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if parent.as_os_str().is_empty() => resolve(Path::new(".")).join(name),
        (Some(parent), Some(name)) => resolve(parent).join(name),
        _ => path.to_owned(),
    }
}

/// How many times as fast as they came arrivals are replayed: more than 0, finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Speed(f64);

impl Speed {
    /// The factor.
    pub(crate) fn as_f64(self) -> f64 {
        self.0
    }
}

impl Default for Speed {
    fn default() -> Self {
        Self(1.0)
    }
}

impl FromStr for Speed {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        above_zero(text).map(Self).ok_or(ValueError::Speed)
    }
}

/// Messages a second: more than 0, finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate(pub(crate) f64);

impl FromStr for Rate {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        above_zero(text).map(Self).ok_or(ValueError::Rate)
    }
}

/// A finite number above 0; none of anything else.
fn above_zero(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| *number > 0.0 && number.is_finite())
}

words! {
    /// An agent that a panic can be injected into.
    Target {
        /// The person who wants something.
        Customer = "customer",
        /// The agent that talks to the customer and calls the tools.
        Desk = "desk",
        /// The airline's systems.
        Tools = "tools",
        /// The overseer that decides about commands.
        Policy = "policy",
    }
}

/// A panic on every delivery of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Injection {
    /// The agent that panics.
    pub(crate) agent: Target,
    /// On its how-many-th message, counted from 1.
    pub(crate) message: NonZeroU64,
}

impl FromStr for Injection {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (agent, message) =
            text.strip_prefix("panic:").and_then(|rest| rest.split_once('@')).ok_or(ValueError::Injection)?;
        Ok(Self {
            agent: Target::parse(agent).ok_or_else(|| ValueError::Target(agent.to_owned()))?,
            message: message.parse().map_err(|_| ValueError::Message(message.to_owned()))?,
        })
    }
}

/// The key that a checkpoint must be signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum VerifierKey {
    /// The key itself, `NAME+HASH+KEY` as signed notes spell it.
    Text(String),
    /// A file that holds it.
    File(PathBuf),
}

impl FromStr for VerifierKey {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hash = text.split('+').nth(1).unwrap_or_default();
        let is_key = hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        Ok(if is_key { Self::Text(text.to_owned()) } else { Self::File(text.into()) })
    }
}

/// Why the value of an option makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ValueError {
    /// Not a speed.
    #[error("a speed is a number greater than 0, such as 0.5 or 100")]
    Speed,
    /// Not a rate.
    #[error("a rate is a number of messages a second greater than 0, such as 10000")]
    Rate,
    /// Not an injection.
    #[error("an injection is panic:AGENT@N, such as panic:desk@100")]
    Injection,
    /// Not an agent of the replay.
    #[error("`{0}` is no agent of the replay; it must be one of {choices}", choices = Target::choices())]
    Target(String),
    /// Not a phase.
    #[error("`{0}` is no phase; it must be one of profile, status, validate, analyse")]
    Phase(String),
    /// The report phase alone.
    #[error(
        "the report phase measures nothing, so alone it has nothing to report; name one of profile, status, validate, \
         analyse, or leave --phase out"
    )]
    ReportAlone,
    /// Not the number of a message.
    #[error("`{0}` is not the number of a message; they count from 1")]
    Message(String),
}

#[cfg(test)]
mod tests;
