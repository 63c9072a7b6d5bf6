//! The load gate: what is refused before anything is evaluated.
//!
//! It refuses what no limit at run time can stop or repeat: rules that call themselves, which overflow the
//! stack and abort the process; chains of rules too deep for it; functions whose answer changes from call to
//! call, so that a recorded decision could not be checked again; functions that are wrong or crash in the
//! interpreter; and functions that can ask for any amount of memory in one step. It also refuses calls of
//! functions that do not exist, which the interpreter would notice only when it comes to them.

use std::collections::{BTreeMap, BTreeSet};

use regorus::unstable::BUILTINS;

use crate::error::{LoadError, Place};
use crate::rego::calls::{Argument, Call, Definition, Path, Replacement};
use crate::rego::dotted;

/// The most frames, summed over the deepest chain of rules. About a quarter of a 2 MB stack.
pub(crate) const STACK_DEPTH_LIMIT: u32 = 512;
/// The longest list that `numbers.range` may make.
const RANGE_LIMIT: i64 = 10_000;
/// The most bits that `bits.lsh` may shift by.
const SHIFT_LIMIT: i64 = 64;
/// The widest field of `sprintf`, in digits of its width: 999 columns.
const WIDTH_DIGITS_LIMIT: usize = 3;

/// Functions that are refused wherever they are named, and what to do instead.
const REFUSED: &[(&str, &str)] = &[
    ("http.send", "fetch what is needed before and pass it in the input"),
    ("net.lookup_ip_addr", "look it up before and pass it in the input"),
    ("opa.runtime", "pass what is needed in the input or the data"),
    ("rand.intn", "draw the number before and pass it in the input"),
    ("strings.count", "it counts overlaps and crashes on an empty pattern: use count(split(text, part)) - 1"),
    ("time.now_ns", "pass the time in the input"),
    ("uuid.rfc4122", "pass the identifier in the input"),
];

/// Functions that are refused unless their arguments bound what they make.
const BOUNDED: &[&str] = &["bits.lsh", "numbers.range", "numbers.range_step", "sprintf"];

/// Passes or refuses the definitions of a whole policy.
pub(crate) fn check(definitions: &[Definition]) -> Result<(), LoadError> {
    let rules = Rules::of(definitions);
    for definition in definitions {
        definition.calls.iter().try_for_each(|call| check_call(call, &rules))?;
        definition.replacements.iter().try_for_each(check_replacement)?;
    }
    Walk::over(&rules, definitions).all()
}

fn refused(place: &Place, message: String) -> LoadError {
    LoadError::Refused { place: place.clone(), message }
}

fn check_call(call: &Call, rules: &Rules) -> Result<(), LoadError> {
    let Call { name, place, .. } = call;
    if let Some((_, instead)) = REFUSED.iter().find(|(refused, _)| refused == name) {
        return Err(refused(place, format!("{name} is refused: {instead}")));
    }
    if let Some(bound) = missing_bound(call) {
        return Err(refused(place, format!("{name} is refused here: {bound}")));
    }
    let is_known = name == "print" || BUILTINS.contains_key(name.as_str());
    if !is_known && !call.candidates.iter().any(|path| rules.has_function(path)) {
        return Err(refused(place, format!("there is no function {name}: define it or correct the name")));
    }
    Ok(())
}

/// A function in the place of another is called with arguments that this check does not see.
fn check_replacement(replacement: &Replacement) -> Result<(), LoadError> {
    let name = replacement.name.as_str();
    if BOUNDED.contains(&name) || REFUSED.iter().any(|&(refused, _)| refused == name) {
        return Err(refused(&replacement.place, format!("{name} is refused as a substitute: write a rule")));
    }
    Ok(())
}

fn missing_bound(call: &Call) -> Option<String> {
    match (call.name.as_str(), call.arguments.as_slice()) {
        ("numbers.range" | "numbers.range_step", arguments) => match arguments {
            [Argument::Integer(from), Argument::Integer(to), ..]
                if from.abs_diff(*to) < RANGE_LIMIT as u64 =>
            {
                None
            }
            _ => Some(format!("write its ends as whole numbers less than {RANGE_LIMIT} apart")),
        },
        ("bits.lsh", arguments) => match arguments {
            [_, Argument::Integer(0..=SHIFT_LIMIT), ..] => None,
            _ => Some(format!("write the shift as a number of at most {SHIFT_LIMIT}")),
        },
        ("sprintf", arguments) => match arguments {
            [Argument::Text(format), ..] if widths_are_bounded(format) => None,
            _ => Some(format!(
                "write the format as a literal, with widths of at most {WIDTH_DIGITS_LIMIT} digits"
            )),
        },
        _ => None,
    }
}

fn widths_are_bounded(format: &str) -> bool {
    format.split('%').all(|verb| {
        verb.trim_start_matches('.').bytes().take_while(u8::is_ascii_digit).count() <= WIDTH_DIGITS_LIMIT
    })
}

/// The rules by path, several definitions of one rule together.
struct Rules<'a> {
    by_path: BTreeMap<&'a [String], Vec<usize>>,
    functions: BTreeSet<&'a [String]>,
}

impl<'a> Rules<'a> {
    fn of(definitions: &'a [Definition]) -> Self {
        let mut rules = Self { by_path: BTreeMap::new(), functions: BTreeSet::new() };
        for (index, definition) in definitions.iter().enumerate() {
            rules.by_path.entry(&definition.path).or_default().push(index);
            if definition.is_function {
                rules.functions.insert(&definition.path);
            }
        }
        rules
    }

    fn has_function(&self, path: &[String]) -> bool {
        self.functions.contains(path)
    }

    /// The definitions that evaluating `path` may evaluate: of the rule it is or lies in, and of every
    /// rule below it.
    fn under(&self, path: &'a [String]) -> impl Iterator<Item = usize> {
        let above = (1..path.len()).filter_map(|length| self.by_path.get(&path[..length]));
        let below =
            self.by_path.range(path..).take_while(|(rule, _)| rule.starts_with(path)).map(|(_, own)| own);
        above.chain(below).flatten().copied()
    }
}

/// What is known of a definition during the walk.
#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Open,
    Done(u32),
}

/// A depth-first walk over who evaluates whom.
struct Walk<'a> {
    definitions: &'a [Definition],
    successors: Vec<BTreeSet<usize>>,
    states: Vec<State>,
    open: Vec<usize>,
}

impl<'a> Walk<'a> {
    fn over(rules: &Rules<'a>, definitions: &'a [Definition]) -> Self {
        let substitutes = substitutes(definitions);
        let successors = definitions.iter().map(|definition| {
            let mut successors = BTreeSet::new();
            for path in definition.mentions.iter().flat_map(|mention| &mention.candidates) {
                successors.extend(rules.under(path));
                let replaced = substitutes.get(path.as_slice()).into_iter().flatten();
                replaced.for_each(|substitute| successors.extend(rules.under(substitute)));
            }
            successors
        });
        let successors = successors.collect();
        Self { definitions, successors, states: vec![State::New; definitions.len()], open: Vec::new() }
    }

    fn all(mut self) -> Result<(), LoadError> {
        (0..self.definitions.len()).try_for_each(|index| self.visit(index).map(drop))
    }

    /// The depth of the deepest chain from `index` on. Never recurses further than the limit allows.
    fn visit(&mut self, index: usize) -> Result<u32, LoadError> {
        match self.states[index] {
            State::Done(depth) => return Ok(depth),
            State::Open => return Err(self.cycle(index)),
            State::New if self.open.len() >= STACK_DEPTH_LIMIT as usize => return Err(self.too_deep(index)),
            State::New => {}
        }
        self.states[index] = State::Open;
        self.open.push(index);
        let mut deepest = 0;
        for successor in self.successors[index].clone() {
            deepest = deepest.max(self.visit(successor)?);
        }
        self.open.pop();
        let depth = deepest + self.definitions[index].depth + 1;
        if depth > STACK_DEPTH_LIMIT {
            return Err(self.too_deep(index));
        }
        self.states[index] = State::Done(depth);
        Ok(depth)
    }

    fn cycle(&self, index: usize) -> LoadError {
        let start =
            self.open.iter().position(|&open| open == index).expect("an open definition is on the path");
        let names: Vec<String> = self.open[start..].iter().chain([&index]).map(|&at| self.name(at)).collect();
        let advice = "bound the depth with rules of other names (a local variable of a rule's name counts as the rule)";
        refused(&self.definitions[index].place, format!("recursion {}: {advice}", names.join(" -> ")))
    }

    fn too_deep(&self, index: usize) -> LoadError {
        let name = self.name(index);
        let message =
            format!("{name} needs more than {STACK_DEPTH_LIMIT} frames: shorten the chain of rules");
        refused(&self.definitions[index].place, message)
    }

    fn name(&self, index: usize) -> String {
        dotted(&self.definitions[index].path)
    }
}

/// For each function, what `with` puts in its place somewhere in the policy.
fn substitutes(definitions: &[Definition]) -> BTreeMap<&[String], Vec<&Path>> {
    let mut substitutes: BTreeMap<&[String], Vec<&Path>> = BTreeMap::new();
    for replacement in definitions.iter().flat_map(|definition| &definition.replacements) {
        for target in &replacement.target {
            substitutes.entry(target.as_slice()).or_default().extend(&replacement.substitute);
        }
    }
    substitutes
}
