//! The report as a page and as Markdown: complete, escaped, and written where a browser can look at it.
#![allow(clippy::unwrap_used)] // a test may

#[path = "report_page/example.rs"]
mod example;
#[path = "report_page/hostile.rs"]
mod hostile;

use std::fs;
use std::path::Path;

use ephor_profile::report::Report;
use ephor_profile::{html, markdown};

use crate::example::{LONG, passed, plain};
use crate::hostile::hostile;

/// Where the pages are left for the check in a browser, below the build's directory for tests.
const PAGES: &str = "report_page";
/// Headings of all sections, by their anchors.
const SECTIONS: [&str; 12] = [
    "targets",
    "phases",
    "figures",
    "distributions",
    "load",
    "agents",
    "hot-spots",
    "suite",
    "faults",
    "comparison",
    "original",
    "recommendations",
];

fn all() -> [(&'static str, Report); 4] {
    [("plain", plain()), ("passed", passed()), ("hostile", hostile()), ("empty", Report::default())]
}

fn count(page: &str, what: &str) -> usize {
    page.matches(what).count()
}

/// The page without the report's JSON, whose strings are no markup.
fn markup(report: &Report) -> String {
    let page = html(report).unwrap();
    let (markup, json) = page.split_once(r#"<script type="application/json" id="report">"#).unwrap();
    let (_, end) = json.split_once("</script>").unwrap();
    assert_eq!(end.split_whitespace().collect::<String>(), "</body></html>", "the JSON ends where it should");
    markup.to_owned()
}

/// The kinds of the charts of a page, in order.
fn kinds(page: &str) -> Vec<&str> {
    page.split(r#"data-chart=""#).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn pages_are_written_for_a_browser() {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(PAGES);
    fs::create_dir_all(&place).unwrap();
    for (name, report) in all() {
        fs::write(place.join(name).with_extension("html"), html(&report).unwrap()).unwrap();
        fs::write(place.join(name).with_extension("md"), markdown(&report)).unwrap();
    }
}

#[test]
fn every_chart_is_there_and_drawn_twice() {
    let page = markup(&plain());
    let kinds = kinds(&page);
    let of = |kind: &str| kinds.iter().filter(|other| **other == kind).count();
    let counts = ["histogram", "load-latency", "load-throughput", "hot-spots", "fault", "comparison"].map(of);
    // Latency and ten operations; the fault that was skipped has no timeline.
    assert_eq!(counts, [11, 1, 1, 1, 3, 1]);
    assert_eq!(count(&page, "<svg "), 2 * kinds.len());
    assert_eq!(count(&page, r#"role="img""#), 2 * kinds.len());
    assert_eq!(count(&page, "</svg>"), 2 * kinds.len());
    for id in
        ["chart-histogram-hop-cross-p50", "chart-load-latency", "chart-fault-full-lane", "chart-comparison"]
    {
        assert_eq!(count(&page, &format!(r#"id="{id}""#)), 1, "{id}");
    }
}

#[test]
fn latencies_and_hops_are_drawn_first_and_others_as_far_as_there_is_room() {
    let page = markup(&hostile());
    assert_eq!(kinds(&page).iter().filter(|kind| **kind == "histogram").count(), 24);
    let drawn = |name: &str| page.contains(&format!(r#"data-chart="histogram" data-of="{name}""#));
    assert!(drawn("hop_longest") && drawn(&format!("latency_{LONG}")) && drawn("more_0"));
    assert!(!drawn("more_19") && page.contains("more_<wbr>19"), "what is not drawn is in the table");
}

#[test]
fn hostile_text_stays_text() {
    let report = hostile();
    let page = markup(&report);
    assert_eq!(count(&page, "<script"), 0);
    assert_eq!(count(&page, "</style>"), 1, "the page's own");
    assert!(count(&page, "&lt;script&gt;") + count(&page, "&#60;script&#62;") > 40);
    for attribute in page.split(r#"data-of=""#).skip(1) {
        assert!(!attribute.split_once('"').unwrap().0.contains(['<', '>', '\'']), "{attribute:.80}");
    }
    let text = markdown(&report);
    assert!(!text.contains("<script") && !text.contains("</style"));
    assert!(count(&text, "\\[l\\](http://x)") > 20 && count(&text, "\\*\\*b\\*\\*") > 20);
    assert_eq!(count(&text, "[l]") + count(&text, "**b**"), 0);
}

#[test]
fn the_page_asks_for_nothing_and_runs_nothing() {
    for (name, report) in all() {
        let page = markup(&report);
        for needle in ["<link", "<img", "<iframe", "<object", "@import", "@font-face", "src=", "onload="] {
            assert_eq!(count(&page, needle), 0, "{name}: {needle}");
        }
        assert_eq!(count(&page, "default-src 'none'; style-src 'unsafe-inline'"), 1);
    }
}

#[test]
fn the_report_is_in_its_page() {
    let report = hostile();
    let page = html(&report).unwrap();
    let (_, json) = page.split_once(r#"<script type="application/json" id="report">"#).unwrap();
    let (json, _) = json.split_once("</script>").unwrap();
    assert!(!json.contains('<'));
    assert_eq!(json.replace("\\u003c", "<"), serde_json::to_string(&report).unwrap());
}

#[test]
fn what_is_absent_is_left_out_and_said_once() {
    let page = markup(&plain());
    for id in SECTIONS {
        assert_eq!(count(&page, &format!(r#"<section id="{id}""#)), 1, "{id}");
        assert_eq!(count(&page, &format!(r##"href="#{id}""##)), 1, "{id}");
    }
    let report =
        Report { faults: Vec::new(), curves: Vec::new(), comparison: None, original: Vec::new(), ..plain() };
    let page = markup(&report);
    for id in ["faults", "load", "comparison", "original"] {
        assert_eq!(count(&page, &format!(r#"id="{id}""#)), 0, "{id}");
    }
    assert!(page.contains("Not measured: load, faults."));
    let text = markdown(&report);
    assert!(text.contains("Not measured: load, faults.") && !text.contains("## Faults"));
}

#[test]
fn a_report_with_nothing_in_it_is_a_page() {
    let page = markup(&Report::default());
    assert!(page.contains("No targets set, nothing failed"));
    assert_eq!(count(&page, "<section") + count(&page, "<svg") + count(&page, "<nav"), 0);
    let text = markdown(&Report::default());
    assert!(text.starts_with("# Nothing\n") && !text.contains("\n|"));
}

#[test]
fn the_verdict_says_how_many_of_what() {
    let verdict = "3 of 7 targets missed, 1 check failed, 1 fault not withstood, 2 actions failed";
    assert!(markup(&plain()).contains(verdict) && markdown(&plain()).contains(verdict));
    assert!(markup(&passed()).contains("All 4 targets met"));
}

#[test]
fn derived_figures_and_late_points_look_different() {
    let page = markup(&plain());
    assert!(page.contains(r#"<span class="quiet">13.3 M msg/s</span>"#));
    assert!(page.contains(r#"<span class="quiet">derived</span>"#));
    assert!(page.contains(r#"<span class="care">above what the generator keeps</span>"#));
    assert!(markdown(&plain()).contains("| *13.3 M msg/s* | *derived* |"));
}

#[test]
fn groups_with_failed_checks_come_first() {
    let page = markup(&plain());
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is not there"));
    assert!(at("tenants: 1 failed, 1 passed") < at("recovery: 1 skipped"));
    assert!(at("recovery: 1 skipped") < at("audit: 1 passed"));
    assert!(at("one tenant&#39;s flood") < at("a tenant that is unknown is denied"));
}

#[test]
fn rows_of_a_markdown_table_have_as_many_cells_as_its_head() {
    for (name, report) in all() {
        let text = markdown(&report);
        let mut columns = None;
        for line in text.lines() {
            let cells = line.replace("\\\\", "").replace("\\|", "").matches('|').count();
            columns = line.starts_with('|').then(|| *columns.get_or_insert(cells));
            assert!(cells == columns.unwrap_or(0), "{name}: {line}");
        }
        assert_eq!(count(&text, "\n\n\n"), 0, "{name}");
    }
}
