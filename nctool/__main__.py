"""``python -m nctool``: the same as the installed command."""

from nctool.cli import main

main()
