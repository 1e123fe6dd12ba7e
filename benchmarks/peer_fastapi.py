"""The peer of peers.py: a page by key with FastAPI and SQLAlchemy, as most people write it.

A table reflected, a keyset query, a response model, and JSON by the framework; no token, quota, log, snapshot or cache.
It runs in the peers' interpreter.
"""

import os

from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import MetaData, Row, Table, create_engine, select, tuple_

engine = create_engine(os.environ["BENCH_DATABASE_URL"])
reporting = Table("local_alx_api_reporting", MetaData(), autoload_with=engine)
app = FastAPI()


class Progress(BaseModel):
    """A row as it is served; times are epoch seconds."""

    userid: int
    firstname: str
    lastname: str
    email: str
    courseid: int
    coursename: str
    timecompleted: int
    timestarted: int
    percentage: float | None
    status: str


@app.get("/page", response_model=list[Progress])
def read_page(companyid: int, userid: int = -1, courseid: int = -1, limit: int = 1000) -> list[Row]:
    """Return the rows behind the key (userid, courseid)."""
    columns = [reporting.c[name] for name in Progress.model_fields]
    key = reporting.c.userid, reporting.c.courseid
    query = (
        select(*columns)
        .where(reporting.c.companyid == companyid, reporting.c.is_deleted == 0, tuple_(*key) > (userid, courseid))
        .order_by(*key)
        .limit(limit)
    )
    with engine.connect() as connection:
        return list(connection.execute(query))
