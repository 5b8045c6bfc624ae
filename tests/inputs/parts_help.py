"""Parts as they are read, measured and refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import nctool
from nctool.core.errors import InputError
from nctool.inputs.sources import load
from nctool.settings.role_options import RoleOptions
from tests.support.written import FEATURES, LABELS

METRICS = "nc1.*,nc2.norm_cv"


def measured(*sources: Path | str) -> str:
    return nctool.analyze(*sources, metrics=METRICS).digest


def read(*sources: Path | str, **keys: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Features and labels as they are measured."""
    source = load(list(map(str, sources)), RoleOptions(**keys))  # type: ignore[arg-type]
    assert source.features is not None and source.labels is not None
    features = source.features.whole()
    assert isinstance(features, torch.Tensor)
    return features, source.labels


def is_whole(*sources: Path | str, **keys: str) -> bool:
    features, labels = read(*sources, **keys)
    return torch.equal(features, FEATURES) and torch.equal(labels.long(), LABELS)


def refused(*sources: Path | str, **keys: str) -> InputError:
    with pytest.raises(InputError) as caught:
        read(*sources, **keys)
    assert caught.value.hint
    return caught.value


def slugs(*sources: Path | str) -> set[str]:
    return {notice.slug for notice in load(list(map(str, sources)), RoleOptions()).notices}
