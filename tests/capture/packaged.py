"""Models of packages that people train, as small as their configurations go."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.capture.kinds import Kind

TOKENS = torch.tensor([[3, 9, 4, 7, 2, 8, 5], [6, 2, 9, 4, 3, 0, 0], [8, 5, 3, 0, 0, 0, 0],
                       [2, 7, 7, 5, 9, 3, 4]])  # fmt: skip
"""Padded by zeros."""

BODY = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
TEXT = BODY | {"vocab_size": 64, "max_position_embeddings": 32}
DECODER = TEXT | {"num_key_value_heads": 2, "pad_token_id": 0}
GPT = {"n_embd": 16, "n_layer": 2, "n_head": 2, "vocab_size": 64, "n_positions": 32,
       "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 1}  # fmt: skip


def package(name: str) -> ModuleType:
    """The module, or a skipped test that says why it cannot be had."""
    if name == "keras":
        os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except (ImportError, RuntimeError) as error:  # built for another torch
        pytest.skip(f"{name} cannot be imported: {error}")


def transformer(name: str, **config: Any) -> Callable[[], nn.Module]:
    """By the name of its class, whose configuration is that of its family."""
    family = name.partition("For")[0].removesuffix("LMHeadModel")

    def make() -> nn.Module:
        transformers = package("transformers")
        model: nn.Module = getattr(transformers, name)(
            getattr(transformers, f"{family}Config")(**config)
        )
        return model

    return make


def timm(name: str, **config: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        package("torchvision")
        model: nn.Module = package("timm").create_model(name, num_classes=5, **config)
        return model

    return make


def torchvision(name: str, **config: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        model: nn.Module = getattr(package("torchvision.models"), name)(num_classes=5, **config)
        return model

    return make


def keras(*layers: Callable[[Any], Any]) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        library: Any = package("keras")
        if library.backend.backend() != "torch":
            pytest.skip("keras was imported with another backend")
        first = library.layers.Dense(8, activation="relu", name="first")
        model: nn.Module = library.Sequential([first, *(make(library.layers) for make in layers)])
        model(torch.randn(2, 10))
        return model

    return make


def adapted(trained: bool, **config: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        peft: Any = package("peft")
        model = transformer("BertForSequenceClassification", **TEXT, num_labels=3)()
        whole: nn.Module = peft.get_peft_model(model, peft.LoraConfig(**config))
        for name, each in whole.named_parameters():
            if trained and "lora_B" in name:
                nn.init.normal_(each)
        return whole

    return make


def tokens() -> Mapping[str, Tensor]:
    return {"input_ids": TOKENS}


def pixels() -> Mapping[str, Tensor]:
    return {"pixel_values": torch.randn(4, 3, 16, 16)}


def sounds() -> Mapping[str, Tensor]:
    return {"input_values": torch.randn(4, 400)}


def translations() -> Mapping[str, Tensor]:
    return {"input_ids": TOKENS, "decoder_input_ids": TOKENS}


def images(size: int) -> Callable[[], Mapping[str, Tensor]]:
    return lambda: {"": torch.randn(3, 3, size, size)}


def rows() -> Mapping[str, Tensor]:
    return {"": torch.randn(6, 10)}


def weight_of(place: str) -> Callable[[Any], Tensor]:
    return lambda model: model.get_submodule(place).weight.flatten(1)


def logits(make: Callable[[], nn.Module], name: str, **truth: Any) -> Kind:
    known: dict[str, Any] = {
        "weight": weight_of(name),
        "inputs": tokens,
        "output": "logits",
    } | truth
    return Kind(make, name, **known)


def image(make: Callable[[], nn.Module], name: str, size: int = 64, **truth: Any) -> Kind:
    return Kind(make, name, weight=weight_of(name), inputs=images(size), **truth)


SPEECH = BODY | {
    "vocab_size": 64, "conv_dim": (8, 8), "conv_stride": (5, 2), "conv_kernel": (10, 3),
    "num_feat_extract_layers": 2, "num_labels": 3, "classifier_proj_size": 8,
    "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip
T5 = {"d_model": 16, "d_kv": 8, "num_layers": 2, "num_heads": 2, "d_ff": 32, "vocab_size": 64,
      "decoder_start_token_id": 0}  # fmt: skip
ONE = "one position per sample"

PACKAGED: dict[str, Kind] = {
    "bert": logits(
        transformer("BertForSequenceClassification", **TEXT, num_labels=3), "classifier"
    ),
    "bert, tokens": logits(
        transformer("BertForTokenClassification", **TEXT, num_labels=3), "classifier",
        rows="positions",
    ),
    "roberta": logits(
        transformer("RobertaForSequenceClassification", **TEXT, num_labels=3),
        "classifier.out_proj",
    ),
    "gpt2, tied": logits(transformer("GPT2LMHeadModel", **GPT), "lm_head", rows="positions"),
    "gpt2, sequences": logits(
        transformer("GPT2ForSequenceClassification", **GPT, num_labels=3), "score",
        how=ONE, rows=ONE,
    ),
    "llama": logits(transformer("LlamaForCausalLM", **DECODER), "lm_head", rows="positions"),
    "gemma2, soft cap": logits(
        transformer("Gemma2ForCausalLM", **DECODER, head_dim=8, final_logit_softcapping=0.5),
        "lm_head", rows="positions", how="soft cap", finish=lambda m, z: torch.tanh(z / 0.5) * 0.5,
    ),
    "t5, tied": logits(
        transformer("T5ForConditionalGeneration", **T5), "lm_head", rows="positions",
        inputs=translations,
    ),
    "vit": logits(
        transformer("ViTForImageClassification", **BODY, image_size=16, patch_size=8, num_labels=3),
        "classifier", inputs=pixels,
    ),
    "wav2vec2": logits(
        transformer("Wav2Vec2ForSequenceClassification", **SPEECH), "classifier", inputs=sounds
    ),
    "modules_to_save": logits(
        adapted(True, task_type="SEQ_CLS", target_modules=["query"]),
        "base_model.model.classifier.modules_to_save.default",
    ),
    "LoRA on the head": logits(
        adapted(True, target_modules=["classifier"]), "base_model.model.classifier", weight=None,
        via="impulse",
    ),
    "LoRA on the head, not yet trained": logits(
        adapted(False, target_modules=["classifier"]), "base_model.model.classifier", how="equal",
        via="impulse",
    ),
    "DoRA on the head": logits(
        adapted(True, target_modules=["classifier"], use_dora=True), "base_model.model.classifier",
        weight=None, via="impulse",
    ),
    "vit, zero at first": image(
        timm("vit_tiny_patch16_224", img_size=32, patch_size=8, depth=2), "head", 32
    ),
    "convnext": image(timm("convnext_atto"), "head.fc"),
    "mobilenet": image(timm("mobilenetv3_small_050"), "classifier"),
    "efficientnet": image(timm("efficientnet_lite0"), "classifier"),
    "resnet v2": image(timm("resnetv2_50"), "head.fc"),
    "resnet18": image(torchvision("resnet18"), "fc"),
    "googlenet": image(torchvision("googlenet", init_weights=False), "fc"),
    "densenet": image(torchvision("densenet121"), "classifier"),
    "squeezenet": image(
        torchvision("squeezenet1_1"), "classifier.1", how="relu then mean over 9 positions",
        rows="positions", finish=lambda m, z: z.relu().mean(1),
    ),
    "keras": Kind(
        keras(lambda layers: layers.Dense(3, name="last")), "last", via="mode", inputs=rows,
        weight=lambda m: m.get_layer("last").kernel.value.T,
    ),
    "keras, softmax": Kind(
        keras(lambda layers: layers.Dense(3, activation="softmax", name="last")), "last",
        how="softmax", via="mode", inputs=rows, finish=lambda m, z: z.softmax(1),
        weight=lambda m: m.get_layer("last").kernel.value.T,
    ),
}  # fmt: skip
