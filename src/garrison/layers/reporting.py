"""Where browsers send their reports: one group name and one path, used by every layer that asks for reports."""

from __future__ import annotations

from typing import Final

from ..core.verdict import Mode
from ..policy.model import Policy

REPORT_TO: Final = "garrison"
"""The endpoint's name in `Reporting-Endpoints` (Reporting API, section 3.2)."""


def reports_path(policy: Policy) -> str:
    """The path of the reports endpoint, or empty when this policy asks for no reports.

    `Reporting-Endpoints` belongs to the CSP layer, so there are no reports where that layer is off.
    """
    wanted = policy.csp.report and policy.csp.mode is not Mode.OFF and policy.reports.mode is not Mode.OFF
    return f"{policy.prefix}reports" if wanted else ""
