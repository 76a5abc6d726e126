"""The WSGI application that gunicorn serves."""

from daas.app import create_app

app = create_app()
