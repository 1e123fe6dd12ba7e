"""Reading and changing what is set for the companies."""

from collections.abc import Mapping

from sqlalchemy import Connection

from alx_core.domain.company_settings import EVERY_COMPANY, KINDS, check_setting
from alx_core.store.settings import load_settings_of, save_settings_of


def change_settings(connection: Connection, companyid: int, values: Mapping[str, str], *, now: int) -> None:
    """Set some settings of a company (EVERY_COMPANY: the defaults of all); an empty value takes one away.

    Raises SettingsError before anything is written when one of them is no setting, or its value is none.
    """
    for name, value in values.items():
        check_setting(name, value or (KINDS[name].default if name in KINDS else "1"))
    save_settings_of(connection, companyid, {name: value or None for name, value in values.items()}, now=now)


def explain_settings(connection: Connection, companyid: int) -> dict[str, tuple[str, str]]:
    """Return every setting's value and where it is from: `company`, `all companies` or `default`.

    Courses are named only where one is set.
    """
    layers = {
        "default": {name: kind.default for name, kind in KINDS.items()},
        "all companies": load_settings_of(connection, EVERY_COMPANY),
    }
    if companyid != EVERY_COMPANY:
        layers["company"] = load_settings_of(connection, companyid)
    return {name: (value, origin) for origin, values in layers.items() for name, value in values.items()}
