//! The sections of the report, in order. One that nothing was measured for is left out.

use crate::distance::Class;
use crate::figure;
use crate::html::spread;
use crate::html::suite;
use crate::html::table::{Cell, Column, Section, Table, Tone, figures, prose, words};
use crate::html::words as say;
use crate::metric::{Distribution, Metric};
use crate::report::{
    AgentFacts, Change, Comparison, Curve, Fault, HotSpot, LoadPoint, Phase, Report, Status, Verdict,
};

/// The sections that `report` has something for.
pub(crate) fn sections(report: &Report) -> Vec<Section> {
    let sections = [
        targets(&report.targets),
        phases(&report.phases),
        every_figure(&report.metrics),
        distributions(&report.metrics),
        load(&report.curves),
        agents(&report.agents),
        hot_spots(&report.hot_spots),
        suite::section(&report.suite),
        faults(&report.faults),
        report.comparison.as_ref().and_then(comparison),
        original(report),
        recommendations(report),
    ];
    sections.into_iter().flatten().collect()
}

/// A section of one table, or none when there is nothing for its rows.
fn section<T>(
    id: &'static str,
    title: &'static str,
    columns: &[Column],
    items: &[T],
    row: fn(&T) -> Vec<Cell>,
) -> Option<Section> {
    let table = Table::new(title, columns).rows(items.iter().map(row));
    (!items.is_empty()).then(|| Section::new(id, title, vec![table]))
}

fn targets(targets: &[Verdict]) -> Option<Section> {
    let columns = [prose("Figure"), words("Result"), figures("Target"), figures("Actual"), prose("Why")];
    section("targets", "Targets", &columns, targets, |target| {
        let (result, tone) = if target.met { ("met", Tone::Good) } else { ("missed", Tone::Bad) };
        let actual = target.actual.map(|actual| (actual, &target.unit));
        vec![
            Cell::new(&target.metric),
            Cell::toned(result, tone),
            Cell::new(say::target(target)),
            Cell::maybe(actual, |(actual, unit)| figure::value(actual, unit), say::NOT_MEASURED),
            Cell::new(&target.why),
        ]
    })
}

fn phases(phases: &[Phase]) -> Option<Section> {
    let table = Table::new("Phases", &[prose("Action"), words("Result"), figures("Took"), prose("Summary")]);
    let table = phases.iter().fold(table, |table, phase| {
        let rows = phase.actions.iter().map(|action| {
            let summary = Cell { folded: action.details.clone(), ..Cell::new(&action.summary) };
            let took = say::took(action.status, action.seconds);
            vec![Cell::new(&action.name), say::status(action.status), took, summary]
        });
        table.group(format!("{}, {}", phase.name, figure::time(1e9 * phase.seconds)), rows)
    });
    (!phases.is_empty()).then(|| Section::new("phases", "Phases", vec![table]))
}

fn every_figure(metrics: &[Metric]) -> Option<Section> {
    let columns = [
        prose("Figure"),
        figures("Value"),
        words("Kind"),
        figures("Samples"),
        prose("Range or counts"),
        words("Distance"),
    ];
    let section = section("figures", "Figures", &columns, metrics, |metric| {
        let (kind, tone) = say::kind(metric.kind);
        let name = Cell::new(&metric.name).with(&metric.method, Tone::Quiet);
        let value = |value| figure::value(value, &metric.unit);
        vec![
            name.with_all(&metric.marks, Tone::Care),
            Cell::toned(value(metric.value), tone),
            Cell::toned(kind, tone),
            Cell::new(figure::count(metric.samples)),
            stands_on(metric),
            Cell::new(metric.distance.as_deref().unwrap_or_default()),
        ]
    });
    let text = "A derived figure is computed from others and meets no target. Beside each stands the range that it was \
                seen in, or the counts that it is made of.";
    section.map(|section| section.says(text))
}

/// The range that a figure was seen in, the counts that it is made of, or both.
fn stands_on(metric: &Metric) -> Cell {
    let range = metric.spread.as_ref().map(|spread| {
        let ends = [spread.low, spread.high].map(|end| figure::value(end, &metric.unit));
        Cell::new(ends.join(" – ")).with(&spread.what, Tone::Quiet)
    });
    let Some(ratio) = &metric.ratio else { return range.unwrap_or_default() };
    let counts = [ratio.numerator, ratio.denominator].map(figure::count).join(" / ");
    let cell = match range {
        Some(range) => range.with(&counts, Tone::Plain),
        None => Cell::new(counts),
    };
    cell.with(&ratio.what, Tone::Quiet)
}

fn distributions(metrics: &[Metric]) -> Option<Section> {
    let columns = [
        prose("Figure"),
        figures("p50"),
        figures("p99"),
        figures("Max"),
        figures("Min"),
        figures("p90"),
        figures("p99.9"),
        figures("Mean"),
        figures("Count"),
    ];
    let section = section("distributions", "Distributions", &columns, &spread::spreads(metrics), |spread| {
        let Distribution { min, p50, p90, p99, p999, max, mean, count, .. } = *spread.of;
        let mut row = vec![Cell::new(spread.title())];
        row.extend([p50, p99, max, min, p90, p999, mean].map(|ns| Cell::new(figure::time(ns))));
        row.push(Cell::new(figure::count(count)));
        row
    });
    section.map(|section| {
        section.says("Outliers stay in. Figures that were read off one distribution share its row.")
    })
}

fn load(curves: &[Curve]) -> Option<Section> {
    let columns = [
        figures("Offered"),
        figures("Handled"),
        figures("p50"),
        figures("p99"),
        figures("p99.9"),
        figures("Max"),
        figures("Sent"),
        figures("Samples"),
        figures("Refused"),
        figures("Late by, p99"),
        words("Latency"),
    ];
    let table = curves.iter().fold(Table::new("Load", &columns), |table, curve| {
        table.group(say::curve(curve), curve.points.iter().map(|point| load_point(curve, point)))
    });
    let text = "Latency is counted from when a message was due. Below handled and p99 are the least and the most of the runs of a point. Late by is how late \
                the generator itself sent; where it did not keep up, or had lost its core, the latencies would not be the bus's and are not told; nor \
                where the distance of the cores changed in every run, nor a percentile of too few samples. Points at another distance of the cores than most are not compared with them.";
    (!curves.is_empty()).then(|| Section::new("load", "Load", vec![table]).says(text))
}

fn load_point(curve: &Curve, point: &LoadPoint) -> Vec<Cell> {
    let time = |ns| Cell::maybe(ns, figure::time, "not told");
    let cores = format!("cores {}", point.distance.map_or("at no known distance", Class::name));
    let apart = if curve.is_comparable(point) { Tone::Quiet } else { Tone::Care };
    let generator =
        point.no_latency.map_or_else(|| Cell::new("told"), |why| Cell::toned(why.text(), Tone::Care));
    // Where none was kept, the point is of all that were tried.
    let runs = if point.repetitions <= point.wanted {
        format!("{} of {} runs", point.repetitions, point.wanted)
    } else {
        format!("{} runs", point.repetitions)
    };
    let one_in = format!("1 in {}, {runs}", figure::count(point.one_in as u64));
    // One run has no range.
    let range = |range: Option<[f64; 2]>, say: fn(f64) -> String| match range {
        Some([low, high]) if point.repetitions > 1 => format!("{} to {}", say(low), say(high)),
        _ => String::new(),
    };
    vec![
        Cell::new(figure::rate(point.offered_per_s)),
        Cell::new(figure::rate(point.handled_per_s))
            .with(&range(Some(point.handled_range_per_s), figure::rate), Tone::Quiet),
        time(point.p50_ns),
        time(point.p99_ns).with(&range(point.p99_range_ns, figure::time), Tone::Quiet),
        time(point.p999_ns),
        time(point.max_ns),
        Cell::new(figure::count(point.sent)),
        Cell::new(figure::count(point.samples)).with(&one_in, Tone::Quiet),
        Cell::new(figure::count(point.refused)),
        Cell::new(figure::time(point.schedule_error_p99_ns)),
        generator.with(&cores, apart),
    ]
}

fn agents(agents: &[AgentFacts]) -> Option<Section> {
    let columns = [
        prose("Agent"),
        figures("Ping"),
        figures("First message"),
        figures("Start hook"),
        figures("Build"),
        figures("Worker"),
        prose("Waits for"),
    ];
    section("agents", "Agents", &columns, agents, |agent| {
        let time = |ns: u64| figure::time(ns as f64);
        vec![
            Cell::new(&agent.name),
            Cell::maybe(agent.ping_ns, time, "not told"),
            Cell::maybe(agent.first_message_ns, time, "none, or not told"),
            Cell::new(time(agent.hook_ns)),
            Cell::new(time(agent.build_ns)),
            Cell::new(agent.worker.to_string()),
            Cell::new(agent.waits_for.join(", ")),
        ]
    })
}

fn hot_spots(spots: &[HotSpot]) -> Option<Section> {
    let columns = [
        prose("Place"),
        figures("Share"),
        words("What"),
        figures("Total"),
        figures("Count"),
        figures("p50"),
        figures("p99"),
    ];
    let section = section("hot-spots", "Hot spots", &columns, spots, |spot| {
        vec![
            Cell::new(&spot.place),
            Cell::new(figure::share(spot.share)),
            Cell::new(&spot.what),
            Cell::new(figure::time(spot.total_ns as f64)),
            Cell::new(figure::count(spot.count)),
            Cell::new(figure::time(spot.p50_ns as f64)),
            Cell::new(figure::time(spot.p99_ns as f64)),
        ]
    });
    section
        .map(|section| section.says("Where messages waited and were handled, by share of all time measured."))
}

fn faults(faults: &[Fault]) -> Option<Section> {
    let columns = [
        prose("Fault"),
        prose("Result"),
        figures("Noticed after"),
        figures("Recovered after its end"),
        figures("Sent"),
        prose("Lost"),
        figures("Health before"),
        figures("Lowest"),
        figures("After"),
    ];
    section("faults", "Faults", &columns, faults, |fault| {
        let time = |ns: u64| figure::time(ns as f64);
        // One that was not put in says so once.
        let is_skipped = fault.status == Status::Skipped;
        let moment = |ns| if is_skipped { Cell::default() } else { Cell::maybe(ns, time, "never") };
        let health = |point| if is_skipped { Cell::default() } else { say::health(point) };
        let [before, lowest, after] = fault.health.each_ref().map(health);
        let lasted = fault.cause_ns.map(|ns| format!("lasted {}", time(ns))).unwrap_or_default();
        let handled = format!("handled {}", figure::count(fault.handled));
        let decided = say::counts(&fault.decided).map(|counts| format!("decided: {counts}"));
        let distance = fault.distance.as_ref().map(|distance| format!("cores {distance}"));
        vec![
            Cell::new(&fault.name)
                .with(&fault.what, Tone::Quiet)
                .with(&distance.unwrap_or_default(), Tone::Quiet),
            say::status(fault.status).with(&fault.why, Tone::Plain).with_all(&fault.marks, Tone::Care),
            moment(fault.detect_ns),
            moment(fault.recover_ns).with(&lasted, Tone::Quiet),
            Cell::new(figure::count(fault.sent)).with(&handled, Tone::Quiet),
            say::losses(&fault.lost).with(&decided.unwrap_or_default(), Tone::Quiet),
            before,
            lowest,
            after,
        ]
    })
}

fn comparison(comparison: &Comparison) -> Option<Section> {
    let columns = [
        prose("Figure"),
        words("Verdict"),
        figures("Ratio"),
        figures("Before"),
        figures("Now"),
        prose("Why"),
    ];
    let section = section("comparison", "Baseline", &columns, &comparison.changes, |change| {
        vec![
            Cell::new(&change.metric),
            Cell::toned(&change.verdict, change_tone(change)),
            Cell::new(figure::value(change.ratio, "ratio")),
            Cell::new(figure::value(change.before, &change.unit)),
            Cell::new(figure::value(change.now, &change.unit)),
            Cell::new(&change.why),
        ]
    });
    let confidence = figure::share(comparison.confidence);
    let text = format!(
        "Held against {}, with {confidence} confidence that no figure is called changed that is not.",
        comparison.baseline
    );
    let forced = comparison.forced.as_deref().map(|why| format!("Compared by force: {why}"));
    let section = section.unwrap_or_else(|| Section::new("comparison", "Baseline", Vec::new()));
    Some(section.says(text).says(forced.unwrap_or_default()))
}

/// What a change means.
pub(crate) fn change_tone(change: &Change) -> Tone {
    match change.verdict.as_str() {
        "worse" => Tone::Bad,
        "better" => Tone::Good,
        _ => Tone::Quiet,
    }
}

fn original(report: &Report) -> Option<Section> {
    let columns = [
        prose("What"),
        prose("Ours"),
        prose("The original, measured"),
        prose("The original's document"),
        prose("Source"),
    ];
    section("original", "Original", &columns, &report.original, |row| {
        let or = |text: &str, none| {
            if text.is_empty() { Cell::toned(none, Tone::Quiet) } else { Cell::new(text) }
        };
        vec![
            Cell::new(&row.what),
            or(&row.ours, say::NOT_MEASURED),
            or(&row.measured, say::NOT_MEASURED),
            or(&row.said, "says nothing"),
            Cell::new(&row.source),
        ]
    })
}

fn recommendations(report: &Report) -> Option<Section> {
    let columns = [prose("What to do"), words("Priority"), prose("Evidence")];
    section("recommendations", "Recommendations", &columns, &report.recommendations, |row| {
        let tone = if row.priority == "done" { Tone::Good } else { Tone::Plain };
        vec![Cell::new(&row.text), Cell::toned(&row.priority, tone), Cell::new(&row.evidence)]
    })
}
