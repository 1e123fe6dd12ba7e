"""Fixtures of the delivery: an outbox on each kind of database, a Slack and a mail server."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, delete

from alx_core.domain.messages import Channel
from alx_core.services.delivery.slack import SlackWebhook
from alx_core.store.engine import transaction
from alx_core.store.tables import alerts
from support.channels import FakeMailServer, FakeSlack, fake_mail_server, fake_slack
from support.office import Office
from support.reporting_databases import KINDS_OF_DATABASE, migrated_engine


@pytest.fixture(scope="module", params=KINDS_OF_DATABASE)
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with migrated_engine(request.param, tmp_path_factory.mktemp("outbox")) as made:
        yield made


@pytest.fixture
def engine(database: Engine) -> Engine:
    """A database in which nothing was ever told."""
    with transaction(database) as connection:
        connection.execute(delete(alerts))  # and with them their messages
    return database


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as server:
        yield server


@pytest.fixture
def mail() -> Iterator[FakeMailServer]:
    with fake_mail_server() as server:
        yield server


@pytest.fixture
def office(engine: Engine, slack: FakeSlack) -> Office:
    """An office that is told by Slack."""
    return Office(engine, {Channel.SLACK: SlackWebhook(slack.url)})
