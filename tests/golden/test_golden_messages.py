"""Every message of an error, as read and approved once: what was found, and what to type next."""

from __future__ import annotations

import ast
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import typer

from nctool import analyze, metrics
from nctool.analysis import measure, trajectories
from nctool.analysis.first_look import FirstLook
from nctool.arrays import LazyArray, Source
from nctool.cli import shell
from nctool.cli.analyze import analyze as analyze_command
from nctool.core import files
from nctool.core.errors import NctoolError
from nctool.inputs import class_names, labels, saved_roles, vocabulary
from nctool.inputs.assemble import check_shapes
from nctool.inputs.sources import load
from nctool.report import Report
from nctool.settings import budget, config
from nctool.settings.conventions import Convention, ConventionOptions
from nctool.settings.role_options import RoleOptions
from tests.golden import (
    after_the_report,
    dry_runs,
    heads,
    many_ranks,
    of_user_code,
    over_sums,
    shards,
    while_collecting,
    while_training,
)  # fmt: skip
from tests.golden.goldens import FOLDER, ROOT, check_text

MODULES = {
    "assemble": "inputs/assemble.py",
    "labels": "inputs/labels.py",
    "sources": "inputs/sources.py",
    "samples": "engine/samples.py",
    "seen": "engine/seen.py",
    "head": "facts/head.py",
    "unlabelled": "facts/unlabelled.py",
    "conventions": "settings/conventions.py",
    "budget": "settings/budget.py",
    "metrics": "metrics/__init__.py",
    "shell": "cli/shell.py",
    "report": "report/report.py",
    "files": "core/files.py",
    "measure": "analysis/measure.py",
    "device": "engine/device.py",
    "memory": "engine/memory.py",
    "arithmetic": "engine/arithmetic.py",
    "compute_options": "settings/compute_options.py",
    "option": "settings/option.py",
    "vocabulary": "inputs/vocabulary.py",
    "class_names": "inputs/class_names.py",
    "outputs": "cli/outputs.py",
    "api": "api/given.py",
    "opening": "inputs/opening.py",
    "config": "settings/config.py",
    "saved_roles": "inputs/saved_roles.py",
}
MODULES |= (
    after_the_report.MODULES
    | while_collecting.MODULES
    | over_sums.MODULES
    | of_user_code.MODULES
    | heads.MODULES
    | while_training.MODULES
    | many_ranks.MODULES
    | dry_runs.MODULES
    | shards.MODULES
    | {"trajectories": "analysis/trajectories.py"}
)
GENERAL = "f'unknown-{declared.key}'"
"""One slug for each of the options that have choices."""
OURS = {"UsageError", "InputError", "ResourceError", "InternalError"}
CHOICES = {
    "center": "mean", "dtype": "double", "margin": "most", "margin-rows": "long", "pool": "max",
    "weights": "best",
}  # fmt: skip
"""The options with a few named values, each with a value that is none of them."""

FEATURES, LABELS, HEAD = torch.ones(12, 4), torch.arange(12) % 3, torch.eye(3, 4)


def held(key: str, values: torch.Tensor) -> LazyArray:
    name = str(values.dtype).removeprefix("torch.")
    return LazyArray(key, tuple(values.shape), name, "", "memory", lambda i, j: values[i:j])


def shapes(**arrays: torch.Tensor | None) -> None:
    known = {"features": FEATURES, "labels": LABELS, "weight": HEAD, "bias": None, "ood": None}
    given = {**known, **arrays}
    lazy = {
        key: None if (array := given[key]) is None else held(key, array)
        for key in ("features", "labels", "ood")
    }
    check_shapes(lazy["features"], lazy["labels"], given["weight"], given["bias"], lazy["ood"])


def with_nan() -> torch.Tensor:
    features = FEATURES.clone()
    features[[3, 7], 1] = torch.nan
    return features


def seen_with_nan() -> None:
    settings = measure.Settings(Convention())
    look = FirstLook(("ant", "bee"), 3, "float32", settings)
    look.add(torch.full((2, 3), torch.nan), torch.tensor([0, 1]))
    seen = Source(None, None, ("ant", "bee"), None, None, gathered=look.gathered("it is gone"))
    measure.measure(seen, metrics.select("nc1"), settings)


def two_signatures() -> None:
    import fsspec

    np.save("labels.npy", LABELS.numpy())
    content = Path("labels.npy").read_bytes()
    fsspec.filesystem("memory").pipe({f"/golden?sig={signature}": content for signature in "ab"})
    load(["memory://golden?sig=a", "memory://golden?sig=b"], RoleOptions())


def only_labels() -> None:
    np.save("labels.npy", LABELS.numpy())
    np.save("features.npy", FEATURES.numpy())
    load(["features.npy"], RoleOptions(ood="labels.npy"))


def names_in(text: str | bytes, rows: int | None = None) -> None:
    """Names from a file of this content, for a head with so many rows if any."""
    file = Path("names")
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    names = vocabulary.read(file)
    if rows is not None:
        class_names.named(names, rows)


def too_many(what: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocabulary, what, 1)
        names_in("ant\nbee\n")


def words_beyond_names() -> None:
    words = np.array(["ant", "bee", "elk", "fly"])
    lazy = LazyArray("y", (4,), "str", "", "memory", lambda i, j: words[i:j])
    labels.decode(lazy, names=["bee", "ant", "cat"])


def to_stdout() -> None:
    analyze_command(None, ["x.npy"], arrays="-")


def too_few_layers() -> None:
    np.savez("x.npz", features=FEATURES.numpy(), labels=LABELS.numpy())
    trajectories.points_of_layers(["x.npz"], RoleOptions(layers="layer*"))


def config_in(text: str) -> None:
    Path("nctool.toml").write_text(text)
    config.resolve(Path(), {})


def not_saved() -> None:
    Path("nctool.toml").write_text("roles = { head = 'x' }")
    saved_roles.save({"head": "fc.weight", "transpose-head": True}, Path())


def too_few_classes() -> None:
    np.savez("all.npz", features=FEATURES.numpy(), labels=LABELS.numpy())
    load(["all.npz"], RoleOptions(classes="2"))


def over_the_input() -> None:
    np.save("features.npy", FEATURES.numpy())
    files.check_writable("features.npy", ["features.npy"])


def without_float64() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "choose_device", lambda name: torch.device("mps"))
        analyze(weight=HEAD.double(), dtype="float64")


def without_order() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
        for name in ("is_available", "is_initialized"):
            patch.setattr(torch.cuda, name, lambda: True)
        analyze(weight=HEAD, deterministic=True, device="cpu")


def without_memory() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "solve", _fail(torch.OutOfMemoryError("CUDA out of memory.")))
        analyze(weight=HEAD)


def full_disk() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "TemporaryDirectory", _fail(OSError(28, "No space left on device")))
        shell.write_out("report.json", "")


def no_longer_writable() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            tempfile, "TemporaryDirectory", _fail(PermissionError(13, "Permission denied"))
        )
        shell.write_out("report.json", "")


def _fail(problem: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise problem

    return fail


def _report() -> Report:
    return analyze(features=FEATURES, labels=LABELS, metrics="nc1.trace_ratio,nc4.ncc_accuracy")


CASES: dict[str, Callable[[], object]] = {
    "assemble.features-shape": lambda: shapes(features=torch.ones(12, 2, 2)),
    "assemble.head-shape": lambda: shapes(weight=torch.ones(3)),
    "assemble.no-features": lambda: shapes(features=torch.ones(0, 4)),
    "assemble.labels-against-features": lambda: shapes(labels=LABELS[:-1]),
    "assemble.features-against-head": lambda: shapes(weight=torch.ones(3, 2048)),
    "assemble.bias-against-head": lambda: shapes(bias=torch.zeros(4)),
    "assemble.ood-against-features": lambda: shapes(ood=torch.ones(5, 7)),
    "labels.no-labels": lambda: labels.decode(held("y", torch.full((1200,), -100))),
    "labels.labels-against-head": lambda: labels.decode(held("y", 10 * LABELS), head_rows=2),
    "labels.class-names": lambda: labels.decode(held("y", LABELS), names=["ant", "bee"]),
    "labels.labels-against-names": words_beyond_names,
    "labels.labels-not-one-hot": lambda: labels.decode(held("y", HEAD * 0.5)),
    "labels.labels-not-integers": lambda: labels.decode(held("y", LABELS + 0.25)),
    "labels.negative-labels": lambda: labels.decode(held("y", LABELS - 1)),
    "sources.classes-against-labels": too_few_classes,
    "opening.remote-alike": two_signatures,
    "opening.path-missing": lambda: load(["absent*.npz"], RoleOptions()),
    "sources.no-ood-features": only_labels,
    "vocabulary.class-names-unreadable": lambda: vocabulary.read(Path("names.txt")),
    "vocabulary.class-names-unknown.binary": lambda: names_in(b"\n\x80\x81"),
    "vocabulary.class-names-unknown.folder": lambda: vocabulary.read(Path()),
    "vocabulary.class-names-unknown.json": lambda: names_in('{"architectures": ["BertModel"]}'),
    "vocabulary.class-names-unknown.tokenizer": lambda: names_in('{"model": {"vocab": [1, 2]}}'),
    "vocabulary.class-names-invalid.json": lambda: names_in('{"ant": 0, "bee"'),
    "vocabulary.class-names-invalid.twice": lambda: names_in('{"ant": 0, "bee": 0}'),
    "vocabulary.class-names-too-large.bytes": lambda: too_many("MOST_BYTES"),
    "vocabulary.class-names-too-large.values": lambda: too_many("MOST_VALUES"),
    "vocabulary.class-names-too-large.row": lambda: names_in('{"ant": 123456789}'),
    "class_names.class-names": lambda: names_in("ant\nbee\n", 3),
    "class_names.class-names.vocabulary": lambda: names_in('{"ant": 0, "bee": 3}', 3),
    "samples.non-finite-features": lambda: analyze(features=with_nan(), labels=LABELS),
    "unlabelled.non-finite-ood": lambda: analyze(
        features=FEATURES + LABELS[:, None], labels=LABELS, ood=with_nan()
    ),
    "seen.non-finite-sums": lambda: seen_with_nan(),
    "samples.out-of-range": lambda: analyze(features=1e200 * FEATURES.double(), labels=LABELS),
    "head.non-finite-head": lambda: analyze(weight=HEAD / 0),
    "conventions.bad-weight": lambda: ConventionOptions(alpha=-1.0),
    "conventions.bad-logit-scale": lambda: ConventionOptions(logit_scale=0.0),
    "budget.bad-memory": lambda: budget.in_bytes("much"),
    "budget.bad-memory.little": lambda: budget.in_bytes("1MB"),
    "budget.bad-gap": lambda: analyze(weight=HEAD, gap=0.0),
    "compute_options.bad-threads": lambda: analyze(weight=HEAD, threads=0),
    "measure.no-float64": without_float64,
    "memory.out-of-memory": without_memory,
    "device.no-such-device": lambda: analyze(weight=HEAD, device="cuda:99"),
    "arithmetic.not-deterministic": without_order,
    "compute_options.bad-device": lambda: analyze(weight=HEAD, device="meta"),
    "api.unsupported-dtype": lambda: analyze(features=FEATURES.numpy() * 1j, labels=LABELS),
    "api.arrays-with-paths": lambda: analyze("features.npy", labels=LABELS),
    "api.paths-missing": lambda: analyze(weight=HEAD, split="test", transpose_head=True),
    "outputs.arrays-to-stdout": to_stdout,
    **{
        f"option.unknown-{key}": lambda key=key, value=value: analyze(  # type: ignore[misc]
            weight=HEAD, **{key.replace("-", "_"): value}
        )
        for key, value in CHOICES.items()
    },
    "config.unknown-setting": lambda: config_in('profle = "zhu"'),
    "config.unknown-setting.variable": lambda: config.resolve(Path(), {"NCTOOL_DEVISE": "cpu"}),
    "config.unknown-setting.far": lambda: config_in("[roles]\n'' = 3"),
    "config.bad-setting": lambda: config_in("seed = 1.5"),
    "config.config-unreadable": lambda: config_in("seed ="),
    "saved_roles.roles-not-saved": not_saved,
    "compute_options.bad-bootstrap": lambda: analyze(weight=HEAD, bootstrap=1),
    "trajectories.too-few-layers": too_few_layers,
    "conventions.unknown-profile": lambda: ConventionOptions(profile="zhuo"),
    "conventions.unknown-profile.far": lambda: ConventionOptions(profile="?"),
    "metrics.unknown-metric": lambda: metrics.select("nc1.*,nc1.pniv"),
    "metrics.unknown-metric.far": lambda: metrics.select("?????"),
    "files.output-unwritable.no-folder": lambda: files.check_writable("absent/report.json"),
    "files.output-unwritable.folder": lambda: files.check_writable("."),
    "files.output-unwritable.no-longer": no_longer_writable,
    "files.disk-full": full_disk,
    "files.output-is-input": over_the_input,
    "shell.out-of-memory": shell.with_exit_codes(_fail(MemoryError())),
    "shell.internal": shell.with_exit_codes(_fail(RuntimeError("the inner reason"))),
    "report.not-a-report": lambda: Report.from_json("{}"),
    "report.not-a-report.estimate": lambda: Report.from_json('{"kind": "estimate"}'),
    "report.not-a-report.trajectory": lambda: Report.from_json('{"kind": "trajectory"}'),
    "report.not-json": lambda: Report.from_json("{'kind': 'report'}"),
}
CASES |= after_the_report.CASES | while_collecting.CASES | heads.CASES | while_training.CASES
CASES |= many_ranks.CASES | over_sums.CASES | shards.CASES
CASES |= of_user_code.CASES | dry_runs.CASES


def said(case: Callable[[], object], capsys: pytest.CaptureFixture[str]) -> str:
    """What a user reads on stderr."""
    try:
        case()
        pytest.fail("no error")
    except NctoolError as error:
        shell.complain(error)
    except typer.Exit:
        pass
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


# Each message is the one in its file, and begins with the slug that it is known by.
@pytest.mark.parametrize("name", CASES)
def test_message(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, regenerate: bool
) -> None:
    text = said(CASES[name], capsys).replace(str(tmp_path), "FOLDER")
    text = re.sub(r"nctool-\w+\.traceback", "NAME.traceback", text)
    assert text.startswith(f"nctool: error[{_slug(name)}]: ")
    check_text(f"messages/{name}.txt", text, regenerate=regenerate)


# Each message has, on a line of its own, what to type next.
@pytest.mark.parametrize("name", CASES)
def test_way_out(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert re.search(r"\n  \S.*\n\Z", said(CASES[name], capsys))


# Every place in these modules that makes an error has its message here.
def test_every_error_has_its_message() -> None:
    here = Counter((name.split(".")[0], _slug(name)) for name in CASES)
    raised = Counter(
        (module, slug)
        for module, file in MODULES.items()
        for slug in _slugs(ROOT / "nctool" / file)
    )
    assert here.keys() == raised.keys()
    assert {site for site, sites in raised.items() if here[site] < sites} == set()


# No file is left of a message that is no longer said.
def test_no_stale_files(regenerate: bool) -> None:
    stale = [path for path in (FOLDER / "messages").iterdir() if path.stem not in CASES]
    if regenerate:
        for path in stale:
            path.unlink()
        return
    assert stale == []


def _slug(name: str) -> str:
    return name.split(".")[1]


def _slugs(path: Path) -> list[str]:
    """The first argument of every error made in a file."""
    slugs: list[str] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in OURS:
            slug = ast.unparse(node.args[0])
            slugs += [f"unknown-{key}" for key in CHOICES] if slug == GENERAL else [eval(slug)]
    return slugs
