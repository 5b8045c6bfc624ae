"""Libraries that only some files need, and what to type where they are not here."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from nctool.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Extra:
    """One ``pip install 'nctool[name]'`` and the modules that it brings."""

    name: str
    modules: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        # Asked without importing: the doctor lists every extra.
        return tuple(module for module in self.modules if find_spec(module) is None)

    @property
    def command(self) -> str:
        return f"pip install 'nctool[{self.name}]'"

    def demand(self, what: str) -> None:
        """Raise unless all of its modules are installed."""
        if self.missing:
            modules = " and ".join(self.missing)
            raise InputError("extra-missing", f"{what} needs {modules}", self.command)
