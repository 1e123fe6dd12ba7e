"""gunicorn's configuration, from the settings. It is read by `gunicorn -c python:api_server.gunicorn_conf`."""

import gc
from typing import Any

from alx_core.private_files import make_files_private
from alx_core.settings import load_settings

_settings = load_settings()

bind = _settings.api_bind
workers = _settings.api_workers
threads = _settings.api_threads
worker_class = "api_server.worker.PatientWorker"  # gthread
proc_name = "alx-api"
# The API writes its own request log; gunicorn's would hold tokens.
accesslog = None
control_socket_disable = True  # it would lie in the user's home, the same for every installation
logger_class = "api_server.redaction.RedactingLogger"
timeout = 60
graceful_timeout = 20
keepalive = 75  # longer than the idle time of common proxies, so that they close first
backlog = 1024
# No header says where a request goes or by which scheme it came. (The app itself reads X-Forwarded-For, of the proxies
# that it is told of.) Where there is nothing to say, everybody may say it, and no peer's address is looked up.
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
forwarded_allow_ips = "*"
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190

GARBAGE_THRESHOLD = 25_000
"""Objects made and not let go of that set a search for garbage off; a page of 1,000 rows makes as many tuples."""


def on_starting(_arbiter: Any) -> None:
    """Keep files private, those of the workers too, also where it was not `alx` that started gunicorn."""
    make_files_private()


def post_worker_init(worker: Any) -> None:
    """Log what gunicorn itself refuses. Search for garbage less often, and not in what was loaded: each page of rows
    set a search off."""
    from api_server.wsgi import request_log  # noqa: PLC0415  # opens the worker's own journal

    worker.refused_unread = request_log.refused_unread
    have_at_hand(worker.cfg)
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)


def have_at_hand(config: Any) -> None:
    """Make gunicorn's settings, which stand now, plain attributes.

    Each request looks dozens of them up, and by `Config.__getattr__` that takes a quarter of a bare app's time.
    """
    vars(config).update({name: setting.get() for name, setting in config.settings.items()})
