//! The distribution of a figure: bars over a logarithmic axis of time, with its percentiles marked. What is not empty is drawn at
//! least one pixel high, so that outliers show.

use crate::figure;
use crate::html::HtmlError;
use crate::html::canvas::{Canvas, Paint};
use crate::html::chart::Chart;
use crate::html::plot::{self, Axis, Field, Mark};
use crate::html::scale::Scale;
use crate::html::spread::{self, Spread};
use crate::metric::{Distribution, Metric};

/// Most distributions that are drawn; the table has all.
const DRAWN_MAX: usize = 24;
/// Figures that are drawn before others, by how their names start.
const FIRST: [&str; 2] = ["latency", "hop"];
/// The bounds of buckets grow by this, so a bucket that follows empty ones begins here below its bound.
const GROWTH: f64 = 1.1;
const HEIGHT: i32 = 250;

/// A chart for each distribution that is drawn.
pub(super) fn charts(metrics: &[Metric]) -> Result<Vec<Chart>, HtmlError> {
    let is_first = |spread: &Spread<'_>| FIRST.iter().any(|start| spread.names[0].starts_with(start));
    let spreads = spread::spreads(metrics).into_iter().filter(|spread| is_drawable(spread.of));
    let (mut drawn, others): (Vec<_>, Vec<_>) = spreads.partition(is_first);
    drawn.extend(others);
    drawn.iter().take(DRAWN_MAX).map(chart).collect()
}

/// Whether a bucket has a place on the axis.
fn is_drawable(of: &Distribution) -> bool {
    of.buckets.iter().any(|(bound, count)| *bound > 0.0 && bound.is_finite() && *count > 0)
}

fn chart(spread: &Spread<'_>) -> Result<Chart, HtmlError> {
    let of = spread.of;
    let [p50, p99, max] = [of.p50, of.p99, of.max].map(figure::time);
    let caption = format!("p50 {p50}, p99 {p99}, max {max}; {} samples", figure::count(of.count));
    let chart = Chart::new("histogram", spread.names[0], spread.title(), caption);
    chart.drawn(|_| HEIGHT, |canvas, _| draw(canvas, of))
}

fn draw(canvas: &mut Canvas<'_>, of: &Distribution) -> Result<(), HtmlError> {
    let field = Field::new((canvas.width, canvas.height), 4);
    let bounds = of.buckets.iter().map(|(bound, _)| *bound);
    let ends = bounds.clone().map(|bound| bound / GROWTH).chain(bounds).chain([of.p50, of.p99, of.max]);
    let Some(across) = Scale::log(ends, field.across()) else { return Ok(()) };
    let total = of.buckets.iter().map(|(_, count)| *count).sum::<u64>().max(1) as f64;
    let peak = of.buckets.iter().map(|(_, count)| *count).max().unwrap_or(1) as f64 / total;
    let up = Scale::even((0.0, peak), field.upwards());
    let time = Axis { scale: across, label: figure::time_tick, title: "time, logarithmic" };
    let share =
        Axis { scale: up, label: |part| figure::trimmed(100.0 * part) + " %", title: "share of samples" };
    plot::axes(canvas, field, &time, &share)?;
    let mut below = 0.0;
    for (bound, count) in of.buckets.iter().filter(|(_, count)| *count > 0) {
        let (left, right) = (across.at((bound / GROWTH).max(below)), across.at(*bound));
        let right = if right - left > 3 { right - 1 } else { right };
        // Rounded to nothing, a bar would hide an outlier.
        let top = up.at(*count as f64 / total).min(field.bottom - 1);
        canvas.bar((left, top), (right, field.bottom), Paint::SeriesA)?;
        below = *bound;
    }
    let mark = |ns, name, paint| Mark { x: across.at(ns), name, paint };
    let marks = vec![
        mark(of.p50, "p50", Paint::Text),
        mark(of.p99, "p99", Paint::SeriesB),
        mark(of.max, "max", Paint::Bad),
    ];
    plot::marks(canvas, field, marks)
}
