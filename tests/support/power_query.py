"""What a Power BI report does, in Python: Power Query's paging loops over Moodle's endpoint."""

import threading
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from support.api import PATH, form

Page = list[dict[str, Any]]


@dataclass
class Report:
    """A query of a report: its token and page size, on connections that stay open."""

    client: httpx.Client
    token: str
    limit: int
    requests: int = 0

    def page(self, offset: int) -> Page:
        """`GetPage`: a list, or Moodle's error object raised as Power Query raises it."""
        answer = self.client.post(PATH, data=form(self.token, limit=self.limit, offset=offset))
        self.requests += 1
        rows = msgspec.json.decode(answer.content)
        if not isinstance(rows, list):
            raise AssertionError(f"offset {offset}: HTTP {answer.status_code}, {rows}")
        return rows

    def until_empty(self) -> Page:
        """`List.Generate(() => [o=0, p=GetPage(0)], each List.Count([p]) > 0, each [o=[o]+limit, ...])`."""
        rows: Page = []
        offset, page = 0, self.page(0)
        while page:
            rows += page
            offset += self.limit
            page = self.page(offset)
        return rows

    def until_not_full(self) -> Page:
        """The variant that does without the empty page where the last one is not full."""
        rows: Page = []
        offset, page = 0, self.page(0)
        while len(page) == self.limit:
            rows += page
            offset += self.limit
            page = self.page(offset)
        return rows + page


def side_by_side(*reads: Any) -> list[Any]:
    """Call functions at the same moment, each in a thread; return what they return, raise what one raises."""
    results: list[Any] = [None] * len(reads)
    start = threading.Barrier(len(reads))

    def run(index: int) -> None:
        start.wait()
        try:
            results[index] = reads[index]()
        except BaseException as error:  # noqa: BLE001  # raised again below
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(reads))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results
