"""NC1: within-class over between-class scatter."""

from __future__ import annotations

import numpy as np

from tests.support.oracle.formula import MEANS_COINCIDE, formula
from tests.support.oracle.view import (
    EPSILON,
    Array,
    Outcome,
    Undefined,
    View,
    centred_means,
    mean_by_class,
)


def between_trace(seen: View) -> float:
    """Tr Sigma_B = (1/K) sum_c |m_c|^2."""
    trace = float((centred_means(seen) ** 2).sum()) / len(seen.position)
    if trace == 0.0:
        raise Undefined("all class means coincide")
    return trace


def _within_trace(seen: View) -> float:
    """Tr Sigma_W = (1/N) sum_i |z_i|^2."""
    return float((seen.variance * seen.sample.counts).sum()) / len(seen.residual)


def mahalanobis(seen: View) -> Array:
    """z_i' Sigma_B^+ z_i = K |S^-1 V' z_i|^2 with M = U S V', rank at most min(K-1, D)."""
    between_trace(seen)
    size, dim = seen.centred.shape
    _, spectrum, axes = np.linalg.svd(seen.centred, full_matrices=False)
    large = int((spectrum > max(size, dim) * EPSILON * spectrum[0]).sum())
    rank = min(large, size - 1, dim)
    coordinates = seen.residual @ axes[:rank].T / spectrum[:rank]  # (N, rank)
    lengths: Array = size * (coordinates**2).sum(axis=1)  # (N,)
    return lengths


@formula("nc1.pinv", undefined_on=MEANS_COINCIDE)
def pinv(seen: View) -> Outcome:
    """Tr(Sigma_W Sigma_B^+) / K; by class, the mean of z' Sigma_B^+ z over K."""
    shares = mahalanobis(seen) / len(seen.position)  # (N,)
    return Outcome(float(shares.mean()), mean_by_class(seen, shares))


@formula("nc1.trace_ratio", undefined_on=MEANS_COINCIDE)
def trace_ratio(seen: View) -> Outcome:
    """Tr Sigma_W / Tr Sigma_B; by class v_c / Tr Sigma_B."""
    between = between_trace(seen)
    return Outcome(_within_trace(seen) / between, seen.variance / between)


@formula("nc1.within_fraction", undefined_on=MEANS_COINCIDE)
def within_fraction(seen: View) -> Outcome:
    """Tr Sigma_W / (Tr Sigma_W + Tr Sigma_B); by class v_c / (v_c + Tr Sigma_B)."""
    between, within = between_trace(seen), _within_trace(seen)
    return Outcome(within / (within + between), seen.variance / (seen.variance + between))


@formula("nc1.cdnv", undefined_on=(*MEANS_COINCIDE, "coincident_means"))
def cdnv(seen: View, power: int = 1) -> Outcome:
    """Mean over pairs a != b of (v_a + v_b) / (2 |mu_a - mu_b|^(2 power))."""
    size = len(centred_means(seen))
    ratios = np.zeros((size, size))  # (K, K)
    for a in range(size):
        for b in range(size):
            if a != b:
                distance = float(((seen.position[a] - seen.position[b]) ** 2).sum())
                if distance == 0.0:
                    raise Undefined("two class means coincide")
                ratios[a, b] = (seen.variance[a] + seen.variance[b]) / (2 * distance**power)
    by_class = ratios.sum(axis=1) / (size - 1)  # (K,)
    return Outcome(float(by_class.mean()), by_class)


@formula("nc1.directional_cdnv", undefined_on=(*MEANS_COINCIDE, "coincident_means"))
def directional_cdnv(seen: View) -> Outcome:
    """Mean over ordered pairs a != b of E_a[(z . (mu_b - mu_a))^2] / |mu_b - mu_a|^4."""
    size = len(centred_means(seen))
    ratios = np.zeros((size, size))  # (K, K)
    for a in range(size):
        own = seen.residual[seen.sample.classes == a]  # (n_a, D)
        for b in range(size):
            if a != b:
                step = seen.position[b] - seen.position[a]
                square = float((step**2).sum())
                if square == 0.0:
                    raise Undefined("two class means coincide")
                ratios[a, b] = float(((own @ step / square) ** 2).mean())
    by_class = ratios.sum(axis=1) / (size - 1)  # (K,)
    return Outcome(float(by_class.mean()), by_class)
