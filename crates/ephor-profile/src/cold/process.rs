//! A process that is run to its end, or to a deadline.
//!
//! What it prints goes to files without a name, so that it never waits for a reader, and nobody waits for it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often a process that runs is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Bytes of what a process printed that are read, the last ones.
const PRINTED_BYTES_MAX: u64 = 1 << 20;

/// What a process that ended left behind.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Runs `command` to its end. One that is not done after `longest`, or when `is_stopped` says so, is killed; what it
/// started itself is not.
///
/// # Errors
/// Why it did not come to its end, in words.
pub(super) fn run(
    mut command: Command,
    longest: Duration,
    is_stopped: impl Fn() -> bool,
) -> Result<Ended, String> {
    let files = || Ok::<_, io::Error>((tempfile::tempfile()?, tempfile::tempfile()?));
    let (out, err) = files().map_err(|error| format!("no file for what it prints: {error}"))?;
    let copies = || Ok::<_, io::Error>((out.try_clone()?, err.try_clone()?));
    let (stdout, stderr) = copies().map_err(|error| format!("no file for what it prints: {error}"))?;
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    let child = command.spawn().map_err(|error| format!("no process: {error}"))?;
    let status = wait(child, longest, is_stopped)?;
    Ok(Ended { status, stdout: printed(out), stderr: printed(err) })
}

fn wait(mut child: Child, longest: Duration, is_stopped: impl Fn() -> bool) -> Result<ExitStatus, String> {
    let begun = Instant::now();
    loop {
        let why = match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if begun.elapsed() >= longest => {
                format!("it was not done after {longest:?}, and was killed")
            }
            Ok(None) if is_stopped() => "it was stopped".to_owned(),
            Ok(None) => {
                thread::sleep(LOOK_EVERY);
                continue;
            }
            Err(error) => format!("it cannot be waited for: {error}"),
        };
        // One that has ended meanwhile cannot be killed, and one that was killed ends.
        let _killed = child.kill().and_then(|()| child.wait());
        return Err(why);
    }
}

/// The end of what a process wrote to `file`.
fn printed(mut file: File) -> String {
    let mut bytes = Vec::new();
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let from = SeekFrom::Start(length.saturating_sub(PRINTED_BYTES_MAX));
    // What cannot be read is as if it had not been printed.
    let _read = file.seek(from).and_then(|_| file.take(PRINTED_BYTES_MAX).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_a_process_prints_is_read_however_much_it_is() {
        let ended =
            run(shell("head -c 300000 /dev/zero; echo; echo last; echo oh >&2; exit 3"), LONG, || false);
        let ended = ended.unwrap();
        assert_eq!((ended.stdout.lines().last(), ended.stderr.as_str()), (Some("last"), "oh\n"));
        assert_eq!(ended.status.code(), Some(3));
    }

    #[test]
    fn a_process_that_does_not_end_is_killed_after_the_deadline() {
        // The one that it started in turn holds its output open, and nobody waits for that either.
        let why = run(shell("sleep 3 & exec sleep 1000"), Duration::from_millis(30), || false).unwrap_err();
        assert!(why.contains("not done after 30ms"), "{why}");
    }

    #[test]
    fn a_process_is_killed_when_the_profile_is_to_stop() {
        let why = run(shell("exec sleep 1000"), LONG, || true).unwrap_err();
        assert_eq!(why, "it was stopped");
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        assert!(run(Command::new("/no such program"), LONG, || false).unwrap_err().contains("no process"));
    }
}
