//! From a charter's text to a [`Charter`], section by section.
//!
//! Roles and actions are collected first, so that everything that names one can be checked where it
//! stands. The first thing that is not as it must be ends the reading with an error about it.

use std::collections::{BTreeMap, BTreeSet};

use ephor_core::{Impact, KIND_LIMIT, Stamp};

use super::reader::{Document, Table, Value};
use super::{ACTION_LIMIT, Article, Charter, CharterError, NamedKind, ROLE_LIMIT, Reach, Role, TENANT_LIMIT};
use super::{Terms, listed, stamp};

/// The longest time that a charter can state: 31 years.
const TIME_MS_MAX: u64 = 1_000_000_000_000;
const NS_PER_MS: u64 = 1_000_000;
/// How far apart sender and receiver may read the bus clock, unless the charter says otherwise.
///
/// They read one clock, but each when its own turn begins, and a worker that the operating system has
/// taken off its core judges by an old reading. A second is beyond any such pause and far below the
/// lifetimes that a false time of sending could stretch.
const SKEW_MS_DEFAULT: u64 = 1_000;
/// The impact threshold, unless the charter says otherwise.
const THRESHOLD_DEFAULT: f64 = 0.8;
/// The length of a tenant's name, in bytes.
const TENANT_BYTES: std::ops::RangeInclusive<usize> = 3..=64;
/// In a grant, every role or every action.
const ALL: &str = "*";

const SECTIONS: [&str; 11] = [
    "name",
    "stamp",
    "default_role",
    "articles",
    "roles",
    "kinds",
    "kinds_default",
    "grants",
    "tenants",
    "impact",
    "limits",
];

pub(super) fn parse(text: &str, file: &str) -> Result<Charter, CharterError> {
    Document { file, text }.read(charter)
}

fn charter(root: &Table<'_>) -> Result<Charter, CharterError> {
    root.only(&SECTIONS)?;
    let roles = roles(&root.required("roles")?)?;
    let actions = actions(root)?;
    let (is_isolated, tenants) = tenants(root)?;
    let (skew_ns, grace_ns) = limits(root)?;
    let mut charter = Charter {
        name: root.required("name")?.text()?.to_owned(),
        stamp: Stamp(0),
        articles: articles(root)?,
        default_role: default_role(root, &roles)?,
        kinds: kinds(root, &actions)?,
        kinds_default: kinds_default(root, &actions)?,
        grants: grants(root, &roles, &actions)?,
        roles,
        actions,
        is_isolated,
        tenants,
        threshold: threshold(root)?,
        skew_ns,
        grace_ns,
    };
    charter.stamp = match root.optional("stamp") {
        Some(value) => declared_stamp(&value)?,
        None => stamp::computed(&charter),
    };
    Ok(charter)
}

fn declared_stamp(value: &Value<'_>) -> Result<Stamp, CharterError> {
    stamp::declared(value.text()?).map_err(|problem| value.error(problem))
}

fn articles(root: &Table<'_>) -> Result<Vec<Article>, CharterError> {
    let mut articles: Vec<Article> = Vec::new();
    for value in elements(root, "articles")? {
        let table = value.table()?;
        table.only(&["id", "text"])?;
        let id = table.required("id")?;
        let article = Article { id: id.text()?.into(), text: table.required("text")?.text()?.into() };
        if articles.iter().any(|other| other.id == article.id) {
            return Err(id.refused(&article.id, "is already the id of another article"));
        }
        articles.push(article);
    }
    Ok(articles)
}

fn roles(value: &Value<'_>) -> Result<Vec<Role>, CharterError> {
    let table = value.table()?;
    let count = table.named().count();
    if !(1..=ROLE_LIMIT).contains(&count) {
        return Err(table.error(format!("{count} roles are not allowed: 1 to {ROLE_LIMIT}")));
    }
    let mut roles = Vec::with_capacity(count);
    for (name, value) in table.named() {
        value.checked_name(name)?;
        roles.push(Role { name: name.into(), reach: reach(&value.table()?)? });
    }
    roles.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(roles)
}

fn reach(role: &Table<'_>) -> Result<Reach, CharterError> {
    role.only(&["tenants"])?;
    let Some(value) = role.optional("tenants") else { return Ok(Reach::Own) };
    match value.text()? {
        "own" => Ok(Reach::Own),
        "all" => Ok(Reach::All),
        other => Err(value.refused(other, "is not allowed: \"own\" or \"all\"")),
    }
}

fn default_role(root: &Table<'_>, roles: &[Role]) -> Result<Option<String>, CharterError> {
    let Some(value) = root.optional("default_role") else { return Ok(None) };
    let role = role_position(&value, roles)?;
    Ok(Some(roles[role].name.clone()))
}

/// Every action that a kind is, sorted.
fn actions(root: &Table<'_>) -> Result<Vec<String>, CharterError> {
    let mut actions = BTreeSet::new();
    let listed_kinds = root.optional("kinds").map(|kinds| kinds.table()).transpose()?;
    let default = root.optional("kinds_default").map(|kind| kind.table()).transpose()?;
    for (_, kind) in listed_kinds.iter().flat_map(Table::named) {
        actions.insert(kind.table()?.required("action")?.name()?.to_owned());
    }
    if let Some(kind) = &default {
        actions.insert(kind.required("action")?.name()?.to_owned());
    }
    if actions.len() > ACTION_LIMIT {
        let problem = format!("{} actions are more than the {ACTION_LIMIT} allowed", actions.len());
        return Err(listed_kinds.as_ref().unwrap_or(root).error(problem));
    }
    Ok(actions.into_iter().collect())
}

fn kinds(root: &Table<'_>, actions: &[String]) -> Result<BTreeMap<u8, NamedKind>, CharterError> {
    let mut kinds: BTreeMap<u8, NamedKind> = BTreeMap::new();
    let Some(section) = root.optional("kinds") else { return Ok(kinds) };
    for (name, value) in section.table()?.named() {
        value.checked_name(name)?;
        let table = value.table()?;
        table.only(&["number", "action", "lifetime_ms"])?;
        let number = table.required("number")?;
        let key = number.integer(1..=KIND_LIMIT as u64 - 1)? as u8;
        if let Some(other) = kinds.get(&key) {
            return Err(number.error(format!("{key} is already the number of `{}`", other.name)));
        }
        kinds.insert(key, NamedKind { name: name.into(), terms: terms(&table, actions)? });
    }
    Ok(kinds)
}

fn kinds_default(root: &Table<'_>, actions: &[String]) -> Result<Option<Terms>, CharterError> {
    let Some(section) = root.optional("kinds_default") else { return Ok(None) };
    let table = section.table()?;
    table.only(&["action", "lifetime_ms"])?;
    Ok(Some(terms(&table, actions)?))
}

fn terms(kind: &Table<'_>, actions: &[String]) -> Result<Terms, CharterError> {
    let action = action_position(&kind.required("action")?, actions)?;
    let lifetime_ms = kind.optional("lifetime_ms").map(|value| value.integer(1..=TIME_MS_MAX)).transpose()?;
    Ok(Terms { action, lifetime_ns: lifetime_ms.map(|ms| ms * NS_PER_MS) })
}

fn grants(
    root: &Table<'_>,
    roles: &[Role],
    actions: &[String],
) -> Result<BTreeMap<(usize, usize), u32>, CharterError> {
    let mut grants = BTreeMap::new();
    for value in elements(root, "grants")? {
        let table = value.table()?;
        table.only(&["from", "action", "to"])?;
        let from = chosen(&table.required("from")?, roles.len(), |name| role_position(name, roles))?;
        let to = chosen(&table.required("to")?, roles.len(), |name| role_position(name, roles))?;
        let granted =
            chosen(&table.required("action")?, actions.len(), |name| action_position(name, actions))?;
        let bits = granted.into_iter().fold(0, |bits: u32, action| bits | 1 << action);
        for from in from {
            for to in &to {
                *grants.entry((from, *to)).or_insert(0) |= bits;
            }
        }
    }
    Ok(grants)
}

/// The positions that a list of names stands for; `*` is all `count` of them.
fn chosen(
    value: &Value<'_>,
    count: usize,
    position: impl Fn(&Value<'_>) -> Result<usize, CharterError>,
) -> Result<BTreeSet<usize>, CharterError> {
    let names = value.list()?;
    if names.is_empty() {
        return Err(value.error("must name at least one, or \"*\" for all"));
    }
    let mut positions = BTreeSet::new();
    for name in &names {
        if name.text()? == ALL {
            positions.extend(0..count);
        } else {
            positions.insert(position(name)?);
        }
    }
    Ok(positions)
}

fn tenants(root: &Table<'_>) -> Result<(bool, Vec<String>), CharterError> {
    let Some(section) = root.optional("tenants") else { return Ok((true, Vec::new())) };
    let table = section.table()?;
    table.only(&["isolation", "names"])?;
    let is_isolated = table.optional("isolation").map_or(Ok(true), |value| value.boolean())?;
    let mut names: Vec<String> = Vec::new();
    for value in elements(&table, "names")? {
        let name = tenant_name(&value)?;
        if names.iter().any(|other| other == name) {
            return Err(value.refused(name, "is named twice"));
        }
        if names.len() == TENANT_LIMIT {
            return Err(value.refused(name, format!("is one more than the {TENANT_LIMIT} tenants allowed")));
        }
        names.push(name.to_owned());
    }
    Ok((is_isolated, names))
}

fn tenant_name<'a>(value: &Value<'a>) -> Result<&'a str, CharterError> {
    let name = value.text()?;
    let is_part = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    if TENANT_BYTES.contains(&name.len()) && name.bytes().all(is_part) {
        return Ok(name);
    }
    let (min, max) = (TENANT_BYTES.start(), TENANT_BYTES.end());
    Err(value.refused(name, format!("is not a tenant: {min} to {max} of a-z, 0-9, `-` and `_`")))
}

fn threshold(root: &Table<'_>) -> Result<Impact, CharterError> {
    let Some(section) = root.optional("impact") else { return Ok(Impact::from_score(THRESHOLD_DEFAULT)) };
    let table = section.table()?;
    table.only(&["threshold"])?;
    let Some(value) = table.optional("threshold") else { return Ok(Impact::from_score(THRESHOLD_DEFAULT)) };
    let score = value.number()?;
    let tenths = score * 10.0;
    if (0.0..=1.0).contains(&score) && (tenths - tenths.round()).abs() < 1e-9 {
        return Ok(Impact::from_score(score));
    }
    Err(value.error(format!("{score} is not allowed: 0 to 1 in tenths, such as 0.8")))
}

/// The skew and the grace.
fn limits(root: &Table<'_>) -> Result<(u64, u64), CharterError> {
    let Some(section) = root.optional("limits") else { return Ok((SKEW_MS_DEFAULT * NS_PER_MS, 0)) };
    let table = section.table()?;
    table.only(&["skew_ms", "grace_ms"])?;
    let time_ns = |key: &str, default_ms: u64| {
        let value = table.optional(key);
        value.map_or(Ok(default_ms), |value| value.integer(0..=TIME_MS_MAX)).map(|ms| ms * NS_PER_MS)
    };
    Ok((time_ns("skew_ms", SKEW_MS_DEFAULT)?, time_ns("grace_ms", 0)?))
}

/// The elements of the array at `key`; none when there is no such key.
fn elements<'a>(table: &Table<'a>, key: &str) -> Result<Vec<Value<'a>>, CharterError> {
    table.optional(key).map_or(Ok(Vec::new()), |value| value.list())
}

fn role_position(value: &Value<'_>, roles: &[Role]) -> Result<usize, CharterError> {
    let name = value.text()?;
    roles.iter().position(|role| role.name == name).ok_or_else(|| {
        let allowed = listed(roles.iter().map(|role| role.name.as_str()));
        value.refused(name, format!("is not a role: one of {allowed}"))
    })
}

fn action_position(value: &Value<'_>, actions: &[String]) -> Result<usize, CharterError> {
    let name = value.text()?;
    actions.iter().position(|action| action == name).ok_or_else(|| {
        let allowed = listed(actions.iter().map(String::as_str));
        value.refused(name, format!("is not the action of any kind: one of {allowed}"))
    })
}
