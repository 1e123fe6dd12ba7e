"""The demo's rows of Moodle's user table: guest, admin, learners, and one service account per company."""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from alx_cli.demo.columns import IntArray, Row, SiteTable
from alx_cli.demo.companies import Company
from alx_cli.demo.learners import FIRST_LEARNER_ID, Learners
from alx_cli.demo.people import AWKWARD_EMAILS, AWKWARD_NAMES, POOLS, Name
from alx_cli.demo.work_clock import DAY_S

GUEST_ID, ADMIN_ID = 1, 2

COLUMNS = [
    "id", "confirmed", "mnethostid", "theme", "lang", "username", "firstname", "lastname", "email", "deleted",
    "suspended", "institution", "department", "city", "country", "firstaccess", "lastaccess", "lastlogin",
    "currentlogin", "timecreated", "timemodified", "description",
]  # fmt: skip


def service_userids(companies: Sequence[Company], learners: int) -> list[int]:
    """Return the ids of the companies' service accounts: they stand behind the learners."""
    first = FIRST_LEARNER_ID + learners
    return list(range(first, first + len(companies)))


def user_table(
    dice: np.random.Generator, companies: Sequence[Company], learners: Learners, lastaccess: IntArray, *, now: int
) -> SiteTable:
    """Return the user table. `lastaccess` is each learner's last activity, 0 for none."""
    rows = [
        *_site_accounts(now),
        *_learner_rows(dice, companies, learners, lastaccess=lastaccess, now=now),
        *_service_rows(companies, len(learners), now),
    ]
    return "user", COLUMNS, rows


def _site_accounts(now: int) -> Iterator[Row]:
    created = now - 1_500 * DAY_S
    note = "This user is a special user that allows read-only access to some courses."
    yield (
        GUEST_ID, 1, 1, "", "en", "guest", "Guest user", " ", "root@localhost", 0, 0, "", "", "", "", 0, 0, 0, 0, 0,
        created, note,
    )  # fmt: skip
    yield (
        ADMIN_ID, 1, 1, "", "en", "admin", "Admin", "User", "admin@alx.example", 0, 0, "", "", "", "",
        created, now - DAY_S, now - 2 * DAY_S, now - DAY_S, created, created, None,
    )  # fmt: skip


def _service_rows(companies: Sequence[Company], learners: int, now: int) -> Iterator[Row]:
    created = now - 300 * DAY_S
    for userid, company in zip(service_userids(companies, learners), companies, strict=True):
        profile = company.profile
        username = f"svc_{profile.shortname}"
        yield (
            userid, 1, 1, "iomadboost", "en", username, "Service", profile.shortname, f"{username}@alx.example", 0, 0,
            profile.shortname, profile.name, profile.city, profile.country, 0, 0, 0, 0, created, created, None,
        )  # fmt: skip


def _learner_rows(
    dice: np.random.Generator, companies: Sequence[Company], learners: Learners, *, lastaccess: IntArray, now: int
) -> Iterator[Row]:
    names = list(_names(dice, companies, learners))
    usernames = _usernames(names)
    edited = _last_edit(dice, learners, now)
    share = dice.random(len(learners))
    firstaccess = np.where(
        lastaccess > 0, learners.timecreated + (share * np.maximum(0, lastaccess - learners.timecreated)).astype(int), 0
    )
    columns = zip(
        learners.userid.tolist(), names, usernames, learners.company.tolist(), learners.awkward_email.tolist(),
        learners.is_suspended.tolist(), learners.deleted_at.tolist(), firstaccess.tolist(), lastaccess.tolist(),
        learners.timecreated.tolist(), edited.tolist(),
        strict=True,
    )  # fmt: skip
    for userid, name, login, position, awkward, suspended, deleted, began, seen, created, modified in columns:
        profile = companies[position].profile
        email = AWKWARD_EMAILS[awkward].format(n=userid) if awkward >= 0 else f"{login}@{profile.shortname}.example"
        username, email = deleted_account(login, email, deleted) if deleted else (login, email)
        yield (
            userid, 1, 1, "" if deleted else "iomadboost", profile.lang, username, name[0].text, name[1].text, email,
            int(deleted > 0), int(suspended), profile.shortname, profile.name, profile.city, profile.country,
            began, seen, seen, seen, created, modified, None,
        )  # fmt: skip


def deleted_account(username: str, email: str, deleted_at: int) -> tuple[str, str]:
    """Return the username and e-mail that a user's row keeps after deletion: `delete_user()`, lib/moodlelib.php."""
    return f"{email}.{deleted_at}", hashlib.md5(username.encode(), usedforsecurity=False).hexdigest()


def _names(dice: np.random.Generator, companies: Sequence[Company], learners: Learners) -> Iterator[tuple[Name, Name]]:
    """Draw names of the languages that the learner's company speaks; the awkward ones are set beforehand."""
    languages = [company.profile.languages.split() for company in companies]
    throws = dice.random((len(learners), 3)).tolist()
    people = zip(learners.company.tolist(), learners.awkward_name.tolist(), throws, strict=True)
    for company, awkward, (language, first, last) in people:
        if awkward >= 0:
            texts = AWKWARD_NAMES[awkward]
            yield Name(texts[0], "awkward"), Name(texts[1], "person")
        else:
            spoken = languages[company]
            pool = POOLS[spoken[int(language * len(spoken))]]
            yield pool.first[int(first * len(pool.first))], pool.last[int(last * len(pool.last))]


def _usernames(names: Sequence[tuple[Name, Name]]) -> list[str]:
    """Make unique user names: anna.mueller, anna.mueller2, anna.mueller3."""
    seen: dict[str, int] = {}
    usernames = []
    for first, last in names:
        base = f"{first.ascii}.{last.ascii}"
        seen[base] = number = seen.get(base, 0) + 1
        usernames.append(base if number == 1 else f"{base}{number}")
    return usernames


def _last_edit(dice: np.random.Generator, learners: Learners, now: int) -> IntArray:
    """Return timemodified: the deletion, for one in five an edit since, else the creation."""
    edited = learners.timecreated + (dice.random(len(learners)) * (now - learners.timecreated)).astype(np.int64)
    edited = np.where(dice.random(len(learners)) < 0.2, edited, learners.timecreated)
    return np.where(learners.deleted_at > 0, learners.deleted_at, edited)
