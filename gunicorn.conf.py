"""The settings of `gunicorn wsgi:app` in a checkout; the wheel has them as `python:daas.server.gunicorn_config`."""

from daas.server.gunicorn_config import *  # noqa: F403 - gunicorn reads its settings from the names of this module.
