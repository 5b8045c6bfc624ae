"""Naming the head, and what must never be taken for it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nctool.capture import products, record
from nctool.capture.compiled import bare, compiled
from nctool.capture.find import find_head
from nctool.capture.site import Site
from nctool.capture.watch import Watch
from nctool.core.errors import InputError
from tests.capture.kinds import CLASSES, DIM, PLAIN, ROWS, WIDTH, Net, linear, parameter
from tests.capture.test_watch import logits_of

BATCH = torch.randn(ROWS, WIDTH, generator=torch.Generator().manual_seed(5))


def simple() -> Net:
    return Net(lambda m, h: m.fc(h), fc=linear())


def two_heads() -> Net:
    return Net(lambda m, h: (m.fc(h), m.aux(h)), fc=linear(), aux=linear())


def refused(model: nn.Module, rows: int = ROWS, **how: Any) -> str:
    with pytest.raises(InputError) as error:
        find_head(model, (BATCH[:rows],), **how)
    return error.value.slug


# The user's word decides between heads that both explain an output, by name or as the module.
@pytest.mark.parametrize("name", ["fc", "aux"])
def test_named(name: str) -> None:
    model = two_heads()
    assert refused(model) == "head-ambiguous"
    for head in (name, f"module.{name}", model.get_submodule(name)):
        site = find_head(model, (BATCH,), head=head)
        assert (site.name, site.output) == (name, "0" if name == "fc" else "1")


# A module that encloses the head names it too; one that holds none of it does not.
def test_enclosing_name() -> None:
    model = nn.Sequential(nn.Linear(WIDTH, DIM), nn.Sequential(nn.Tanh(), linear()))
    assert find_head(model, (BATCH,), head="1").name == "1.1"
    assert refused(model, head="1.0") == "head-named-wrong"
    assert refused(model, head="1.7") == "head-named-wrong"
    assert refused(model, head=linear()) == "head-named-wrong"


# A named linear layer from which the logits do not follow is the user's word, and said to be that.
def test_named_alone() -> None:
    model = Net(lambda m, h: m.fc(h).sort(1)[0].cumsum(1), fc=linear())
    assert refused(model) == "head-not-found"
    site = find_head(model, (BATCH,), head="fc")
    assert "as named" in str(site)
    with torch.no_grad(), Watch(model, site) as watch:
        model(BATCH)
        taken = watch.take()
    torch.testing.assert_close(logits_of(taken).sort(1)[0].cumsum(1), model(BATCH).detach())


# Of a named product of two matrices the parameter is the weight, on whichever side it stands.
@pytest.mark.parametrize("after", [lambda m, h: h @ m.w.T, lambda m, h: (m.w @ h.T).T])
def test_named_product(after: Any) -> None:
    class Head(Net):
        def forward(self, x: Tensor) -> Any:
            return after(self, x)

    head = Head(after, w=parameter(CLASSES, DIM))
    model = Net(lambda m, h: m.fc(h).sort(1)[0].cumsum(1), fc=head)
    site = find_head(model, (BATCH,), head="fc")
    with torch.no_grad(), Watch(model, site) as watch:
        model(BATCH)
        assert torch.equal(watch.take().weight, head.get_parameter("w"))


# A named module of several operations is one map if it answers as one, and refused otherwise.
def test_named_several() -> None:
    def model(kind: str) -> nn.Module:
        head = PLAIN[kind].make().get_submodule("fc")
        return Net(lambda m, h: m.fc(h).sort(1)[0].cumsum(1), fc=head)

    assert find_head(model("LoRA"), (BATCH,), head="fc").via == "impulse"
    assert refused(model("mlp head"), head="fc") == "head-named-wrong"
    assert find_head(model("mlp head"), (BATCH,), head="fc.2").name == "fc.2"


# The number of classes decides between outputs.
def test_classes() -> None:
    model = Net(lambda m, h: (m.aux(h), m.fc(h)), fc=linear(), aux=linear(4))
    assert refused(model) == "head-ambiguous"
    assert find_head(model, (BATCH,), classes=CLASSES).name == "fc"
    assert find_head(model, (BATCH,), classes=4).name == "aux"


# One row is explained by anything with a bias: only the very same numbers count there.
@pytest.mark.parametrize("rows", [1, 2])
def test_few_rows(rows: int) -> None:
    model = Net(lambda m, h: m.a(h) + m.b(h * h), a=linear(), b=linear())
    assert refused(model, rows) == "head-not-found"
    assert find_head(simple(), (BATCH[:rows],)).name == "fc"


# The sentence of a site says which layer it is, and how the logits follow.
@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("mlp head", "head: fc.2 (Linear, 3 x 4), which gives the logits"),
        ("log_softmax", "head: fc (Linear, 3 x 5), which gives the logits by log_softmax"),
        ("temperature", "head: fc (Linear, 3 x 5), which gives the logits after scaling"),
        ("h @ W.T", "head: the model itself (matmul in Net, 3 x 5), which gives the logits"),
        (
            "run twice, the last used",
            "head: fc (Linear, 3 x 5), call 2 of 2, which gives the logits",
        ),
        (
            "prior added",
            "head: fc (Linear, 3 x 5), with the bias added after it, which gives the logits",
        ),
        ("padded to 8", "head: fc (Linear, 7 x 5), which gives the logits by first 7 of 8 columns"),
    ],
)  # fmt: skip
def test_sentence(kind: str, sentence: str) -> None:
    torch.manual_seed(1)
    args, kwargs = PLAIN[kind].arguments
    assert str(find_head(PLAIN[kind].make(), args, kwargs)) == sentence


# The look leaves modes, buffers and every source of random numbers as they were.
def test_untouched() -> None:
    model = Net(lambda m, h: m.fc(m.bn(h + torch.randn_like(h))), fc=linear(),
                bn=nn.BatchNorm1d(DIM))  # fmt: skip
    model.get_submodule("body").eval()
    states = random.getstate(), torch.get_rng_state()
    training = [module.training for module in model.modules()]
    buffers = [each.clone() for each in model.buffers()]
    find_head(model, (BATCH,))
    assert [module.training for module in model.modules()] == training
    assert all(map(torch.equal, model.buffers(), buffers))
    assert random.getstate() == states[0] and torch.equal(torch.get_rng_state(), states[1])
    assert not nn.modules.module._has_any_global_hook()  # type: ignore[no-untyped-call]


# Of a large forward only the last operations are kept, and the head is among them.
def test_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = (nn.Sequential(linear(WIDTH, WIDTH), linear(WIDTH, WIDTH)) for _ in range(20))
    model = nn.Sequential(*pairs, linear(CLASSES, WIDTH))
    monkeypatch.setattr(record, "MOST_BYTES", 1)
    kept: list[int] = []
    keep = record.Recording._keep

    def watched(self: record.Recording, known: Any) -> None:
        keep(self, known)
        kept.append(max(len(self.records), len(self.frames)))

    monkeypatch.setattr(record.Recording, "_keep", watched)
    assert find_head(model, (BATCH,)).name == "20"
    assert len(kept) == 41 and max(kept) == record.FEWEST


def taken_by(model: nn.Module, site: Site) -> Tensor:
    with torch.no_grad(), Watch(model, site) as watch:
        logits: Tensor = model(BATCH)
        torch.testing.assert_close(logits_of(watch.take()), logits, rtol=0, atol=1e-5)
    return logits


KINDS = ["mlp head", "h @ W.T + b", "LoRA", "weight_norm, new"]


# A watch that was there before a compiled model's first call sees every call of it.
@pytest.mark.parametrize("kind", KINDS)
def test_before_compiling(kind: str) -> None:
    torch._dynamo.reset()
    model = PLAIN[kind].make()
    whole: Any = torch.compile(model, backend="eager", fullgraph=True)
    site = find_head(whole, (BATCH,))
    model.eval()
    with torch.no_grad(), Watch(whole, site) as watch:
        for _ in range(3):
            torch.testing.assert_close(whole(BATCH), logits_of(watch.take()), rtol=0, atol=1e-5)
    torch._dynamo.reset()


# One that comes later sees none and says so, or all; under the eager stance it sees all.
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["function", "method"])
def test_after_compiling(kind: str, how: str) -> None:
    torch._dynamo.reset()
    model = PLAIN[kind].make().eval()
    whole: Any = model
    if how == "method":
        model.compile(backend="eager")
    else:
        whole = torch.compile(model, backend="eager")
    assert compiled(whole) and not compiled(simple())
    with torch.no_grad():
        whole(BATCH)
        site = find_head(whole, (BATCH,))
        with Watch(whole, site) as watch:
            logits = whole(BATCH)
            # Hooks of what is called first are looked at in each call: never nothing in silence.
            if site.name == "":
                torch.testing.assert_close(logits_of(watch.take()), logits, rtol=0, atol=1e-5)
            else:
                with pytest.raises(InputError, match="is compiled") as error:
                    watch.take()
                assert error.value.slug == "head-not-called"
        with torch.compiler.set_stance("force_eager"):
            taken_by(whole, site)
    torch._dynamo.reset()


# A part that is compiled by itself has its name in the model, and shows its calls at any time.
def test_compiled_part() -> None:
    torch._dynamo.reset()
    fc: Any = torch.compile(linear(), backend="eager")
    model = Net(lambda m, h: m.fc(h), fc=fc).eval()
    with torch.no_grad():
        model(BATCH)
    site = find_head(model, (BATCH,))
    assert site.name == "fc" and "its part fc" in compiled(model)
    taken_by(model, site)
    torch._dynamo.reset()


@pytest.fixture
def alone() -> Iterator[None]:
    """A process group of this process."""
    dist: Any = torch.distributed
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


# The head of a model that is wrapped for data parallelism, and compiled besides, is that inside.
def test_wrapped(alone: None) -> None:
    model = simple().eval()
    wrapped: Any = nn.parallel.DistributedDataParallel(model)
    both: Any = torch.compile(wrapped, backend="eager")
    assert bare(both) is model
    assert find_head(both, (BATCH,)) == find_head(model, (BATCH,))
    taken_by(wrapped, find_head(wrapped, (BATCH,)))


# A sharded head is taken whole, also where its memory is given back at once; training goes on.
@pytest.mark.parametrize("leaf", [True, False])
@pytest.mark.parametrize("kind", ["mlp head", "h @ W.T + b"])
def test_sharded(alone: None, kind: str, leaf: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.tensor import DTensor

    model = PLAIN[kind].make()
    truth = dict(model.state_dict())
    if leaf and kind == "mlp head":
        fully_shard(model.get_submodule("fc.2"))
    fully_shard(model)
    site = find_head(model, (BATCH,))
    assert site.via == ("hook" if kind == "mlp head" else "mode")
    # While the head runs, its weight is whole: no process need ask the others for it.
    monkeypatch.delattr(DTensor, "full_tensor")
    taken_by(model, site)
    with torch.no_grad(), Watch(model, site) as watch:
        model(BATCH)
        weight = watch.take().weight
    with torch.no_grad(), Watch(model, site, stop=True) as watch:
        model(BATCH)  # to its end: parameters are given back there
        watch.take()
    assert type(weight) is Tensor and weight.shape == (site.classes, site.dim)
    assert any(each.shape == weight.shape and torch.equal(each, weight) for each in truth.values())
    model(BATCH).sum().backward()


# An operation that does not do what it was read as explains nothing.
def test_read_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(products.READINGS, "linear", lambda out, x, w, b: [(x, 2 * w, b, out)])
    assert refused(simple()) == "head-not-found"


# A pooler's tanh is an activation of features, and no cap of logits.
def test_no_cap() -> None:
    model = Net(lambda m, h: m.fc(h).tanh(), fc=linear())
    assert refused(model) == "head-not-found"


# Weights that are not of the model's own registration are found all the same, in what calls them.
def test_unregistered() -> None:
    hidden = linear()
    model = Net(lambda m, h: hidden(h), w=parameter(1))
    site = find_head(model, (BATCH,))
    assert (site.name, site.via) == ("", "mode")
    taken_by(model.eval(), site)
