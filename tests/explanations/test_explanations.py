"""Every slug that can reach a user is explained, once, as what it is; and nothing else is."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from typing import get_args

import pytest

from nctool.explanations import FILES, Explanation, Kind, groups
from nctool.readers import unsupported
from nctool.settings.budget import Budget
from nctool.settings.compute_options import ComputeOptions
from nctool.settings.conventions import ConventionOptions
from nctool.settings.option import options_of
from nctool.settings.role_options import RoleOptions
from tests.cli.shell import ROOT, unknown_options

KINDS: dict[str, Kind] = {
    "Notice": "notice",
    "UsageError": "usage",
    "InputError": "input",
    "ResourceError": "resource",
    "InternalError": "internal",
}
OPTIONS = (RoleOptions, ComputeOptions, ConventionOptions, Budget)
COMPOSED = {
    "f'unknown-{declared.key}'": [
        f"unknown-{declared.key}"
        for group in OPTIONS
        for declared in options_of(group)
        if declared.choices
    ],
    "f'ambiguous-{role}'": [f"ambiguous-{role}" for role in ("features", "labels", "head", "bias")],
    "f'unusable-{role}'": ["unusable-features", "unusable-labels"],
    "known.slug": sorted({known.slug for known in unsupported.KNOWN}),
    # The guard passes on what its child has raised, each of which stands elsewhere.
    "slug": [],
}
"""The slugs that are put together where they are raised, by how that is written."""


def raised(text: str) -> Iterator[tuple[str, Kind]]:
    """Every slug in a module's text, and what it is raised as."""
    for node in ast.walk(ast.parse(text)):
        name = getattr(node, "func", None)
        kind = KINDS.get(getattr(name, "id", getattr(name, "attr", "")))
        if not isinstance(node, ast.Call) or kind is None:
            continue
        first = node.args[0]
        for slug in [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]:
            if isinstance(slug, ast.Constant):
                yield str(slug.value), kind
            else:
                yield from ((name, kind) for name in COMPOSED[ast.unparse(slug)])


def of_the_package() -> dict[str, set[Kind]]:
    kinds: dict[str, set[Kind]] = defaultdict(set)
    for path in (ROOT / "nctool").rglob("*.py"):
        for slug, kind in raised(path.read_text("utf-8")):
            kinds[slug].add(kind)
    return kinds


EXPLAINED = [
    (slug, each) for group in groups() for each in group.explanations for slug in each.slugs
]


# Every error and notice of the package is explained as what it is, and nothing that is none.
def test_every_slug_is_explained() -> None:
    package = of_the_package()
    explained = dict(EXPLAINED)
    assert explained.keys() == package.keys()
    for slug, each in explained.items():
        # One text explains several slugs of a cause: it is of every kind that one of them is.
        kinds = set().union(*(package[name] for name in each.slugs))
        assert kinds == set(each.kinds), slug


# No slug is explained twice, and every file is read.
def test_once() -> None:
    slugs = [slug for slug, _ in EXPLAINED]
    assert len(slugs) == len(set(slugs))
    files = (ROOT / "nctool" / "explanations").glob("*.toml")
    assert {file.stem for file in files} == set(FILES)


# A slug is seen in each of the forms in which it is written.
@pytest.mark.parametrize(
    ("call", "slugs"),
    [
        ("Notice('a', 'text')", {"a"}),
        ("errors.InputError('a', 'text')", {"a"}),
        ("InputError('a' if x == 'z' else 'b', 'text')", {"a", "b"}),
        ("InputError(f'unusable-{role}', 'text')", {"unusable-features", "unusable-labels"}),
        ("print('a')", set()),
    ],
)
def test_forms(call: str, slugs: set[str]) -> None:
    assert {slug for slug, _ in raised(call)} == slugs


# An explanation has what it promises: for people three short texts and something to type.
@pytest.mark.parametrize("each", dict.fromkeys(each for _, each in EXPLAINED), ids=str)
def test_texts(each: Explanation) -> None:
    assert set(each.kinds) <= set(get_args(Kind))
    texts = [each.means, each.do] + [each.matters] * ("notice" in each.kinds or bool(each.matters))
    assert all(text.endswith(".") and len(text) < 260 for text in texts)
    assert each.example.strip() == each.example != ""


EXAMPLES = {each.example for _, each in EXPLAINED if each.example.startswith("nctool ")}


# An example of nctool is a command that there is, with options that there are.
@pytest.mark.parametrize("example", sorted(EXAMPLES))
def test_examples(example: str) -> None:
    assert unknown_options(example) == set()
