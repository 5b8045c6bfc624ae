"""Language models: positions as samples, the head left out, tokens sampled."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import nctool
from nctool.capture.forward import Forward
from nctool.capture.plan import Plan
from nctool.report import Report
from tests.api.test_collect import assert_equal, collected, measured

VOCABULARY, WIDTH = 12, 6


class Language(nn.Module):
    """Embeds tokens, adds what came before, and predicts with the tied embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.layer = nn.Linear(WIDTH, WIDTH)
        self.lm_head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.lm_head.weight = self.embedding.weight
        self.heads = 0
        self.lm_head.register_forward_hook(self._count)

    def _count(self, *_: object) -> None:
        self.heads += 1

    def hidden(self, input_ids: Tensor) -> Tensor:
        seen = self.embedding(input_ids).cumsum(1)
        return torch.tanh(self.layer(seen)) + self.embedding(input_ids)  # type: ignore[no-any-return]

    def forward(self, input_ids: Tensor, labels: Tensor | None = None) -> Any:
        assert labels is None, "labels are not passed on"
        return SimpleNamespace(logits=self.lm_head(self.hidden(input_ids))).__dict__


def model() -> Language:
    torch.manual_seed(0)
    return Language()


def texts(rows: int = 60, length: int = 9) -> tuple[Tensor, Tensor]:
    """Tokens, and labels that repeat them but where there is a prompt or padding."""
    random = torch.Generator().manual_seed(1)
    ids = torch.randint(VOCABULARY, (rows, length), generator=random)
    labels = ids.clone()
    labels[:, :2] = -100
    labels[::3, 6:] = -100
    return ids, labels


def batches(size: int = 16, **change: Any) -> list[dict[str, Tensor]]:
    ids, labels = texts()
    parts = zip(ids.split(size), labels.split(size), strict=True)  # type: ignore[no-untyped-call]
    return [{"input_ids": part, "labels": change.get("labels", same)} for part, same in parts]


def by_hand(network: Language) -> dict[str, Tensor]:
    ids, labels = texts()
    with torch.no_grad():
        hidden = network.hidden(ids)[:, :-1]
    counts = labels[:, 1:] != -100
    weight = network.lm_head.weight.detach()
    return {"features": hidden[counts], "labels": labels[:, 1:][counts], "weight": weight}


# Labels that repeat the tokens are those of the position before; -100 is left out and counted.
@pytest.mark.parametrize("spool", ["1GiB", 0])
def test_shifted(spool: int | str) -> None:
    network = model()
    report = collected(network, batches(), spool=spool)
    assert_equal(report, measured(**by_hand(network)))
    assert "next-token-labels" in {notice.slug for notice in report.warnings}
    assert report.data["ignored"] == 60 * 9 - report.data["n"]


# Labels that somebody else shifted stand where they are.
def test_shifted_before() -> None:
    network = model()
    ids, labels = texts()
    parts = zip(ids[:, :-1].split(16), labels[:, 1:].split(16), strict=True)  # type: ignore[no-untyped-call]
    report = collected(network, [*parts])
    assert_equal(report, measured(**by_hand(network)))
    assert "next-token-labels" not in {notice.slug for notice in report.warnings}


# The head over the vocabulary is computed for the first batch alone, to find it and to compare.
def test_head_is_left_out() -> None:
    network = model()
    collected(network, batches())
    assert network.heads == 2  # found, and compared once with a forward that ends before it
    assert not any(each._forward_pre_hooks for each in network.modules())


# A number of tokens is exactly so many, whatever the batches; a share is about that.
def test_tokens() -> None:
    network = model()
    some = [collected(network, batches(size), tokens=100) for size in (7, 16, 60)]
    assert {report.data["n"] for report in some} == {100}
    assert_equal(some[0], some[1])
    assert_equal(some[0], some[2])
    share = [collected(network, batches(), tokens=0.5, spool=spool) for spool in ("1GiB", 0)]
    assert_equal(share[0], share[1])
    assert share[0].data["n"] == collected(network, batches(7), tokens=0.5).data["n"]
    whole = collected(network, batches()).data["n"]
    assert 0.4 * whole < share[0].data["n"] < 0.6 * whole
    assert collected(network, batches(), tokens=10**6).data["n"] == whole


# A Monitor takes the same tokens, with their labels shifted in the same way.
def test_monitor() -> None:
    network = model()
    with nctool.Monitor(network, bootstrap=0, per_class=True, spool="1GiB", tokens=100) as monitor:
        for batch in batches():
            network(batch["input_ids"])
            monitor.add(batch["labels"])
    assert_equal(monitor.report(), collected(network, batches(), tokens=100))


# Layers give the same positions as the head's input.
def test_layers() -> None:
    network = model()
    run = collected(network, batches(), layers="layer")
    ids, labels = texts()
    with torch.no_grad():
        inner = network.layer(network.embedding(ids).cumsum(1))[:, :-1]
    counts = labels[:, 1:] != -100
    assert_equal(run.first, measured(features=inner[counts], labels=labels[:, 1:][counts]))


def tiny(kind: str) -> Any:
    """A model of Hugging Face of a few thousand parameters."""
    transformers = pytest.importorskip("transformers")
    small: dict[str, Any] = {"vocab_size": 40, "pad_token_id": 0, "bos_token_id": 1}
    torch.manual_seed(0)
    if kind == "gpt2":
        config = transformers.GPT2Config(n_embd=16, n_layer=2, n_head=2, n_positions=32, **small)
        return transformers.GPT2LMHeadModel(config)
    if kind == "t5":
        config = transformers.T5Config(
            d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, **small,
            decoder_start_token_id=0,
        )  # fmt: skip
        return transformers.T5ForConditionalGeneration(config)
    config = transformers.BertConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        id2label={0: "sad", 1: "glad", 2: "mixed"}, **small,
    )  # fmt: skip
    return transformers.BertForSequenceClassification(config)


def of_words(kind: str) -> list[Any]:
    """Batches as a collator of Hugging Face makes them."""
    transformers = pytest.importorskip("transformers")
    random = torch.Generator().manual_seed(3)
    out = []
    for _ in range(4):
        ids = torch.randint(2, 40, (8, 10), generator=random)
        mask = torch.ones_like(ids)
        mask[:, 8:] = 0
        labels = ids.masked_fill(mask == 0, -100)
        if kind == "t5":
            labels = torch.randint(2, 40, (8, 5), generator=random)
        elif kind == "bert":
            labels = torch.randint(3, (8,), generator=random)
        values = {"input_ids": ids, "attention_mask": mask, "labels": labels}
        out.append(transformers.BatchEncoding(values))
    return out


# Models of Hugging Face as their collators feed them: equal to what their own outputs give.
@pytest.mark.parametrize("kind", ["gpt2", "t5", "bert"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_hugging_face(kind: str) -> None:
    network = tiny(kind).eval()
    head = network.classifier if kind == "bert" else network.lm_head
    features, labels = [], []
    for batch in of_words(kind):
        inputs: list[Tensor] = []
        hook = head.register_forward_pre_hook(lambda _, args, inputs=inputs: inputs.append(args[0]))
        with torch.no_grad():
            network(**batch)
        hook.remove()
        (hidden,), wanted = inputs, batch["labels"]
        if kind == "gpt2":
            hidden, wanted = hidden[:, :-1], wanted[:, 1:]
        features.append(hidden[wanted != -100])
        labels.append(wanted[wanted != -100])
    expected = measured(
        features=torch.cat(features), labels=torch.cat(labels), weight=head.weight.detach(),
        bias=None if head.bias is None else head.bias.detach(),
    )  # fmt: skip
    report = collected(network, of_words(kind))
    assert_equal(report, expected)
    if kind == "bert":
        assert report.data["class_names"] == ["sad", "glad", "mixed"]


# The forward ends before the head in every pass, and nothing is left of that.
def test_ends_before_the_head() -> None:
    network = model()
    with Forward(network, batches(), Plan()) as forward:
        first = [batch.features for batch in forward.batches()]
        heads = network.heads
        second = [batch.features for batch in forward.again()]
    assert all(map(torch.equal, first, second)) and network.heads == heads
    network(batches()[0]["input_ids"])
    assert network.heads == heads + 1


# A model that repeats its input is right about the row before, and its labels are in order.
def test_no_other_order_is_looked_for() -> None:
    network = model()
    with torch.no_grad():
        network.layer.weight.zero_()
        network.embedding.weight.copy_(torch.randn(VOCABULARY, WIDTH).sign() * 3)
    report = collected(network, batches())
    assert report.value("nc4.accuracy") < 0.3
    assert report.value("collapse.weakest") < 0.5
    slugs = {notice.slug for notice in report.warnings}
    assert "rows-misaligned" not in slugs and report.verdict.withheld is None
    rows = by_hand(network)
    assert "rows-misaligned" in {notice.slug for notice in measured(**rows).warnings}


# Labels that are the inputs are those of the next token, however the model is called with them:
# by name, by a function of the whole batch, and where both are one and the same tensor.
def test_shifted_however_called() -> None:
    ids = texts()[0]
    apart = [{"input_ids": ids[i : i + 16], "labels": ids[i : i + 16]} for i in range(0, 60, 16)]
    same = [dict.fromkeys(("input_ids", "labels"), batch["labels"]) for batch in apart]
    pairs = [(batch["labels"], batch["labels"]) for batch in apart]
    seen = [
        nctool.collect(model(), loader, call=call, metrics="nc1", progress=False)
        for loader, call in (
            (apart, None),
            (same, None),
            (pairs, None),
            (apart, lambda network, batch: network(batch["input_ids"])),
            (same, lambda network, batch: network(batch["input_ids"])),
        )
    ]
    reports = [report for report in seen if isinstance(report, Report)]
    assert len(reports) == len(seen)
    for report in reports:
        assert "next-token-labels" in [each.slug for each in report.warnings]
        assert report.metrics == reports[0].metrics
