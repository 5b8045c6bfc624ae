"""Names of classes from files: every layout, by content; hostile tokens; heads that are padded."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

import nctool
from nctool.core.errors import InputError, NctoolError, UsageError
from nctool.inputs import class_names as naming
from nctool.inputs import vocabulary
from nctool.inputs.sources import load
from nctool.settings.role_options import RoleOptions
from tests.cli.shell import inside, report

BERT = ["[PAD]", "[UNK]", "the", "##ing", "\u2028", "\x0b", " ", "é"]
BPE = {"<s>": 0, "a": 1, "Ġa": 2, "Ċ": 3, '"': 4}


def at(folder: Path, content: Any, name: str = "file") -> Path:
    """A file with this text, these bytes, or this as JSON."""
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_bytes(text.encode())
    return path


def names(folder: Path, content: Any, rows: int | None = None) -> tuple[str, ...]:
    return naming.named(vocabulary.read(at(folder, content)), rows)[0]


def tokenizer(vocab: Any, added: Any = ()) -> dict[str, Any]:
    return {"version": "1.0", "added_tokens": list(added), "model": {"type": "?", "vocab": vocab}}


def token(row: int, content: str) -> dict[str, Any]:
    return {"id": row, "content": content, "special": True}


def head(folder: Path, rows: int, **more: Any) -> Path:
    """A model with a head of so many rows, and nothing else."""
    random = np.random.default_rng(70)
    arrays = {"lm_head.weight": random.standard_normal((rows, 4)).astype(np.float32)}
    path = folder / "model.safetensors"
    save_file(arrays | more, path)
    return path


def slugs(path: Path, **options: Any) -> dict[str, str]:
    return {one.slug: one.message for one in load([str(path)], RoleOptions(**options)).notices}


# Layouts


# One name per line, however lines end and whatever follows the last one.
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [0, 1, 3])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_lines(end: str, last: int, mark: str, tmp_path: Path) -> None:
    text = mark + end.join(["ant", " bee ", "cat"]) + end * last
    assert names(tmp_path, text) == ("ant", "bee", "cat")


# A vocabulary's lines end with line feeds alone: tokens may be any other separator, or blank.
def test_lines_of_a_vocabulary(tmp_path: Path) -> None:
    found = vocabulary.read(at(tmp_path, "\n".join(BERT) + "\n"))
    assert [found.names[row] for row in range(len(BERT))] == BERT
    assert found.numbered and found.size == len(BERT)


# Each layout of JSON, recognised by content under any name.
@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (["ant", "bee", "cat"], "ant bee cat"),
        ({"bee": 1, "ant": 0, "cat": 2}, "ant bee cat"),
        ({"1": "bee", "0": "ant", "10": "kit"}, "ant bee 2 3 4 5 6 7 8 9 kit"),
        ({"id2label": {"1": "bee", "0": "ant"}, "label2id": {"ant": 0}, "d": 8}, "ant bee"),
        (tokenizer({"ant": 0, "bee": 1}), "ant bee"),
        (tokenizer([["ant", -0.5], ["bee", -2]]), "ant bee"),
        (tokenizer({"ant": 0}, [token(0, "ant"), token(1, "bee")]), "ant bee"),
        (tokenizer({"x": 0, "bee": 1}, [token(0, "ant")]), "ant bee"),
        (tokenizer({"ant": 0}, [{"id": "1", "content": "x"}, {"id": 2}, 7, {}]), "ant"),
        (tokenizer({"ant": 0}, [token(-1, "x"), token(True, "x")]), "ant"),
        ({"version": 0, "model": 1}, "version model"),
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_json(content: Any, wanted: str, indent: int | None, tmp_path: Path) -> None:
    text = json.dumps(content, indent=indent)
    assert names(tmp_path, text) == tuple(wanted.split())
    assert names(tmp_path, b"\xef\xbb\xbf \n" + text.encode()) == tuple(wanted.split())


# A text that begins with a bracket is still a text.
@pytest.mark.parametrize("first", ["[PAD]", "[unused0]", "{", "[", "{x}", "[red]"])
def test_brackets(first: str, tmp_path: Path) -> None:
    assert names(tmp_path, f"{first}\nant\nbee\n") == (first, "ant", "bee")


# A folder stands for the most complete file in it.
def test_folder(tmp_path: Path) -> None:
    at(tmp_path, {"id2label": {"0": "config"}}, "config.json")
    assert vocabulary.read(tmp_path).names == {0: "config"}
    at(tmp_path, "text\n", "vocab.txt")
    assert vocabulary.read(tmp_path).names == {0: "text"}
    at(tmp_path, {"vocab": 0}, "vocab.json")
    assert vocabulary.read(tmp_path).names == {0: "vocab"}
    at(tmp_path, tokenizer({"tokenizer": 0}), "tokenizer.json")
    assert vocabulary.read(tmp_path).names == {0: "tokenizer"}


# What another program writes into a pipe is read like a file.
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_text("ant\nbee\n"))
    writer.start()
    assert vocabulary.read(path).names == {0: "ant", 1: "bee"}
    writer.join()


# Damage


# What cannot be read is refused under its own slug, whatever is wrong with it.
@pytest.mark.parametrize(
    ("content", "slug"),
    [
        (b"ant\n\xff\xfe", "class-names-unknown"),
        ({"architectures": ["BertForMaskedLM"], "vocab_size": 30522}, "class-names-unknown"),
        ([["ant", 0]], "class-names-unknown"),
        (["ant", 1], "class-names-unknown"),
        ([], "class-names-unknown"),
        ({}, "class-names-unknown"),
        ({"ant": True}, "class-names-unknown"),
        ({"ant": -1}, "class-names-unknown"),
        ({"ant": 0.0}, "class-names-unknown"),
        ({"0": "ant", "one": "bee"}, "class-names-unknown"),
        ({"٣": "ant"}, "class-names-unknown"),
        ({"id2label": {"0": None}}, "class-names-unknown"),
        (tokenizer({}), "class-names-unknown"),
        (tokenizer([["ant", 0], [1, "bee"]]), "class-names-unknown"),
        (tokenizer([["ant", 0], []]), "class-names-unknown"),
        (tokenizer("ant"), "class-names-unknown"),
        (tokenizer({"ant": None}), "class-names-unknown"),
        ({"ant": 0, "bee": 0}, "class-names-invalid"),
        (tokenizer({"ant": 0, "bee": 0}), "class-names-invalid"),
        ('{"ant": 0', "class-names-invalid"),
        ('{"ant": ' + "9" * 5000 + "}", "class-names-invalid"),
        ('["ant", ' + "[" * 100_000, "class-names-invalid"),
        ('{"a": ' * 100_000, "class-names-invalid"),
        ({"ant": 1 << 23}, "class-names-too-large"),
        ({"999999999": "ant"}, "class-names-too-large"),
        (tokenizer({"ant": 0}, [token(1 << 40, "bee")]), "class-names-too-large"),
    ],
)
def test_refused(content: Any, slug: str, tmp_path: Path) -> None:
    with pytest.raises(NctoolError) as caught:
        vocabulary.read(at(tmp_path, content))
    assert caught.value.slug == slug and caught.value.hint
    assert len(caught.value.message) < 400


# A file that is not there, and a folder with nothing in it.
def test_absent(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path / "\0"):
        with pytest.raises(UsageError) as caught:
            vocabulary.read(path)
        assert caught.value.slug == "class-names-unreadable"
    with pytest.raises(InputError, match="holds no tokenizer"):
        vocabulary.read(tmp_path)


# No more is read than the bound, and no more values are made of it than their bound.
def test_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, lists = at(tmp_path, "ant\nbee\n", "text"), at(tmp_path, '["ant", "bee"]', "lists")
    for name, size in (("MOST_BYTES", 8), ("MOST_VALUES", 2)):
        with monkeypatch.context() as patch:
            patch.setattr(vocabulary, name, size)
            assert vocabulary.read(text).size == 2
            patch.setattr(vocabulary, name, size - 1)
            with pytest.raises(InputError) as caught:
                vocabulary.read(text)
            assert caught.value.slug == "class-names-too-large"
    with monkeypatch.context() as patch:
        patch.setattr(vocabulary, "MOST_VALUES", 1)
        with pytest.raises(InputError, match="holds about 2 values"):
            vocabulary.read(lists)
    monkeypatch.setattr(vocabulary, "MOST_BYTES", 1)
    with pytest.raises(InputError, match="more than"):  # cut within a letter, too
        vocabulary.read(at(tmp_path, "é"))


# A device without an end is no danger.
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is no /dev/zero")
def test_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "MOST_BYTES", 1 << 16)
    with pytest.raises(InputError, match="more than"):
        vocabulary.read(Path("/dev/zero"))


# Names


# What would not show, or looks like something else, is in quotes; everything else is as it is.
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("ant", "ant"),
        ("hot dog", "hot dog"),
        ("Ġthe", "Ġthe"),
        ("▁", "▁"),
        ("##s", "##s"),
        ("中", "中"),
        ("", '""'),
        (" ", '" "'),
        ("  a", '"  a"'),
        ("\n", r'"\n"'),
        ("\\n", "\\n"),
        ("\t", r'"\x09"'),
        ("\x1b[31mred", r'"\x1b[31mred"'),
        ("\u200b", r'"\x200b"'),
        ("\xa0", r'"\xa0"'),
        ("\ud800", r'"\xd800"'),
        ('"', r'"\""'),
        ('" "', r'"\" \""'),
        ('a"', 'a"'),
        ("7", "7"),
        ("8", '"8"'),
        ("²", '"²"'),
        ("a (1)", '"a (1)"'),
        ("f(1)", "f(1)"),
        ("-" * 128, f'"{"-" * 100}… 128 characters" (7)'),
    ],
)
def test_shown(name: str, shown: str) -> None:
    assert naming.distinct({7: name}, 8)[7] == shown


# No two names are alike, and none breaks a line, whatever the tokens are.
@given(st.lists(st.text(st.sampled_from('a"\\ \n()01x\u200b'), max_size=7), max_size=20))
def test_distinct(tokens: list[str]) -> None:
    found = naming.distinct(dict(enumerate(tokens)), len(tokens) + 2)
    assert len(set(found)) == len(found) == len(tokens) + 2
    assert all(name.isprintable() and name for name in found)


# Names that occur twice carry their row; the others do not.
def test_twice() -> None:
    assert naming.distinct({0: "crane", 1: "ant", 2: "crane"}, 3) == (
        "crane (0)", "ant", "crane (2)",
    )  # fmt: skip


# Rows and names


# Plain names are as many as there are rows, or a mistake.
@pytest.mark.parametrize("content", ["ant\nbee\ncat\n", ["ant", "bee", "cat"]])
def test_plain_names(content: Any, tmp_path: Path) -> None:
    assert names(tmp_path, content, 3) == ("ant", "bee", "cat")
    for rows in (2, 4):
        with pytest.raises(InputError, match=f"3 class names for {rows} classes"):
            names(tmp_path, content, rows)


# A vocabulary may be smaller than its padded head: a notice says so, and numbers stand in.
@pytest.mark.parametrize(
    "content", ["[PAD]\na\n7\n", ["<s>", "a", "7"], {"<s>": 0, "a": 1, "7": 2}]
)
def test_padded(content: Any, tmp_path: Path) -> None:
    found, notices = naming.named(vocabulary.read(at(tmp_path, content)), 8)
    assert found[1:] == ("a", '"7"', "3", "4", "5", "6", "7")
    assert [one.slug for one in notices] == ["class-names-missing"]
    assert notices[0].data == {"names": 3, "rows": 8, "first": 3}


# A vocabulary may have a hole.
def test_hole(tmp_path: Path) -> None:
    found, (notice,) = naming.named(vocabulary.read(at(tmp_path, {"a": 0, "c": 2})), 3)
    assert found == ("a", "1", "c") and notice.data["first"] == 1


# A vocabulary larger than the head is another model's.
def test_too_large(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        names(tmp_path, BPE, 4)
    assert caught.value.slug == "class-names" and "row 4" in caught.value.message


# Tokens that were added beyond the head are left out, and a notice names some.
def test_added(tmp_path: Path) -> None:
    added = [token(1, "<eos>"), token(2, "<x>"), token(3, "\n"), token(4, "<y>"), token(5, "<z>")]
    whole = vocabulary.read(at(tmp_path, tokenizer({"a": 0, "b": 1}, added)))
    assert whole.size == 2
    found, (notice,) = naming.named(whole, 2)
    assert found == ("a", "<eos>")
    assert notice.slug == "class-names-left-out" and notice.data == {"names": 4, "rows": 2}
    assert r'"<x>", "\n", "<y>" …' in notice.message
    assert naming.named(whole, 6)[0] == ("a", "<eos>", "<x>", r'"\n"', "<y>", "<z>")
    with pytest.raises(InputError):
        naming.named(whole, 1)


# Without a head there are as many classes as names: labels need not hold all of them.
def test_without_head(tmp_path: Path) -> None:
    random = np.random.default_rng(71)
    path = tmp_path / "all.npz"
    labels = np.array([0, 2, 40_000] * 6)
    np.savez(path, features=random.standard_normal((18, 4)), labels=labels)
    tokens = {f"t{row}": row for row in range(50_000)}
    file = at(tmp_path, tokens)
    source = load([str(path)], RoleOptions(classes=str(file)))
    assert source.labels is not None and source.labels.tolist() == labels.tolist()
    assert len(source.names) == 50_000 and source.names[40_000] == "t40000"
    with pytest.raises(InputError) as caught:
        load([str(path)], RoleOptions(classes=str(at(tmp_path, ["ant", "bee"], "few"))))
    assert caught.value.slug == "class-names"
    plain = nctool.analyze(features=np.eye(6), labels=[0, 1, 2] * 2, class_names=[*"abcd"])
    assert plain.data["class_counts"]["empty"] == 1


# Labels that are not row numbers still go by order, and take names by order.
def test_by_order(tmp_path: Path) -> None:
    path = tmp_path / "all.npz"
    np.savez(path, features=np.eye(4), labels=[10, 20, 10, 20], head=np.eye(2, 4))
    source = load([str(path)], RoleOptions(classes=str(at(tmp_path, "ant\nbee\n"))))
    assert source.names == ("ant", "bee")


# Labels that are words are the classes of that name, whatever their alphabetical order.
@pytest.mark.parametrize("with_head", [True, False])
def test_by_name(with_head: bool, tmp_path: Path) -> None:
    random = np.random.default_rng(73)
    points = random.standard_normal((6, 4))
    given: dict[str, Any] = {"features": points, "labels": ["cat", "ant"] * 3}
    if with_head:
        given["weight"] = random.standard_normal((3, 4))
    plain = nctool.analyze(**given, class_names=["cat", "bee", "ant"], per_class=True)
    counts = plain["nc1.cdnv"].per_class
    assert counts is not None and counts[1] is None and None not in (counts[0], counts[2])
    numbers = given | {"labels": [0, 2] * 3}
    same = nctool.analyze(**numbers, class_names=["cat", "bee", "ant"], per_class=True)
    assert same.digest == plain.digest
    assert "labels-by-name" in {one.slug for one in plain.warnings}
    with pytest.raises(InputError) as caught:
        nctool.analyze(**given, class_names=["cat", "bee", "cow"])
    assert caught.value.slug == "labels-against-names"


# Words that are none of the names go by order, and have to be as many.
def test_other_words() -> None:
    given: dict[str, Any] = {"features": np.eye(4), "labels": ["n2", "n1"] * 2}
    plain = nctool.analyze(**given, class_names=["ant", "bee"])
    assert {one.name for one in plain["nc1.cdnv"].worst or ()} == {"ant", "bee"}
    with pytest.raises(InputError, match="3 class names for 2 classes"):
        nctool.analyze(**given, class_names=["ant", "bee", "cat"])
    with pytest.raises(InputError, match="3 class names for 4 classes"):
        nctool.analyze(**given, weight=np.eye(4), class_names=["n1", "n2", "n3"])


# The size of a vocabulary helps to choose the head.
def test_chooses_head(tmp_path: Path) -> None:
    path = tmp_path / "bert.safetensors"
    wide, other = np.eye(5, 4, dtype=np.float32), np.eye(2, 4, dtype=np.float32)
    save_file({"cls.predictions.decoder.weight": wide, "cls.seq_relationship.weight": other}, path)
    with pytest.raises(InputError, match="2 arrays could be the head"):
        load([str(path)], RoleOptions())
    source = load([str(path)], RoleOptions(classes=str(at(tmp_path, BPE))))
    assert source.names[2] == "Ġa"
    chosen = "cls.predictions.decoder.weight"
    with pytest.raises(InputError) as caught:
        load([str(path)], RoleOptions(head=chosen, classes=str(at(tmp_path, "\n".join(BERT)))))
    assert caught.value.slug == "class-mismatch"


# Model folders


# A model's own id2label names its classes, if there is one for each row.
@pytest.mark.parametrize(
    ("stored", "wanted"),
    [
        ({"0": "ant", "1": "7", "2": " "}, ("ant", '"7"', '" "')),
        ({"0": "ant", "1": "ant", "2": "bee"}, ("ant (0)", "ant (1)", "bee")),
        ({"0": "ant", "1": "bee"}, None),
        ({"0": "ant", "1": "bee", "3": "cat"}, None),
        ({"0": "ant", "1": "bee", "2": None}, None),
        ({"zero": "ant", "one": "bee", "two": "cat"}, None),
        (["ant", "bee", "cat"], None),
    ],
)
def test_config(stored: Any, wanted: tuple[str, ...] | None, tmp_path: Path) -> None:
    head(tmp_path, 3)
    at(tmp_path, {"id2label": stored}, "config.json")
    source = load([str(tmp_path)], RoleOptions())
    assert source.names == (wanted or ("0", "1", "2")) and not source.notices


# The vocabulary in a model's folder names the rows of a head of its size, and a notice says so.
@pytest.mark.parametrize(("rows", "taken"), [(1000, 1000), (1100, 1000), (1200, 0), (999, 0)])
def test_in_folder(rows: int, taken: int, tmp_path: Path) -> None:
    head(tmp_path, rows)
    at(tmp_path, tokenizer({f"t{row}": row for row in range(1000)}), "tokenizer.json")
    source = load([str(tmp_path)], RoleOptions())
    assert source.names[0] == ("t0" if taken else "0") and len(source.names) == rows
    found = [one.slug for one in source.notices]
    wanted = ["class-names-found"] + ["class-names-missing"] * (rows > taken)
    assert found == (wanted if taken else [])


# Nobody's word is needed for just as many tokens, or for a little padding of a large head.
@pytest.mark.parametrize(
    ("rows", "size", "is_likely"),
    [
        (7, 7, True), (8, 7, False), (999, 950, False), (1000, 950, True), (1000, 899, False),
        (1000, 1001, False),
    ],
)  # fmt: skip
def test_likely(rows: int, size: int, is_likely: bool, tmp_path: Path) -> None:
    found = vocabulary.read(at(tmp_path, {f"t{row}": row for row in range(size)}))
    assert naming.likely(found, rows) == is_likely


# A classifier on top of a language model has nothing to do with its tokens.
def test_classifier_in_folder(tmp_path: Path) -> None:
    head(tmp_path, 3)
    at(tmp_path, "\n".join(BERT), "vocab.txt")
    assert load([str(tmp_path)], RoleOptions()).names == ("0", "1", "2")
    at(tmp_path, {"id2label": {"0": "x", "1": "y", "2": "z"}}, "config.json")
    assert load([str(tmp_path)], RoleOptions()).names == ("x", "y", "z")


# Small heads are named by a vocabulary of just their size, and by what was asked for.
def test_asked_for(tmp_path: Path) -> None:
    head(tmp_path, 8)
    at(tmp_path, "\n".join(BERT), "vocab.txt")
    assert load([str(tmp_path)], RoleOptions()).names[2] == "the"
    other = at(tmp_path, "a\nb\nc\nd\ne\nf\ng\nh\n", "names.txt")
    assert load([str(tmp_path)], RoleOptions(classes=str(other))).names == tuple("abcdefgh")
    assert "class-names-found" not in slugs(tmp_path, classes=str(other))


# A vocabulary that cannot be read is said, and stops nothing.
def test_unread_in_folder(tmp_path: Path) -> None:
    head(tmp_path, 1000)
    at(tmp_path, '{"model": ', "tokenizer.json")
    assert "begins like JSON" in slugs(tmp_path)["class-names-unread"]


# A link that leads out of the folder is not followed.
def test_link_in_folder(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    head(model, 3)
    (model / "vocab.txt").symlink_to(at(tmp_path, "[PAD]\nsecret\nthird\n"))
    source = load([str(model)], RoleOptions())
    assert source.names == ("0", "1", "2")
    assert "leads out" in slugs(model)["class-names-unread"]


# Beside a single file the vocabulary is only pointed at, if the head is large.
def test_beside_file(tmp_path: Path) -> None:
    folder = tmp_path / "my model"
    folder.mkdir()
    at(folder, tokenizer({f"t{row}": row for row in range(1000)}), "tokenizer.json")
    path = head(folder, 1000)
    (notice,) = load([str(path)], RoleOptions()).notices
    assert notice.slug == "class-names-beside"
    assert f"--classes '{folder}/tokenizer.json'" in notice.hint
    assert "class-names-beside" not in slugs(path, classes=str(folder))
    assert slugs(head(folder, 999)) == {}


# The command


# A language model's head alone, with a vocabulary of thirty thousand: names, not numbers.
def test_language_model(tmp_path: Path) -> None:
    rows = 3_052
    words = [*BERT, *(f"t{row}" for row in range(len(BERT), rows))]
    random = np.random.default_rng(72)
    weight = random.standard_normal((rows, 6)).astype(np.float32)
    weight[[4, 6, 7]] *= np.array([[90], [80], [70]], np.float32)
    arrays = {
        "bert.embeddings.word_embeddings.weight": weight[::-1],
        "bert.embeddings.position_embeddings.weight": weight[:512],
        "bert.embeddings.LayerNorm.weight": weight[0],
        "cls.predictions.transform.dense.weight": weight[:6],
        "cls.predictions.decoder.weight": weight,
        "cls.predictions.bias": weight[:, 0],
    }
    path = tmp_path / "bert.safetensors"
    save_file({key: np.ascontiguousarray(one) for key, one in arrays.items()}, path)
    file = at(tmp_path, "\n".join(words) + "\n", "vocab.txt")
    plain = report(path, "--classes", file, "--metrics", "nc2.norm_cv.weights")
    worst = [one["name"] for one in plain["metrics"][0]["worst"]]
    assert worst[:3] == [r'"\x2028"', '" "', "é"]
    said = inside("analyze", path, "--classes", file, "--metrics", "nc2.norm_cv.weights")
    assert said.code == 0 and r'"\x2028": ' in said.out


# Without an analysis of labels, names that do not fit are refused all the same.
def test_head_alone(tmp_path: Path) -> None:
    path = head(tmp_path, 4)
    few = at(tmp_path, "ant\nbee\n")
    said = inside("analyze", path, "--classes", few)
    assert said.code == 3 and "2 class names for 4 classes" in said.err
    missing = inside("analyze", path, "--classes", tmp_path / "absent")
    assert missing.code == 2 and "cannot be read" in missing.err


# Labels beyond the vocabulary are refused.
def test_labels_beyond() -> None:
    with pytest.raises(InputError) as caught:
        nctool.analyze(features=np.eye(6), labels=[0, 1, 5] * 2, class_names=["a", "b"])
    assert caught.value.slug == "class-names"
