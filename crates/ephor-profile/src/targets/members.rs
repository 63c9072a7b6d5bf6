//! Refuses a target on a member of a family that there is not: nothing could ever meet it.
//!
//! What is there and was not measured is another thing: its target is missed, and says so.

use super::file::quoted;
use super::{Target, Targets, TargetsError};
use crate::catalogue::{self, Members};

/// What the parts of a subject are called.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) agents: Vec<String>,
    /// Each as `from -> to`, gateways too.
    pub(crate) edges: Vec<String>,
}

impl Targets {
    /// Whether every member of a family that a target names is one of those called `names`.
    ///
    /// # Errors
    /// [`TargetsError::Value`] for the first that is not, with those that may have been meant.
    pub(crate) fn fits(&self, names: &Names) -> Result<(), TargetsError> {
        let refused = self.targets.iter().find_map(|target| Some((target, target.misfit(names)?)));
        let Some((target, problem)) = refused else { return Ok(()) };
        Err(TargetsError::Value {
            file: self.file.clone(),
            line: target.line,
            key: quoted(&target.metric),
            problem,
        })
    }
}

impl Target {
    /// Why there is no such member of its family; none when there is, and for whole families and single figures.
    fn misfit(&self, names: &Names) -> Option<String> {
        let entry = catalogue::find(&self.metric).filter(|entry| entry.name != self.metric)?;
        let (family, members) = (entry.family()?, entry.members?);
        let member = self.metric.strip_prefix(family)?;
        let known = names.of(members);
        let is_known = match members {
            Members::Handlers => known.iter().any(|agent| is_handler_of(agent, member)),
            _ => known.contains(&member),
        };
        (!is_known).then(|| problem(family, member, members, known))
    }
}

impl Names {
    /// What the members are called, or for handlers the agents whose they are.
    fn of(&self, members: Members) -> Vec<&str> {
        match members {
            Members::Agents | Members::Handlers => self.agents.iter().map(String::as_str).collect(),
            Members::Edges => self.edges.iter().map(String::as_str).collect(),
            Members::Named(names) => names.to_vec(),
        }
    }
}

/// Whether `member` reads `agent: Kind`. Which kinds an agent handles is not known here.
fn is_handler_of(agent: &str, member: &str) -> bool {
    let kind = member.strip_prefix(agent).and_then(|rest| rest.strip_prefix(": "));
    kind.is_some_and(|kind| !kind.is_empty())
}

fn problem(family: &str, member: &str, members: Members, known: Vec<&str>) -> String {
    let (what, wanted, rest) = match members {
        Members::Agents => ("agent of this subject", member, ""),
        Members::Edges => ("edge of this subject (they read `from -> to`)", member, ""),
        Members::Handlers => {
            let agent = member.split_once(": ").map_or(member, |(agent, _)| agent);
            ("handler of this subject (they read `agent: Kind`)", agent, ": Kind")
        }
        Members::Named(_) => ("fault of the profile", member, ""),
    };
    let near = catalogue::nearest_of(wanted, known);
    let near: Vec<String> = near
        .into_iter()
        .map(|name| format!("`{}`", format!("{family}{name}{rest}").escape_debug()))
        .collect();
    if near.is_empty() {
        return format!("names no {what}; there is none");
    }
    format!("names no {what}; is {} meant?", near.join(" or "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;

    fn names() -> Names {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Names { agents: own(&["relay", "sink", "a: b"]), edges: own(&["clerk -> relay", "relay -> sink"]) }
    }

    /// What is said to a target on `name`, on the second line.
    #[track_caller]
    fn said(name: &str, names: &Names) -> Option<String> {
        let text = format!("[targets]\n{name:?} = {{ below = 1, unit = 'ms' }}");
        let fits = Targets::parse(&text, "t.toml").unwrap().fits(names);
        fits.err().map(|error| error.to_string())
    }

    #[test]
    fn what_the_subject_has_is_no_misfit() {
        for name in [
            "latency_p99",
            "ping.*",
            "wait_p99.*",
            "ping.sink",
            "start.relay",
            "first_message.a: b",
            "cold_agent.sink",
            "wait_p99.clerk -> relay",
            "handling_p99.sink: Order",
            "handling_p99.a: b: Order",
            "fault_detect.full_lane",
            "fault_recover.policy",
        ] {
            assert_eq!(said(name, &names()), None, "{name}");
        }
    }

    #[test]
    fn a_member_that_there_is_not_is_refused_with_line_and_value_and_the_nearest() {
        let agent = "names no agent of this subject; is";
        let edge = "names no edge of this subject (they read `from -> to`); is";
        let handler = "names no handler of this subject (they read `agent: Kind`); is";
        for (name, problem) in [
            ("ping.sing", format!("{agent} `ping.sink` meant?")),
            ("start.relax", format!("{agent} `start.relay` meant?")),
            (
                "cold_agent.nobody",
                format!("{agent} `cold_agent.relay` or `cold_agent.sink` or `cold_agent.a: b` meant?"),
            ),
            (
                "first_message.clerk",
                format!(
                    "{agent} `first_message.sink` or `first_message.relay` or `first_message.a: b` meant?"
                ),
            ),
            ("wait_p99.relay -> sing", format!("{edge} `wait_p99.relay -> sink` meant?")),
            ("wait_p99.relay->sink", format!("{edge} `wait_p99.relay -> sink` meant?")),
            ("handling_p99.sing: Order", format!("{handler} `handling_p99.sink: Kind` meant?")),
            ("handling_p99.sink", format!("{handler} `handling_p99.sink: Kind` meant?")),
            ("handling_p99.sink: ", format!("{handler} `handling_p99.sink: Kind` meant?")),
            (
                "fault_detect.full-lane",
                "names no fault of the profile; is `fault_detect.full_lane` meant?".to_owned(),
            ),
        ] {
            assert_eq!(said(name, &names()), Some(format!("t.toml:2: `{name}`: {problem}")));
        }
    }

    #[test]
    fn what_there_is_nothing_of_suggests_nothing() {
        let said = said("ping.audit", &Names::default()).unwrap();
        assert_eq!(said, "t.toml:2: `ping.audit`: names no agent of this subject; there is none");
    }
}
