"""The documented answers of a move, to the byte."""

import json

import pytest


def test_a_move_answers_the_documented_body_and_moves_the_message(application, build):
    box = application.mailbox
    answer = application.move(mailbox=box.name.upper(), folder=box.folder)
    request_id = answer.headers["X-Request-Id"]
    expected = f'{{"request_id":"{request_id}","mailbox":"{box.name}","id":"{box.message}","folder":"{box.folder}"}}'
    assert (answer.status_code, answer.text) == (200, expected)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert build.folder_of(box.message) == box.folder


@pytest.mark.parametrize(
    ("sent", "understood"), [("inbox", "Inbox"), ("SENT", "Sent"), ("Archived", "Archived"), ("dRaFt", "Draft")]
)
def test_a_standard_folder_is_named_in_any_case(application, build, sent, understood):
    answer = application.move(folder=sent)
    assert json.loads(answer.data)["folder"] == understood
    assert build.folder_of(application.mailbox.message) == understood
