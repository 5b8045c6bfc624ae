"""Which array is which: features, labels, head weight and bias, and the reason for each.

Only names, shapes and dtypes are looked at. One fit is taken and explained; a tie is an error
that lists the candidates and the flag to paste; a missing role is no error.
"""

from nctool.roles.assign import assign
from nctool.roles.head import find_head
from nctool.roles.role_types import Candidate, Head, Pick, Roles

__all__ = ["Candidate", "Head", "Pick", "Roles", "assign", "find_head"]
