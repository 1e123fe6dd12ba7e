"""The least a Falcon app can do: send the bytes of a file. What the API costs beyond it is the API's own."""

import os
from pathlib import Path

import falcon


class Page:
    """Answers with the same bytes each time; the body of the request is read and dropped."""

    def __init__(self, data: bytes) -> None:
        """Keep what is sent."""
        self._data = data

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """200."""
        req.bounded_stream.read()
        resp.content_type = "application/json"
        resp.data = self._data


app = falcon.App()
app.add_route("/page", Page(Path(os.environ["BENCH_PAGE"]).read_bytes()))
