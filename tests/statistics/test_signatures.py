"""Signatures of rows: of equal rows equal, in any order and grouping the same ones kept."""

from __future__ import annotations

import pytest
import torch

from nctool.statistics import signatures
from nctool.statistics.signatures import RowSignatures, among, row_signatures

X = torch.randn(5000, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


# Rows that differ anywhere, in signs alone too, have other signatures; equal ones the same.
def test_content() -> None:
    rows = torch.cat((X, -X, X.flip(1), X.float().double()))
    assert among(row_signatures(rows)).count == 0
    assert torch.equal(row_signatures(X[:10].float()), row_signatures(X[:10].float().double()))
    zeros = torch.tensor([[0.0, 1.0], [-0.0, 1.0]])
    assert among(row_signatures(zeros)).count == 1


# Which are kept depends on the rows alone.
@pytest.mark.parametrize("copies", [1, 40])
def test_any_order(copies: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "KEPT", 100)
    whole = row_signatures(torch.cat([X[:50]] * copies + [X]))
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(1))
    kept = []
    for parts in ([whole], torch.split(whole[order], [1000] * 5 + [len(whole) - 5000])):
        merged = RowSignatures(whole.device)
        for part in parts:
            shard = RowSignatures(whole.device)
            shard.merge(part)
            merged.merge(shard.sums())
        kept.append(torch.sort(merged.sums()).values)
    assert torch.equal(*kept) and 100 <= len(kept[0]) <= 200


# Files hold these numbers, and files of other versions have to have the same.
def test_for_ever() -> None:
    rows = torch.tensor([[1.0, 2.0, 3.0], [0.5, -0.0, 7.0]])
    assert row_signatures(rows).tolist() == [-3988356354055185398, -412493339523756711]
