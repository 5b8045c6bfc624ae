"""The HTML report in a real browser: it looks as it should, and does what it offers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nctool.render.html import page
from nctool.render.page.amounts import fixed, said
from nctool.render.page.classes import table
from nctool.report.comparison import Comparison
from nctool.report.documents import report_of
from nctool.report.trajectory import Trajectory
from tests.render import headless
from tests.render.headless import Browser
from tests.render.samples_html import HOSTILE, NAMES, arrays, thousand, with_suffix
from tests.support.saved import document, report

BROWSER = headless.found()
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason=f"no browser here: looked for {', '.join(headless.NAMES)}"
)
ROWS = "[...document.querySelectorAll('#class-table tbody tr:not([hidden])')]"
SHOWN = "[...document.querySelectorAll('{}')].filter(one => one.offsetHeight).length"
OPENED = "document.querySelectorAll('details.fold').forEach(one => {one.open = true})"
READY = "!document.getElementById('class-tools').hidden"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert BROWSER is not None
    with headless.started(BROWSER) as one:
        yield one


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    written = {name: page(document(name)) for name in NAMES}
    written["arrays"] = page(report(), arrays(10))
    written["hostile"] = page(with_suffix("report-1.0", HOSTILE))
    written["thousand"] = page(thousand(per_class=True))
    bare = thousand()
    for name, word, size in (("named", "owl", 1000), ("vocabulary", "word", 30_000)):
        names = [f"{word} {index}" for index in range(size)]
        written[name] = page(replace(bare, data={**bare.data, "class_names": names}))
    for name, text in written.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in written}


# No page logs an error, breaks its own policy, asks for anything, or is wider than the window.
@pytest.mark.parametrize("name", [*NAMES, "arrays", "hostile"])
def test_quiet_at_every_width(name: str, browser: Browser, pages: dict[str, Path]) -> None:
    browser.look(1400)
    browser.open(pages[name])
    for width in (1400, 900, 400):
        browser.look(width)
        assert browser.value("innerWidth") == width
        over = browser.value(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert over <= 0, width
    assert browser.complaints() == [] and browser.requests() == []


# What the checks above look for is seen: a foreign script, a style attribute, a picture, an error.
def test_noise_is_heard(browser: Browser, pages: dict[str, Path], tmp_path: Path) -> None:
    loud = '<script>alert(1)</script><p style="color:red"><img src="https://example.org/x.png">'
    path = tmp_path / "loud.html"
    text = pages["report-1.0"].read_text("utf-8")
    path.write_text(text.replace("<footer>", f"<footer>{loud}<pre>{'x' * 9000}</pre>"), "utf-8")
    browser.look(400)
    browser.open(path)
    complaints = str(browser.complaints())
    assert all(word in complaints for word in ("script-src", "style-src", "img-src"))


# Both colour schemes have colours of their own, and text that can be read.
def test_colour_schemes(browser: Browser, pages: dict[str, Path]) -> None:
    def lightness(of: str, what: str) -> float:
        text = browser.value(f"getComputedStyle(document.querySelector('{of}')).{what}")
        parts = [int(part) / 255 for part in text[4:-1].split(",")]
        parts = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    paper = {}
    for scheme in ("light", "dark"):
        browser.look(1400, scheme)
        browser.open(pages["report-gated-1.0"])
        paper[scheme] = lightness("body", "backgroundColor")
        for of in (
            "h1",
            ".faint",
            ".facts, .lede",
            ".note",
            ".fail .result",
            ".pass .result",
            "dt",
        ):
            ink = lightness(of, "color")
            light, dark = max(ink, paper[scheme]), min(ink, paper[scheme])
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (scheme, of)
    assert paper["light"] > 0.8 and paper["dark"] < 0.05
    browser.look(1400)


# A click on a column sorts by it, another one turns the order around.
@pytest.mark.parametrize("name", ["report-1.0", "trajectory-1.0"])
def test_sort(name: str, browser: Browser, pages: dict[str, Path]) -> None:
    browser.look(1400)
    browser.open(pages[name])
    browser.until(READY)
    browser.value(OPENED)
    whole = document(name)
    assert not isinstance(whole, Comparison)
    last = report_of(whole)
    assert last is not None
    values = last["nc1.pinv"].per_class
    assert values is not None
    order = sorted(range(10), key=lambda at: values[at] or 0.0)
    button = '#class-table th[data-column="nc1.pinv"]'
    for wanted, way in ((order, "ascending"), (order[::-1], "descending")):
        browser.click(f"{button} button")
        assert browser.value(f"{ROWS}.map(one => Number(one.dataset.class))") == wanted
        assert browser.value(f"document.querySelector('{button}').ariaSort") == way
    assert browser.value("document.querySelectorAll('[aria-sort]').length") == 1


# The filter keeps classes by name or number, the choice of a family keeps its columns.
def test_filter(browser: Browser, pages: dict[str, Path]) -> None:
    browser.look(1400)
    browser.open(pages["report-1.0"])
    browser.until(READY)
    browser.value(OPENED)
    browser.click("#class-filter")
    browser.ask("Input.insertText", text="7")
    assert browser.value(f"{ROWS}.map(one => one.dataset.class)") == ["7"]
    assert browser.value("document.getElementById('class-count').textContent") == "1 of 10"
    browser.value(
        "(() => {const one = document.getElementById('class-family'); one.value = 'nc3';"
        "one.dispatchEvent(new Event('change'))})()"
    )
    heads = "[...document.querySelectorAll('#class-table th[data-decimals]')]"
    shown = browser.value(f"{heads}.filter(one => one.offsetWidth).map(one => one.dataset.column)")
    assert shown == [
        result.id for result in report() if result.per_class and result.id.startswith("nc3.")
    ]


# The switch turns every panel that has both scales, with the mouse and with the keyboard.
def test_log_toggle(browser: Browser, pages: dict[str, Path]) -> None:
    browser.look(1400)
    browser.open(pages["trajectory-1.0"])
    shown = "['log', 'linear', 'only'].map(one => [...document.querySelectorAll('svg.' + one)]"
    shown += ".filter(each => each.getBoundingClientRect().width > 0).length)"
    browser.value(OPENED)
    log, linear, only = browser.value(shown)
    assert log > 15 and linear == 0 and only > 5
    browser.click("label[for=scale-linear]")
    assert browser.value(shown) == [0, log, only]
    browser.value("document.getElementById('scale-log').focus()")
    browser.press(" ", " ")
    assert browser.value(shown) == [log, 0, only]


# The box of a comparison hides what did not change.
def test_only_changed(browser: Browser, pages: dict[str, Path]) -> None:
    browser.look(1400)
    browser.open(pages["comparison-splits-1.0"])
    browser.value(OPENED)
    shown = SHOWN.format(".runs tr.quiet")
    assert browser.value(shown) == 20
    browser.click("label[for=only-changed]")
    assert browser.value(shown) == 0


# A thousand classes are written by the script, with the numbers that Python would write.
def test_table_of_a_thousand(browser: Browser, pages: dict[str, Path]) -> None:
    browser.look(1400)
    browser.open(pages["thousand"])
    browser.until(READY)
    whole = thousand(per_class=True)
    expected = table(whole)
    assert expected is not None and not expected.rows
    assert browser.value(f"{ROWS}.length") == 1000
    for place in (0, 1, 499, 999):
        cells = browser.value(f"[...{ROWS}[{place}].cells].slice(1).map(one => one.textContent)")
        assert cells == [
            fixed((metric.per_class or ())[place], decimals)
            for metric, decimals in expected.columns
        ]
    assert browser.complaints() == []


# A link to a metric opens what is said of it; Tab and Enter reach and open it, too.
def test_definitions(browser: Browser, pages: dict[str, Path]) -> None:
    browser.look(1400)
    browser.open(pages["report-1.0"])
    opened = "[...document.querySelectorAll('details[open].metric')].map(one => one.children[1].id)"
    assert browser.value(opened) == []
    browser.click('.brief a[href="#m-nc3.distance"]')
    browser.until(f"{opened}.length === 1")
    assert browser.value(opened) == ["m-nc3.distance"]
    browser.value("document.querySelector('#open-all').focus()")
    browser.press("Tab")
    browser.press("Enter", "\r")
    assert browser.value(opened) == ["m-nc1.pinv", "m-nc3.distance"]
    browser.click("#open-all")
    many = sum(result.status == "ok" for result in report())
    browser.until(f"{opened}.length === {many}")


# On paper there are no controls, and everything is there: nothing scrolls or is cut off.
def test_print(browser: Browser, pages: dict[str, Path]) -> None:
    browser.look(720, "dark", "print")
    browser.open(pages["report-1.0"])
    browser.until(READY)
    shown = SHOWN.format(".tools, .choice")
    assert browser.value(shown) == 0
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    browser.value("dispatchEvent(new Event('beforeprint'))")
    assert browser.value("document.querySelectorAll('details.fold:not([open])').length") == 0
    columns = (
        "[...document.querySelectorAll('.printed table')].map(one => one.rows[0].cells.length)"
    )
    assert sum(one - 1 for one in browser.value(columns)) == sum(
        result.per_class is not None for result in report()
    )
    assert browser.value("document.documentElement.scrollWidth") <= 720
    browser.value("dispatchEvent(new Event('afterprint'))")
    assert browser.value("document.querySelectorAll('.printed, details.fold[open]').length") == 0
    browser.look(1400)


# A point of a curve is read by the mouse, and by the keyboard; all curves show the same moment.
def test_moment(browser: Browser, pages: dict[str, Path]) -> None:
    browser.look(1400)
    browser.open(pages["trajectory-1.0"])
    browser.until("!document.getElementById('moment-tools').hidden")
    read = "document.querySelector('[data-curve=\"{}\"]').textContent"
    name = "document.getElementById('moment-name').textContent"
    rest = browser.value(read.format("nc1.pinv"))
    assert "→" in rest and browser.value(name) == "epoch 1000"
    whole = document("trajectory-1.0")
    assert isinstance(whole, Trajectory)
    browser.value("document.getElementById('moment').focus()")
    browser.press("ArrowLeft")
    assert browser.value(name) == "epoch 300"
    for metric_id in ("nc1.pinv", "nc3.distance", "gnc2.margin.weights"):
        assert browser.value(read.format(metric_id)) == said(whole.curve(metric_id)[-2])
    assert browser.value("document.getElementById('cursor').getAttribute('d')")
    browser.value("document.getElementById('moment').blur()")
    assert browser.value(read.format("nc1.pinv")) == rest
    browser.point("[id='curve-nc1.pinv'] svg.log", 0.2, 0.5)
    assert browser.value(name) == "epoch 1"
    assert browser.value(read.format("nc1.pinv")) == said(whole.curve("nc1.pinv")[0])


# A cell of the heatmap names its classes and says their cosine, to the mouse and to the arrow keys.
def test_cells(browser: Browser, pages: dict[str, Path]) -> None:
    browser.look(1400)
    browser.open(pages["arrays"])
    browser.until(READY)
    map, read = (
        "[data-map=means]",
        "document.querySelector('[data-map=means] ~ * .read').textContent",
    )
    cosines = arrays(10)["gram/means"]
    browser.point(map, 0.97, 0.03)
    assert browser.value(read) == f"class 0 – class 9: {cosines[0][9]:.4f}".replace("-", "−")
    browser.value(f"document.querySelector('{map}').focus()")
    browser.press("ArrowDown")
    assert browser.value(read) == f"class 1 – class 9: {cosines[1][9]:.4f}".replace("-", "−")
    browser.value(f"document.querySelector('{map}').blur()")
    assert browser.value(read) == ""


# Of very many classes the first are shown, and all others are found by name and by order.
def test_very_many(browser: Browser, pages: dict[str, Path]) -> None:
    browser.look(1400)
    browser.open(pages["vocabulary"])
    browser.until(READY)
    browser.value(OPENED)
    count = "document.getElementById('class-count').textContent"
    assert browser.value(f"{ROWS}.length") == 2000
    assert browser.value(count) == "30,000 classes, the first 2,000 shown"
    browser.click("#class-table button")
    assert browser.value(f"{ROWS}[0].dataset.class") == "29999"
    browser.click("#class-filter")
    browser.ask("Input.insertText", text="Word 12345")
    assert browser.value(f"{ROWS}.map(one => one.textContent)") == ["12345 word 12345"]
    assert browser.value(count) == "1 of 30,000" and browser.complaints() == []


# The list of contents is open beside a wide page and folded above a narrow one.
def test_contents(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["report-1.0"])
    for width, shown in ((1400, True), (400, False)):
        browser.look(width)
        browser.until(f"document.querySelector('.contents details').open === {str(shown).lower()}")
    browser.click(".contents summary")
    assert browser.value("document.querySelector('.contents a').offsetHeight > 0")
    browser.look(1400)


# Names without values are searched as well.
def test_names(browser: Browser, pages: dict[str, Path]) -> None:
    browser.look(1400)
    browser.open(pages["named"])
    browser.until(READY)
    browser.value(OPENED)
    assert browser.value(f"{ROWS}.length") == 1000
    browser.click("#class-filter")
    browser.ask("Input.insertText", text="Owl 77")
    assert browser.value(f"{ROWS}.map(one => one.textContent)") == ["77 owl 77", "770 owl 770"] + [
        f"{number} owl {number}" for number in range(771, 780)
    ]
    assert browser.complaints() == []
