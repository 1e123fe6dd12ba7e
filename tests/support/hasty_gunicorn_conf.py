"""The API's gunicorn configuration, with limits that a test can wait for."""

from api_server import worker
from api_server.gunicorn_conf import *  # noqa: F403

worker.REQUEST_S = 1
worker.ANSWER_S = 2
worker.LEAVE_S = 0.3
