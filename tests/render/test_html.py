"""The HTML report: one file, nothing beside it, and nothing in it that obeys a name."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.render import renderer_for
from nctool.render.html import page
from nctool.render.page.amounts import said
from nctool.report import documents
from nctool.report.comparison import Comparison
from tests.render.parsed import Page, parse, source_hash
from tests.render.samples_html import HOSTILE, NAMES, PLAIN, arrays, thousand, with_suffix
from tests.support.saved import FOLDER, comparison, document, of, report, trajectory

MOST_BYTES, MOST_AROUND = 300_000, 170_000


@cache
def text(name: str) -> str:
    return page(document(name))


@cache
def parts(name: str) -> Page:
    return parse(text(name))


# Every frozen document is a small page, found by the suffix of its file.
@pytest.mark.parametrize("name", NAMES)
def test_size(name: str) -> None:
    assert len(text(name).encode()) < MOST_BYTES
    assert renderer_for("report.HTML").render(document(name), None, ".html") == text(name)


# So is a report of a thousand classes with its pictures.
def test_size_of_a_thousand_classes() -> None:
    assert len(page(thousand(), arrays(1000)).encode()) < MOST_BYTES


# With 38 values for each of them, not one digit is lost, and the page is smaller than the JSON.
def test_a_thousand_classes_with_values() -> None:
    whole = thousand(per_class=True)
    shown = page(whole, arrays(1000))
    # Values of a real run take 423 KB and not 477 KB, as they are not all unlike: 585 KB in all.
    assert len(shown.encode()) - len(documents.embed(whole)) < MOST_AROUND
    assert documents.from_text(shown) == whole
    assert len(shown) < 0.8 * len(documents.to_json(whole, None))


# The page gives its document back to the last digit, packed or not.
@pytest.mark.parametrize("name", NAMES)
def test_recovered(name: str) -> None:
    reread = documents.from_text(text(name), name)
    assert reread == document(name)
    assert documents.to_json(reread) == documents.to_json(document(name))


# Small documents are there as JSON that any program finds, large ones are packed.
def test_both_forms_are_seen() -> None:
    encodings = {
        element.get("data-encoding") for name in NAMES for element in parts(name).all("script")
    }
    assert encodings == {None, documents.GZIP, documents.XZ}
    assert f'"{documents.GZIP}"' in documents.embed(thousand(per_class=True))[:100]


# A file that holds the page is known for what it is.
def test_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(text("report-1.0"), encoding="utf-8")
    assert documents.is_document(path)
    assert documents.read(path) == report()


# Tags are nested, ids are unique, and every reference inside the page leads somewhere.
@pytest.mark.parametrize("name", NAMES)
def test_structure(name: str) -> None:
    shown = parts(name)
    ids = shown.attributes("id")
    assert len(ids) == len(set(ids))
    links = [
        attribute for attribute in shown.attributes("href") if not attribute.startswith("data:")
    ]
    assert {link[1:] for link in links} <= set(ids) and all(link[0] == "#" for link in links)
    assert set(shown.attributes("for")) <= set(ids)
    assert len(shown.all("h1")) == 1 and len(shown.all("main")) == 1
    assert all("scope" in element for element in shown.all("th"))
    assert all(
        element.get("aria-label") for element in shown.all("svg") if element.get("role") == "img"
    )
    assert text(name).startswith("<!doctype html>\n<html lang=")


# One style and one script may run, known by their hashes; nothing is fetched from anywhere.
@pytest.mark.parametrize("name", NAMES)
def test_policy(name: str) -> None:
    shown = parts(name)
    [style], [data, *_, script] = shown.inside["style"], shown.inside["script"]
    assert shown.policy == {
        "default-src": "'none'", "style-src": source_hash(style), "script-src": source_hash(script),
        "img-src": "data:", "base-uri": "'none'", "form-action": "'none'",
    }  # fmt: skip
    *inert, run = shown.all("script")
    assert all(element["type"] == "application/json" for element in inert) and run == {}
    assert len(data) > 1000
    names = {name for _, attrs in shown.tags for name in attrs}
    assert "style" not in names and not [name for name in names if name.startswith("on")]
    assert all(attribute.startswith("data:image/png;") for attribute in shown.attributes("src"))
    assert "@import" not in style and "url(" not in style and "fetch(" not in script
    head = text(name).partition("<style>")[0]
    assert "Content-Security-Policy" in head


# Nothing that came from a file becomes an element, an attribute, a control or a template.
@pytest.mark.parametrize(
    "name", ["report-gated-1.0", "report-head-1.0", "trajectory-1.0", "comparison-splits-1.0"]
)
def test_hostile_names(name: str) -> None:
    hostile, plain = (page(with_suffix(name, one)) for one in (HOSTILE, PLAIN))
    found, harmless = parse(hostile), parse(plain)
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in harmless.tags]
    names = [
        [sorted(set(attrs) - {"data-encoding"}) for _, attrs in one.tags]
        for one in (found, harmless)
    ]
    assert names[0] == names[1]
    assert not [sign for sign in hostile if not sign.isprintable() and sign != "\n"]
    assert "<script>alert(1)</script>" in found.text and "{{7*7}}{% raw %}" in found.text
    assert r"\x202e\x2066\x1b[31m\x0d\n\x00&lt;" in found.text
    assert found.policy == harmless.policy
    assert all(
        attribute[0] == "#" for attribute in found.attributes("href") if attribute != "data:,"
    )
    assert documents.from_text(hostile) == with_suffix(name, HOSTILE)


# In the plain form, too, names cannot end the element that holds the data.
def test_hostile_data() -> None:
    small = of({"nc1.pinv": 1.0}, run={"id": HOSTILE, "split": "</script>"})
    element = documents.embed(small)
    assert "data-encoding" not in element
    inner = element.removesuffix("</script>").partition(">")[2]
    assert not set(inner) & set("<>&\u2028\u2029") and inner.isascii()
    assert documents.from_text(page(small)) == small


# Damaged data is an error with a name, whatever the damage.
@pytest.mark.parametrize("encoding", [documents.GZIP, documents.XZ, "rot13"])
@pytest.mark.parametrize("inner", ["", "!", "aGVsbG8=", "H4sIAAAAAAAC/6uuBQBD", "/Td6WFoAAATm1rRG"])
def test_damaged(inner: str, encoding: str) -> None:
    mark = f'<script type="application/json" id="nctool-data" data-encoding="{encoding}">'
    with pytest.raises(InputError, match="cannot be unpacked") as caught:
        documents.from_text(f"<html>{mark}{inner}</script>")
    assert caught.value.slug == "page-damaged"


# Every metric of the document is described, with everything a reader may ask of a number.
@pytest.mark.parametrize("name", NAMES)
def test_every_metric_is_described(name: str) -> None:
    shown = parts(name)
    ids = set(shown.attributes("id"))
    whole = document(name)
    metrics = [row.metric for row in whole.rows] if isinstance(whole, Comparison) else [*whole]
    assert len(metrics) > 50
    for result in metrics:
        assert f"m-{result.id}" in ids and result.definition in shown.text


# Definition, ideal, floor, best known, random value and noise floor stand together.
def test_facts_of_a_metric() -> None:
    best = report()["nc2.max_cos.means"]
    assert best.best_known is not None
    page_text = parts("report-1.0").text
    for word in ("ideal", "floor", "best known", "random value", "noise floor"):
        assert word in page_text
    assert f"{said(best.best_known.value, 6)} ({best.best_known.source})" in page_text
    assert "↓ lower is more collapsed, ↑ higher is" in page_text


# Every value that was computed is on the page.
def test_values() -> None:
    page_text = parts("report-1.0").text.replace(" ", "")
    for result in report():
        if result.value is not None:
            assert said(result.value) in page_text, result.id


# What is missing says why, and what it would need.
def test_absent() -> None:
    page_text = parts("report-head-1.0").text
    for reason in {result.reason for result in report("report-head-1.0") if result.reason}:
        assert reason in page_text
    assert "Not here" in page_text


# No section is empty; what is not on the page is said in one place, with what to do about it.
def test_no_empty_sections() -> None:
    shown = parts("report-head-1.0")
    assert "run with --arrays to see the Gram matrix and the spectrum" in shown.text
    assert "Run with --per-class" in shown.text
    assert "classes" not in shown.attributes("id")
    alone = parse(page(of({"nc1.pinv": None})))
    assert "Nothing could be computed from these inputs" in alone.text
    assert "No margins: they were not asked for" in alone.text
    assert not {"geometry", "numbers", "brief"} & set(alone.attributes("id"))


# The list of contents leads to every section, under its heading.
@pytest.mark.parametrize("name", NAMES)
def test_contents(name: str) -> None:
    shown = parts(name)
    sections = [element["id"] for element in shown.all("section")]
    links = [element["href"] for element in shown.all("a") if element["href"] != "#main"]
    assert links[: len(sections)] == [f"#{section}" for section in sections]
    assert sections[-1] == "origin"


# Paths and ids keep their letters, whatever a sentence begins with.
def test_capitals() -> None:
    notice = Notice("odd", "runs/a.pt is odd", "look")
    assert "runs/a.pt is odd" in parse(page(replace(report(), warnings=(notice,)))).text


# All class names are in the table and with the script, without values by class too.
def test_class_names() -> None:
    names = [f"name {index}" for index in range(10)]
    bare = thousand(per_class=False)
    named = replace(bare, data={**bare.data, "class_names": names})
    shown = parse(page(named))
    assert all(name in shown.text for name in names) and "All 10 classes by name" in shown.text
    assert documents.from_text(page(named)) == named


# Gates say in words what they found; the page says in words what that means.
def test_gates() -> None:
    page_text = parts("report-gated-1.0").text
    for gate in document("report-gated-1.0").gates:
        assert gate["expr"] in page_text and gate["source"] in page_text
    for word in ("passed", "failed", "inconclusive", "failed, only a warning", "needs ood"):
        assert word in page_text
    assert "Gates: fail. At least one gate failed." in page_text
    assert "Gates" not in parts("report-1.0").text


# Warnings stand before the numbers, with what to do about them.
def test_warnings() -> None:
    shown = page(with_suffix("report-1.0", PLAIN))
    assert shown.index("Worth knowing") < shown.index("<h2>Numbers")
    assert "Worth knowing" not in parts("report-1.0").text


# Inputs, settings, environment and digest are all there.
def test_provenance() -> None:
    page_text = parts("report-1.0").text
    for input in report().inputs:
        assert input.path in page_text and input.key in page_text and input.reason in page_text
        assert input.fingerprint is None or input.fingerprint in page_text
    assert report().digest in page_text and report().created in page_text
    assert str(report().environment["platform"]) in page_text


# A comparison says in words what changed, and first whether it may be made at all.
def test_comparison() -> None:
    page_text = parts("comparison-splits-1.0").text
    assert "These runs differ in more than their collapse" in page_text
    for difference in comparison("comparison-splits-1.0").differences:
        assert difference.what in page_text and all(
            value in page_text for value in difference.values
        )
    assert "↑ less collapsed" in page_text and "within tolerance" in page_text
    assert "Split, samples, classes, dimensions, conventions" in parts("comparison-1.0").text
    words = re.findall("(more collapsed|less collapsed|within tolerance)", text("comparison-1.0"))
    assert len(words) > 2 * 50


# A trajectory says when the error reached zero, and its table has every value of every point.
def test_trajectory() -> None:
    page_text = parts("trajectory-1.0").text
    assert "The head makes no training error from epoch 100 on." in page_text
    for value in trajectory().curve("nc1.pinv"):
        assert said(value) in page_text
    assert all(point.label in page_text for point in trajectory().points)


# A saved report becomes a page without torch and without numpy.
def test_light() -> None:
    code = (
        "import sys; from nctool.report import documents; from nctool.render.html import page\n"
        f"page(documents.read({str(FOLDER / 'report-1.0.json')!r}))\n"
        "sys.exit(' '.join({'torch', 'numpy', 'scipy'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
