"""The bare view: what Flask and gunicorn cost when nothing is done.

It reads the same form and answers a body of the same size.
"""

from flask import Flask, Response, request

app = Flask(__name__)


@app.post("/direct/messages/move/format/json")
def move() -> Response:
    """Return the response to a move, without moving anything."""
    form = request.form
    body = f'{{"request_id":"123456","mailbox":"{form["mailbox"]}","id":"{form["id"]}","folder":"{form["folder"]}"}}'
    return Response(body, mimetype="application/json")
