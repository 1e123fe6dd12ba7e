"""The composition root of an API process: what gunicorn loads in each worker."""

import atexit

from alx_core.logs import configure_logs
from alx_core.settings import load_settings
from api_server.app import create_app
from api_server.database import Database
from api_server.journal import Journal
from api_server.middleware import RequestLog

configure_logs("json")
settings = load_settings()
journal = Journal(settings.home.absolute() / "journal", settings.database)
journal.start()
# Gunicorn's hook at a worker's end comes before its threads have; they may still answer, and each answer is logged.
atexit.register(journal.close)
request_log = RequestLog(journal, settings.trusted_proxies)
app = create_app(settings, database=Database(settings.database), request_log=request_log, journal=journal)
