//! Repetitions between probes of the cores' distance.
//!
//! A host moves virtual cores between near and far, and what crosses threads then takes several times as long. So each
//! repetition stands between two probes. One during which the class changed is made again, up to a limit, and then left out;
//! and only repetitions of one class make a figure.

use ephor_core::Frame;
use ephor_runtime::cores_allowed;

use crate::distance::{Class, between_probes};
use crate::error::ProfileError;
use crate::metric::Metric;
use crate::workflow::Session;

/// How many repetitions may be made again, for each one that is asked for.
const AGAIN: usize = 2;
/// Of how many repetitions one has to do when time runs out; more when none of those can be kept.
const ONE_OF: usize = 3;

/// How far apart two cores were while something was measured between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Apart {
    /// What both probes say.
    At(Class),
    /// The probe before and the one after it differ, or one lies between the classes: a figure would be of neither class.
    Changed,
    /// There are no two cores, or none can be pinned to, as the marks of the report say.
    Unknown,
}

/// Why a repetition was not made.
const UNMADE: &str = "not made: the time for them was over";

/// Repetitions of one class, and those that were left out.
#[derive(Debug)]
pub(crate) struct Repeated<T> {
    /// How far apart the cores were; none when that cannot be known here.
    pub(crate) class: Option<Class>,
    /// What figures are made of. None when the distance changed in every repetition, or all were spoilt.
    pub(crate) kept: Vec<T>,
    /// Left out because the distance changed meanwhile, or was another.
    pub(crate) dropped: Vec<T>,
    /// Left out because they were no good by themselves.
    pub(crate) spoilt: Vec<T>,
    /// How many were not made because the time for them was over.
    pub(crate) unmade: usize,
}

/// The first and the last core: where the load is, and where subjects of the profile's own have their busiest worker. None
/// where there are no two.
pub(crate) fn core_pair() -> Option<(usize, usize)> {
    let mut cores = cores_allowed();
    cores.sort_unstable();
    match cores.as_slice() {
        [first, .., last] => Some((*first, *last)),
        _ => None,
    }
}

/// Makes one measurement between two probes of `cores`; returns how far apart they were, and what was measured.
///
/// # Errors
/// What `run` says.
pub(crate) fn between<T>(
    cores: Option<(usize, usize)>,
    mut run: impl FnMut() -> Result<T, ProfileError>,
) -> Result<(Apart, T), ProfileError> {
    let Some(cores) = cores else { return Ok((Apart::Unknown, run()?)) };
    match between_probes(cores, &mut run) {
        Ok((class, answer)) => Ok((class.map_or(Apart::Changed, Apart::At), answer?)),
        Err(_) => Ok((Apart::Unknown, run()?)),
    }
}

/// Makes `count` repetitions of `run` between the load's core and the subject's, in one class of distance, as far as they can
/// be had.
///
/// # Errors
/// What `run` says, or that the profile was asked to stop.
pub(crate) fn repeat<F: Frame, T>(
    session: &mut Session<'_, F>,
    count: usize,
    run: impl FnMut(&mut Session<'_, F>, usize) -> Result<T, ProfileError>,
) -> Result<Repeated<T>, ProfileError> {
    let cores = session.cores;
    repeat_good(session, cores, count, run, |_| true)
}

/// Makes `count` repetitions of `run` that are good by themselves and in one class of distance between `cores`, as far as they
/// can be had.
///
/// # Errors
/// What `run` says, or that the profile was asked to stop.
pub(crate) fn repeat_good<F: Frame, T>(
    session: &mut Session<'_, F>,
    cores: Option<(usize, usize)>,
    count: usize,
    mut run: impl FnMut(&mut Session<'_, F>, usize) -> Result<T, ProfileError>,
    is_good: fn(&T) -> bool,
) -> Result<Repeated<T>, ProfileError> {
    let (mut made, mut spoilt, mut unmade) = (Vec::new(), Vec::new(), 0);
    for tries in 0..count * (1 + AGAIN) {
        let done = most_frequent(&made).1;
        session.step(done, count)?;
        if is_enough(session, done, tries, count) {
            unmade = count.saturating_sub(tries);
            break;
        }
        let (apart, answer) = between(cores, || run(session, tries))?;
        if is_good(&answer) {
            made.push((apart, answer));
        } else {
            spoilt.push(answer);
        }
    }
    Ok(Repeated { spoilt, unmade, ..of_one_class(made) })
}

/// Whether `tries` repetitions have to do, of which `done` can be kept: all of `count`, or as many as there is time for.
pub(crate) fn is_enough<F: Frame>(session: &Session<'_, F>, done: usize, tries: usize, count: usize) -> bool {
    let has_the_fewest = done > 0 && tries >= count.div_ceil(ONE_OF);
    done == count
        || (tries >= count && session.is_over_budget())
        || (has_the_fewest && session.is_out_of_time())
}

/// The distance at which most were made, and how many. What is not known counts as one distance, the last; what changed as none.
pub(crate) fn most_frequent<T>(made: &[(Apart, T)]) -> (Option<Class>, usize) {
    let count = |apart| made.iter().filter(|(of, _)| *of == apart).count();
    let classes = [Class::Same, Class::Near, Class::Far];
    let known = classes.into_iter().map(|class| (Some(class), count(Apart::At(class))));
    match known.max_by_key(|(_, count)| *count) {
        Some((class, count)) if count > 0 => (class, count),
        _ => (None, count(Apart::Unknown)),
    }
}

/// Keeps those of the most frequent class.
pub(crate) fn of_one_class<T>(made: Vec<(Apart, T)>) -> Repeated<T> {
    let (class, _) = most_frequent(&made);
    let wanted = class.map_or(Apart::Unknown, Apart::At);
    let (kept, dropped): (Vec<_>, Vec<_>) = made.into_iter().partition(|(apart, _)| *apart == wanted);
    let answers = |made: Vec<(Apart, T)>| made.into_iter().map(|(_, answer)| answer).collect();
    Repeated { class, kept: answers(kept), dropped: answers(dropped), spoilt: Vec::new(), unmade: 0 }
}

impl<T> Repeated<T> {
    /// Every repetition, those that were left out too: for what is counted and not timed.
    pub(crate) fn every(&self) -> impl Iterator<Item = &T> + Clone {
        self.kept.iter().chain(&self.dropped).chain(&self.spoilt)
    }

    /// Notes on `metric` how far the cores were apart, and what was left out.
    pub(crate) fn note(&self, mut metric: Metric) -> Metric {
        metric.distance = self.class.map(|class| class.name().to_owned());
        if self.class.is_none() {
            metric.marks.push("the distance of the cores is not known".to_owned());
        }
        metric.marks.extend(self.left_out());
        metric
    }

    /// Notes on `metric`, which is of every repetition, how many were not made.
    pub(crate) fn note_unmade(&self, mut metric: Metric) -> Metric {
        metric.marks.extend(told(self.unmade, UNMADE));
        metric
    }

    /// Why there is no figure of it: why nothing was kept.
    pub(crate) fn why_untold(&self) -> String {
        let left_out: Vec<String> = self.left_out().collect();
        format!("not told: {}", left_out.join(", "))
    }

    /// What was left out and why, one reason after the other.
    fn left_out(&self) -> impl Iterator<Item = String> {
        let reasons = [
            (self.dropped.len(), "left out: at another distance of the cores, or it changed meanwhile"),
            (self.spoilt.len(), "left out: the generator did not keep up or lost its core"),
            (self.unmade, UNMADE),
        ];
        reasons.into_iter().filter_map(|(count, why)| told(count, why))
    }
}

/// That so many repetitions were left out, and why; nothing of none.
fn told(count: usize, why: &str) -> Option<String> {
    let were = if count == 1 { "1 repetition".to_owned() } else { format!("{count} repetitions") };
    (count > 0).then(|| format!("{were} {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_repetitions_of_the_most_frequent_class_are_kept() {
        let made = vec![
            (Apart::At(Class::Near), 1),
            (Apart::At(Class::Far), 2),
            (Apart::Changed, 3),
            (Apart::At(Class::Near), 4),
            (Apart::Changed, 5),
            (Apart::Changed, 6),
        ];
        let repeated = of_one_class(made);
        assert_eq!((repeated.class, &repeated.kept[..]), (Some(Class::Near), &[1, 4][..]));
        assert_eq!(repeated.dropped, [2, 3, 5, 6]);
    }

    #[test]
    fn what_changed_is_left_out_though_nothing_else_was_made_and_what_cannot_be_known_is_kept() {
        let changed = of_one_class(vec![(Apart::Changed, 1), (Apart::Changed, 2)]);
        assert_eq!((changed.class, changed.kept.len(), changed.dropped.len()), (None, 0, 2));
        assert_eq!(
            changed.why_untold(),
            "not told: 2 repetitions left out: at another distance of the cores, or it changed meanwhile"
        );
        let unknown = of_one_class(vec![(Apart::Unknown, 1), (Apart::Changed, 2), (Apart::Unknown, 3)]);
        assert_eq!((unknown.class, &unknown.kept[..], unknown.dropped.len()), (None, &[1, 3][..], 1));
        let known = of_one_class(vec![(Apart::Unknown, 1), (Apart::Unknown, 2), (Apart::At(Class::Far), 3)]);
        assert_eq!((known.class, &known.kept[..]), (Some(Class::Far), &[3][..]));
    }
}
