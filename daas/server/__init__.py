"""gunicorn's side: what is checked before the start, its log, its rejections in JSON."""
