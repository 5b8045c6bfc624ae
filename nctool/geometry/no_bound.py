"""What a linear program for a bound raises where it has no answer."""


class NoBound(Exception):
    """The message says why."""
