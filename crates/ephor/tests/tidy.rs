//! Facts about the code base: which crate knows which, where `unsafe` lives, and that each crate is in the docs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Which of our crates a crate may depend on, as `docs/architecture.md` draws it.
const ARROWS: &[(&str, &[&str])] = &[
    ("ephor-core", &["ephor-derive"]),
    ("ephor-derive", &[]),
    ("ephor-constitution", &["ephor-core"]),
    ("ephor-lane", &[]),
    ("ephor-runtime", &["ephor-core", "ephor-constitution", "ephor-lane"]),
    ("ephor-health", &["ephor-core", "ephor-runtime"]),
    ("ephor-recovery", &["ephor-core", "ephor-runtime"]),
    ("ephor-policy", &["ephor-core", "ephor-runtime"]),
    ("ephor-audit", &["ephor-core", "ephor-runtime"]),
    (
        "ephor-oversight",
        &["ephor-audit", "ephor-core", "ephor-health", "ephor-policy", "ephor-recovery", "ephor-runtime"],
    ),
    (
        "ephor-profile",
        &[
            "ephor-audit",
            "ephor-constitution",
            "ephor-core",
            "ephor-health",
            "ephor-oversight",
            "ephor-policy",
            "ephor-recovery",
            "ephor-runtime",
        ],
    ),
    (
        "ephor",
        &[
            "ephor-audit",
            "ephor-constitution",
            "ephor-core",
            "ephor-health",
            "ephor-lane",
            "ephor-oversight",
            "ephor-policy",
            "ephor-profile",
            "ephor-recovery",
            "ephor-runtime",
        ],
    ),
    ("ephor-cli", &["ephor"]),
];

/// The one crate with unsafe code.
const UNSAFE_HOME: &str = "ephor-lane";
/// The crates that start threads and read the clock, besides binaries: what runs a bus, and what measures one.
const THREADS_HOMES: [&str; 2] = ["ephor-runtime", "ephor-profile"];
const LINES_MAX: usize = 700;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn crates() -> Vec<(String, PathBuf)> {
    let mut found: Vec<_> = fs::read_dir(root().join("crates"))
        .expect("the workspace has crates")
        .map(|entry| entry.expect("a directory entry can be read").path())
        .filter(|path| path.join("Cargo.toml").exists())
        .map(|path| (path.file_name().expect("a crate has a name").to_string_lossy().into_owned(), path))
        .collect();
    found.sort();
    found
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("a directory entry can be read").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of code of `text`, without comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split("//").next().unwrap_or("")).filter(|line| !line.trim().is_empty())
}

/// Our crates among the normal dependencies of a manifest.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut section = String::new();
    let mut found = BTreeSet::new();
    for line in manifest.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if section == "dependencies"
            && let Some(name) = line.split(['.', ' ', '=']).next()
            && name.starts_with("ephor")
        {
            found.insert(name.to_owned());
        }
    }
    found
}

#[test]
fn dependencies_point_one_way() {
    let allowed: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    for (name, path) in crates() {
        let arrows = allowed.get(name.as_str()).unwrap_or_else(|| panic!("{name} is not in the crate map"));
        for dependency in dependencies(&read(&path.join("Cargo.toml"))) {
            assert!(arrows.contains(&dependency.as_str()), "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn unsafe_code_lives_in_one_crate() {
    for (name, path) in crates() {
        let lib = ["src/lib.rs", "src/main.rs"].map(|file| path.join(file));
        let lib = lib.iter().find(|file| file.exists()).expect("a crate has a root");
        if name == UNSAFE_HOME {
            continue;
        }
        assert!(read(lib).contains("#![forbid(unsafe_code)]"), "{name} does not forbid unsafe code");
        for file in rust_files(&path.join("src")) {
            let text = read(&file);
            let has_unsafe =
                code(&text).any(|line| line.contains("unsafe {") || line.contains("unsafe impl"));
            assert!(!has_unsafe, "{} has unsafe code", file.display());
        }
    }
}

#[test]
fn only_the_peers_bench_turns_the_unchecked_twin_on() {
    let mut manifests: Vec<_> = crates().into_iter().map(|(_, path)| path.join("Cargo.toml")).collect();
    let apart = ["Cargo.toml", "benches/Cargo.toml", "benches/gates/Cargo.toml", "fuzz/Cargo.toml"];
    manifests.extend(apart.map(|path| root().join(path)));
    for manifest in manifests {
        let text = read(&manifest);
        let declares = manifest.ends_with("ephor-core/Cargo.toml");
        let uses = text.lines().filter(|line| line.contains("twin") && !line.starts_with('#')).count();
        assert_eq!(uses, usize::from(declares), "{} names the unchecked twin", manifest.display());
    }
}

#[test]
fn libraries_start_no_threads_and_read_no_clock_except_the_runtime() {
    for (name, path) in crates() {
        if name == "ephor-cli" || THREADS_HOMES.contains(&name.as_str()) {
            continue;
        }
        for file in rust_files(&path.join("src")) {
            let text = read(&file);
            let body = text.split("#[cfg(test)]").next().unwrap_or("");
            let body = body.split("#[cfg(all(test").next().unwrap_or("");
            for word in ["thread::spawn", "thread::Builder", "Instant::now", "SystemTime::now"] {
                assert!(!code(body).any(|line| line.contains(word)), "{}: {word}", file.display());
            }
        }
    }
}

#[test]
fn every_crate_is_in_the_architecture_page_and_every_page_it_links_exists() {
    let docs = root().join("docs");
    let page = read(&docs.join("architecture.md"));
    for (name, _) in crates() {
        assert!(page.contains(&format!("`{name}`")), "docs/architecture.md does not speak of {name}");
    }
    for entry in fs::read_dir(&docs).expect("there are docs") {
        let path = entry.expect("a directory entry can be read").path();
        if path.extension().is_some_and(|extension| extension == "md") {
            check_links(&path);
        }
    }
    check_links(&root().join("README.md"));
}

/// Checks the relative links of a page.
fn check_links(page: &Path) {
    let text = read(page);
    for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
        if link.is_empty() || link.contains("://") {
            continue;
        }
        let target = page.parent().expect("a page lies in a directory").join(link);
        assert!(target.exists(), "{} links to {link}, which is not there", page.display());
    }
}

#[test]
fn no_file_hides_a_second_idea() {
    for (_, path) in crates() {
        for file in rust_files(&path.join("src")) {
            let lines = read(&file).lines().count();
            assert!(lines <= LINES_MAX, "{} has {lines} lines", file.display());
        }
    }
}

#[test]
fn each_external_crate_says_why_it_is_there() {
    let manifest = read(&root().join("Cargo.toml"));
    let section = manifest.split("[workspace.dependencies]").nth(1).expect("the manifest has dependencies");
    let section = section.split("\n[").next().expect("split yields at least one part");
    let mut above = "";
    for line in section.lines() {
        let names_ours = line.starts_with("ephor");
        if !line.is_empty() && !line.starts_with('#') && !names_ours {
            let says_why = line.contains("# ") || above.starts_with("# ");
            assert!(says_why, "no reason is given for: {line}");
        }
        above = line;
    }
}
