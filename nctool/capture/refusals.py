"""What is said where no head is taken: what was found, and what to type next."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches

from torch import Tensor, jit, nn

from nctool.capture.explain import FEWEST_ROWS
from nctool.capture.record import Record
from nctool.capture.site import Site
from nctool.core.errors import InputError
from nctool.core.text import printable

MOST = 5
"""Candidates that are listed."""


def check_scripted(model: nn.Module) -> None:
    """Raise if the whole model runs outside of Python, where no operation can be seen."""
    if isinstance(model, jit.ScriptModule):
        raise InputError(
            "head-scripted",
            f"{kind_of(model)} is a TorchScript model (scripted or traced): "
            "its operations run outside of Python, so its head cannot be seen",
            "give the Python model that it was made from, with the same weights loaded",
        )


def no_logits(model: nn.Module) -> InputError:
    return InputError(
        "head-not-found",
        f"{kind_of(model)} returns no tensor of numbers that could be logits",
        "give a call that returns them: call=lambda model, batch: model(batch).scores",
    )


def not_found(
    model: nn.Module, records: Sequence[Record], logits: Collection[Tensor]
) -> InputError:
    shapes = " or ".join("x".join(map(str, each.shape)) for each in logits)
    scripted = [
        name for name, module in model.named_modules() if isinstance(module, jit.ScriptModule)
    ]
    message = f"no linear operation explains the logits ({shapes}) of {kind_of(model)}"
    if not all(bool(each.isfinite().all()) for each in logits):
        message += ", which hold NaN or infinity"
    if min(map(len, logits)) < FEWEST_ROWS:
        message += f", of which at least {FEWEST_ROWS} rows are needed"
    if scripted:
        message += f"; its part {printable(scripted[0])} is TorchScript, which cannot be seen into"
    if not records:
        hint = "nctool needs a last linear layer: distances and other heads have no features of it"
        return InputError("head-not-found", f"{message}: it computes none", hint)
    names = candidates(records)
    return InputError(
        "head-not-found", f"{message}; the last are {', '.join(names)}", _named(records)
    )


def ambiguous(records: Sequence[Record]) -> InputError:
    names = candidates(records)
    if len(names) == 1:
        return InputError(
            "head-ambiguous",
            f"several outputs of the model are logits of {names[0]}, each of another call",
            "give a call that returns one of them: call=lambda model, batch: model(batch)[0]",
        )
    return InputError(
        "head-ambiguous",
        f"several operations explain the logits equally well: {' and '.join(names)}",
        _named(records),
    )


def wrong_name(name: str, known: Iterable[str]) -> InputError:
    known = [each for each in known if each]
    near = get_close_matches(name, known, n=3, cutoff=0.4) or known[-3:]
    return InputError(
        "head-named-wrong",
        f"the model has no module {printable(name)!r} that could be its head",
        f"modules it has: {', '.join(map(printable, near))}",
    )


def not_linear(name: str, kind: str, records: Sequence[Record]) -> InputError:
    what = "no linear operation ran in it"
    if records:
        what = f"its {len(candidates(records))} linear operations are not one linear map together"
    return InputError(
        "head-named-wrong",
        f"{printable(name)} ({kind}) is named as the head, but {what}",
        "name the linear layer itself, or leave the head out to have it found",
    )


def not_called(site: Site, calls: int, compiled: str) -> InputError:
    head = printable(site.name) or f"the {site.operation} of the model"
    if calls:
        return InputError(
            "head-not-called",
            f"the head ({head}) was called {calls} times since features were last taken, "
            f"and not {site.calls}",
            "take features, or add labels, once after every forward of the model",
        )
    if compiled:
        cause = f"{compiled} is compiled, and hooks that come after its first call are not called"
        hint = (
            "enter before the first call, or call it under torch.compiler.set_stance('force_eager')"
        )
    else:
        cause = "another model or branch was run, or a function inside is compiled"
        hint = "call the model that was given, as model(x), before labels are added"
    return InputError("head-not-called", f"the head ({head}) was not called: {cause}", hint)


def layer_not_called(name: str) -> InputError:
    return InputError(
        "layer-not-called",
        f"the layer {printable(name)} returned no tensor in this forward",
        "leave it out of the layers: only modules that every forward calls have features",
    )


def candidates(records: Sequence[Record]) -> list[str]:
    """The last few, each once, as a user knows them."""
    operations: dict[int, Record] = {}
    for record in records:
        operations.setdefault(record.place, record)  # of two readings the first
    names: dict[str, None] = {}
    for record in reversed(operations.values()):
        classes, dim = record.product.weight.shape
        names[
            f"{printable(record.name) or 'the model itself'} ({kind_in(record)}, {classes} x {dim})"
        ] = None
    return list(names)[:MOST]


def kind_in(record: Record) -> str:
    """The type of the module if the product is all it computes, else the operation in it."""
    if not record.frames:
        return record.product.kind
    kind = kind_of(record.frames[-1].module)
    return kind if record.frames[-1].products == 1 else f"{record.product.kind} in {kind}"


def kind_of(module: nn.Module) -> str:
    return printable(type(module).__name__)


def _named(records: Sequence[Record]) -> str:
    name = next((record.name for record in reversed(records) if record.name), "NAME")
    shown = printable(name)
    return f"if one of them is the head, name it: --head {shown}, or head={shown!r} in Python"
