//! The catalogue: the name of every figure, with its unit, which way is better, and what counts as a change of it.
//!
//! Targets and baselines refer to figures by these names. A name that ends in `.*` is a family: `start.*` stands for
//! `start.audit`, `start.health` and so on, one for each agent.

use crate::config::PhaseName;

/// Ratio from which on a time or a rate counts as changed. Most code takes up to half as long again on a core whose other half is
/// busy, and this lies beyond it. A tight loop takes twice as long then, which only repetitions spread over the run tell from a change.
const FACTOR: f64 = 1.6;
/// The same for a percentile of the tail, which wanders three times and more by itself.
const FACTOR_TAIL: f64 = 5.0;

/// The same for what crosses cores, which has two speeds within one class of distance.
const FACTOR_CORES: f64 = 2.5;

/// A mean of what nothing holds up for long.
const STEADY: Criterion = Criterion::Ratio(FACTOR);
/// A mean that is made by its few longest: of what waits for a disk, or for another core.
const HELD_UP: Criterion = Criterion::Shown;

/// The most names that are suggested for one that is not known.
const SUGGESTIONS: usize = 3;
/// The most characters of an unknown name that are looked at.
const NAME_CHARS_MAX: usize = 64;

/// A figure that a profile may have.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// Its name; one that ends in `.*` is a family.
    pub name: &'static str,
    /// The unit that it is reported in.
    pub unit: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Which way is better.
    pub better: Better,
    /// Where it happens.
    pub place: Place,
    /// The phase that measures it.
    pub phase: PhaseName,
    /// What counts as a change.
    pub change: Criterion,
    /// What the members of the family are; none when this is one figure.
    pub members: Option<Members>,
}

/// What the members of a family are, of which each has a figure: the rest of its name, after the dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Members {
    /// The agents, by name.
    Agents,
    /// The edges and gateways: `from -> to`.
    Edges,
    /// The handlers: `agent: Kind`.
    Handlers,
    /// These, whatever the subject.
    Named(&'static [&'static str]),
}

/// The faults that are put in.
const FAULTS: Members = Members::Named(&["panic", "stall", "full_lane", "breaker", "policy"]);

/// Which way a figure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Less of it: times, losses.
    Smaller,
    /// More of it: rates, shares.
    Larger,
}

/// Where that which a figure measures happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On one thread, so that only the clock of its core and the host touch it.
    Thread,
    /// From one core to another: it is compared within one class of distance only.
    Cores,
    /// In more than one place, in the kernel, or in none.
    Elsewhere,
}

/// What counts as a change of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Criterion {
    /// That the repetitions of two runs lie apart, and their ratio is at least this.
    Ratio(f64),
    /// That it differs by more than this, in its unit. 0: that it differs.
    Points(f64),
    /// That it differs by more than this share of what was counted.
    Share(f64),
    /// Nothing: it is shown. It tells about the host or the generator, or is one single event.
    Shown,
}

impl Entry {
    const fn time(name: &'static str, what: &'static str) -> Self {
        let (better, place, phase) = (Better::Smaller, Place::Elsewhere, PhaseName::Profile);
        let change = Criterion::Ratio(FACTOR);
        Self { name, unit: "ns", what, better, place, phase, change, members: None }
    }

    const fn rate(name: &'static str, what: &'static str) -> Self {
        Self { unit: "msg/s", better: Better::Larger, ..Self::time(name, what) }
    }

    const fn percent(name: &'static str, points: f64, what: &'static str) -> Self {
        Self { unit: "%", change: Criterion::Points(points), ..Self::rate(name, what) }
    }

    const fn count(name: &'static str, what: &'static str) -> Self {
        Self { unit: "count", change: Criterion::Points(0.0), ..Self::time(name, what) }
    }

    const fn changes(self, change: Criterion) -> Self {
        Self { change, ..self }
    }

    const fn during(self, phase: PhaseName) -> Self {
        Self { phase, ..self }
    }

    const fn of(self, members: Members) -> Self {
        Self { members: Some(members), ..self }
    }

    const fn shown(self) -> Self {
        self.changes(Criterion::Shown)
    }

    const fn at(self, place: Place) -> Self {
        let factor = match place {
            Place::Cores => FACTOR_CORES,
            Place::Thread | Place::Elsewhere => FACTOR,
        };
        Self { place, ..self }.changes(Criterion::Ratio(factor))
    }

    /// A percentile of the tail. Across cores the host makes it: 30 times within one run was seen.
    const fn tail(self) -> Self {
        match self.place {
            Place::Cores => self.shown(),
            Place::Thread | Place::Elsewhere => self.changes(Criterion::Ratio(FACTOR_TAIL)),
        }
    }

    const fn less(self) -> Self {
        Self { better: Better::Smaller, ..self }
    }

    /// What the names of a family begin with, the dot included; none when this is one figure.
    pub fn family(&self) -> Option<&'static str> {
        self.name.strip_suffix('*')
    }

    /// Whether `name` is the name of this figure, of this family, or of a member of it.
    pub fn is_named(&self, name: &str) -> bool {
        let is_member = |prefix| name.strip_prefix(prefix).is_some_and(|agent| !agent.is_empty());
        self.name == name || self.family().is_some_and(is_member)
    }
}

/// The entry that `name` belongs to: a figure, a family, or a member of a family.
///
/// # Examples
/// ```
/// use ephor_profile::catalogue::find;
/// assert_eq!(find("latency_p99").unwrap().unit, "ns");
/// assert_eq!(find("ping.audit").unwrap().name, "ping.*");
/// assert!(find("latency").is_none());
/// ```
pub fn find(name: &str) -> Option<&'static Entry> {
    METRICS.iter().find(|entry| entry.is_named(name))
}

/// The names that `name` may have been meant to be, the nearest first: those that contain it, then by the letters that differ.
pub fn nearest(name: &str) -> Vec<&'static str> {
    nearest_of(name, METRICS.iter().map(|entry| entry.name))
}

/// The same of `names`, which may be none.
pub(crate) fn nearest_of<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let name: Vec<char> = name.chars().take(NAME_CHARS_MAX).collect();
    let text: String = name.iter().collect();
    let distance = |other: &str| {
        let is_part = !text.is_empty() && other.contains(&text);
        if is_part { 0 } else { distance(&name, &other.chars().collect::<Vec<_>>()) }
    };
    let mut near: Vec<(usize, &str)> = names.into_iter().map(|other| (distance(other), other)).collect();
    near.sort_by_key(|(distance, _)| *distance);
    let farthest = near.first().map_or(0, |(distance, _)| distance + 1);
    near.into_iter()
        .take_while(|(distance, _)| *distance <= farthest)
        .take(SUGGESTIONS)
        .map(|(_, name)| name)
        .collect()
}

/// How many letters have to be put in, taken out or exchanged to make `right` of `left`.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (at, other) in right.iter().enumerate() {
            let exchanged = diagonal + usize::from(letter != other);
            diagonal = row[at + 1];
            row[at + 1] = exchanged.min(row[at] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

/// The figures of operations, three each, and all others. An operation says where it happens, and how its mean is.
macro_rules! metrics {
    (operations { $($name:literal $place:ident $mean:ident $what:literal,)* } others { $($other:expr,)* }) => {
        &[
            $($other,)*
            $(
                Entry::time(concat!($name, "_p50"), concat!($what, ", half of all")).at(Place::$place),
                Entry::time(concat!($name, "_p99"), concat!($what, ", 99 of 100")).at(Place::$place).tail(),
                Entry::time(concat!($name, "_mean"), concat!($what, ", the mean")).at(Place::$place).changes($mean),
            )*
        ]
    };
}

/// Every figure.
#[rustfmt::skip] // one line a figure, as a table
pub const METRICS: &[Entry] = metrics! {
    operations {
        "check" Thread STEADY "the check of a header",
        "frame" Thread STEADY "making a frame",
        "send" Thread STEADY "sending through a gateway that has room",
        "hop_local" Thread STEADY "from emit to handler on one worker",
        "hop_cross" Cores HELD_UP "from emit to handler between two workers",
        "pulse" Thread STEADY "offering a pulse",
        "recovery_schedule" Thread STEADY "scheduling a recovery",
        "recovery_cancel" Thread STEADY "cancelling a recovery",
        "recovery_fire" Thread STEADY "polling for a recovery that is due",
        "policy_hit" Thread STEADY "a decision from the cache",
        "policy_miss" Thread STEADY "a decision that is evaluated",
        "audit_append" Thread HELD_UP "appending a record to the log, without sync",
    }
    others {
        Entry::time("latency_p50", "from when a message was due to its fate, half of all").at(Place::Cores),
        Entry::time("latency_p99", "from when a message was due to its fate, 99 of 100").at(Place::Cores).tail(),
        Entry::time("latency_p999", "from when a message was due to its fate, 999 of 1000").at(Place::Cores).shown(),
        Entry::time("latency_max", "from when a message was due to its fate, the longest").at(Place::Cores).shown(),
        Entry::rate("throughput", "messages whose fate is settled, a second, at saturation").at(Place::Cores),
        Entry::rate("throughput_derived", "one over the means of a check and of making a frame").shown(),
        Entry::percent("cache_hit_rate", 1.0, "decisions from the cache, over all passes of real traffic").during(PhaseName::Validate),
        Entry::percent("cache_hit_rate_first_pass", 1.0, "decisions from the cache, in the first pass").during(PhaseName::Validate),
        Entry::percent("compliance", 0.0, "decisions that are the right ones").during(PhaseName::Validate),
        // One ping of a few hundred that a host held up is no change.
        Entry::percent("availability", 1.0, "pings that agents answered in time").during(PhaseName::Status),
        // A host that stops a worker for some milliseconds fills a lane, and what is refused then counts.
        Entry::count("lost", "messages refused, or lost under any name").changes(Criterion::Share(0.05)),
        Entry::time("schedule_error_p99", "how late the generator sends, 99 of 100").shown(),
        Entry::rate("generator_rate_max", "the highest rate that the generator keeps").shown(),
        Entry::percent("measuring_cost", 0.0, "throughput that asking for fates costs a bus that does nothing else").less().shown(),
        Entry::percent("stolen", 0.0, "the cores' time that the host took while latency was measured").less().shown(),
        Entry::percent("interrupted", 0.0, "messages that were due while the host had the generator's core").less().shown(),
        Entry::time("clock_floor", "two readings of the clock").shown(),
        // Of starts and of pings all repetitions may meet one state of disk and cores, and the next run another: 14 times was seen.
        Entry::time("cold_process", "from the order to start a process to its first line").shown(),
        Entry::time("cold_read", "reading arguments and the files that the subject is made of").shown(),
        Entry::time("cold_build", "making the topology").shown(),
        Entry::time("cold_start", "starting workers and agents").shown(),
        Entry::time("cold_start_no_prewarm", "the same with lanes and stacks left untouched").shown(),
        Entry::time("cold_first_message", "the first message of a process").shown(),
        Entry::time("cold_first_message_no_prewarm", "the same after a start without pre-warm").shown(),
        Entry::time("cold_first_message_warm", "a message after the warm-up").shown(),
        Entry::time("cold_agent.*", "an agent's factory and its start hook, in a fresh process").of(Members::Agents).shown(),
        Entry::time("start.*", "an agent's factory and its start hook").of(Members::Agents).shown().during(PhaseName::Status),
        Entry::time("first_message.*", "from the first message that was sent to an agent's first").of(Members::Agents).shown().during(PhaseName::Status),
        Entry::time("ping.*", "from the order to an agent's answer in its own turn").of(Members::Agents).shown().during(PhaseName::Status),
        Entry::count("suite_failed", "checks of the coordination suite that did not hold").during(PhaseName::Validate),
        Entry::time("fault_detect.*", "from a fault to its notice").of(FAULTS).shown().during(PhaseName::Validate),
        Entry::time("fault_recover.*", "from the end of a fault's cause to a bus as before").of(FAULTS).shown().during(PhaseName::Validate),
        Entry::time("wait_p99.*", "waiting on an edge, 99 of 100").of(Members::Edges).shown().during(PhaseName::Analyse),
        Entry::time("handling_p99.*", "handling in an agent, 99 of 100").of(Members::Handlers).shown().during(PhaseName::Analyse),
    }
};

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_none_twice() {
        for entry in METRICS {
            assert_eq!(find(entry.name), Some(entry));
            assert_eq!(METRICS.iter().filter(|other| other.is_named(entry.name)).count(), 1, "{entry:?}");
        }
        assert_eq!(METRICS.len(), 34 + 3 * 12);
    }

    #[test]
    fn a_member_of_a_family_is_found_and_its_bare_prefix_is_not() {
        assert_eq!(find("wait_p99.relay -> sink").unwrap().name, "wait_p99.*");
        for name in ["", "start", "start.", "*", ".*", "latency_p99.", "latency_p99.x", "Latency_p99"] {
            assert!(find(name).is_none(), "{name}");
        }
    }

    #[test]
    fn a_family_and_nothing_else_says_what_its_members_are() {
        for entry in METRICS {
            assert_eq!(entry.members.is_some(), entry.family().is_some(), "{entry:?}");
        }
    }

    #[test]
    fn every_unit_has_one_direction_but_for_shares_that_are_costs() {
        for entry in METRICS {
            let expected = match entry.unit {
                "ns" | "count" => Better::Smaller,
                "msg/s" => Better::Larger,
                "%" if ["measuring_cost", "stolen", "interrupted"].contains(&entry.name) => Better::Smaller,
                "%" => Better::Larger,
                unit => panic!("{unit} is not a unit of figures"),
            };
            assert_eq!(entry.better, expected, "{entry:?}");
        }
    }

    #[test]
    fn what_was_meant_is_suggested() {
        assert_eq!(nearest("latency_p9")[0], "latency_p99");
        assert_eq!(nearest("throughptu")[0], "throughput");
        assert_eq!(nearest("cache-hit-rate")[0], "cache_hit_rate");
        assert_eq!(nearest("latency")[..2], ["latency_p50", "latency_p99"]);
        assert_eq!(nearest("lots"), ["lost"]);
        assert!(!nearest("").is_empty());
        assert_eq!(nearest_of("sing", ["relay", "sink"]), ["sink"]);
        assert!(nearest_of("sing", []).is_empty());
        assert!((1..=SUGGESTIONS).contains(&nearest(&"ü".repeat(100_000)).len()));
    }

    #[test]
    fn distance_counts_letters() {
        let of = |left: &str, right: &str| {
            distance(&left.chars().collect::<Vec<_>>(), &right.chars().collect::<Vec<_>>())
        };
        assert_eq!(
            [of("", ""), of("ab", ""), of("", "abc"), of("abc", "abd"), of("kitten", "sitting")],
            [0, 2, 3, 1, 3]
        );
    }
}
