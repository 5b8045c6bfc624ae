"""Numbers as people read them, and untrusted names as harmless text: for all there are."""

from __future__ import annotations

import math
import re
import unicodedata
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nctool.core.text import count, durations, number, one_line, percentages, printable

FINITE = st.floats(allow_nan=False, allow_infinity=False)
# The sizes that are shown plainly, which a draw over all floats would hardly ever meet.
EVERYDAY = st.builds(
    lambda sign, mantissa, power: sign * mantissa * 10.0**power,
    st.sampled_from([-1.0, 1.0]),
    st.floats(1, 10),
    st.integers(-5, 6),
)
NUMBERS = FINITE | EVERYDAY
# Surrogates stand for the bytes of file names that are no text.
ANY_TEXT = st.text(st.characters(), max_size=40)


def significant(text: str) -> int:
    """How many digits of the number say something."""
    digits = re.sub(r"e.*|[-.]", "", text).lstrip("0")
    return len(digits if "." in text else digits.rstrip("0"))


def place(text: str) -> Decimal:
    """The worth of the last printed digit; cut-off zeros count as printed."""
    mantissa, _, power = text.partition("e")
    decimals = len(mantissa.partition(".")[2])
    return Decimal(10) ** (int(power or 0) - decimals)


# At most four digits are significant; whole numbers under 100,000 keep their fifth.
@given(NUMBERS)
def test_four_digits(value: float) -> None:
    text = number(value)
    limit = 5 if re.fullmatch(r"-?\d{5}", text) else 4
    assert significant(text) <= limit


# With fewer digits asked for, fewer are shown.
@given(NUMBERS.filter(lambda value: abs(value) < 1000 or abs(value) >= 1e5))
def test_three_digits(value: float) -> None:
    assert significant(number(value, 3)) <= 3


# A cell of the table never needs more than ten characters, and is never empty.
@given(NUMBERS | st.just(math.nan) | st.sampled_from([math.inf, -math.inf]) | st.none())
def test_width(value: float | None) -> None:
    assert 1 <= len(number(value)) <= 10


# Read back, the number is the value to within half a unit of the last of its digits.
@given(NUMBERS)
def test_round_trip(value: float) -> None:
    text = number(value)
    if "e" in text:
        half = place(text) / 2
    else:
        # Zeros at the end are cut off, so the last place follows from the size.
        size = Decimal(abs(value)).adjusted() if value else 0
        half = Decimal(10) ** min(0, size - 3) / 2
    # A billionth more: the printed half is of the float's shortest decimal, not of its bits.
    assert abs(Decimal(text) - Decimal(value)) <= half * (1 + Decimal("1e-9"))


# A larger value is never shown as a smaller number.
@given(NUMBERS, NUMBERS)
def test_order(first: float, second: float) -> None:
    low, high = sorted((first, second))
    assert float(number(low)) <= float(number(high))


# Some values by hand: zero has no sign, absence is a dash, ends are trimmed.
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (0.0, "0"), (-0.0, "0"), (1.0, "1"), (-1.0, "-1"), (0.5, "0.5"),
        (0.123456, "0.1235"), (1234.5678, "1235"), (0.001, "0.001"), (0.00099, "9.90e-04"),
        (99999.0, "99999"), (1e5, "1.00e+05"), (9.99996, "10"), (-1e-300, "-1.00e-300"),
        (math.inf, "inf"), (math.nan, "nan"),
    ],
)  # fmt: skip
def test_by_hand(value: float | None, text: str) -> None:
    assert number(value) == text


# No control character, escape, bidirectional mark or surrogate survives; line breaks do.
@given(ANY_TEXT)
def test_nothing_invisible_survives(text: str) -> None:
    shown = printable(text)
    kinds = {unicodedata.category(char) for char in shown if char != "\n"}
    assert not {kind for kind in kinds if kind[0] == "C" or kind in ("Zl", "Zp")}
    assert shown.count("\n") == text.count("\n")


# On one line there is not even a line break, whatever a terminal takes for one.
@given(ANY_TEXT | st.sampled_from(["a\nb", "a\r\nb", "a\x0bb", "a\x85b", "a\u2028b"]))
def test_one_line(text: str) -> None:
    assert len(one_line(f"x{text}x").splitlines()) == 1


# What is harmless already stays as it is, and nothing is escaped twice.
@given(ANY_TEXT)
def test_harmless_text_stays(text: str) -> None:
    shown = printable(text)
    assert printable(shown) == shown
    assert shown == text or not all(char.isprintable() or char == "\n" for char in text)


# Escaped text can be sent anywhere: it is valid UTF-8.
@given(ANY_TEXT)
def test_encodable(text: str) -> None:
    assert printable(text).encode("utf-8") or not text


# Letters of every script, signs and emoji are no danger and are shown.
@pytest.mark.parametrize("text", ["Größe", "猫", "кот", "ρ ≥ 0", "[bold]cat[/bold]", "🐈", "a b"])
def test_ordinary_names(text: str) -> None:
    assert printable(text) == one_line(text) == text


# A count has its thousands apart and its noun in the right number.
@given(st.integers(0, 10**12))
def test_count(value: int) -> None:
    digits, noun = count(value, "sample").split(" ")
    assert int(digits.replace(",", "")) == value
    assert re.fullmatch(r"\d{1,3}(,\d{3})*", digits)
    assert noun == ("sample" if value == 1 else "samples")
    assert count(value, "class", "classes").endswith(" class" if value == 1 else " classes")


# Times of one table have one unit and as many places each, whatever their sizes.
@pytest.mark.parametrize(
    ("parts", "said"),
    [((0.071, 0.0042, 0.0001), ["0.071 s", "0.004 s", "0.000 s"]),
     ((0.57, 0.045), ["0.57 s", "0.04 s"]), ((24.96, 1.84), ["25.0 s", "1.8 s"]),
     ((150.0, 30.0), ["2.5 min", "0.5 min"]), ((7200.0, 720.0), ["2.0 h", "0.2 h"])],
)  # fmt: skip
def test_durations(parts: tuple[float, ...], said: list[str]) -> None:
    assert durations(parts, sum(parts)) == said


# Whole percents add up to 100, and each is less than one from what it stands for.
@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=12))
def test_percentages(parts: list[float]) -> None:
    found = [int(text.removesuffix(" %")) for text in percentages(parts)]
    assert sum(found) == 100
    assert all(abs(each - 100 * part / sum(parts)) < 1 + 1e-9
               for each, part in zip(found, parts, strict=True))  # fmt: skip
