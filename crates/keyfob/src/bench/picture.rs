//! A picture of what grows with the number of passkeys: both axes logarithmic, so that what is flat is a level line.

use std::fmt::Display;
use std::ops::Range;

use anyhow::anyhow;
use plotters::prelude::*;

use super::growth::Curve;

/// Draws an SVG.
///
/// # Errors
/// There is nothing to draw.
pub(super) fn draw(curves: &[Curve]) -> anyhow::Result<String> {
    let mut svg = String::new();
    draw_on(SVGBackend::with_string(&mut svg, SIZE), curves)?;
    Ok(svg)
}

fn draw_on(backend: SVGBackend<'_>, curves: &[Curve]) -> anyhow::Result<()> {
    let (x, y) = (range(curves, Axis::Passkeys), range(curves, Axis::Time));
    let area = backend.into_drawing_area();
    area.fill(&WHITE).map_err(cannot)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(24)
        .x_label_area_size(44)
        .y_label_area_size(72)
        .build_cartesian_2d(x.log_scale(), y.log_scale())
        .map_err(cannot)?;
    chart
        .configure_mesh()
        .x_desc("passkeys on the key")
        .y_desc("microseconds")
        .x_label_formatter(&whole)
        .y_label_formatter(&whole)
        .label_style(FONT)
        .axis_desc_style(FONT)
        .draw()
        .map_err(cannot)?;
    for (curve, colour) in curves.iter().zip(COLOURS) {
        let points: Vec<_> = points(curve).collect();
        let line = LineSeries::new(points.clone(), colour.stroke_width(2));
        chart
            .draw_series(line)
            .map_err(cannot)?
            .label(curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
        let dots = points.into_iter().map(|point| Circle::new(point, 3, colour.filled()));
        chart.draw_series(dots).map_err(cannot)?;
    }
    let legend = SeriesLabelPosition::UpperLeft;
    chart
        .configure_series_labels()
        .position(legend)
        .label_font(FONT)
        .background_style(WHITE.mix(0.8))
        .draw()
        .map_err(cannot)?;
    area.present().map_err(cannot)
}

fn cannot(error: impl Display) -> anyhow::Error {
    anyhow!("cannot draw: {error}")
}

/// Powers of ten, and nothing smaller than one.
fn whole(value: &f64) -> String {
    format!("{value:.0}")
}

#[derive(Clone, Copy)]
enum Axis {
    Passkeys,
    Time,
}

fn points(curve: &Curve) -> impl Iterator<Item = (f64, f64)> {
    curve.points.iter().map(|point| (point.credentials as f64, point.spread.value))
}

/// From the power of ten below the smallest to the one above the largest.
fn range(curves: &[Curve], axis: Axis) -> Range<f64> {
    let values = curves.iter().flat_map(points).map(|(x, y)| match axis {
        Axis::Passkeys => x,
        Axis::Time => y,
    });
    let (least, most) = values.fold((f64::MAX, f64::MIN_POSITIVE), |(least, most), value| {
        (least.min(value), most.max(value))
    });
    let least = least.min(most);
    10_f64.powf(least.log10().floor())..10_f64.powf(most.log10().ceil())
}

/// Pixels.
const SIZE: (u32, u32) = (900, 540);
const FONT: (&str, u32) = ("sans-serif", 14);

/// One for each curve, told apart by people who see colours differently, too (Okabe and Ito).
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

#[cfg(test)]
mod tests {
    use super::super::growth::Point;
    use super::super::name::{OPEN, TOKEN};
    use super::super::spread::Spread;
    use super::*;

    fn curve(name: &'static str, values: [f64; 2]) -> Curve {
        let point = |(credentials, value)| {
            let spread = Spread { value, samples: 1, p90: value, processor: None };
            Point { credentials, spread }
        };
        let points = [10, 100_000].into_iter().zip(values).map(point).collect();
        Curve { name, unit: "µs", points }
    }

    #[test]
    fn each_curve_is_a_line_with_its_name() {
        let svg = draw(&[curve(TOKEN, [640.0, 650.0]), curve(OPEN, [300.0, 300_000.0])]).unwrap();
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
        assert!(svg.contains(TOKEN) && svg.contains(OPEN) && svg.contains("passkeys on the key"));
        assert_eq!(svg.matches("<circle").count(), 4);
    }

    #[test]
    fn an_axis_ends_at_powers_of_ten() {
        let curves = [curve(TOKEN, [640.0, 6500.0])];
        assert_eq!(range(&curves, Axis::Time), 100.0..10_000.0);
        assert_eq!(range(&curves, Axis::Passkeys), 10.0..100_000.0);
    }
}
