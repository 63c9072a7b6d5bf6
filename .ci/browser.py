#!/usr/bin/env python3
"""Looks at a report's page in a browser, wide and narrow, in light and in dark, and on paper, and names what is wrong with it: an
error on the console, a request to anywhere, a chart that is missing or has no size, text that is cut, tiny, pale or over other text,
blocks that overlap, a page that scrolls sideways, a table or a drawing that a reader of screens cannot tell.

usage: browser.py REPORT.html OUTDIR          leaves screenshots and a PDF in OUTDIR; fails when something is wrong
       browser.py --plant REPORT.html OUTDIR  plants faults into copies of a page without any, and fails unless each is found

Needs Chromium. It is driven through a pair of pipes, so that no port is opened and nothing else is needed.
"""
import base64
import fcntl
import json
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
WIDTHS = [1280, 400]
SCHEMES = ["light", "dark"]
# CSS pixels of a sheet of A4 between its margins, and the height of the window.
PAPER_WIDTH = 718
HEIGHT = 900
# Most pixels of one screenshot from top to bottom; a longer page is cut into several.
SHOT_HEIGHT = 6000
# Seconds that the browser may take for one answer.
PATIENCE = 60
# Most findings that are printed of one view.
FINDINGS_MAX = 40
# Most distributions that the page draws, and whose names go first.
DRAWN_MAX = 24
FIRST = ("latency", "hop")

# Runs in the page and returns what is wrong with it, as lists of what and where.
LOOK = r"""
(() => {
const CONTRAST_MIN = 4.5, LETTER_MIN = 11, SLACK = 1.5;
const wrong = [], seen = {texts: 0, drawings: 0, blocks: 0, tables: 0};
const say = (what, where) => wrong.push([what, where]);
const name = e => {
  const owner = e.closest('[id]'), text = e.textContent.trim().replace(/\s+/g, ' ').slice(0, 60);
  return `<${e.tagName.toLowerCase()}> ${owner ? '#' + owner.id : ''} "${text}"`;
};
const meet = (a, b) => Math.min(Math.min(a.right, b.right) - Math.max(a.left, b.left), Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top));
const scrolls = e => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX);
// The part of a box that is not scrolled away.
const shown = (box, e) => {
  let {left, right, top, bottom} = box;
  for (let p = e; p && p !== document.body; p = p.parentElement) {
    if (!scrolls(p)) continue;
    const clip = p.getBoundingClientRect();
    [left, right] = [Math.max(left, clip.left), Math.min(right, clip.right)];
  }
  return {left, right, top, bottom};
};

// Text: where each line of it lies, how large it is, and its colours.
const rgb = text => {
  const parts = text.match(/[\d.]+/g).map(Number);
  return {r: parts[0], g: parts[1], b: parts[2], a: parts.length > 3 ? parts[3] : 1};
};
const luminance = c => {
  const [r, g, b] = [c.r, c.g, c.b].map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const over = (c, d) => ({r: c.r * c.a + d.r * (1 - c.a), g: c.g * c.a + d.g * (1 - c.a), b: c.b * c.a + d.b * (1 - c.a), a: 1});
const behind = e => {
  const layers = [];
  for (let p = e; p; p = p.parentElement) layers.push(rgb(getComputedStyle(p).backgroundColor));
  return layers.reduceRight((below, c) => over(c, below), {r: 255, g: 255, b: 255, a: 1});
};
const lines = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const e = node.parentElement;
  if (!node.data.trim() || ['SCRIPT', 'STYLE', 'title'].includes(e.tagName)) continue;
  if (!e.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
  const style = getComputedStyle(e), svg = e.closest('svg');
  const range = document.createRange();
  range.selectNodeContents(node);
  const boxes = [...range.getClientRects()].filter(box => box.width > 0.5);
  if (!boxes.length) continue;
  seen.texts++;
  const box = svg ? svg.getBoundingClientRect() : null;
  const size = parseFloat(style.fontSize) * (svg ? box.width / svg.viewBox.baseVal.width : 1);
  if (size < LETTER_MIN - 0.01 && !matchMedia('print').matches) say(`letters of ${size.toFixed(1)} px`, name(e));
  const back = behind(e), front = over(rgb(svg ? style.fill : style.color), back);
  const [dark, light] = [luminance(back), luminance(front)].sort((a, b) => a - b);
  const ratio = (light + 0.05) / (dark + 0.05);
  if (ratio < CONTRAST_MIN) say(`contrast of ${ratio.toFixed(2)}`, name(e));
  for (const line of boxes) {
    if (svg && (line.left < box.left - SLACK || line.right > box.right + SLACK || line.top < box.top - SLACK || line.bottom > box.bottom + SLACK))
      say('text outside of its drawing', name(e));
    const part = shown(line, e);
    if (part.right - part.left < 1) continue;
    if (!svg && (part.left < -SLACK || part.right > innerWidth + SLACK)) say('text beyond the edge of the window', name(e));
    lines.push({...part, node, e});
  }
}
lines.sort((a, b) => a.top - b.top);
lines.forEach((a, at) => {
  for (let next = at + 1; next < lines.length && lines[next].top < a.bottom - SLACK; next++) {
    const b = lines[next];
    if (a.node !== b.node && meet(a, b) > SLACK) say('text over text', `${name(a.e)} and ${name(b.e)}`);
  }
});

// Boxes: what sticks out of them, and siblings that overlap.
const blocks = ['block', 'flex', 'grid', 'table', 'table-row', 'table-cell', 'list-item', 'table-row-group', 'table-header-group'];
for (const e of document.body.querySelectorAll('*:not(svg):not(svg *):not(script)')) {
  if (!e.checkVisibility()) continue;
  const style = getComputedStyle(e);
  if (!blocks.includes(style.display)) continue;
  seen.blocks++;
  const out = e.scrollWidth - e.clientWidth;
  if (out > 1 && !scrolls(e) && e.clientWidth > 0) say(`content cut or sticking out by ${out} px`, name(e));
  if (['hidden', 'clip'].includes(style.overflowY) && e.scrollHeight > e.clientHeight + 1) say('content cut at the bottom', name(e));
  const kin = [...e.children].filter(c => blocks.includes(getComputedStyle(c).display) && c.checkVisibility());
  const boxes = kin.map(c => c.getBoundingClientRect());
  for (let i = 0; i < kin.length; i++)
    for (let j = i + 1; j < kin.length; j++)
      if (meet(boxes[i], boxes[j]) > SLACK) say('blocks overlap', `${name(kin[i])} and ${name(kin[j])}`);
}
if (document.documentElement.scrollWidth > innerWidth) say(`the page scrolls sideways by ${document.documentElement.scrollWidth - innerWidth} px`, 'page');

// Charts, and what readers of screens need.
const charts = [...document.querySelectorAll('[data-chart]')].map(e => {
  const svgs = [...e.querySelectorAll('svg')].filter(svg => svg.getBoundingClientRect().width > 0 && svg.getBoundingClientRect().height > 0);
  seen.drawings += svgs.length;
  if (svgs.length !== 1) say(`${svgs.length} drawings shown for one chart`, name(e));
  return [e.dataset.chart, e.dataset.of];
});
for (const svg of document.querySelectorAll('svg'))
  if (svg.getAttribute('role') !== 'img' || !svg.querySelector('title')?.textContent.trim()) say('a drawing without a role or a title', name(svg));
for (const table of document.querySelectorAll('table')) {
  seen.tables++;
  if (!table.querySelector('thead th') || [...table.querySelectorAll('th')].some(th => !th.scope)) say('a table whose headings have no scope', name(table));
}
const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
ids.filter((id, at) => ids.indexOf(id) !== at).forEach(id => say('an id twice', id));
for (const a of document.querySelectorAll('a[href^="#"]')) if (!document.getElementById(a.hash.slice(1))) say('a link to nowhere', name(a));
const levels = [...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]));
if (levels.filter(l => l === 1).length !== 1 || levels.some((l, at) => l > (levels[at - 1] ?? 0) + 1)) say('headings out of order', levels.join(' '));
return {wrong, seen, charts, light: luminance(behind(document.body)), height: document.documentElement.scrollHeight};
})()
"""

# Counts what a closed fold hides.
FOLDED = "[...document.querySelectorAll('details li, details table')].filter(e => !e.checkVisibility()).length"
VIEWS = [(width, scheme, "screen") for width in WIDTHS for scheme in SCHEMES] + [(PAPER_WIDTH, "dark", "print")]
# The rule that keeps scripts and requests out of the page.
POLICY = r'<meta http-equiv="Content-Security-Policy"[^>]*>'
# Faults that are planted, by name: what is replaced, by what, and the finding that it must lead to.
PLANTS = {
    "error": (POLICY, "<script>console.error('planted')</script>", "console error: planted"),
    "exception": (POLICY, "<script>planted()</script>", "console error: ReferenceError"),
    "forbidden script": ("<main>", "<main><script>1</script>", "Content Security Policy"),
    "request": (POLICY, '<link rel="stylesheet" href="http://127.0.0.1:9/x.css">', "a request to http://127.0.0.1:9/x.css"),
    "missing chart": ('<figure class="chart[^>]*id="chart-load-latency".*?</figure>', "", "no chart: load-latency"),
    "extra chart": ('data-chart="load-throughput"', 'data-chart="planted"', "a chart that the report does not call for: planted"),
    "empty chart": ("</style>", "svg { width: 0; height: 0; }</style>", "0 drawings shown for one chart"),
    "both drawings": ("</style>", "svg.wide, svg.narrow { display: block; }</style>", "2 drawings shown for one chart"),
    "label on label": (r'(<text x="\d+" y="\d+"[^>]*>[^<]*</text>)', r"\1\1", "text over text"),
    "label outside": (r'<text x="\d+"', '<text x="-30"', "text outside of its drawing"),
    "small label": ("</style>", "svg text { font-size: 9px; }</style>", "letters of 9"),
    "pale text": ("</style>", ".text { color: #999; }</style>", "contrast of 2."),
    "pale label": ("</style>", 'text[fill="#020202"] { fill: #808080; }</style>', "contrast of 3."),
    "cut text": ("<h3>", '<h3 style="overflow: hidden; white-space: nowrap; width: 1rem">', "content cut or sticking out"),
    "cut line": ("<h3>", '<h3 style="overflow: hidden; height: 4px">', "content cut at the bottom"),
    "text on text": ('<section id="figures"', '<section style="margin-top: -40px" id="figures"', "text over text"),
    "block on block": ("<nav ", '<nav style="margin-top: -30px" ', "blocks overlap"),
    "wide table": ("</style>", ".scroll { overflow: visible; }</style>", "the page scrolls sideways"),
    "text out of sight": ("<h2 ", '<h2 style="margin-left: -3rem" ', "text beyond the edge"),
    "only light": (r"@media \(prefers-color-scheme: dark\)", "@media (max-width: 1px)", "the background is not dark"),
    "folded paper": ("details::details-content", "details::none", "folded away on paper"),
    "nameless drawing": ("<title>latency.*?</title>", "", "a drawing without a role or a title"),
    "no scope": ('<th scope="col"', "<th", "headings have no scope"),
    "id twice": ("<main>", '<main><p id="targets"></p>', "an id twice"),
    "dead link": ('href="#load"', 'href="#nowhere"', "a link to nowhere"),
    "headings": ("<h2 ", "<h4>planted</h4><h2 ", "headings out of order"),
}


class Browser:
    """A headless Chromium, spoken to through pipes: it reads from its descriptor 3 and writes to 4."""

    def __init__(self):
        path = next(filter(None, map(shutil.which, BROWSERS)), None)
        if path is None:
            sys.exit(f"error: no browser; one of {', '.join(BROWSERS)} must be installed")
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        theirs_in, self.to = os.pipe()
        self.of, theirs_out = os.pipe()
        # Out of the way of 3 and 4, which the child gets.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (theirs_in, theirs_out)]
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--remote-debugging-pipe"]
        options += ["--disable-dev-shm-usage", "--disable-background-networking", f"--user-data-dir={self.profile.name}", "about:blank"]
        with open(os.devnull, "r+b") as null:
            self.process = subprocess.Popen(
                [path, *options], stdin=null, stdout=null, stderr=null, pass_fds=(3, 4), start_new_session=True,
                env={**os.environ, "TMPDIR": self.profile.name},
                preexec_fn=lambda: [os.dup2(end, fd) for end, fd in zip(ends, (3, 4))])
        for end in (theirs_in, theirs_out, *ends):
            os.close(end)
        self.read, self.count, self.session, self.events = b"", 0, None, []

    def call(self, method, **params):
        """What the browser answers to `method`; what it tells meanwhile is kept in `events`."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        while True:
            answer = self.next()
            if answer.get("id") == self.count:
                if "error" in answer:
                    sys.exit(f"error: {method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait(self, method):
        """Waits until the browser has told of `method`."""
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.next())

    def next(self):
        """The next message of the browser."""
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self.read:
            if not select.select([self.of], [], [], max(0, deadline - time.monotonic()))[0]:
                sys.exit(f"error: the browser was silent for {PATIENCE} s")
            data = os.read(self.of, 1 << 20)
            if not data:
                sys.exit("error: the browser has ended")
            self.read += data
        message, self.read = self.read.split(b"\0", 1)
        return json.loads(message)

    def close(self):
        """Ends the browser and the processes that it started."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.profile.cleanup()


def expected(page):
    """The charts that the report in `page` calls for, as (kind, of what)."""
    island = re.search(r'<script type="application/json" id="report">(.*?)</script>', page, re.S)
    if island is None:
        sys.exit("error: the page has no report in it")
    report = json.loads(island[1])
    is_drawn = lambda value: value is not None and value > 0
    spreads = []
    for metric in report["metrics"]:
        spread = metric["distribution"]
        if spread and all(spread != other for _, other in spreads) and any(bound > 0 and count for bound, count in spread["buckets"]):
            spreads.append((metric["name"], spread))
    spreads.sort(key=lambda pair: not pair[0].startswith(FIRST))
    charts = [("histogram", name) for name, _ in spreads[:DRAWN_MAX]]
    points = [point for curve in report["curves"] for point in curve["points"] if is_drawn(point["offered_per_s"])]
    if any(is_drawn(point[figure]) for point in points for figure in ("p50_ns", "p99_ns")):
        charts.append(("load-latency", ""))
    if any(is_drawn(point["handled_per_s"]) for point in points):
        charts.append(("load-throughput", ""))
    if any(spot["share"] is not None for spot in report["hot_spots"]):
        charts.append(("hot-spots", ""))
    charts += [("fault", fault["name"]) for fault in report["faults"] if fault["timeline"]]
    if any(is_drawn(change["ratio"]) for change in (report["comparison"] or {"changes": []})["changes"]):
        charts.append(("comparison", ""))
    return charts


def shoot(browser, stem, width, height):
    """Screenshots of the whole page."""
    for at, top in enumerate(range(0, height, SHOT_HEIGHT)):
        clip = {"x": 0, "y": top, "width": width, "height": min(SHOT_HEIGHT, height - top), "scale": 1}
        shot = browser.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        path = stem.with_name(f"{stem.name}{f'-{at + 1}' if at else ''}.png")
        path.write_bytes(base64.b64decode(shot["data"]))


def evaluate(browser, script):
    """What `script` comes to in the page."""
    result = browser.call("Runtime.evaluate", expression=script, returnByValue=True)
    if "exceptionDetails" in result:
        sys.exit(f"error: the check itself failed: {result['exceptionDetails']['exception'].get('description')}")
    return result["result"].get("value")


def view(browser, url, width, scheme, media):
    """Opens the page anew; what the browser complains about from then on is in its events."""
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=HEIGHT, deviceScaleFactor=1, mobile=False)
    browser.call("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.events.clear()
    browser.call("Page.navigate", url=url)
    browser.wait("Page.loadEventFired")


def complaint(event, url):
    """What is wrong, if `event` says so."""
    method, params = event.get("method"), event.get("params", {})
    if method == "Runtime.exceptionThrown":
        details = params["exceptionDetails"]
        yield "console error: " + details.get("exception", {}).get("description", details["text"])
    elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert", "warning"):
        yield f"console {params['type']}: " + " ".join(str(arg.get("value", arg.get("description"))) for arg in params["args"])
    elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
        yield f"console {params['entry']['level']}: {params['entry']['text']}"
    elif method == "Network.requestWillBeSent" and params["request"]["url"].split("#")[0] != url:
        yield f"a request to {params['request']['url'][:80]}"


def charts_missing(wanted, found):
    """What differs between the charts that there should be and those that there are."""
    left = [tuple(chart) for chart in found]
    for chart in wanted:
        if chart in left:
            left.remove(chart)
        else:
            yield f"no chart: {chart[0]} {chart[1][:60]}"
    yield from (f"a chart that the report does not call for: {kind} {of[:60]}" for kind, of in left)


def look(browser, url, wanted, scheme, media):
    """What is wrong with the page as it is shown now, and what was looked at."""
    findings = []
    # What is folded away is looked at too. On paper nothing may be.
    if media == "screen":
        evaluate(browser, "document.querySelectorAll('details').forEach(e => e.open = true)")
    elif folded := evaluate(browser, FOLDED):
        findings.append(f"{folded} lines or tables folded away on paper")
    looked = evaluate(browser, LOOK)
    findings += [f"{what}: {where}" for what, where in looked["wrong"]]
    findings += charts_missing(wanted, looked["charts"])
    if (looked["light"] < 0.5) != (scheme == "dark" and media == "screen"):
        findings.append(f"the background is not {scheme}")
    findings += [text for event in browser.events for text in complaint(event, url)]
    return findings, ", ".join(f"{count} {what}" for what, count in looked["seen"].items())


def check(browser, page, wanted, out):
    """Every finding of every view of the page, each with the name of the view. Leaves screenshots of all, and a PDF."""
    found = []
    for width, scheme, media in VIEWS:
        stem = out / f"{page.stem}-{width}-{scheme if media == 'screen' else media}"
        view(browser, page.as_uri(), width, scheme, media)
        shoot(browser, stem, width, evaluate(browser, "document.documentElement.scrollHeight"))
        findings, seen = look(browser, page.as_uri(), wanted, scheme, media)
        print(f"{stem.name}: {len(wanted)} charts called for, {seen}: {len(findings)} findings")
        found += [f"{stem.name}: {text}" for text in findings]
    pdf = browser.call("Page.printToPDF", printBackground=True, paperWidth=8.27, paperHeight=11.69)
    (out / f"{page.stem}.pdf").write_bytes(base64.b64decode(pdf["data"]))
    return found


def plant(browser, page, wanted, out):
    """Plants each fault into a copy of the page, and returns those that no view shows."""
    clean, missed = page.read_text(encoding="utf-8"), []
    copy = out.resolve() / f"{page.stem}-planted.html"
    for name, (pattern, text, finding) in PLANTS.items():
        planted, count = re.subn(pattern, text, clean, count=1, flags=re.S)
        copy.write_text(planted, encoding="utf-8")
        found = None
        for width, scheme, media in VIEWS if count else []:
            view(browser, copy.as_uri(), width, scheme, media)
            findings, _ = look(browser, copy.as_uri(), wanted, scheme, media)
            found = next((text for text in findings if finding in text), None)
            if found:
                break
        print(f"planted {name}: {found[:100] if found else 'not found' if count else 'no place for it'}")
        if not found:
            missed.append(f"{name}: planted, and not found")
    return missed


def main():
    arguments = sys.argv[1:]
    is_plant = arguments[:1] == ["--plant"]
    if len(arguments) != 2 + is_plant:
        sys.exit(__doc__)
    page, out = pathlib.Path(arguments[-2]).resolve(), pathlib.Path(arguments[-1])
    out.mkdir(parents=True, exist_ok=True)
    wanted = expected(page.read_text(encoding="utf-8"))
    browser = Browser()
    try:
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        browser.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            browser.call(f"{domain}.enable")
        wrong = (plant if is_plant else check)(browser, page, wanted, out)
    finally:
        browser.close()
    for text in wrong[:FINDINGS_MAX]:
        print(f"error: {text}")
    if len(wrong) > FINDINGS_MAX:
        print(f"error: and {len(wrong) - FINDINGS_MAX} more")
    sys.exit(1 if wrong else 0)


main()
