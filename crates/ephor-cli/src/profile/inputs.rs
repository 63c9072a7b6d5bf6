//! What a profile reads, by content: digests of charter, policy, facts, trace and arrivals, those of the sample among them.
//!
//! Two runs are compared only when these agree. A digest is of the bytes of a file, or of the names and bytes of the files of a
//! directory, so it is the same wherever they lie.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::facts::FACTS_FILES;
use crate::failure::Failure;
use crate::options::ProfileOptions;
use crate::sample;

/// Bytes of a digest that are told: enough that no two inputs share them by chance.
const DIGEST_BYTES: usize = 8;

/// What the names of a policy's own tests end in: they decide nothing.
const TESTS: &str = "_test.rego";

/// The name of each input with its digest.
///
/// # Errors
/// When a file cannot be read; names it.
pub(super) fn of(options: &ProfileOptions) -> Result<Vec<(&'static str, String)>, Failure> {
    let policy = options.policy.as_deref().map(policy_files).transpose()?;
    let facts = options.facts.as_deref().map(|dir| FACTS_FILES.map(|name| dir.join(name)).to_vec());
    let sample_facts = [sample::RESERVATIONS, sample::USERS, sample::FLIGHTS];
    let sample_facts: Vec<_> = FACTS_FILES.into_iter().zip(sample_facts).collect();
    let mut digests = vec![
        ("charter", of_file(options.charter.as_deref(), sample::CHARTER)?),
        ("policy", of_directory(policy, sample::POLICY)?),
        ("facts", of_directory(facts, &sample_facts)?),
        ("trace", of_file(options.trace.as_deref(), sample::TRACE)?),
    ];
    if let Some(path) = &options.arrivals {
        digests.push(("arrivals", of_file(Some(path), "")?));
    }
    Ok(digests)
}

/// The digest of the file at `path`, or of the sample's text.
fn of_file(path: Option<&Path>, sample: &str) -> Result<String, Failure> {
    Ok(told(match path {
        Some(path) => content(path)?,
        None => Sha256::digest(sample).into(),
    }))
}

/// The digest of `files`, or of the sample's texts, each with its name.
fn of_directory(files: Option<Vec<PathBuf>>, sample: &[(&str, &str)]) -> Result<String, Failure> {
    let mut all = Sha256::new();
    let mut add = |name: &[u8], content: [u8; 32]| {
        all.update(Sha256::digest(name));
        all.update(content);
    };
    match files {
        Some(files) => {
            for path in files {
                add(path.file_name().unwrap_or_default().as_encoded_bytes(), content(&path)?);
            }
        }
        None => sample.iter().for_each(|(name, text)| add(name.as_bytes(), Sha256::digest(text).into())),
    }
    Ok(told(all.finalize().into()))
}

/// The files that decide, without the tests of a policy, in the order of their names.
fn policy_files(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(dir).map_err(|error| unreadable(dir, &error))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> =
        paths.collect::<io::Result<_>>().map_err(|error| unreadable(dir, &error))?;
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".rego") && !name.ends_with(TESTS)
    });
    paths.sort_unstable();
    Ok(paths)
}

fn content(path: &Path) -> Result<[u8; 32], Failure> {
    let read = || {
        let (mut file, mut hash) = (BufReader::new(File::open(path)?), Sha256::new());
        loop {
            let bytes = file.fill_buf()?;
            if bytes.is_empty() {
                return Ok(hash.finalize().into());
            }
            hash.update(bytes);
            let count = bytes.len();
            file.consume(count);
        }
    };
    read().map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::refused(format!("{}: cannot be read: {error}", path.display()))
}

fn told(digest: [u8; 32]) -> String {
    digest[..DIGEST_BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the files of the sample lie.
    const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/airline");

    fn from(dir: &Path) -> ProfileOptions {
        ProfileOptions {
            charter: Some(dir.join("charter.toml")),
            policy: Some(dir.join("policy")),
            facts: Some(dir.to_owned()),
            trace: Some(dir.join("calls.jsonl")),
            ..ProfileOptions::default()
        }
    }

    #[test]
    fn the_sample_has_the_digests_of_its_files() {
        let digests = of(&ProfileOptions::default()).unwrap();
        assert_eq!(digests, of(&from(Path::new(SAMPLE))).unwrap());
        assert!(digests.iter().all(|(_, digest)| digest.len() == 16), "{digests:?}");
    }

    #[test]
    fn each_input_has_a_digest_of_its_own_content() {
        let before = of(&ProfileOptions::default()).unwrap();
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("other");
        fs::write(&file, "other").unwrap();
        let own = |change: fn(&mut ProfileOptions, PathBuf)| {
            let mut options = ProfileOptions::default();
            change(&mut options, file.clone());
            let now = of(&options).unwrap();
            let other = now.into_iter().filter(|input| !before.contains(input)).map(|(name, _)| name);
            other.collect::<Vec<_>>()
        };
        assert_eq!(own(|options, file| options.charter = Some(file)), ["charter"]);
        assert_eq!(own(|options, file| options.trace = Some(file)), ["trace"]);
        assert_eq!(own(|options, file| options.arrivals = Some(file)), ["arrivals"]);
        assert_eq!(own(|options, file| options.policy = file.parent().map(Path::to_owned)), ["policy"]);
    }
}
