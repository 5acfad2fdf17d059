"""Every check of a pass, in the order in which findings are listed."""

from monitoring.checks.base import Check
from monitoring.checks.drift import Drift
from monitoring.checks.latency import Latency
from monitoring.checks.log import Log
from monitoring.checks.performance import Performance
from monitoring.checks.traffic import Traffic
from monitoring.checks.usage import Usage

CHECKS: tuple[Check, ...] = (Traffic(), Log(), Drift(), Latency(), Usage(), Performance())
