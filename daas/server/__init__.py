"""gunicorn's side: its settings, the checks before the start, its log, and its rejections in JSON."""
