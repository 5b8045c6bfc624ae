"""The pictures in the README show what nctool prints and writes now."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from nctool.render.html import page
from nctool.report import documents
from tests.golden.goldens import REGENERATE, ROOT
from tests.golden.test_golden_report import said
from tests.render import headless
from tests.support import pictures

FOLDER = ROOT / "fixtures" / "pictures"
COMMAND = "nctool analyze fixtures/digits"
WIDTH, HEIGHT, SCALE = 1200, 780, 1.25
MOST_BYTES = 200_000
README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of the fixture."""
    target = tmp_path_factory.mktemp("page") / "digits.json"
    said(*COMMAND.split()[1:], "--json", str(target), "-q")
    return page(documents.read(target))


def first_screen(text: str) -> str:
    """What is read above the fold, as a digest: the sentence, the dials and what stands out."""
    above = text.partition("<header>")[2].partition('<section id="course"')[0]
    words = " ".join(re.sub(r"<[^>]*>", " ", above).split())
    assert "COLLAPSED" in words and "NC1" in words
    return hashlib.sha256(words.encode()).hexdigest()


# The screen in the README is the one that its command prints.
def test_screen(regenerate: bool) -> None:
    path = FOLDER / "screen.svg"
    made = pictures.terminal(COMMAND, said(*COMMAND.split()[1:], FORCE_COLOR="1"))
    if regenerate:
        FOLDER.mkdir(exist_ok=True)
        path.write_text(made, "utf-8")
    assert pictures.words_of(path.read_text("utf-8")) == pictures.words_of(made), REGENERATE


# It is a picture that fetches nothing, runs nothing and has no line wider than itself.
def test_screen_is_a_picture() -> None:
    text = (FOLDER / "screen.svg").read_text("utf-8")
    root = ElementTree.fromstring(text)
    width = float(root.attrib["width"])
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags == {"svg", "style", "rect", "text"} and "url(" not in text and "@import" not in text
    for element in root.iter("{http://www.w3.org/2000/svg}text"):
        end = float(element.attrib["x"]) + float(element.attrib["textLength"])
        assert end <= width - pictures.EDGE + 1


# The page in the README is the page of the same run: its sentence and its dials are these.
def test_page(digits: str, regenerate: bool, tmp_path: Path) -> None:
    path, browser = FOLDER / "page.png", headless.found()
    known = path.is_file() and pictures.note_of(path.read_bytes()) == first_screen(digits)
    # Every browser paints other bytes: a picture that still says the same stays (or delete it).
    if regenerate and browser is not None and not known:
        (tmp_path / "page.html").write_text(digits, "utf-8")
        with headless.started(browser) as tab:
            tab.look(WIDTH)
            tab.ask("Emulation.setScrollbarsHidden", hidden=True)
            tab.open(tmp_path / "page.html")
            clip = {"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT, "scale": SCALE}
            shot = tab.ask("Page.captureScreenshot", clip=clip)
        path.write_bytes(pictures.with_note(base64.b64decode(shot["data"]), first_screen(digits)))
    png = path.read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n" and len(png) < MOST_BYTES
    assert pictures.note_of(png) == first_screen(digits), f"{REGENERATE}, where a browser is"


# Both are in the README, with words for who cannot see them.
@pytest.mark.parametrize("name", ["screen.svg", "page.png"])
def test_shown(name: str) -> None:
    assert re.search(rf"!\[[^\]]{{20,}}\]\(fixtures/pictures/{re.escape(name)}\)", README)
