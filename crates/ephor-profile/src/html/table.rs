//! The report as text in tables: what the page and the Markdown both show, in one order and in the same words.

/// What a text means, beside what it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing in particular.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// To be read with care.
    Care,
    /// Computed from other figures, or of no weight.
    Quiet,
}

impl Tone {
    /// The class of its elements in the page.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Care => "care",
            Self::Quiet => "quiet",
        }
    }
}

/// A line of text with its meaning.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

impl Line {
    pub(crate) fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

/// One cell: its text, small lines under it, and lines that are folded away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) tone: Tone,
    pub(crate) lines: Vec<Line>,
    pub(crate) folded: Vec<String>,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// `text` with a meaning.
    pub(crate) fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self { tone, ..Self::new(text) }
    }

    /// The text of `value`, or words for there being none.
    pub(crate) fn maybe<T>(value: Option<T>, text: impl FnOnce(T) -> String, none: &str) -> Self {
        value.map_or_else(|| Self::toned(none, Tone::Quiet), |value| Self::new(text(value)))
    }

    /// With a small line under it, unless it is empty.
    #[must_use]
    pub(crate) fn with(mut self, line: &str, tone: Tone) -> Self {
        if !line.is_empty() {
            self.lines.push(Line::new(line, tone));
        }
        self
    }

    /// With a small line for each of `lines`.
    #[must_use]
    pub(crate) fn with_all(self, lines: &[String], tone: Tone) -> Self {
        lines.iter().fold(self, |cell, line| cell.with(line, tone))
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Sentences and names, which may break anywhere.
    Prose,
    /// One word or two, which do not break.
    Words,
    /// Figures, which stand right.
    Figures,
}

/// A column: its heading, and what it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) holds: Holds,
}

impl Column {
    /// The class of its cells in the page.
    pub(crate) fn class(&self) -> &'static str {
        match self.holds {
            Holds::Prose => "prose",
            Holds::Words => "words",
            Holds::Figures => "figures",
        }
    }

    pub(crate) fn is_prose(&self) -> bool {
        self.holds == Holds::Prose
    }

    pub(crate) fn is_figures(&self) -> bool {
        self.holds == Holds::Figures
    }
}

/// A column of sentences or names.
pub(crate) const fn prose(title: &'static str) -> Column {
    Column { title, holds: Holds::Prose }
}

/// A column of words.
pub(crate) const fn words(title: &'static str) -> Column {
    Column { title, holds: Holds::Words }
}

/// A column of figures.
pub(crate) const fn figures(title: &'static str) -> Column {
    Column { title, holds: Holds::Figures }
}

/// Rows that belong together, under a heading of their own when it is not empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) title: String,
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// How much of a table is shown at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fold {
    /// All of it, and it cannot be folded.
    #[default]
    Never,
    /// All of it.
    Open,
    /// Only its label.
    Closed,
}

/// A table; every row has a cell for each column.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// What it is about, for those who hear the page and for folded tables.
    pub(crate) label: String,
    pub(crate) fold: Fold,
    pub(crate) columns: Vec<Column>,
    pub(crate) groups: Vec<Group>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(label: impl Into<String>, columns: &[Column]) -> Self {
        Self { label: label.into(), columns: columns.to_vec(), ..Self::default() }
    }

    /// With `rows`, in one group without a heading.
    #[must_use]
    pub(crate) fn rows(self, rows: impl Iterator<Item = Vec<Cell>>) -> Self {
        self.group("", rows)
    }

    /// With `rows` under a heading.
    #[must_use]
    pub(crate) fn group(mut self, title: impl Into<String>, rows: impl Iterator<Item = Vec<Cell>>) -> Self {
        let rows: Vec<_> = rows.collect();
        debug_assert!(rows.iter().all(|row| row.len() == self.columns.len()), "{}", self.label);
        self.groups.push(Group { title: title.into(), rows });
        self
    }

    /// Folded as `fold` says.
    #[must_use]
    pub(crate) fn folded(self, fold: Fold) -> Self {
        Self { fold, ..self }
    }
}

/// A part of the report, with its heading.
#[derive(Clone, Debug, Default)]
pub(crate) struct Section {
    /// Its anchor, and what its charts are found by.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// What has to be known to read it.
    pub(crate) text: Vec<String>,
    pub(crate) tables: Vec<Table>,
}

impl Section {
    pub(crate) fn new(id: &'static str, title: &'static str, tables: Vec<Table>) -> Self {
        Self { id, title, tables, text: Vec::new() }
    }

    /// With a paragraph, unless it is empty.
    #[must_use]
    pub(crate) fn says(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        if !text.is_empty() {
            self.text.push(text);
        }
        self
    }
}
