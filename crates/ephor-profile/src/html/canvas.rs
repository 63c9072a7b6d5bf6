//! A drawing in SVG: a thin layer over the backend of `plotters`, which writes the elements.
//!
//! What is drawn has no colour of its own: each [`Paint`] is a number that the style sheet of the page maps to a variable, so that
//! one drawing serves a light page and a dark one. All coordinates are pixels of the drawing, from its upper left corner.

use std::fmt::Display;

use plotters::prelude::{DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, RGBColor, ShapeStyle, TextStyle};

use crate::html::{self, HtmlError, letters};

/// Size of the letters, in pixels.
pub(super) const LETTER: i32 = 12;
/// Height that a line of text takes, with the room around it.
pub(super) const LINE: i32 = 17;
/// The backend divides the size of a font by this.
const FONT_SCALE: f64 = 1.24;

/// What a stroke or an area stands for. The numbers are the style sheet's: `#010101` is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    Text = 1,
    Faint = 2,
    Grid = 3,
    Axis = 4,
    Surface = 5,
    SeriesA = 11,
    SeriesB = 12,
    SeriesC = 13,
    Good = 21,
    Bad = 22,
    Quiet = 23,
}

impl Paint {
    /// The paint of the series at `index`; after three they come again.
    pub(super) fn series(index: usize) -> Self {
        [Self::SeriesA, Self::SeriesB, Self::SeriesC][index % 3]
    }

    fn color(self) -> RGBColor {
        // Its decimal digits, read as hexadecimal ones: the style sheet sees the same number.
        let byte = self as u8 / 10 * 16 + self as u8 % 10;
        RGBColor(byte, byte, byte)
    }

    /// A stroke, this many pixels wide.
    fn stroke(self, wide: u32) -> ShapeStyle {
        self.color().stroke_width(wide)
    }
}

/// Where a text stands from its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// Whether a chart is drawn for a wide window or a narrow one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Wide,
    Narrow,
}

/// A point, in pixels.
pub(super) type Point = (i32, i32);

/// A drawing under way.
pub(super) struct Canvas<'a> {
    backend: SVGBackend<'a>,
    pub(super) width: i32,
    pub(super) height: i32,
}

impl Canvas<'_> {
    /// A straight line, `wide` pixels wide.
    pub(super) fn line(&mut self, from: Point, to: Point, paint: Paint, wide: u32) -> Result<(), HtmlError> {
        self.backend.draw_line(from, to, &paint.stroke(wide)).map_err(failed)
    }

    /// A line through all of `points`.
    pub(super) fn path(&mut self, points: &[Point], paint: Paint, wide: u32) -> Result<(), HtmlError> {
        self.backend.draw_path(points.iter().copied(), &paint.stroke(wide)).map_err(failed)
    }

    /// A filled rectangle; one without an area gets a pixel.
    pub(super) fn bar(&mut self, from: Point, to: Point, paint: Paint) -> Result<(), HtmlError> {
        let upper_left = (from.0.min(to.0), from.1.min(to.1));
        let lower_right = (from.0.max(to.0), from.1.max(to.1));
        let lower_right = (lower_right.0.max(upper_left.0 + 1), lower_right.1.max(upper_left.1 + 1));
        self.backend.draw_rect(upper_left, lower_right, &paint.stroke(0), true).map_err(failed)
    }

    /// A filled dot.
    pub(super) fn dot(&mut self, at: Point, radius: u32, paint: Paint) -> Result<(), HtmlError> {
        self.backend.draw_circle(at, radius, &paint.stroke(0), true).map_err(failed)
    }

    /// A ring, which hides what is under it.
    pub(super) fn ring(&mut self, at: Point, radius: u32, paint: Paint) -> Result<(), HtmlError> {
        self.dot(at, radius, Paint::Surface)?;
        self.backend.draw_circle(at, radius, &paint.stroke(2), false).map_err(failed)
    }

    /// A text whose middle is at the height of `at`.
    pub(super) fn text(
        &mut self,
        text: &str,
        at: Point,
        anchor: Anchor,
        paint: Paint,
    ) -> Result<(), HtmlError> {
        let h_pos = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let font = ("sans-serif", f64::from(LETTER) * FONT_SCALE).into_font();
        let color = paint.color();
        let style = TextStyle::from(font).color(&color).pos(Pos::new(h_pos, VPos::Center));
        self.backend.draw_text(text, &style, at).map_err(failed)
    }

    /// A text with the background behind it, so that a line that it stands on is broken there.
    pub(super) fn label(
        &mut self,
        text: &str,
        at: Point,
        anchor: Anchor,
        paint: Paint,
    ) -> Result<(), HtmlError> {
        let wide = letters::width(text, LETTER);
        let left = match anchor {
            Anchor::Start => at.0,
            Anchor::Middle => at.0 - wide / 2,
            Anchor::End => at.0 - wide,
        };
        let half = LINE / 2;
        self.bar((left, at.1 - half), (left + wide, at.1 + half), Paint::Surface)?;
        self.text(text, at, anchor, paint)
    }
}

/// A drawing of this size as an `svg` element that is named `title` and shown in windows of `format`.
///
/// # Errors
/// What `paint` returned.
pub(super) fn svg(
    format: Format,
    (width, height): Point,
    title: &str,
    paint: &dyn Fn(&mut Canvas<'_>) -> Result<(), HtmlError>,
) -> Result<String, HtmlError> {
    let mut text = String::new();
    let size = (width.unsigned_abs(), height.unsigned_abs());
    let mut canvas = Canvas { backend: SVGBackend::with_string(&mut text, size), width, height };
    paint(&mut canvas)?;
    canvas.backend.present().map_err(failed)?;
    drop(canvas);
    let class = if format == Format::Wide { "wide" } else { "narrow" };
    let body = text.split_once('>').map_or("", |(_, body)| body);
    let title = html::escaped(title);
    let size = format!(r#"width="{width}" height="{height}" viewBox="0 0 {width} {height}""#);
    Ok(format!(r#"<svg class="{class}" role="img" {size}><title>{title}</title>{body}"#))
}

fn failed(error: impl Display) -> HtmlError {
    HtmlError::Chart(error.to_string())
}
