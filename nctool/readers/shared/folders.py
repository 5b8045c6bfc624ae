"""What lies directly in a folder."""

from __future__ import annotations

from pathlib import Path

PLAIN = ("*.safetensors", "*.safetensors.index.json", "*.bin.index.json", "*.npy", "*.npz")
SINGLE = "pytorch_model.bin"


def holds_arrays(folder: Path) -> bool:
    """Are there arrays in plain files here, which come before what lies in folders below?"""
    return (folder / SINGLE).is_file() or any(any(folder.glob(pattern)) for pattern in PLAIN)
