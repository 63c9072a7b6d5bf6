//! The report as one HTML page that needs nothing else: no file beside it, no script, no font, no network.
//!
//! It reads in light and in dark, on a desk, on a phone and on paper. Each chart is drawn twice, wide and narrow, and the style
//! sheet shows the one that fits; the drawings have no colours of their own, which the style sheet gives them. All text of the report
//! is escaped, and the page forbids itself scripts. The report's JSON is inside, under the id `report`.

mod bars;
mod canvas;
mod chart;
mod head;
mod histogram;
mod letters;
mod load;
mod plot;
mod scale;
mod sections;
mod spread;
mod suite;
mod table;
mod timeline;
mod words;

use askama::Template;
use thiserror::Error;

use self::chart::Chart;
pub(crate) use self::head::Head;
pub(crate) use self::sections::sections;
pub(crate) use self::table::{Cell, Line, Table, Tone};
use self::table::{Fold, Section};
use crate::report::Report;

/// Why there is no page.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HtmlError {
    /// A chart could not be drawn.
    #[error("a chart cannot be drawn: {0}")]
    Chart(String),
    /// The report could not be written into the page as JSON.
    #[error("the report cannot be written as JSON: {0}")]
    Json(String),
    /// The page could not be put together.
    #[error("the page cannot be put together: {0}")]
    Page(String),
}

/// The page.
#[derive(Template)]
#[template(path = "report.html", whitespace = "minimize")]
struct Page {
    head: Head,
    parts: Vec<Part>,
    json: String,
}

/// A section with its charts.
struct Part {
    section: Section,
    charts: Vec<Chart>,
}

/// Writes `report` as an HTML page.
///
/// # Errors
/// [`HtmlError`], when a chart cannot be drawn or the page not be put together.
pub fn html(report: &Report) -> Result<String, HtmlError> {
    let mut charts = charts(report)?;
    chart::number(&mut charts);
    let parts = sections(report).into_iter().map(|section| {
        let own = charts.extract_if(.., |chart| home(chart.kind) == section.id).collect();
        Part { section, charts: own }
    });
    let page = Page { head: Head::of(report), parts: parts.collect(), json: json(report)? };
    page.render().map_err(|error| HtmlError::Page(error.to_string()))
}

fn charts(report: &Report) -> Result<Vec<Chart>, HtmlError> {
    let mut charts = histogram::charts(&report.metrics)?;
    charts.extend(load::charts(&report.curves)?);
    charts.extend(bars::hot_spots(&report.hot_spots)?);
    charts.extend(timeline::charts(&report.faults)?);
    charts.extend(bars::comparison(report.comparison.as_ref())?);
    Ok(charts)
}

/// The section that a kind of chart belongs to.
fn home(kind: &str) -> &'static str {
    match kind {
        "histogram" => "distributions",
        "load-latency" | "load-throughput" => "load",
        "hot-spots" => "hot-spots",
        "fault" => "faults",
        _ => "comparison",
    }
}

/// `text` with what HTML reads as its own replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// `text` escaped, with places to break in names such as `hop_cross_p99`.
fn breakable(text: &str) -> String {
    escaped(text).replace('_', "_<wbr>")
}

/// The report as JSON that no end tag in it can end.
fn json(report: &Report) -> Result<String, HtmlError> {
    let text = serde_json::to_string(report).map_err(|error| HtmlError::Json(error.to_string()))?;
    Ok(text.replace('<', "\\u003c"))
}
