//! Reads the syntax trees of a policy into plain facts: its rules, and what each of them mentions.
//!
//! A mention errs on the side of too many. A name counts as the rule of that name even where a local
//! variable hides it; only parameters of a function are known never to mean a rule. A path with a computed
//! part counts as every rule below its computed part. So a cycle among the rules is never missed, and at
//! worst a local variable that shares a rule's name has to be renamed.

use regorus::unstable::{
    Expr, Import, Literal, LiteralStmt, Module, Query, Ref, Rule, RuleBody, RuleHead, Span, WithModifier,
};

use crate::error::Place;
use crate::rego::place;

/// The components of a path: `data.desk.violations` is three.
pub(crate) type Path = Vec<String>;

/// One definition of a rule; a rule may have several.
pub(crate) struct Definition {
    pub(crate) path: Path,
    pub(crate) place: Place,
    pub(crate) is_function: bool,
    /// How many frames of the interpreter evaluating it can take, those of other rules apart.
    pub(crate) depth: u32,
    pub(crate) mentions: Vec<Mention>,
    pub(crate) calls: Vec<Call>,
    pub(crate) replacements: Vec<Replacement>,
}

/// A path that an expression names, as each rule that it may mean.
pub(crate) struct Mention {
    pub(crate) candidates: Vec<Path>,
}

/// A call of a function, user-defined or built in.
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) candidates: Vec<Path>,
    pub(crate) arguments: Vec<Argument>,
}

/// What is known of an argument before it is evaluated.
pub(crate) enum Argument {
    Integer(i64),
    Text(String),
    Computed,
}

/// `with target as substitute`, where the substitute may be a function that is then called instead.
pub(crate) struct Replacement {
    pub(crate) target: Vec<Path>,
    pub(crate) substitute: Vec<Path>,
    pub(crate) name: String,
    pub(crate) place: Place,
}

/// The facts about one module.
pub(crate) fn read(module: &Module) -> Vec<Definition> {
    let mut package = vec!["data".to_owned()];
    package.extend(static_path(&module.package.refr));
    module.policy.iter().map(|rule| Reader::read(&package, &module.imports, rule)).collect()
}

struct Reader<'a> {
    package: &'a Path,
    imports: &'a [Import],
    parameters: Vec<String>,
    /// Loops met so far; each one nests what follows it in its query.
    loop_count: u32,
    found: Definition,
}

impl<'a> Reader<'a> {
    fn read(package: &'a Path, imports: &'a [Import], rule: &Rule) -> Definition {
        let mut path = package.clone();
        path.extend(static_path(rule_name(rule)));
        let found = Definition {
            path,
            place: place(rule_name(rule).span()),
            is_function: false,
            depth: 0,
            mentions: Vec::new(),
            calls: Vec::new(),
            replacements: Vec::new(),
        };
        let mut reader = Reader { package, imports, parameters: Vec::new(), loop_count: 0, found };
        reader.rule(rule);
        reader.found
    }

    fn rule(&mut self, rule: &Rule) {
        match rule {
            Rule::Spec { head, bodies, .. } => {
                self.head(head);
                bodies.iter().for_each(|body| self.body(body));
            }
            Rule::Default { args, value, .. } => {
                self.found.is_function = !args.is_empty();
                self.parameters(args);
                self.expression(value, 1);
            }
        }
    }

    fn head(&mut self, head: &RuleHead) {
        let (RuleHead::Compr { refr, .. } | RuleHead::Set { refr, .. } | RuleHead::Func { refr, .. }) = head;
        if let RuleHead::Func { args, .. } = head {
            self.found.is_function = true;
            self.parameters(args);
        }
        self.indexes(refr, 1);
        match head {
            RuleHead::Compr { assign: Some(assign), .. } | RuleHead::Func { assign: Some(assign), .. } => {
                self.expression(&assign.value, 1);
            }
            RuleHead::Set { key: Some(key), .. } => self.expression(key, 1),
            _ => {}
        }
    }

    fn body(&mut self, body: &RuleBody) {
        if let Some(assign) = &body.assign {
            self.expression(&assign.value, 1);
        }
        self.query(&body.query, 1);
    }

    /// Remembers the variables of a function's parameters, and reads the rest of their patterns.
    fn parameters(&mut self, patterns: &[Ref<Expr>]) {
        let mut names = Vec::new();
        patterns.iter().for_each(|pattern| collect_variables(pattern, &mut names));
        self.parameters = names;
        patterns.iter().for_each(|pattern| self.expression(pattern, 1));
    }

    fn query(&mut self, query: &Query, depth: u32) {
        let mut depth = depth + 1;
        for statement in &query.stmts {
            let before = self.loop_count;
            self.statement(statement, depth);
            depth += self.loop_count - before;
        }
    }

    fn statement(&mut self, statement: &LiteralStmt, depth: u32) {
        match &statement.literal {
            Literal::SomeVars { .. } => {}
            Literal::SomeIn { key, value, collection, .. } => {
                self.loop_count += 1;
                self.expressions(key.iter().chain([value, collection]), depth + 1);
            }
            Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => self.expression(expr, depth + 1),
            Literal::Every { domain, query, .. } => {
                self.loop_count += 1;
                self.expression(domain, depth + 1);
                self.query(query, depth + 1);
            }
        }
        statement.with_mods.iter().for_each(|modifier| self.modifier(modifier, depth + 1));
    }

    fn modifier(&mut self, modifier: &WithModifier, depth: u32) {
        self.expression(&modifier.r#as, depth);
        let substitute = static_path(&modifier.r#as);
        if substitute.is_empty() {
            return;
        }
        let replacement = Replacement {
            target: self.function_candidates(&static_path(&modifier.refr)),
            substitute: self.function_candidates(&substitute),
            name: substitute.join("."),
            place: place(modifier.r#as.span()),
        };
        self.found.replacements.push(replacement);
    }

    fn expressions<'e>(&mut self, list: impl IntoIterator<Item = &'e Ref<Expr>>, depth: u32) {
        list.into_iter().for_each(|expr| self.expression(expr, depth));
    }

    /// Recursion follows the depth of the tree, which [`crate::rego::shape`] has bounded.
    fn expression(&mut self, expr: &Expr, depth: u32) {
        self.found.depth = self.found.depth.max(depth);
        let below = depth + 1;
        match expr {
            Expr::String { .. }
            | Expr::RawString { .. }
            | Expr::Number { .. }
            | Expr::Bool { .. }
            | Expr::Null { .. } => {}
            Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. } => self.reference(expr, depth),
            Expr::Array { items, .. } | Expr::Set { items, .. } => self.expressions(items, below),
            Expr::Object { fields, .. } => {
                fields.iter().for_each(|(_, key, value)| self.expressions([key, value], below));
            }
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                self.comprehension([term], query, below);
            }
            Expr::ObjectCompr { key, value, query, .. } => self.comprehension([key, value], query, below),
            Expr::Call { span, fcn, params, .. } => {
                self.call(span, fcn, params);
                self.expressions(params, below);
            }
            Expr::UnaryExpr { expr, .. } => self.expression(expr, below),
            Expr::BinExpr { lhs, rhs, .. }
            | Expr::BoolExpr { lhs, rhs, .. }
            | Expr::ArithExpr { lhs, rhs, .. }
            | Expr::AssignExpr { lhs, rhs, .. } => self.expressions([lhs, rhs], below),
            Expr::Membership { key, value, collection, .. } => {
                self.expressions(key.iter().chain([value, collection]), below);
            }
        }
    }

    /// The loops of a comprehension end with it, so they do not nest what follows.
    fn comprehension<const N: usize>(&mut self, terms: [&Ref<Expr>; N], query: &Query, depth: u32) {
        let before = self.loop_count;
        self.query(query, depth);
        let loops = self.loop_count - before;
        self.expressions(terms, depth + loops);
        self.loop_count = before;
    }

    fn reference(&mut self, expr: &Expr, depth: u32) {
        let candidates = self.candidates(&static_path(expr));
        self.found.mentions.push(Mention { candidates });
        self.indexes(expr, depth + 1);
    }

    /// Reads what stands in the brackets of a reference and what the reference starts from.
    fn indexes(&mut self, mut expr: &Expr, mut depth: u32) {
        loop {
            match expr {
                Expr::RefDot { refr, .. } => expr = refr,
                Expr::RefBrack { refr, index, .. } => {
                    if !matches!(**index, Expr::String { .. } | Expr::RawString { .. } | Expr::Number { .. })
                    {
                        self.loop_count += 1;
                        self.expression(index, depth);
                        depth += 1;
                    }
                    expr = refr;
                }
                Expr::Var { .. } => return,
                start => return self.expression(start, depth),
            }
        }
    }

    fn call(&mut self, span: &Span, function: &Expr, arguments: &[Ref<Expr>]) {
        let path = static_path(function);
        let candidates = self.function_candidates(&path);
        self.found.mentions.push(Mention { candidates: candidates.clone() });
        let arguments = arguments.iter().map(|argument| known(argument)).collect();
        self.found.calls.push(Call { name: path.join("."), place: place(span), candidates, arguments });
    }

    /// The rules that a path may mean where a variable can stand.
    fn candidates(&self, path: &[String]) -> Vec<Path> {
        match path.first() {
            Some(head) if head == "data" => vec![path.to_vec()],
            Some(head) if head != "input" && !self.parameters.contains(head) => self.resolve(path),
            _ => Vec::new(),
        }
    }

    /// The functions that a path may mean: as it stands (built in, or from `data`), or of this package, or
    /// through an import. No variable hides a function.
    fn function_candidates(&self, path: &[String]) -> Vec<Path> {
        let mut candidates = self.resolve(path);
        candidates.push(path.to_vec());
        candidates
    }

    fn resolve(&self, path: &[String]) -> Vec<Path> {
        let Some((head, rest)) = path.split_first() else { return Vec::new() };
        let joined = |start: &[String], end: &[String]| [start, end].concat();
        let imported = self.imports.iter().filter(|import| alias(import).as_ref() == Some(head));
        let imported = imported.map(|import| joined(&static_path(&import.refr), rest));
        [joined(self.package, path)].into_iter().chain(imported).collect()
    }
}

/// The components of a reference up to its first computed part; none when it does not start at a name.
fn static_path(mut expr: &Expr) -> Path {
    let mut path = Vec::new();
    loop {
        match expr {
            Expr::Var { span, .. } => {
                path.push(span.text().to_owned());
                path.reverse();
                return path;
            }
            Expr::RefDot { refr, field, .. } => {
                path.push(field.0.text().to_owned());
                expr = refr;
            }
            Expr::RefBrack { refr, index, .. } => {
                match &**index {
                    Expr::String { value, .. } | Expr::RawString { value, .. } => {
                        path.extend(value.as_string().map(|text| text.to_string()));
                    }
                    _ => path.clear(),
                }
                expr = refr;
            }
            _ => return Vec::new(),
        }
    }
}

fn rule_name(rule: &Rule) -> &Expr {
    match rule {
        Rule::Spec { head, .. } => {
            let (RuleHead::Compr { refr, .. } | RuleHead::Set { refr, .. } | RuleHead::Func { refr, .. }) =
                head;
            refr
        }
        Rule::Default { refr, .. } => refr,
    }
}

fn alias(import: &Import) -> Option<String> {
    match &import.r#as {
        Some(span) => Some(span.text().to_owned()),
        None => static_path(&import.refr).pop(),
    }
}

/// The variables of a pattern; a pattern is made of variables, literals and collections of patterns.
fn collect_variables(pattern: &Expr, names: &mut Vec<String>) {
    match pattern {
        Expr::Var { span, .. } => names.push(span.text().to_owned()),
        Expr::Array { items, .. } => items.iter().for_each(|item| collect_variables(item, names)),
        Expr::Object { fields, .. } => {
            fields.iter().for_each(|(_, _, value)| collect_variables(value, names));
        }
        _ => {}
    }
}

fn known(argument: &Expr) -> Argument {
    match argument {
        Expr::Number { value, .. } => value.as_i64().map_or(Argument::Computed, Argument::Integer),
        Expr::String { value, .. } | Expr::RawString { value, .. } => {
            value.as_string().map_or(Argument::Computed, |text| Argument::Text(text.to_string()))
        }
        _ => Argument::Computed,
    }
}
