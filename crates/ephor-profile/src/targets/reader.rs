//! Reads a targets file, with the line of everything in it.

use std::fmt::Display;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::{line, quoted};
use super::units::{Unit, alike, unit};
use super::{Relation, Target, TargetsError};
use crate::catalogue::{self, Entry, METRICS};

/// The only table of a targets file.
const TABLE: &str = "targets";
/// The most dots of a text, wherever they stand. Each may open a table inside the one before it, the parser frees nested tables
/// recursively, and a text from outside must not overflow the stack.
const DOTS_MAX: usize = 2_000;
/// What a target looks like.
const LIKE: &str = "{ below = 5, unit = \"ms\" }";

/// A key with its value.
type Item<'a> = (&'a Spanned<toml::de::DeString<'a>>, &'a Spanned<DeValue<'a>>);

/// The text being read.
#[derive(Clone, Copy)]
struct Reader<'a> {
    file: &'a str,
    text: &'a str,
}

/// Reads the targets, in the file's order.
pub(super) fn read(text: &str, file: &str) -> Result<Vec<Target>, TargetsError> {
    let reader = Reader { file, text };
    if let Some((at, _)) = text.match_indices('.').nth(DOTS_MAX) {
        return Err(reader.syntax(at, format!("is one dot more than the {DOTS_MAX} that targets may have")));
    }
    let root = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let what = match reader.line_of(at) {
            "" => String::new(),
            line => format!("{}: ", quoted(line)),
        };
        reader.syntax(at, format!("{what}{}", error.message().replace('\n', ", ")))
    })?;
    let mut targets = Vec::new();
    let mut at = 0;
    for (key, value) in in_order(root.get_ref()) {
        let name: &str = key.get_ref();
        at = key.span().start;
        if name != TABLE {
            return Err(reader.value(
                at,
                &quoted(name),
                format!("is not a known key; targets stand under [{TABLE}]"),
            ));
        }
        reader.collect("", reader.table(key, value, TABLE)?, &mut targets)?;
    }
    if targets.is_empty() {
        let problem = format!("holds no target; write [{TABLE}], and a line such as latency_p99 = {LIKE}");
        return Err(reader.value(at, TABLE, problem));
    }
    Ok(targets)
}

/// The entries of a table as they stand in the file.
fn in_order<'a>(table: &'a DeTable<'a>) -> Vec<Item<'a>> {
    let mut items: Vec<Item<'a>> = table.iter().collect();
    items.sort_by_key(|(key, _)| key.span().start);
    items
}

impl<'a> Reader<'a> {
    /// Reads a table of targets whose names begin with `prefix`.
    fn collect(
        self,
        prefix: &str,
        table: &DeTable<'_>,
        targets: &mut Vec<Target>,
    ) -> Result<(), TargetsError> {
        for (key, value) in in_order(table) {
            let name = format!("{prefix}{}", key.get_ref());
            let family = format!("{name}.");
            if let Some(entry) = catalogue::find(&name) {
                targets.push(self.target(&name, entry, (key, value))?);
            } else if METRICS.iter().any(|entry| entry.family() == Some(&family)) {
                // `ping.audit = ...` without quotes is a table `ping` in TOML.
                let table = self.table(key, value, &format!("{TABLE}.{name}"))?;
                self.collect(&family, table, targets)?;
            } else {
                let near = catalogue::nearest(&name).join("` or `");
                let problem = format!("is not the name of a figure; is `{near}` meant?");
                return Err(self.value(key.span().start, &quoted(&name), problem));
            }
        }
        Ok(())
    }

    fn target(self, name: &str, entry: &Entry, (key, value): Item<'_>) -> Result<Target, TargetsError> {
        let path = format!("{TABLE}.{}", plain(name));
        let at = key.span().start;
        let (mut bound, mut unit) = (None, None);
        for (key, value) in in_order(self.table(key, value, &path)?) {
            let part: &str = key.get_ref();
            let part_at = key.span().start;
            let relation = Relation::ALL.into_iter().find(|relation| relation.name() == part);
            if let Some(relation) = relation {
                if let Some((other, _)) = bound.replace((relation, value)) {
                    return Err(self.value(part_at, &path, two(other, relation)));
                }
            } else if part == "unit" {
                unit = Some(self.unit(value, entry, &format!("{path}.unit"))?);
            } else {
                let path = format!("{path}.{}", plain(part));
                return Err(self.value(
                    part_at,
                    &path,
                    format!("is not a known key; {}", relations("and unit")),
                ));
            }
        }
        let unit = unit.ok_or_else(|| self.value(at, &path, format!("has no unit; {}", units_of(entry))))?;
        let Some((relation, value)) = bound else {
            return Err(self.value(at, &path, format!("has no bound; {}", relations(""))));
        };
        let bound = self.bound(value, &format!("{path}.{}", relation.name()))?;
        let line = line(self.text.as_bytes(), at);
        Ok(Target { metric: name.to_owned(), relation, bound, unit: unit.name, line })
    }

    /// A number that a figure can be.
    fn bound(self, value: &Spanned<DeValue<'_>>, path: &str) -> Result<f64, TargetsError> {
        let text = match value.get_ref() {
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
            DeValue::Float(float) => float.as_str(),
            DeValue::Integer(_) => {
                return Err(self.value(value.span().start, path, "must be written in decimal"));
            }
            other => return Err(self.mistyped(value, path, "a decimal number", other)),
        };
        let bound: f64 = text.parse().unwrap_or(f64::NAN);
        if bound.is_finite() && bound.is_sign_positive() {
            return Ok(bound);
        }
        let problem = format!("is {}; it must be a number from 0 on", quoted(text));
        Err(self.value(value.span().start, path, problem))
    }

    /// A unit that the figure of `entry` can be told in.
    fn unit(self, value: &Spanned<DeValue<'_>>, entry: &Entry, path: &str) -> Result<Unit, TargetsError> {
        let Some(name) = value.get_ref().as_str() else {
            return Err(self.mistyped(value, path, "a string", value.get_ref()));
        };
        let own = unit(entry.unit);
        unit(name).filter(|unit| own.and_then(|own| own.tell(0.0, *unit)).is_some()).ok_or_else(|| {
            let problem = format!("{} is not a unit of `{}`; {}", quoted(name), entry.name, units_of(entry));
            self.value(value.span().start, path, problem)
        })
    }

    fn table<'t>(
        self,
        key: &Spanned<toml::de::DeString<'_>>,
        value: &'t Spanned<DeValue<'t>>,
        path: &str,
    ) -> Result<&'t DeTable<'t>, TargetsError> {
        value.get_ref().as_table().ok_or_else(|| {
            let problem = format!("must be a table such as {LIKE}, not {}", kind_of(value.get_ref()));
            self.value(key.span().start, path, problem)
        })
    }

    fn mistyped(
        self,
        value: &Spanned<DeValue<'_>>,
        path: &str,
        expected: &str,
        actual: &DeValue<'_>,
    ) -> TargetsError {
        let written = actual.as_str().or_else(|| self.text.get(value.span())).map(quoted).unwrap_or_default();
        let problem = format!("is {written}, {}; it must be {expected}", kind_of(actual));
        self.value(value.span().start, path, problem)
    }

    fn value(self, at: usize, key: &str, problem: impl Display) -> TargetsError {
        let line = line(self.text.as_bytes(), at);
        TargetsError::Value { file: self.file.into(), line, key: key.into(), problem: problem.to_string() }
    }

    /// The line that byte number `at` is in.
    fn line_of(self, at: usize) -> &'a str {
        self.text.lines().nth(line(self.text.as_bytes(), at) - 1).unwrap_or_default().trim()
    }

    fn syntax(self, at: usize, problem: String) -> TargetsError {
        TargetsError::Syntax { file: self.file.into(), line: line(self.text.as_bytes(), at), problem }
    }
}

/// A part of a path: as it is when it could stand in a file without quotes.
fn plain(name: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_-.*".contains(character);
    if name.len() <= 48 && name.chars().all(is_plain) { name.to_owned() } else { quoted(name) }
}

fn two(one: Relation, other: Relation) -> String {
    format!("has two bounds, {} and {}; keep one", one.name(), other.name())
}

fn relations(more: &str) -> String {
    let names = Relation::ALL.map(Relation::name).join(", ");
    format!("write one of {names} {more}").trim_end().to_owned()
}

fn units_of(entry: &Entry) -> String {
    let names = unit(entry.unit).map(alike).unwrap_or_default();
    format!("write one of {}", names.join(", "))
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
