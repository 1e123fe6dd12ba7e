"""Reading and changing what is set for the companies."""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection

from alx_core.domain.company_settings import EVERY_COMPANY, KINDS, CompanySettings, check_setting, resolve
from alx_core.store.settings import load_every_setting, load_settings_of, save_settings_of


def change_settings(connection: Connection, companyid: int, values: Mapping[str, str], *, now: int) -> None:
    """Set some settings of a company (EVERY_COMPANY: the defaults of all); an empty value takes one away.

    Raises SettingsError before anything is written when one of them is no setting, or its value is none.
    """
    for name, value in values.items():
        check_setting(name, value or (KINDS[name].default if name in KINDS else "1"))
    save_settings_of(connection, companyid, {name: value or None for name, value in values.items()}, now=now)


def settings_in_force(connection: Connection) -> Callable[[int], CompanySettings]:
    """Return what tells the settings that hold for a company by its id: its own, those of all, the defaults.

    They are read once, however many companies are asked for.
    """
    stored = load_every_setting(connection)
    for_all = stored.pop(EVERY_COMPANY, {})
    usual = resolve({}, for_all)
    return lambda companyid: resolve(stored[companyid], for_all) if companyid in stored else usual


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
