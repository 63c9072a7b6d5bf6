//! Health over time around a fault: the score as steps, with the moments that matter marked.

use crate::figure;
use crate::html::HtmlError;
use crate::html::canvas::{Canvas, Paint};
use crate::html::chart::Chart;
use crate::html::plot::{self, Axis, Field, Mark};
use crate::html::scale::Scale;
use crate::report::Fault;

const HEIGHT: i32 = 246;
const NS_PER_MS: f64 = 1e6;

/// A chart for each fault with a timeline.
pub(super) fn charts(faults: &[Fault]) -> Result<Vec<Chart>, HtmlError> {
    faults.iter().filter(|fault| !fault.timeline.is_empty()).map(chart).collect()
}

fn chart(fault: &Fault) -> Result<Chart, HtmlError> {
    let after = |what: &str, ns: Option<u64>| match ns {
        Some(ns) => format!("{what} after {}", figure::time(ns as f64)),
        None => format!("never {what}"),
    };
    let over =
        fault.cause_ns.map(|ns| format!(", over after {}", figure::time(ns as f64))).unwrap_or_default();
    let recovered = after("recovered", fault.recover_ns);
    let recovered = if over.is_empty() { recovered } else { recovered + " from then" };
    let caption = format!("{}{over}, {recovered}", after("noticed", fault.detect_ns));
    let chart = Chart::new("fault", &fault.name, format!("Health: {}", fault.name), caption);
    chart.drawn(|_| HEIGHT, |canvas, _| draw(canvas, fault))
}

/// A moment after the fault, in milliseconds since the load began.
fn after(fault: &Fault, ns: u64) -> f64 {
    fault.fault_at_ms + ns as f64 / NS_PER_MS
}

fn draw(canvas: &mut Canvas<'_>, fault: &Fault) -> Result<(), HtmlError> {
    let field = Field::new((canvas.width, canvas.height), 5);
    let cause_ns = fault.cause_ns.unwrap_or(0);
    let moments = [
        Some(fault.fault_at_ms),
        fault.detect_ns.map(|ns| after(fault, ns)),
        fault.cause_ns.map(|ns| after(fault, ns)),
        // It counts from the end of the cause.
        fault.recover_ns.map(|ns| after(fault, cause_ns.saturating_add(ns))),
    ];
    let times = fault.timeline.iter().map(|point| point.at_ms).chain(moments.into_iter().flatten());
    let (low, high) = times
        .filter(|ms| ms.is_finite())
        .fold((f64::MAX, f64::MIN), |(low, high), ms| (ms.min(low), ms.max(high)));
    let across = Scale::even((low, high), field.across());
    let up = Scale::even((0.0, 1.0), field.upwards());
    let time =
        Axis { scale: across, label: |ms| figure::time_tick(ms * NS_PER_MS), title: "since the load began" };
    plot::axes(canvas, field, &time, &Axis { scale: up, label: figure::trimmed, title: "score" })?;
    let names =
        [("fault", Paint::Bad), ("noticed", Paint::Text), ("over", Paint::Faint), ("recovered", Paint::Good)];
    let marks = moments.into_iter().zip(names);
    let marks = marks.filter_map(|(ms, (name, paint))| Some(Mark { x: across.at(ms?), name, paint }));
    plot::marks(canvas, field, marks.collect())?;
    let mut steps: Vec<(i32, i32)> = Vec::new();
    for point in &fault.timeline {
        let at = (across.at(point.at_ms), up.at(point.score));
        steps.extend(steps.last().map(|before| (at.0, before.1)));
        steps.push(at);
    }
    // The last score holds until the end.
    steps.extend(steps.last().map(|last| (field.right, last.1)));
    canvas.path(&steps, Paint::SeriesA, 2)
}
