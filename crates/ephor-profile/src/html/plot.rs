//! The frame of a chart: where its field lies, its axes, and the moments that are marked in it.

use crate::html::canvas::{Anchor, Canvas, LETTER, LINE, Paint, Point};
use crate::html::scale::Scale;
use crate::html::{HtmlError, letters};

/// Room between two labels, in pixels.
const GAP: i32 = 10;
/// Room for the labels of the vertical axis, left of the field.
const LEFT: i32 = 58;
const RIGHT: i32 = 26;

/// The field that values are drawn in, in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) left: i32,
    pub(super) right: i32,
    pub(super) top: i32,
    pub(super) bottom: i32,
}

impl Field {
    /// The field of a drawing with `above` lines of text above it, and below it the labels of the axis and its title.
    pub(super) fn new((width, height): Point, above: i32) -> Self {
        let (top, bottom) = (above * LINE + 8, height - 2 * LINE - 4);
        Self { left: LEFT, right: width - RIGHT, top, bottom }
    }

    /// The pixels from left to right.
    pub(super) fn across(&self) -> Point {
        (self.left, self.right)
    }

    /// The pixels from the bottom to the top.
    pub(super) fn upwards(&self) -> Point {
        (self.bottom, self.top)
    }
}

/// An axis: its scale, its labels and its title.
pub(super) struct Axis<'a> {
    pub(super) scale: Scale,
    pub(super) label: fn(f64) -> String,
    pub(super) title: &'a str,
}

/// Draws both axes with their grid: the horizontal one's title under it, the vertical one's in the line above the field.
pub(super) fn axes(
    canvas: &mut Canvas<'_>,
    field: Field,
    across: &Axis<'_>,
    up: &Axis<'_>,
) -> Result<(), HtmlError> {
    for tick in up.scale.ticks(|ticks| are_apart(&up.scale, ticks)) {
        let y = up.scale.at(tick);
        canvas.line((field.left, y), (field.right, y), Paint::Grid, 1)?;
        canvas.text(&(up.label)(tick), (field.left - 8, y), Anchor::End, Paint::Faint)?;
    }
    let label_y = field.bottom + 4 + LINE / 2;
    for tick in across.scale.ticks(|ticks| do_fit(canvas.width, across, ticks)) {
        let x = across.scale.at(tick);
        canvas.line((x, field.bottom), (x, field.bottom + 4), Paint::Axis, 1)?;
        canvas.text(&(across.label)(tick), (x, label_y + 2), Anchor::Middle, Paint::Faint)?;
    }
    canvas.line((field.left, field.bottom), (field.right, field.bottom), Paint::Axis, 1)?;
    canvas.text(across.title, (field.right, label_y + LINE + 2), Anchor::End, Paint::Faint)?;
    canvas.text(up.title, (4, LINE / 2), Anchor::Start, Paint::Faint)
}

/// Whether ticks of a vertical axis leave room for their labels.
fn are_apart(scale: &Scale, ticks: &[f64]) -> bool {
    ticks.windows(2).all(|pair| (scale.at(pair[0]) - scale.at(pair[1])).abs() >= LINE + GAP)
}

/// Whether the labels of a horizontal axis stand apart, and within the drawing.
fn do_fit(width: i32, axis: &Axis<'_>, ticks: &[f64]) -> bool {
    let mut end = 0;
    ticks.iter().all(|tick| {
        let half = letters::width(&(axis.label)(*tick), LETTER) / 2;
        let (from, to) = (axis.scale.at(*tick) - half, axis.scale.at(*tick) + half);
        let is_free = from >= end && to <= width;
        end = to + GAP;
        is_free
    })
}

/// A value that is marked by an upright line with a name.
pub(super) struct Mark {
    pub(super) x: i32,
    pub(super) name: &'static str,
    pub(super) paint: Paint,
}

/// Draws `marks`, each name in a line of its own above the field: the leftmost lowest, with its name left of its line, so that no
/// line runs through a name.
pub(super) fn marks(canvas: &mut Canvas<'_>, field: Field, mut marks: Vec<Mark>) -> Result<(), HtmlError> {
    marks.sort_by_key(|mark| mark.x);
    let heights = (0..).map(|row| field.top - 8 - LINE / 2 - row * LINE);
    let marks: Vec<_> = marks.into_iter().zip(heights).collect();
    for (mark, y) in &marks {
        canvas.line((mark.x, y - LINE / 2 + 2), (mark.x, field.bottom), mark.paint, 1)?;
    }
    for (mark, y) in &marks {
        let wide = letters::width(mark.name, LETTER);
        // At the left edge the name begins with the drawing, and breaks the lines that it stands on.
        let right = (mark.x - 4).max(wide + 2);
        canvas.label(mark.name, (right, *y), Anchor::End, mark.paint)?;
    }
    Ok(())
}
