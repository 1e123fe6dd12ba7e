"""Where paged reads are tried out: one company, one worker, and clients that ask it."""

from dataclasses import dataclass, field

from sqlalchemy import Engine

from alx_core.domain.company_settings import CompanySettings
from support.reads import Client, Company, FakeClock, Worker, make_settings, make_token

FULL = make_settings()


@dataclass(slots=True)
class Desk:
    """A company with rows 1 to 10 of one course, a worker, and clients with a token each."""

    engine: Engine
    worker: Worker
    clock: FakeClock
    company: Company = field(init=False)

    def __post_init__(self) -> None:
        self.company = Company(self.engine, self.clock)
        self.add(*range(1, 11))

    def client(self, settings: CompanySettings = FULL, limit: int = 4, token: str | None = None) -> Client:
        return Client(token or make_token(self.engine, self.company.companyid), limit, settings)

    def add(self, *userids: int, name: str = "Ada", courseid: int = 1) -> int:
        self.company.rows.update({(userid, courseid): name for userid in userids})
        return self.company.sync()

    def read(self, client: Client) -> list[tuple[int, int, str]]:
        return client.read(self.worker)
