"""What documents do with themselves: files, tables, one line, and the cell of a notebook."""

from __future__ import annotations

import ast
import gc
import weakref
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import nctool
from nctool.core import extras
from nctool.core.errors import InputError, UsageError
from nctool.render import rendered
from nctool.report.comparison import compare
from nctool.report.documents import Document, table
from nctool.report.runs import Run
from nctool.report.trajectory import joined
from tests.cli.shell import EPOCH_10
from tests.render.hostile import TEXTS, named
from tests.support.saved import EVERY, comparison, document, judged, report, trajectory

FAR = {"nc1": 0.99, "nc2.means": 0.95, "nc2.weights": 0.96, "nc3": 0.98, "nc4": 1.0}
NEAR = FAR | {"nc1": 0.2}


def with_dials() -> dict[str, Document]:
    runs = [Run("near", judged(NEAR)), Run("far", judged(FAR))]
    return {
        "report": judged(FAR),
        "trajectory": joined([judged(NEAR), judged(FAR)], ["a", "b"]),
        "comparison": compare(runs),
    }


# A document is written as the command writes it, over what was there, and nothing is left beside.
@pytest.mark.parametrize("suffix", [".json", ".flat.json", ".wide.csv", ".csv", ".md", ".html"])
@pytest.mark.parametrize("name", ["report-1.0", "trajectory-1.0", "comparison-1.0"])
def test_save(name: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"saved{suffix}"
    path.write_text("before")
    document(name).save(path)
    assert path.read_text("utf-8") == rendered(document(name), str(path))
    assert [*tmp_path.iterdir()] == [path]


# Before anything is written: a kind that is none, a folder that is not there.
def test_save_refused(tmp_path: Path) -> None:
    for name, slug in (("a.docx", "unknown-output"), ("no/a.json", "output-unwritable")):
        with pytest.raises(UsageError) as caught:
            report().save(tmp_path / name)
        assert caught.value.slug == slug
    assert [*tmp_path.iterdir()] == []


# Plots are figures and nothing else; what --arrays wrote, as a file or as values, is drawn too.
def test_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    trajectory().plot(tmp_path / "paper.pdf")
    assert (tmp_path / "paper.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(UsageError) as caught:
        trajectory().plot(tmp_path / "paper.html")
    assert caught.value.slug == "no-figure"
    from safetensors.numpy import save_file

    frame = np.eye(10, dtype=np.float32)
    save_file({"gram/means": frame}, tmp_path / "arrays.safetensors")
    report().save(tmp_path / "file.html", arrays=tmp_path / "arrays.safetensors")
    report().save(tmp_path / "values.html", arrays={"gram/means": frame.tolist()})
    report().save(tmp_path / "without.html")
    pages = [
        (tmp_path / f"{name}.html").read_text("utf-8") for name in ("file", "values", "without")
    ]
    assert pages[0] == pages[1] != pages[2]


# What was measured here is drawn with its arrays, as by the command: the same page.
def test_arrays_at_hand(tmp_path: Path) -> None:
    ours = nctool.analyze(EPOCH_10, metrics="nc1.pinv,gnc2.margin.means")
    ours.save(tmp_path / "ours.html")
    saved = tmp_path / "ours.json"
    ours.save(saved)
    read = nctool.load(saved)
    assert read == ours and isinstance(read, nctool.Report) and read.behind is None
    read.save(tmp_path / "read.html")
    pages = [(tmp_path / name).read_text("utf-8") for name in ("ours.html", "read.html")]
    assert len(pages[0]) > len(pages[1]) + 1000
    assert ours.behind is not None
    read.save(tmp_path / "read.html", arrays=ours.behind)
    assert (tmp_path / "read.html").read_text("utf-8") == pages[0]
    assert "behind" not in ours.to_dict()
    assert nctool.Report.from_dict({**ours.to_dict(), "behind": {}}).behind is None


# A report does not hold on to the samples that it was measured from.
def test_samples_are_let_go() -> None:
    features = np.random.default_rng(0).standard_normal((40, 3))
    watch = weakref.ref(features)
    whole = nctool.analyze(features=features, labels=np.arange(40) % 4, metrics="nc1.pinv")
    del features
    gc.collect()
    assert watch() is None and whole.behind is not None and "gram/means" in whole.behind


# A report is a table of metrics; points and runs are rows under their positions and names.
def test_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    whole = report().to_pandas()
    assert isinstance(whole, pandas.DataFrame) and whole.index.name == "id"
    assert whole.loc["nc1.pinv", "value"] == report().value("nc1.pinv")
    assert list(whole.index) == [result.id for result in report()]
    course = trajectory().to_pandas()
    assert course.index.name == "epoch" and tuple(course.index) == trajectory().positions
    assert np.array_equal(course["nc1.pinv"], trajectory()["nc1.pinv"], equal_nan=True)
    runs = comparison().to_pandas()
    assert list(runs.index) == [run.name for run in comparison().runs]
    for name in EVERY[:2]:
        columns, _ = table(document(name))
        numbers = document(name).to_pandas()[columns[columns.index("split") + 1 :]]
        assert {str(kind) for kind in numbers.dtypes} == {"float64"}


# Without pandas a table says what to type.
def test_no_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(InputError) as caught:
        report().to_pandas()
    assert caught.value.slug == "extra-missing" and "nctool[pandas]" in caught.value.hint


# The representation is one line: the verdict, or what the document holds instead.
@pytest.mark.parametrize("kind", ["report", "trajectory"])
def test_repr(kind: str) -> None:
    whole = with_dials()[kind]
    assert repr(whole).startswith("COLLAPSED  95.0 % of the way")
    assert repr(whole) == str(whole)


# Every document has such a line, whatever its names say, and never more than one.
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("name", ["report-gated-1.0", "trajectory-1.0", "comparison-splits-1.0"])
def test_one_line(name: str, text: str) -> None:
    line = repr(named(name, TEXTS[text], ids=True))
    assert line and all(sign.isprintable() for sign in line)


class Tags(HTMLParser):
    """Every tag and attribute of a fragment."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def tags(fragment: str) -> Tags:
    """Well formed, and made of nothing that acts or loads."""
    ElementTree.fromstring(f"<div>{fragment}</div>".replace("\x0c", " "))
    parsed = Tags()
    parsed.feed(fragment)
    table = {"table", "thead", "tbody", "tr", "th", "td"}
    assert parsed.tags <= table | {"div", "b", "details", "summary"}
    assert parsed.attributes <= {"style"} and "url(" not in fragment
    return parsed


# A cell shows the sentence and every dial, with what chance gives, in the notebook's own colours.
@pytest.mark.parametrize("kind", ["report", "trajectory", "comparison"])
def test_cell(kind: str) -> None:
    whole = with_dials()[kind]
    fragment = whole._repr_html_()
    tags(fragment)
    for words in ("NC1", "NC2, means", "NC2, rows", "NC3", "NC4", "95.0 %", "100 %"):
        assert words in fragment
    assert repr(whole).split("(")[0].strip() in fragment
    assert "#" not in fragment and "rgb" not in fragment and len(fragment) < 20_000


# Without dials it shows numbers; a comparison those of every run.
@pytest.mark.parametrize("name", EVERY)
def test_cell_without_dials(name: str) -> None:
    fragment = document(name)._repr_html_()
    tags(fragment)
    assert "nc2.norm_cv.weights" in fragment
    assert "no verdict" in fragment or " against " in fragment


# Names in it are text.
@pytest.mark.parametrize("text", [name for name in TEXTS if name != "surrogate"])
@pytest.mark.parametrize("name", ["report-gated-1.0", "trajectory-1.0", "comparison-splits-1.0"])
def test_cell_names(name: str, text: str) -> None:
    tags(named(name, TEXTS[text], ids=True)._repr_html_())


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """The value of the last expression, as a notebook shows it."""
    *body, last = ast.parse(source).body
    assert isinstance(last, ast.Expr)
    exec(compile(ast.Module(body, []), "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


# A cell of a notebook: arrays in, and what is shown of its last line is the answer.
def test_notebook() -> None:
    cell = """
import numpy as np
import nctool

means = np.eye(3) - 1 / 3
y = np.arange(60) % 3
H = means[y] + 1e-3 * np.random.default_rng(0).standard_normal((60, 3))
report = nctool.analyze(features=H, labels=y, weight=means, bias=np.zeros(3))
report
"""
    shown = run_cell(cell, {})
    assert isinstance(shown, nctool.Report)
    tags(shown._repr_html_())
    assert "\n" not in repr(shown) and repr(shown).split("(")[0].strip() in shown._repr_html_()


# What is asked of a report by id is answered as of a mapping.
def test_by_id() -> None:
    whole = report()
    assert "nc1.pinv" in whole and "nc1" not in whole and whole["nc1.pinv"] not in whole
    assert whole.get("nc1") is None and whole.get("nc1.pinv") is whole["nc1.pinv"]
    assert whole.dials == () and replace(judged(FAR)).dials[0].id == "collapse.nc1"
    assert trajectory().dials == () and with_dials()["trajectory"].dials == judged(FAR).dials  # type: ignore[union-attr]
