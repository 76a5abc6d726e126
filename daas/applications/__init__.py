"""Who may sign, with which key, and what is required of an application."""
