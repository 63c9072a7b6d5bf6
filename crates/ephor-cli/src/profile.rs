//! `ephor profile`: measures a bus in five phases, compares it with targets, and writes reports.
//!
//! Everything that is read is checked before the first measurement, and every place that is written to is opened.

mod inputs;
mod progress;
mod text;
mod trace;
mod traffic;

use std::path::Path;
use std::process::Command;

use ephor::profile::baseline::{Baseline, Force};
use ephor::profile::report::Report;
use ephor::profile::targets::Targets;
use ephor::profile::{
    Audited, Begun, Config, Effort, ProfileError, Stop, beside_original, cold_start, html, markdown,
    overseers,
};

use crate::arrivals::Pacing;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::options::{ProfileOptions, Speed};
use crate::report::{Look, OutFile, print_stdout};
use progress::Steps;
use trace::{LINES_MAX, Recorded};

/// The name of our own targets, in place of a file.
const STRICT: &str = "strict";

/// The files that a report is written to.
struct Outputs {
    json: Option<OutFile>,
    html: Option<OutFile>,
    markdown: Option<OutFile>,
}

/// Profiles what `options` ask for, in a program that began at `begun`.
///
/// # Errors
/// [`Failure::Refused`] when an input is bad or an output cannot be written, [`Failure::Missed`] when a target was missed or
/// a check failed, [`Failure::Stopped`] after Ctrl-C.
pub(crate) fn run(options: &ProfileOptions, begun: Begun) -> Result<(), Failure> {
    options.check_outputs()?;
    if options.cold_start {
        return print_cold_start(options, begun);
    }
    let targets = targets(options.targets.as_deref())?;
    let baseline = options.baseline.as_deref().map(Baseline::load).transpose()?;
    let arrivals =
        options.arrivals.as_deref().map(|path| Pacing::open(path, Speed::default())).transpose()?;
    let recorded = options.trace.as_deref().map(|path| Recorded::open(path, options)).transpose()?;
    let inputs = inputs::of(options)?;
    let interrupt = Interrupt::install()?;
    let is_cut = recorded.as_ref().is_some_and(|recorded| recorded.is_cut);
    let traffic = traffic::of(options, is_cut, &interrupt)?;
    let outputs = Outputs::create(options)?;

    let steps = if options.quiet { Steps::hidden() } else { Steps::on_stderr() };
    let mut config = Config::new(&subject(options))
        .effort(if options.quick { Effort::Quick } else { Effort::Full })
        .targets(targets)
        .traffic(traffic)
        .fresh_processes(fresh(options)?)
        .stop(stop_on(interrupt))
        .tell(move |progress| steps.tell(progress));
    for (name, digest) in &inputs {
        config = config.input(name, digest);
    }
    if is_cut {
        config = config.note(&format!("the trace was cut: of its lines the first {LINES_MAX} are sent"));
    }
    if let Some(baseline) = &baseline {
        // Whether the two can be compared is known before anything is measured.
        config = config.like(baseline.clone(), force(options));
    }
    if let Some(phase) = options.phase {
        config = config.only(phase.0);
    }
    if let Some(rate) = options.rate {
        config = config.rate(rate.0);
    }
    if let Some(arrivals) = &arrivals {
        config = config.arrivals(arrivals.times_us());
    }
    let report = match recorded {
        Some(recorded) => ephor::profile::run(recorded.recipe(), config),
        None => ephor::profile::run(overseers(Audited::Yes), config),
    };
    let report = report.map_err(why)?;
    conclude(options, report, baseline, outputs)
}

/// What the report calls that which is measured: a trace by the name of its file, wherever that lies.
fn subject(options: &ProfileOptions) -> String {
    let trace = options.trace.as_deref().map(|path| format!("trace {}", file_name(path)));
    trace.unwrap_or_else(|| "overseers".to_owned())
}

/// The name of a file without its directory.
fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn why(error: ProfileError) -> Failure {
    match error {
        ProfileError::Interrupted { during } => Failure::Stopped { during },
        error => error.into(),
    }
}

/// Adds what stands beside the report, writes it, and says whether it passed.
fn conclude(
    options: &ProfileOptions,
    mut report: Report,
    baseline: Option<Baseline>,
    outputs: Outputs,
) -> Result<(), Failure> {
    let compared = baseline.map(|baseline| baseline.compare(&report, force(options))).transpose();
    // A baseline that cannot be compared after all costs the comparison, and not the report.
    let not_compared = match compared {
        Ok(comparison) => {
            report.comparison = comparison;
            None
        }
        Err(error) => Some(error),
    };
    if options.compare_original {
        report.original = beside_original(&report);
    }
    let written = outputs.write(&report);
    if !options.quiet {
        print_stdout(&text::render(&report, Look::of_stdout()))?;
    }
    written?;
    if let Some(error) = not_compared {
        return Err(error.into());
    }
    if report.is_passed() { Ok(()) } else { Err(Failure::Missed(text::what_failed(&report))) }
}

fn force(options: &ProfileOptions) -> Force {
    if options.force { Force::Yes } else { Force::No }
}

fn targets(path: Option<&Path>) -> Result<Targets, Failure> {
    Ok(match path {
        None => Targets::original(),
        Some(path) if path == Path::new(STRICT) => Targets::strict(),
        Some(path) => Targets::load(path)?,
    })
}

/// Starts this program again, to measure a cold start of the same subject.
fn fresh(options: &ProfileOptions) -> Result<impl FnMut() -> Command + Send + 'static, Failure> {
    let program = std::env::current_exe()?;
    let mut arguments = vec!["profile".into(), "--cold-start".into()];
    let paths = [
        ("--trace", &options.trace),
        ("--facts", &options.facts),
        ("--policy", &options.policy),
        ("--charter", &options.charter),
    ];
    for (option, path) in paths {
        if let Some(path) = path {
            arguments.extend([option.into(), path.as_os_str().to_owned()]);
        }
    }
    Ok(move || {
        let mut command = Command::new(&program);
        command.args(&arguments);
        command
    })
}

fn print_cold_start(options: &ProfileOptions, begun: Begun) -> Result<(), Failure> {
    let start = match &options.trace {
        Some(path) => {
            let recorded = Recorded::open(path, options)?;
            cold_start(begun, recorded.recipe())
        }
        None => cold_start(begun, overseers(Audited::Yes)),
    };
    print_stdout(&format!("{}\n", start?.to_json()))?;
    Ok(())
}

/// Asks the profile to stop when Ctrl-C was pressed.
fn stop_on(interrupt: Interrupt) -> Stop {
    Stop::when(move || interrupt.is_raised())
}

impl Outputs {
    fn create(options: &ProfileOptions) -> Result<Self, Failure> {
        let create = |path: &Option<std::path::PathBuf>| {
            path.as_deref().map(|path| OutFile::create(path, "report")).transpose()
        };
        Ok(Self {
            json: create(&options.json)?,
            html: create(&options.html)?,
            markdown: create(&options.markdown)?,
        })
    }

    /// Writes each of the files, whatever becomes of the others; the error is the first.
    fn write(self, report: &Report) -> Result<(), Failure> {
        let json = self.json.map_or(Ok(()), |file| file.commit_json(report).map_err(Failure::from));
        let html = self.html.map_or(Ok(()), |file| Ok(file.commit(html(report)?.as_bytes())?));
        let markdown = self
            .markdown
            .map_or(Ok(()), |file| file.commit(markdown(report).as_bytes()).map_err(Failure::from));
        json.and(html).and(markdown)
    }
}
