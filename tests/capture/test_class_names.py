"""Names of classes, where a data set or a model has them."""

from __future__ import annotations

from types import SimpleNamespace as Thing
from typing import Any, ClassVar

import pytest
from torch.utils.data import ConcatDataset, Dataset, Subset

from nctool.capture.class_names import names_of

NAMES = ("ant", "bee", "cat")


class Plain(Dataset[Any]):
    classes: ClassVar[Any] = list(NAMES)

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> int:
        return index


class Synonyms(Plain):
    classes = (("ant", "emmet"), ("bee",), ("cat", "kitty"))


def hugging_face(column: str = "label", names: Any = NAMES) -> Any:
    return Thing(features={"image": Thing(), column: Thing(names=list(names))})


# They are found in data sets of torchvision and Hugging Face, through whatever wraps them.
@pytest.mark.parametrize(
    ("dataset", "labels"),
    [
        (Plain(), None),
        (Synonyms(), None),
        (Subset(Subset(Plain(), [0, 1]), [0]), None),
        (ConcatDataset([Subset(Plain(), [0]), Plain()]), None),
        (hugging_face(), None),
        (hugging_face("topic"), "topic"),
        (Thing(dataset=hugging_face("fine_label")), None),
    ],
)
def test_found(dataset: Any, labels: str | None) -> None:
    assert names_of(Thing(dataset=dataset), None, labels, 3) == NAMES


# Names of other classes than the head's are none, nor are those that Hugging Face makes up.
@pytest.mark.parametrize(
    "dataset", [None, Thing(classes=3), Thing(classes=[1, 2, 3]), Thing(classes=["ant"]),
                Thing(features=["a", "b", "c"]), hugging_face(names=["x"])],
)  # fmt: skip
def test_none(dataset: Any) -> None:
    made_up = Thing(config=Thing(id2label={row: f"LABEL_{row}" for row in range(3)}))
    assert names_of(Thing(dataset=dataset), made_up, None, 3) is None


# A configuration's names are taken where the data set has none, by numbers or by their text.
@pytest.mark.parametrize("key", [int, str])
def test_config(key: Any) -> None:
    config = Thing(id2label={key(row): name for row, name in enumerate(NAMES)})
    assert names_of([], Thing(config=config), None, 3) == NAMES
    assert names_of([], Thing(config=config), None, 4) is None


# What wraps itself ends.
def test_circle() -> None:
    dataset = Thing()
    dataset.dataset = dataset
    assert names_of(Thing(dataset=dataset), None, None, 3) is None
