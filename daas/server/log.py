"""gunicorn's log: its messages become lines of JSON, like all other messages of the process."""

from gunicorn import glogging
from gunicorn.config import Config

from ..monitoring import logs


class Logger(glogging.Logger):
    """gunicorn's logger without handlers of its own; requests are logged by the application."""

    def setup(self, cfg: Config) -> None:
        """Set up gunicorn's loggers, then replace their handlers by those of the process."""
        super().setup(cfg)
        logs.configure_logs()
