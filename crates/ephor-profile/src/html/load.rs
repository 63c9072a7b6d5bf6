//! Latency and throughput against offered load, a line for each way of pacing, all axes logarithmic.

use std::slice;

use crate::figure;
use crate::html::HtmlError;
use crate::html::canvas::{Canvas, Paint, Point};
use crate::html::chart::Chart;
use crate::html::plot::{self, Axis, Field};
use crate::html::scale::Scale;
use crate::html::words;
use crate::report::{Curve, LoadPoint};

const HEIGHT: i32 = 300;
/// Most curves that are drawn ever wider, so that those upon them do not hide them.
const NESTED_MAX: usize = 3;
/// Radius of the smallest ring, and by how much those around it are larger.
const RING: u32 = 4;
const RING_STEP: u32 = 3;

/// A figure of a point that is drawn against the offered load.
type Read = fn(&LoadPoint) -> Option<f64>;

/// What a chart shows of the curves.
struct View {
    kind: &'static str,
    title: &'static str,
    /// The title and the labels of the vertical axis.
    axis: &'static str,
    label: fn(f64) -> String,
    /// The figures that are drawn, how wide their lines are, and what they are called where there are several.
    reads: &'static [(Read, u32, &'static str)],
    /// Whether the figures are of the offered load's kind: then the offered load itself is drawn too, and curves that lie upon
    /// each other are told apart by their width.
    is_beside_offered: bool,
}

const LATENCY: View = View {
    kind: "load-latency",
    title: "Latency against offered load",
    axis: "latency",
    label: figure::time_tick,
    reads: &[(|point| point.p99_ns, 2, "p99"), (|point| point.p50_ns, 1, "p50")],
    is_beside_offered: false,
};

const THROUGHPUT: View = View {
    kind: "load-throughput",
    title: "Handled against offered load",
    axis: "handled, msg/s",
    label: figure::rate_tick,
    reads: &[(|point| Some(point.handled_per_s), 2, "")],
    is_beside_offered: true,
};

/// Latency, then throughput, as far as there are points for them.
pub(super) fn charts(curves: &[Curve]) -> Result<Vec<Chart>, HtmlError> {
    let views = [&LATENCY, &THROUGHPUT].into_iter().filter(|view| view.has_points(curves));
    views.map(|view| view.chart(curves)).collect()
}

/// Whether an axis of logarithms has a place for this.
fn is_drawn(value: f64) -> bool {
    value.is_normal() && value > 0.0
}

/// Whether a line goes through a point: what is the bus's, and was measured at the distance of the curve.
fn is_joined(curve: &Curve, point: &LoadPoint) -> bool {
    point.no_latency.is_none() && curve.is_comparable(point)
}

/// The points that have a place on the horizontal axis.
fn points(curves: &[Curve]) -> impl Iterator<Item = &LoadPoint> + Clone {
    curves.iter().flat_map(|curve| &curve.points).filter(|point| is_drawn(point.offered_per_s))
}

fn offered(curves: &[Curve]) -> impl Iterator<Item = f64> {
    points(curves).map(|point| point.offered_per_s)
}

impl View {
    /// Whether a point has a place on both axes.
    fn has_points(&self, curves: &[Curve]) -> bool {
        self.reads.iter().any(|(read, ..)| points(curves).filter_map(read).any(is_drawn))
    }

    fn chart(&self, curves: &[Curve]) -> Result<Chart, HtmlError> {
        let mut chart = Chart::new(self.kind, "", self.title, "");
        for (curve, letter) in curves.iter().zip(["a", "b", "c"].into_iter().cycle()) {
            if !curve.points.is_empty() {
                chart = chart.key(format!("series-{letter}"), words::curve(curve));
            }
        }
        for (_, wide, name) in self.reads.iter().filter(|(_, _, name)| !name.is_empty()) {
            chart = chart.key(if *wide > 1 { "thick" } else { "thin" }, *name);
        }
        if self.is_beside_offered {
            chart = chart.key("thin", "as much as was offered");
        }
        if curves.iter().any(|curve| curve.points.iter().any(|point| !is_joined(curve, point))) {
            chart = chart.key("ring", "the generator did not keep up, or the cores were at another distance");
        }
        chart.drawn(|_| HEIGHT, |canvas, _| self.draw(canvas, curves))
    }

    fn draw(&self, canvas: &mut Canvas<'_>, curves: &[Curve]) -> Result<(), HtmlError> {
        let field = Field::new((canvas.width, canvas.height), 1);
        let Some((across, up)) = self.scales(field, curves) else { return Ok(()) };
        let load = Axis { scale: across, label: figure::rate_tick, title: "offered, msg/s" };
        plot::axes(canvas, field, &load, &Axis { scale: up, label: self.label, title: self.axis })?;
        if self.is_beside_offered {
            let mut ends: Vec<Point> =
                offered(curves).map(|value| (across.at(value), up.at(value))).collect();
            ends.sort_unstable();
            canvas.path(&ends, Paint::Faint, 1)?;
        }
        for (index, curve) in curves.iter().enumerate() {
            let nested = (curves.len() - 1 - index).min(NESTED_MAX) as u32;
            for (read, wide, _) in self.reads {
                let wide = if self.is_beside_offered { wide + 2 * nested } else { *wide };
                let line =
                    Line { read: *read, paint: Paint::series(index), wide, ring: RING + RING_STEP * nested };
                line.draw(canvas, curve, (across, up))?;
            }
        }
        Ok(())
    }

    /// The scales over all that is drawn, with a little room at the ends.
    fn scales(&self, field: Field, curves: &[Curve]) -> Option<(Scale, Scale)> {
        let room = |value: f64| [value / 1.2, value * 1.2];
        let values = self.reads.iter().flat_map(|(read, ..)| points(curves).filter_map(read));
        let beside = offered(curves).filter(|_| self.is_beside_offered);
        let across = Scale::log(offered(curves).flat_map(room), field.across())?;
        Some((across, Scale::log(values.chain(beside).flat_map(room), field.upwards())?))
    }
}

/// How a figure of a curve is drawn.
struct Line {
    read: Read,
    paint: Paint,
    wide: u32,
    ring: u32,
}

impl Line {
    /// Draws it through the points that may be compared and at which the generator kept up. The others are rings beside it, or at
    /// the foot where nothing is told.
    fn draw(
        &self,
        canvas: &mut Canvas<'_>,
        curve: &Curve,
        (across, up): (Scale, Scale),
    ) -> Result<(), HtmlError> {
        let foot = up.at(0.0) - (RING + RING_STEP * NESTED_MAX as u32) as i32;
        let mut kept = Vec::new();
        for point in points(slice::from_ref(curve)) {
            let x = across.at(point.offered_per_s);
            let y = (self.read)(point).filter(|value| is_drawn(*value)).map(|value| up.at(value));
            match (is_joined(curve, point), y) {
                (true, y) => kept.extend(y.map(|y| (x, y))),
                (false, y) => canvas.ring((x, y.unwrap_or(foot)), self.ring, self.paint)?,
            }
        }
        canvas.path(&kept, self.paint, self.wide)?;
        kept.iter().try_for_each(|at| canvas.dot(*at, (self.wide + 2) / 2 + 1, self.paint))
    }
}
