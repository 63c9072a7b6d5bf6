//! Charts of names with a bar each: hot spots by their share, and figures by their ratio to the baseline.
//!
//! A wide drawing has the names left of the bars; a narrow one has them above. Long names lose their middle: the table has them in
//! full.

use crate::figure;
use crate::html::canvas::{Anchor, Canvas, Format, LETTER, LINE, Paint};
use crate::html::chart::Chart;
use crate::html::table::Tone;
use crate::html::{HtmlError, letters, sections};
use crate::report::{Change, Comparison, HotSpot};

/// Most bars of a chart; the table has all.
const BARS_MAX: usize = 24;
/// Ratios beyond this, or below one over it, end at the edge.
const RATIO_MAX: f64 = 16.0;
/// The bars reach at least to this ratio and to one over it, so that noise looks small.
const RATIO_MIN: f64 = 1.25;

const ROW_WIDE: i32 = 24;
const ROW_NARROW: i32 = 38;
const BAR: i32 = 10;
/// The columns of a wide drawing: names, and the values at its right edge.
const NAMES: i32 = 330;
const VALUES: i32 = 170;

/// A bar: its name, where it begins and ends on a line of 0 to 1, and its value in words.
struct Bar {
    name: String,
    from: f64,
    to: f64,
    value: String,
    paint: Paint,
}

/// The places where messages spent most of their time.
pub(super) fn hot_spots(spots: &[HotSpot]) -> Result<Option<Chart>, HtmlError> {
    let mut spots: Vec<_> = spots.iter().filter(|spot| spot.share.is_finite()).collect();
    spots.sort_by(|one, other| other.share.total_cmp(&one.share));
    spots.truncate(BARS_MAX);
    let most = spots.first().map_or(0.0, |spot| spot.share);
    let bars: Vec<_> = spots.iter().map(|spot| hot_spot(spot, most)).collect();
    if bars.is_empty() {
        return Ok(None);
    }
    let chart = Chart::new("hot-spots", "", "Share of all time measured", "").full();
    let chart = chart.key("bar-a", "waiting on an edge").key("bar-b", "handling in an agent");
    drawn(chart, &bars, None).map(Some)
}

fn hot_spot(spot: &HotSpot, most: f64) -> Bar {
    let paint = if spot.what == "handling" { Paint::SeriesB } else { Paint::SeriesA };
    let value = format!("{}, {}", figure::share(spot.share), figure::time(spot.total_ns as f64));
    let to = if most > 0.0 { (spot.share / most).max(0.0) } else { 0.0 };
    Bar { name: spot.place.clone(), from: 0.0, to, value, paint }
}

/// The figures that are farthest from those of the baseline.
pub(super) fn comparison(comparison: Option<&Comparison>) -> Result<Option<Chart>, HtmlError> {
    let changes = comparison.map_or(&[][..], |comparison| &comparison.changes);
    let distance = |change: &Change| change.ratio.ln().abs();
    let mut changes: Vec<_> =
        changes.iter().filter(|change| change.ratio.is_finite() && change.ratio > 0.0).collect();
    let is_called = |change: &Change| sections::change_tone(change) != Tone::Quiet;
    changes.sort_by(|one, other| {
        is_called(other).cmp(&is_called(one)).then(distance(other).total_cmp(&distance(one)))
    });
    changes.truncate(BARS_MAX);
    let reach =
        changes.iter().map(|change| distance(change)).fold(RATIO_MIN.ln(), f64::max).min(RATIO_MAX.ln());
    let bars: Vec<_> = changes.iter().map(|change| ratio(change, reach)).collect();
    if bars.is_empty() {
        return Ok(None);
    }
    let chart = Chart::new("comparison", "", "Now beside the baseline", "").full();
    let chart =
        chart.key("bar-bad", "worse").key("bar-good", "better").key("bar-quiet", "same, or not comparable");
    drawn(chart, &bars, Some(0.5)).map(Some)
}

fn ratio(change: &Change, reach: f64) -> Bar {
    let paint = match sections::change_tone(change) {
        Tone::Bad => Paint::Bad,
        Tone::Good => Paint::Good,
        _ => Paint::Quiet,
    };
    let to = 0.5 + 0.5 * (change.ratio.ln() / reach).clamp(-1.0, 1.0);
    let value = format!("{} times", figure::value(change.ratio, "ratio"));
    Bar { name: change.metric.clone(), from: 0.5, to, value, paint }
}

/// `chart` with `bars`, and an upright line at `base`.
fn drawn(chart: Chart, bars: &[Bar], base: Option<f64>) -> Result<Chart, HtmlError> {
    let height = |format| row_height(format) * bars.len() as i32 + 8;
    chart.drawn(height, |canvas, format| {
        if let Some(base) = base {
            let (left, right) = across(canvas, format);
            let x = left + (base * f64::from(right - left)).round() as i32;
            canvas.line((x, 0), (x, canvas.height), Paint::Axis, 1)?;
        }
        let mut rows = bars.iter().zip((0..).map(|row| 4 + row * row_height(format)));
        rows.try_for_each(|(bar, top)| row(canvas, format, bar, top))
    })
}

fn row_height(format: Format) -> i32 {
    if format == Format::Wide { ROW_WIDE } else { ROW_NARROW }
}

/// The pixels that the bars may take.
fn across(canvas: &Canvas<'_>, format: Format) -> (i32, i32) {
    match format {
        Format::Wide => (NAMES, canvas.width - VALUES),
        Format::Narrow => (2, canvas.width - 2),
    }
}

fn row(canvas: &mut Canvas<'_>, format: Format, bar: &Bar, top: i32) -> Result<(), HtmlError> {
    let (left, right) = across(canvas, format);
    let at = |part: f64| left + (part * f64::from(right - left)).round() as i32;
    let value_room = letters::width(&bar.value, LETTER);
    let (text_y, bar_y, name_room) = match format {
        Format::Wide => (top + ROW_WIDE / 2, top + ROW_WIDE / 2, NAMES - 12),
        Format::Narrow => (top + LINE / 2, top + LINE + BAR / 2 + 3, canvas.width - value_room - 16),
    };
    let name = letters::shorten(&bar.name, LETTER, name_room);
    canvas.bar((at(bar.from), bar_y - BAR / 2), (at(bar.to), bar_y + BAR / 2), bar.paint)?;
    if format == Format::Wide {
        canvas.text(&name, (0, text_y), Anchor::Start, Paint::Text)?;
        return canvas.text(&bar.value, (canvas.width, text_y), Anchor::End, Paint::Text);
    }
    canvas.label(&name, (0, text_y), Anchor::Start, Paint::Text)?;
    canvas.label(&bar.value, (canvas.width, text_y), Anchor::End, Paint::Text)
}
