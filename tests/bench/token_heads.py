"""Heads for benchmarks of margins: unlike real ones nobody has to download them.

``text_head`` is a real one in kind: positive pointwise mutual information of the tokens in the
Python standard library's own source text, cut to a low rank, as word vectors were made before
networks made them. The others are drawn: class groups, a hierarchy with a falling spectrum, tokens
of all lengths, rows that training never touched.
"""

from __future__ import annotations

import os
import platform
import re
import sysconfig
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

WINDOW = 4
"""Tokens this near to each other occur together, the less the further apart."""
SMOOTHING = 0.75
"""Power of the counts of contexts (Levy, Goldberg and Dagan 2015)."""
TOKEN = re.compile(r"\w+|[^\w\s]")
EXTRA, ITERATIONS = 32, 2
"""More directions than asked, and powers, of the randomised decomposition (Halko et al. 2011)."""
UNTRAINED = 0.15
"""Share of rows that are still where they began: at the common mean, but for little noise."""
COMMON = {"gpt": 1.0, "untrained": 4.0}
"""Length of the mean of all rows, where theirs about it is one."""


def drawn_head(kind: str, count: int, dim: int) -> Tensor:
    """(K, D) float32 rows: isotropic; around class groups; a noisy simplex; or like a language
    model's head (``language``, ``gpt``, ``untrained``).
    """
    random = torch.Generator().manual_seed(0)

    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=random)

    def around(centres: Tensor, spread: float, chosen: Tensor | None = None) -> Tensor:
        if chosen is None:
            chosen = torch.randint(len(centres), (count,), generator=random)
        return torch.add(centres[chosen], normal(len(chosen), dim), alpha=spread)

    if kind == "random":
        return normal(count, dim)
    if kind == "clustered":
        return around(normal(max(2, count // 50), dim), 0.5)
    if kind == "simplex":
        rows = torch.eye(count, dim)
        rows[:, :count] -= 1 / count
        return rows.add_(normal(count, dim), alpha=0.1 / dim**0.5)
    # A common part, a hierarchy of groups, and a spectrum that falls as a power.
    fall = torch.arange(1, dim + 1) ** -0.5
    top = normal(max(2, count // 1000 + 2), dim)
    middle = torch.randint(len(top), (max(4, count // 50),), generator=random)
    if kind == "language":
        rows = around(around(top, 0.7, middle), 0.6)
        rows += 0.5 * normal(1, dim)
        return rows * fall
    # Groups of all sizes (Zipf), rows of all lengths, and a common mean.
    size = 1 / torch.arange(1.0, len(middle) + 1)
    member = torch.multinomial(size, count, replacement=True, generator=random)
    rows = around(around(top, 0.7, middle), 0.6, member) * fall
    rows /= torch.linalg.vector_norm(rows, dim=1).mean()
    common = normal(1, dim)
    common *= COMMON[kind] / torch.linalg.vector_norm(common)
    if kind == "gpt":
        rows *= torch.exp(0.5 * normal(count, 1))
    rows += common
    if kind == "gpt":
        return rows
    asleep = torch.randperm(count, generator=random)[: int(UNTRAINED * count)]
    rows[asleep] = common + 0.002 * normal(len(asleep), dim)
    return rows


def text_head(count: int, dim: int) -> Tensor:
    """(K, D) float32 vectors of the ``count`` most frequent tokens of this Python's library.

    The same text and versions give the same rows; they are kept in the temporary folder.
    """
    name = f"{platform.python_version()}-torch{torch.__version__}-{count}x{dim}"
    path = Path(tempfile.gettempdir()) / f"nctool-bench-text-{name}.npy"
    if not path.exists():
        rows = _factor(_mutual_information(_tokens(count), count), dim)
        partly = path.with_suffix(f".{os.getpid()}.npy")
        np.save(partly, rows.numpy())
        partly.replace(path)
    return torch.from_numpy(np.load(path))


def _tokens(count: int) -> np.ndarray:
    """The text as ranks of its tokens, by falling frequency; rarer tokens are left out."""
    root = Path(sysconfig.get_path("stdlib"))
    paths = sorted(path for path in root.rglob("*.py") if "site-packages" not in path.parts)
    text = [token for path in paths for token in TOKEN.findall(path.read_text("utf-8", "replace"))]
    frequency = Counter(text)
    kept = sorted(frequency, key=lambda token: (-frequency[token], token))[:count]
    if len(kept) < count:
        raise SystemExit(f"the standard library's text has {len(kept)} different tokens only")
    rank = {token: place for place, token in enumerate(kept)}
    return np.array([rank[token] for token in text if token in rank])


def _mutual_information(tokens: np.ndarray, count: int) -> Tensor:
    """(K, K) sparse: max(0, log P(a, b) / (P(a) P(b))) of tokens within a window."""
    places, amounts = [], []
    for offset in range(1, WINDOW + 1):
        left, right = tokens[:-offset], tokens[offset:]
        place, amount = np.unique(left * count + right, return_counts=True)
        places += [place, place % count * count + place // count]
        amounts += [amount / offset] * 2
    place, inverse = np.unique(np.concatenate(places), return_inverse=True)
    together = np.bincount(inverse, np.concatenate(amounts))
    row, column = place // count, place % count
    single = np.bincount(row, together, count)
    context = single**SMOOTHING
    context /= context.sum()
    information = np.log(together / (single[row] * context[column]))
    keep = information > 0
    row, column, information = row[keep], column[keep], information[keep]
    starts = np.searchsorted(row, np.arange(count + 1))
    return torch.sparse_csr_tensor(
        torch.from_numpy(starts), torch.from_numpy(column),
        torch.from_numpy(information.astype(np.float32)), (count, count), check_invariants=False,
    )  # fmt: skip


def _factor(matrix: Tensor, dim: int) -> Tensor:
    """U sqrt(S) of the largest singular values, by subspace iteration from random directions."""
    random = torch.Generator().manual_seed(0)
    # Nearly symmetric (only the contexts are smoothed): its own powers serve as iteration.
    basis = torch.randn(len(matrix), dim + EXTRA, generator=random)
    for _ in range(1 + ITERATIONS):
        basis = torch.linalg.qr(matrix @ basis)[0]
    inner, values, _ = torch.linalg.svd(basis.T @ (matrix @ basis))
    return torch.mul(basis @ inner[:, :dim], values[:dim].sqrt())
