"""The demo's web services and tokens, as the original plugin leaves them: one token per company."""

from collections.abc import Sequence

import numpy as np

from alx_cli.demo.accounts import ADMIN_ID
from alx_cli.demo.columns import Row, SiteTable
from alx_cli.demo.work_clock import DAY_S

SERVICE_SHORTNAME = "alx_report_api_custom"
SERVICE_ID = 3
PERMANENT, SYSTEM_CONTEXT_ID = 0, 1
"""EXTERNAL_TOKEN_PERMANENT, and the context of the site."""

SERVICE_COLUMNS = [
    "id", "name", "enabled", "requiredcapability", "restrictedusers", "component", "timecreated", "timemodified",
    "shortname", "downloadfiles", "uploadfiles",
]  # fmt: skip
TOKEN_COLUMNS = [
    "id", "token", "tokentype", "userid", "externalserviceid", "contextid", "creatorid", "validuntil", "timecreated",
    "lastaccess",
]  # fmt: skip


def service_tables(dice: np.random.Generator, service_userids: Sequence[int], *, now: int) -> list[SiteTable]:
    """Return external_services, their functions, and a token of 32 hex digits for each of `service_userids`."""
    created = now - 300 * DAY_S
    services: list[Row] = [
        (1, "Moodle mobile web service", 0, None, 0, "moodle", created, created, "moodle_mobile_app", 1, 1),
        (2, "iomadservice", 1, None, 1, "block_iomad_company_admin", created, None, None, 0, 0),
        (SERVICE_ID, "ALX Report API Custom Service", 1, "", 0, None, created, None, SERVICE_SHORTNAME, 0, 0),
    ]
    functions: list[Row] = [
        (1, 2, "block_iomad_company_admin_get_companies"),
        (2, SERVICE_ID, "local_alx_report_api_get_course_progress"),
    ]
    tokens: list[Row] = [
        (number, dice.bytes(16).hex(), PERMANENT, userid, SERVICE_ID, SYSTEM_CONTEXT_ID, ADMIN_ID, 0, created, None)
        for number, userid in enumerate(service_userids, start=1)
    ]
    return [
        ("external_services", SERVICE_COLUMNS, services),
        ("external_services_functions", ["id", "externalserviceid", "functionname"], functions),
        ("external_tokens", TOKEN_COLUMNS, tokens),
    ]
