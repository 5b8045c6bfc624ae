"""Excluding what no role may be given to: optimizer state, schedulers, statistics, averages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from nctool.core.errors import InputError
from nctool.core.notice import Notice
from nctool.roles.role_types import Candidate
from nctool.settings.role_options import RoleOptions

# A word for people → the parts of a key that mean it, wherever they stand.
GROUPS = {
    "optimizer": "optimizer optimizers optim optimizer_state optimizer_states "
    "optimizer_state_dict optimizer_weights optim_state optim_state_dict opt_state opt_states "
    "opt_state_dict exp_avg exp_avg_sq max_exp_avg_sq momentum_buffer square_avg grad_avg "
    "acc_delta exp_inf fp32_from_fp16 momentums velocities base_optimizer_state optimizer_slot "
    "adam adamw nadam rmsprop adagrad adadelta sgd",
    "scheduler": "scheduler schedulers lr_scheduler lr_schedulers lr_scheduler_state_dict "
    "scheduler_state_dict",
    "random state": "rng rng_state rng_states cuda_rng_state torch_rng_state numpy_rng_state "
    "random_state random_states np_rng_state rng_tracker_states",
    "loss scaler": "grad_scaler scaler_state_dict loss_scaler amp_scaler",
    # An adapter keeps the module that it trained a copy of.
    "replaced module": "original_module",
    "gradients": "grad grads gradients",
    "running statistics": "running_mean running_var num_batches_tracked moving_mean "
    "moving_variance n_averaged batch_stats",
    "index buffers": "position_ids relative_position_index attention_bias_idxs token_type_ids "
    "input_ids attention_mask",
}
_MEANINGS = {part: group for group, parts in GROUPS.items() for part in parts.split()}


@lru_cache(maxsize=65536)
def group_of(key: str) -> str | None:
    """The dropped group this key belongs to, if any."""
    parts = (part.removesuffix(":0").lower() for part in re.split(r"[./]", key))
    return next((_MEANINGS[part] for part in parts if part in _MEANINGS), None)


def exclude(candidates: Iterable[Candidate]) -> tuple[list[Candidate], tuple[str, ...]]:
    """Candidates worth looking at, and in words what was left out."""
    grouped = [(candidate, group_of(candidate.key)) for candidate in candidates]
    kept = [candidate for candidate, group in grouped if group is None]
    dropped = Counter(group for _, group in grouped if group is not None)
    return kept, tuple(f"{number:,} × {group}" for group, number in sorted(dropped.items()))


def without_averages(
    candidates: Sequence[Candidate], options: RoleOptions
) -> tuple[list[Candidate], tuple[Notice, ...]]:
    """Of an array and its moving average, the one that was asked for.

    Only what is here twice is dropped: an average that stands alone is all there is, and stays.
    """
    raw, averaged = (
        {(item.name.core, item.shape) for item in candidates if item.name.averaged is kind}
        for kind in (False, True)
    )
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
    dropped = options.weights == "raw"
    kept = [
        candidate
        for candidate in candidates
        if candidate.name.averaged is not dropped
        or (candidate.name.core, candidate.shape) not in both
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
