"""What makes an array look like a head, one piece of evidence at a time."""

from __future__ import annotations

import pytest

from nctool.roles import Candidate, find_head

BODY = ("conv1.weight 64 3 7 7", "bn1.weight 64", "layer4.0.conv1.weight 512 64 3 3")


def head_of(*lines: str) -> str | None:
    """The key of the head among these arrays, each given by its key and shape, in any order."""
    arrays = []
    for line in lines:
        key, *shape = line.split()
        arrays.append(Candidate(key, tuple(map(int, shape)), "float32"))
    heads = [find_head(arrays), find_head(arrays[::-1])]
    keys = {None if head is None else head.weight.candidate.key for head in heads}
    assert len(keys) == 1
    return keys.pop()


# An array of its own that is not called a weight, as a training script keeps banks and histories
# of logits, is believed less than the weight of a layer, even inside of a head or a loss.
@pytest.mark.parametrize(
    ("lines", "head"),
    [
        ((*BODY, "probe.weight 10 512", "probe.bias 10", "loss.bank 10 512"), "probe.weight"),
        (("top.weight 10 64", "head.history 10 64"), "top.weight"),
        (("backbone.a.weight 64 32", "head.history 10 64"), None),
    ],
)
def test_arrays_of_a_script(lines: tuple[str, ...], head: str | None) -> None:
    assert head_of(*lines) == head


# Where there is nothing else, it is taken: nothing can be confused with it.
def test_alone() -> None:
    assert head_of(*BODY, "criterion.bank 1000 512") == "criterion.bank"


# A layer in a stack of blocks is no head, whatever it is called.
def test_blocks() -> None:
    blocks = [
        line
        for number in range(2)
        for line in (f"layers.{number}.out.weight 10 64", f"layers.{number}.out.bias 10")
    ]
    assert head_of("stem.weight 64 32", *blocks) is None
    assert head_of("stem.weight 64 32", "out.weight 10 64", "out.bias 10") == "out.weight"


# A layer called a head goes before another that only stands in one.
def test_own_name() -> None:
    lines = ("classifier.weight 10 64", "head.extra.weight 10 64")
    assert head_of(*lines) == "classifier.weight"


# Something takes in what this layer puts out: a head may still be what narrows, not what widens.
@pytest.mark.parametrize(("size", "head"), [(32, "head.weight"), (128, None)])
def test_taken_in(size: int, head: str | None) -> None:
    lines = ("stem.weight 64 48", f"head.weight {size} 64", f"other.norm.weight {size}")
    assert head_of(*lines) == head
