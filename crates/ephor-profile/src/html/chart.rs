//! A chart of the page: two drawings of the same, for wide windows and for narrow ones, with what is said in text around them.

use std::collections::BTreeSet;

use crate::html::HtmlError;
use crate::html::canvas::{self, Canvas, Format, Point};

/// Width of a drawing that shares its line with another, and of one that does not, in a wide window.
const WIDE_HALF: i32 = 536;
const WIDE_FULL: i32 = 1_104;
/// Width of every drawing in a narrow window.
const NARROW: i32 = 320;
/// Longest part of an id that comes from a name.
const SLUG_MAX: usize = 60;

/// A colour or a shape of a chart, and what it stands for.
pub(crate) struct Key {
    /// The class of its sample, which the style sheet draws.
    pub(crate) class: String,
    pub(crate) text: String,
}

/// A chart.
pub(crate) struct Chart {
    /// Its anchor, made of its kind and what it is of.
    pub(crate) id: String,
    /// What kind of chart it is: `histogram`, `load-latency`, ...
    pub(crate) kind: &'static str,
    /// The metric or the fault that it is of; empty when there is one chart of its kind.
    pub(crate) of: String,
    pub(crate) title: String,
    /// The figures that it shows, in text.
    pub(crate) caption: String,
    pub(crate) keys: Vec<Key>,
    /// Whether it takes a line of its own in a wide window.
    pub(crate) is_full: bool,
    /// The drawings, as SVG.
    pub(crate) drawings: Vec<String>,
}

impl Chart {
    /// A chart without drawings.
    pub(super) fn new(
        kind: &'static str,
        of: &str,
        title: impl Into<String>,
        caption: impl Into<String>,
    ) -> Self {
        Self {
            id: String::new(),
            kind,
            of: of.to_owned(),
            title: title.into(),
            caption: caption.into(),
            keys: Vec::new(),
            is_full: false,
            drawings: Vec::new(),
        }
    }

    /// With an explanation of a sample.
    #[must_use]
    pub(super) fn key(mut self, class: impl Into<String>, text: impl Into<String>) -> Self {
        self.keys.push(Key { class: class.into(), text: text.into() });
        self
    }

    /// With a line of its own.
    #[must_use]
    pub(super) fn full(self) -> Self {
        Self { is_full: true, ..self }
    }

    /// With both drawings, as high as `height` says.
    pub(super) fn drawn(
        mut self,
        height: impl Fn(Format) -> i32,
        paint: impl Fn(&mut Canvas<'_>, Format) -> Result<(), HtmlError>,
    ) -> Result<Self, HtmlError> {
        let parts = [self.title.as_str(), self.caption.as_str()].into_iter().filter(|part| !part.is_empty());
        let title = parts.collect::<Vec<_>>().join(": ");
        for format in [Format::Wide, Format::Narrow] {
            let size: Point = (self.width(format), height(format));
            let drawing = canvas::svg(format, size, &title, &|canvas| paint(canvas, format))?;
            self.drawings.push(drawing);
        }
        Ok(self)
    }

    fn width(&self, format: Format) -> i32 {
        match format {
            Format::Narrow => NARROW,
            Format::Wide if self.is_full => WIDE_FULL,
            Format::Wide => WIDE_HALF,
        }
    }
}

/// Gives each chart an id that no other has. The same report gets the same ids.
pub(super) fn number(charts: &mut [Chart]) {
    let mut taken = BTreeSet::new();
    for chart in charts {
        let slug = slug(&chart.of);
        let base = if slug.is_empty() {
            format!("chart-{}", chart.kind)
        } else {
            format!("chart-{}-{slug}", chart.kind)
        };
        let others = (2..).map(|number| format!("{base}-{number}"));
        let free = std::iter::once(base.clone()).chain(others).find(|id| !taken.contains(id));
        chart.id = free.unwrap_or(base);
        taken.insert(chart.id.clone());
    }
}

/// `name` in lower-case letters, digits and single hyphens.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for letter in name.chars() {
        if slug.len() >= SLUG_MAX {
            break;
        }
        if letter.is_ascii_alphanumeric() {
            slug.push(letter.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plain_and_differ() {
        let mut charts: Vec<_> = ["hop.p99", "hop p99", "", "<i>"]
            .map(|of| Chart::new("histogram", of, "", ""))
            .into_iter()
            .collect();
        number(&mut charts);
        let ids: Vec<_> = charts.iter().map(|chart| chart.id.as_str()).collect();
        assert_eq!(
            ids,
            ["chart-histogram-hop-p99", "chart-histogram-hop-p99-2", "chart-histogram", "chart-histogram-i"]
        );
        assert!(slug(&"long ".repeat(99)).len() <= SLUG_MAX);
    }
}
