"""The page cache over several real workers: in the reporting database, in Redis, and with a Redis that is gone."""

import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from alx_core.domain.changes import Op
from support.api import Api, logged, served, set_company
from support.databases import REDIS_URL, require_redis
from support.power_query import side_by_side
from support.reads import COMPANY_IDS, make_token
from support.stack import free_port
from support.table import CompanyTable

pytestmark = pytest.mark.slow

AT_ONCE = 60
KINDS = {"sqlite": "sqlite", "postgresql": "postgresql", "redis": "postgresql", "redis that is gone": "sqlite"}


def redis_url(name: str) -> str | None:
    """Redis's address for this kind of cache; None where there is none."""
    if name == "redis":
        require_redis().close()
        return REDIS_URL
    return f"redis://127.0.0.1:{free_port()}/0" if "redis" in name else None


@pytest.fixture(scope="module", params=list(KINDS))
def serving(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Api]]:
    url = redis_url(request.param)
    folder = tmp_path_factory.mktemp("cache") / uuid.uuid4().hex
    folder.mkdir()
    with served(KINDS[request.param], folder, {"ALX_REDIS_URL": url} if url else {}) as made:
        yield made


@pytest.fixture
def engine(serving: tuple[Engine, Api]) -> Engine:
    return serving[0]


@pytest.fixture
def api(serving: tuple[Engine, Api]) -> Api:
    return serving[1]


def make_company(engine: Engine) -> tuple[CompanyTable, str]:
    table = CompanyTable(engine, next(COMPANY_IDS))
    table.fill(900)
    set_company(engine, table.companyid, rate_limit=0)
    return table, make_token(engine, table.companyid)


def hits(engine: Engine, companyid: int, requests: int) -> list[int]:
    return [row["cache_hit"] for row in logged(engine, at_least=requests, companyid=companyid)]


def test_sixty_at_once_on_an_empty_cache_make_one_query_and_are_all_right(
    api: Api, engine: Engine, request: pytest.FixtureRequest
) -> None:
    table, token = make_company(engine)
    answers = side_by_side(*[lambda: api.call(token, limit=1000)] * AT_ONCE)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    rows = answers[0].json()
    assert [(row["userid"], row["courseid"]) for row in rows] == sorted(table.live)
    built = hits(engine, table.companyid, AT_ONCE).count(0)
    # Without the shared cache each of the two workers builds its own.
    assert built == 1 or (built == 2 and "gone" in request.node.name)


def test_a_sync_makes_one_companys_pages_old_and_leaves_the_others_warm(
    api: Api, engine: Engine, request: pytest.FixtureRequest
) -> None:
    (changed, token), (other, other_token) = make_company(engine), make_company(engine)
    for _ in range(8):  # so that both workers have them
        api.call(token, limit=1000)
        api.call(other_token, limit=1000)
    seq = changed.sync({min(changed.live): Op.UPDATE})
    after = [api.call(token, limit=1000).json() for _ in range(4)]
    assert {rows[0]["firstname"] for rows in after} == {f"v{seq}"}
    api.call(other_token, limit=1000)
    if "gone" in request.node.name:
        return  # the workers have their own pages only, and nobody knows who answers
    assert hits(engine, other.companyid, 9)[-1] == 1
    assert 0 in hits(engine, changed.companyid, 12)[8:]
    assert hits(engine, changed.companyid, 12)[-1] == 1
