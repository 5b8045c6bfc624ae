"""The answer as a value: reports, trajectories, comparisons, gates. Standard library only."""

from nctool.report.report import SCHEMA_ID as SCHEMA_ID
from nctool.report.report import SCHEMA_VERSION as SCHEMA_VERSION
from nctool.report.report import Input as Input
from nctool.report.report import Report as Report
from nctool.report.report import schema as schema
from nctool.report.result import ClassValue as ClassValue
from nctool.report.result import Direction as Direction
from nctool.report.result import Distribution as Distribution
from nctool.report.result import Reference as Reference
from nctool.report.result import Result as Result
from nctool.report.result import Status as Status
from nctool.report.result import result_to_dict as result_to_dict
