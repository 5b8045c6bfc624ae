"""Excluding what no role may be given to: optimizer state, schedulers, statistics, averages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.roles.array_names import parse
from nctool.roles.role_types import Candidate
from nctool.settings.role_options import RoleOptions

# A word for people → the parts of a key that mean it, wherever they stand.
GROUPS: dict[str, frozenset[str]] = {
    "optimizer": frozenset(
        "optimizer optimizers optim optimizer_state optimizer_states optimizer_state_dict "
        "optimizer_weights optim_state optim_state_dict opt_state opt_states opt_state_dict "
        "exp_avg exp_avg_sq max_exp_avg_sq momentum_buffer square_avg grad_avg acc_delta "
        "exp_inf fp32_from_fp16 momentums velocities base_optimizer_state optimizer_slot "
        "adam adamw nadam rmsprop adagrad adadelta sgd".split()
    ),
    "scheduler": frozenset(
        "scheduler schedulers lr_scheduler lr_schedulers lr_scheduler_state_dict "
        "scheduler_state_dict".split()
    ),
    "random state": frozenset(
        "rng rng_state rng_states cuda_rng_state torch_rng_state numpy_rng_state random_state "
        "random_states np_rng_state rng_tracker_states".split()
    ),
    "loss scaler": frozenset(("grad_scaler", "scaler_state_dict", "loss_scaler", "amp_scaler")),
    # An adapter keeps the module that it trained a copy of.
    "replaced module": frozenset(("original_module",)),
    "gradients": frozenset(("grad", "grads", "gradients")),
    "running statistics": frozenset(
        "running_mean running_var num_batches_tracked moving_mean moving_variance n_averaged "
        "batch_stats".split()
    ),
    "index buffers": frozenset(
        "position_ids relative_position_index attention_bias_idxs token_type_ids "
        "input_ids attention_mask".split()
    ),
}  # fmt: skip
_MEANINGS = {part: group for group, parts in GROUPS.items() for part in parts}


@lru_cache(maxsize=65536)
def group_of(key: str) -> str | None:
    """The dropped group this key belongs to, if any."""
    for part in re.split(r"[./]", key):
        group = _MEANINGS.get(part.removesuffix(":0").lower())
        if group is not None:
            return group
    return None


def exclude(candidates: Iterable[Candidate]) -> tuple[list[Candidate], tuple[str, ...]]:
    """Candidates worth looking at, and in words what was left out."""
    kept: list[Candidate] = []
    dropped: Counter[str] = Counter()
    for candidate in candidates:
        group = group_of(candidate.key)
        if group is None:
            kept.append(candidate)
        else:
            dropped[group] += 1
    return kept, tuple(f"{number:,} × {group}" for group, number in sorted(dropped.items()))


def without_averages(
    candidates: Sequence[Candidate], options: RoleOptions
) -> tuple[list[Candidate], tuple[Notice, ...]]:
    """Of an array and its moving average, the one that was asked for.

    Only what is here twice is dropped: an average that stands alone is all there is, and stays.
    """
    raw: set[tuple[str, tuple[int, ...]]] = set()
    averaged: set[tuple[str, tuple[int, ...]]] = set()
    for candidate in candidates:
        name = parse(candidate.key, candidate.path)
        (averaged if name.averaged else raw).add((name.core, candidate.shape))
    if options.weights == "ema" and not averaged:
        raise InputError(
            "no-ema",
            "--weights ema was asked for, but no array is named as a moving average "
            "(ema, state_dict_ema, model_ema, swa)",
            "leave out --weights, or name the array with --head 'KEY'",
        )
    both = raw & averaged
    if not both:
        return list(candidates), ()
    raw_wanted = options.weights == "raw"
    kept = [
        candidate
        for candidate in candidates
        if (name := parse(candidate.key, candidate.path)).averaged is not raw_wanted
        or (name.core, candidate.shape) not in both
    ]
    if options.weights == "ema":
        return kept, ()
    number = "1 array is" if len(both) == 1 else f"{len(both):,} arrays are"
    notice = Notice(
        "ema-twin",
        f"{number} here twice, raw and as a moving average; raw is used",
        "--weights ema uses the average",
        {"twins": len(both)},
    )
    return kept, (notice,)
