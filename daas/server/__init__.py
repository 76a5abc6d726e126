"""gunicorn's side: its settings, what is checked before the start, its log, and rejections in JSON."""
