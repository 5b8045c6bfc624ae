"""The metric for torchmetrics: what it sees, in batches and by ranks, is what analyze sees."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import nctool
from nctool.core.errors import InputError, UsageError
from nctool.ranks.group import Ranks
from tests.hosts.by_hand import CLASSES, DIM, agree, report_of
from tests.support.ranks import on_ranks

torchmetrics = pytest.importorskip("torchmetrics", reason="pip install 'nctool[torchmetrics]'")

SECOND_LOOK = "needs a second look at the samples"


@pytest.fixture(scope="module")
def features() -> Tensor:
    random = torch.Generator().manual_seed(1)
    return torch.randn(90, DIM, generator=random).relu() + 2 * torch.eye(CLASSES, DIM)[labels()]


def labels() -> Tensor:
    return torch.arange(90) % CLASSES


def head() -> nn.Linear:
    torch.manual_seed(2)
    return nn.Linear(DIM, CLASSES)


def fed(x: Tensor, y: Tensor, rows: int = 32, **options: Any) -> Any:
    metric = nctool.torchmetrics.Collapse(CLASSES, DIM, **options)
    for features, index in zip(torch.split(x, rows), torch.split(y, rows), strict=True):
        buffer = features.clone()
        metric.update(buffer, index)
        buffer.zero_()  # what was given may be written into
    return metric


# Fed batch by batch it gives every number that analyze gives, or says that it has no second look.
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_equality(features: Tensor, dtype: torch.dtype) -> None:
    fc, x = head(), features.to(dtype)
    metric = fed(x, labels(), head=fc, metrics=["nc1", "nc2", "nc3", "nc4", "gnc", "hug"])
    whole = report_of(x, labels(), fc.weight.detach(), fc.bias.detach())
    agree(metric.compute(), whole, many=30)
    for result in metric.report:
        absent = (result.reason or "").startswith(SECOND_LOOK)
        assert (result.value is None) == (whole[result.id].value is None) or absent, result.id
    assert metric.report["nc1.pinv"].value is not None


# Without options it gives the dials and the number that papers plot, and nothing else.
def test_usual(features: Tensor) -> None:
    names = fed(features, labels(), head=head()).compute().keys()
    assert {name.split("/")[1] for name in names} == {"collapse", "nc1"}
    assert "nc/nc1/pinv" in names and len(names) < 12


# The head is looked at when computing: after a step it is the new one, for a copy, too.
def test_head_of_the_moment(features: Tensor) -> None:
    fc = head()
    metric = fed(features, labels(), head=fc, metrics="nc3")
    before, copied = metric.compute(), metric.clone()
    with torch.no_grad():
        fc.weight.mul_(-1)
    copied.update(features, labels())
    after = copied.compute()
    assert after["nc/nc3/cosine"] == pytest.approx(-before["nc/nc3/cosine"])
    assert not list(metric.parameters()) and not metric.state_dict()
    given = fed(features, labels(), head=lambda: (fc.weight, None), metrics="nc3")
    assert given.compute()["nc/nc3/cosine"] == pytest.approx(after["nc/nc3/cosine"])


# forward() gives the numbers of its batch and adds it to the whole.
def test_forward(features: Tensor) -> None:
    metric = nctool.torchmetrics.Collapse(CLASSES, DIM, metrics="nc1,nc2.*.means")
    parts = [
        metric(x, y)
        for x, y in zip(torch.split(features, 45), torch.split(labels(), 45), strict=True)
    ]
    last = report_of(features[45:], labels()[45:], head().weight.detach(), None)
    agree(parts[1], last, many=5)
    agree(metric.compute(), report_of(features, labels(), head().weight.detach(), None), many=5)


# Merged metrics are one of all samples, whichever of them has seen none.
def test_merge(features: Tensor) -> None:
    whole = fed(features, labels()).compute()
    first, second = fed(features[:7], labels()[:7]), fed(features[7:], labels()[7:])
    empty = nctool.torchmetrics.Collapse(CLASSES, DIM)
    empty.merge_state(first)
    empty.merge_state(second.metric_state)
    empty.merge_state(nctool.torchmetrics.Collapse(CLASSES, DIM))
    assert empty.compute() == pytest.approx(whole, rel=1e-6)
    assert first.update_count == 1 and first.compute() != whole


# What several ranks have seen is one whole in each, and afterwards each has its own again.
@pytest.mark.parametrize("edges", [(30, 60), (1, 2), (90, 90)], ids=["even", "uneven", "empty"])
def test_ranks(features: Tensor, edges: tuple[int, int]) -> None:
    rows = zip(features.tensor_split(edges), labels().tensor_split(edges), strict=True)
    ranks = [fed(x, y) if len(y) else nctool.torchmetrics.Collapse(CLASSES, DIM) for x, y in rows]
    states = [list(rank.sums) for rank in ranks]
    calls = iter(zip(*states, strict=True))  # every rank calls with the same entry

    def gathered(tensor: Tensor, group: object) -> list[Tensor]:
        return list(next(calls))

    first = ranks[0]
    first.dist_sync_fn, first.distributed_available_fn = gathered, lambda: True
    assert first.compute() == pytest.approx(fed(features, labels()).compute(), rel=1e-6)
    assert next(calls, None) is None
    assert all(map(torch.equal, first.sums, states[0]))


def of_rank(group: Ranks, x: Tensor, y: Tensor) -> tuple[dict[str, float], int]:
    """What a rank with every other batch computes, and how many samples it has afterwards."""
    batches = [*zip(torch.split(x, 16), torch.split(y, 16), strict=True)]
    metric: Any = nctool.torchmetrics.Collapse(CLASSES, DIM)
    for features, index in batches[: len(batches) - 1][group.rank :: group.size]:
        metric.update(features, index)
    if group.rank == 0:
        metric.update(*batches[-1])
    return metric.compute(), int(metric.sums[0][1])


# Two processes of gloo are one whole, uneven as their shares are; afterwards each has its own.
def test_processes(features: Tensor) -> None:
    (first, here), (second, there) = on_ranks(2, of_rank, features, labels())
    assert first == second == pytest.approx(fed(features, labels()).compute(), rel=1e-6)
    assert here + there == 90 and here > there > 0


# A collection has the numbers of each under its own names, though both share their sums.
def test_collection(features: Tensor) -> None:
    fc = head()
    named = torchmetrics.MetricCollection(
        {
            "a": nctool.torchmetrics.Collapse(CLASSES, DIM, head=fc, metrics="nc3", prefix="a/"),
            "b": nctool.torchmetrics.Collapse(CLASSES, DIM, metrics="nc1", prefix="b/"),
        }
    )
    for x, y in zip(torch.split(features, 40), torch.split(labels(), 40), strict=True):
        named.update(x, y)
    whole = report_of(features, labels(), fc.weight.detach(), fc.bias.detach())
    computed = named.compute()
    agree({name: value for name, value in computed.items() if name[0] == "a"}, whole, "a/")
    agree({name: value for name, value in computed.items() if name[0] == "b"}, whole, "b/")
    assert {name[0] for name in computed} == {"a", "b"}


# Sums keep their digits where metrics are made smaller, copied, pickled or moved; reset forgets.
def test_life(features: Tensor) -> None:
    metric = fed(features, labels())
    whole = metric.compute()
    for other in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric)), metric.clone().half()):
        other._computed = None
        assert other.compute() == whole
    metric.set_dtype(torch.float16).to("cpu")
    metric.update(features, labels())
    assert metric.compute().keys() == whole.keys() and metric.report.data["n"] == 180
    metric.reset()
    metric.update(features, labels())
    assert metric.compute() == pytest.approx(whole, rel=1e-6)


# Training it in passing changes nothing: no gradient flows back, in inference mode neither.
def test_gradients(features: Tensor) -> None:
    x = features.clone().requires_grad_()
    metric: Any = nctool.torchmetrics.Collapse(CLASSES, DIM)
    metric(x, labels())
    with torch.inference_mode():
        metric.update(x, labels())
    metric.update(x, labels())
    assert metric.compute() and x.grad is None and metric.report.data["n"] == 270


# Ignored labels are left out and counted; any other that is no class is an error.
def test_labels(features: Tensor) -> None:
    y = labels().clone()
    y[::3] = -100
    metric = fed(features, y, metrics="nc1")
    kept = y >= 0
    agree(metric.compute(), report_of(features[kept], y[kept], head().weight.detach(), None))
    assert metric.report.data["ignored"] == 30
    for wrong, slug in ((CLASSES, "labels-against-head"), (-1, "negative-labels")):
        with pytest.raises(InputError) as caught:
            metric.update(features[:1], torch.tensor([wrong]))
        assert caught.value.slug == slug


# What cannot be measured is refused where it is given.
def test_refusals(features: Tensor) -> None:
    metric = nctool.torchmetrics.Collapse(CLASSES, DIM)
    for x, y, slug in (
        (features[:, :3], labels(), "features-shape"),
        (features.long(), labels(), "features-shape"),
        (features, labels()[1:], "labels-against-features"),
    ):
        with pytest.raises(InputError) as caught:
            metric.update(x, y)
        assert caught.value.slug == slug
    with pytest.raises(UsageError, match=r"nc1\.pniv"):
        nctool.torchmetrics.Collapse(CLASSES, DIM, metrics="nc1.pniv")
    with pytest.raises(InputError, match="2 class names"):
        nctool.torchmetrics.Collapse(CLASSES, DIM, class_names=["a", "b"])
    with pytest.raises(ValueError, match="sede"):
        nctool.torchmetrics.Collapse(CLASSES, DIM, sede=1)


# With no samples at all there is nothing to compute.
@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric Collapse:UserWarning")
def test_nothing_seen() -> None:
    with pytest.raises(InputError) as caught:
        nctool.torchmetrics.Collapse(CLASSES, DIM).compute()
    assert caught.value.slug == "no-labels"
