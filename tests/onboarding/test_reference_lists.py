"""The reference with the calls of lists and contacts, in a real browser."""

from typing import Any

import pytest
from playwright.sync_api import Page

from ..contacts.caller import NAMED
from ..support.builders import Builder
from .test_reference import fill, open_call, reference, type_keys  # noqa: F401  The fixture is used by its name.

pytestmark = pytest.mark.slow

MAKE, ADD = "post_v1_lists_name_or_id_", "post_v1_contacts_json_list_id_contacts"
PAGE, REMOVE = "get_v1_contacts_json_list_id_contacts", "delete_v1_contacts_json_list_id_contacts_contact_id_"
TYPES = ["application/x-www-form-urlencoded", "multipart/form-data", "application/json"]


def execute(page: Page, call: Any) -> Any:
    with page.expect_response(lambda response: "/v1/" in response.url) as waiting:
        call.get_by_role("button", name="Execute").click()
    return waiting.value


def test_calls_are_signed_by_the_scheme_of_their_api(reference: Any, build: Builder) -> None:  # noqa: F811  As above.
    type_keys(reference, build.application(services=NAMED).keys)
    make = open_call(reference, MAKE)
    fill(make, name_or_id="Ä + B")
    answer = execute(reference, make)
    assert (answer.status, answer.json()["message"]) == (201, "List Ä + B created with list-id 1")
    sent = answer.request.all_headers()
    assert sent["authorization"].startswith("RCWS ")
    assert not {"x-daas-date", "content-md5"} & {*sent}

    add = open_call(reference, ADD)
    for number, content_type in enumerate(TYPES):
        if add.get_by_label("Request content type").input_value() != content_type:
            add.get_by_label("Request content type").select_option(content_type)
        fill(add, list_id="1")
        address = f"n{number}@x.org"
        if content_type == "application/json":
            add.locator("textarea").fill(f'{{"name": "Ä/B", "email_address": "{address}"}}')
        else:
            fill(add, email_address=address, name="Ä/B & c")
        answer = execute(reference, add)
        assert (answer.status, answer.json()["message"]) == (201, "Contact added"), content_type

    page = open_call(reference, PAGE)
    fill(page, list_id="1", pagesize="2", offset="1")
    assert execute(reference, page).json() == {"2": "n1@x.org", "3": "n2@x.org"}
    remove = open_call(reference, REMOVE)
    fill(remove, list_id="1", contact_id="3")
    assert execute(reference, remove).json() == "Contact removed"


def test_call_without_keys_is_sent_unsigned(reference: Any) -> None:  # noqa: F811  As above.
    call = open_call(reference, MAKE)
    fill(call, name_or_id="x")
    answer = execute(reference, call)
    assert (answer.status, answer.request.header_value("Authorization")) == (401, None)
