"""The calls of lists and contacts, with each response to the byte."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from werkzeug.test import TestResponse

from daas import signing
from daas.applications.models import Application
from daas.contacts.models import Contact, ContactList
from daas.signing.mechanism import KeyPair
from daas.storage.engine import db

from ..support.builders import Builder
from ..support.database import transaction
from ..support.servers import LiveServer
from .caller import FORM, NAMED, NO_DATA, Caller, authorization

pytestmark = pytest.mark.both_databases

VECTORS = json.loads((Path(signing.__file__).parent / "vectors" / "migomail.json").read_text(encoding="utf-8"))


def status_and_text(response: TestResponse) -> tuple[int, str]:
    return response.status_code, response.text


def test_ten_calls_respond_as_documented(server: LiveServer, caller: Caller) -> None:
    """The order and values are those of the public document, over one connection."""
    contacts = [f"{letter}@x.org" for letter in "abcdefg"]
    conversation = [
        ("GET", "/v1/lists.json", None, 200, "{}"),
        ("POST", "/v1/lists/List+1", None, 201, '{"code":201,"message":"List List 1 created with list-id 1"}'),
        ("POST", "/v1/lists.json/List+2", None, 201, '{"code":201,"message":"List List 2 created with list-id 2"}'),
        ("GET", "/v1/lists.json", None, 200, '{"1":"List 1","2":"List 2"}'),
        ("GET", "/v1/lists.json?id=2", None, 200, '{"2":"List 2"}'),
        ("POST", "/v1/lists/List+3", None, 201, '{"code":201,"message":"List List 3 created with list-id 3"}'),
        (
            "POST",
            "/v1/lists.json?id=3&name=Renamed+1",
            None,
            201,
            '{"code":201,"message":"List renamed to Renamed 1"}',
        ),
        ("GET", "/v1/lists.json?id=3", None, 200, '{"3":"Renamed 1"}'),
        ("DELETE", "/v1/lists.json/3", None, 200, '{"code":200,"message":"List removed"}'),
        ("GET", "/v1/lists.json", None, 200, '{"1":"List 1","2":"List 2"}'),
        ("GET", "/v1/contacts.json/1/contacts/", None, 200, "{}"),
        *(
            (
                "POST",
                "/v1/contacts.json/1/contacts/",
                {"email_address": each},
                201,
                '{"code":201,"message":"Contact added"}',
            )
            for each in contacts
        ),
        (
            "GET",
            "/v1/contacts.json/1/contacts/?offset=2&pagesize=5",
            None,
            200,
            '{"3":"c@x.org","4":"d@x.org","5":"e@x.org","6":"f@x.org","7":"g@x.org"}',
        ),
        ("GET", "/v1/contacts.json/1/contact/2", None, 200, '{"2":"b@x.org"}'),
        (
            "POST",
            "/v1/contacts.json/1/contacts/2",
            {"email_address": "new@x.org"},
            200,
            '{"code":200,"message":"Contact updated"}',
        ),
        ("GET", "/v1/contacts.json/1/contact/2", None, 200, '{"2":"new@x.org"}'),
        ("DELETE", "/v1/contacts.json/1/contacts/2", None, 200, '"Contact removed"'),
        (
            "GET",
            "/v1/contacts.json/1/contact/2",
            None,
            404,
            '{"code":404,"message":"Contact not found"}',
        ),
    ]
    for method, uri, posted, status, body in conversation:
        response = caller.ask_over(server, method, uri, posted)
        assert (response.status, response.text) == (status, body), (method, uri)
        assert response.header("Content-Type") == "application/json"
        assert response.header("Cache-Control") == "no-store"
        assert response.header("X-Request-Id").isdecimal()


@pytest.mark.only("sqlite")
def test_trailing_slash_is_optional(server: LiveServer, caller: Caller) -> None:
    calls = [
        ("POST", "/v1/lists/One", None),
        ("POST", "/v1/lists.json/Two", None),
        ("GET", "/v1/lists.json", None),
        ("POST", "/v1/contacts.json/1/contacts", {"email_address": "{}@x.org"}),
        ("GET", "/v1/contacts.json/1/contacts", None),
        ("GET", "/v1/contacts.json/1/contact/1", None),
        ("POST", "/v1/contacts.json/1/contacts/1", {"name": "A"}),
        ("DELETE", "/v1/contacts.json/1/contacts/{}", None),
        ("POST", "/v1/contacts.json?lists=1", {"email_address": "l{}@x.org"}),
        ("GET", "/v1/contacts.json?email_address=1@x.org", None),
        ("POST", "/v1/lists.json?id=1&name=x", None),
        ("DELETE", "/v1/lists.json/{}", None),
    ]
    for method, uri, posted in calls:
        for turn, slash in enumerate(["", "/"], start=1):
            path, mark, query = uri.format(turn).partition("?")
            each = posted and {name: value.format(turn) for name, value in posted.items()}
            response = caller.ask_over(server, method, f"{path}{slash}{mark}{query}", each)
            assert response.status in {200, 201}, (method, uri, slash, response.text)
        assert caller.ask(method, f"{path}//{mark}{query}", each).status_code == 404


@pytest.mark.parametrize(
    ("segment", "name"),
    [
        ("List+3", "List 3"),
        ("List%203", "List 3"),
        ("1%2B1", "1+1"),
        ("A%2FB", "A/B"),
        ("a%2fb%2F", "a/b/"),
        ("%2F", "/"),
        ("A%252FB", "A%2FB"),
        ("%C3%89cole", "École"),
        ("%7B%22a%22%7D", '{"a"}'),
        ("..", ".."),
        ("++x%09", "x"),
        ("lists.json", "lists.json"),
        ("%F0%9F%98%80", "😀"),
        ("a" * 255, "a" * 255),
    ],
)
def test_list_name_is_read_from_the_raw_target(server: LiveServer, caller: Caller, segment: str, name: str) -> None:
    response = caller.ask_over(server, "POST", f"/v1/lists/{segment}")
    expected = json.dumps(f"List {name} created with list-id 1", ensure_ascii=False)
    assert (response.status, response.text) == (201, f'{{"code":201,"message":{expected}}}')
    shown = caller.ask("GET", "/v1/lists.json")
    assert shown.text == f'{{"1":{json.dumps(name, ensure_ascii=False)}}}'


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(
    ("segment", "status", "message"),
    [
        ("+", 422, "'name' is a required field."),
        ("%20%09", 422, "'name' is a required field."),
        ("a" * 256, 422, "'name' contains invalid input"),
        ("a%00b", 422, "'name' contains invalid input"),
        ("%FF", 400, "Bad Request"),
        ("%ED%A0%80", 400, "Bad Request"),
    ],
)
def test_invalid_list_name_is_rejected(caller: Caller, segment: str, status: int, message: str) -> None:
    response = caller.ask("POST", f"/v1/lists/{segment}")
    fields = ',"fields":["name"]' if status == 422 else ""
    assert status_and_text(response) == (status, f'{{"code":{status},"message":"{message}"{fields}}}')
    assert caller.ask("GET", "/v1/lists.json").text == "{}"


def test_two_lists_may_have_the_same_name(caller: Caller) -> None:
    assert [caller.make_list("Same"), caller.make_list("Same")] == [1, 2]
    assert caller.ask("GET", "/v1/lists.json").text == '{"1":"Same","2":"Same"}'


def test_ids_are_never_used_again(caller: Caller) -> None:
    numbers = [caller.make_list() for _ in range(3)]
    caller.add(1, "a@x.org", "b@x.org")
    caller.ask("DELETE", "/v1/lists.json/3")
    caller.ask("DELETE", "/v1/contacts.json/1/contacts/2")
    caller.add(1, "b@x.org")
    assert [*numbers, caller.make_list()] == [1, 2, 3, 4]
    assert caller.ask("GET", "/v1/contacts.json/1/contacts/").text == '{"1":"a@x.org","3":"b@x.org"}'


def test_rejected_contact_uses_no_id(caller: Caller) -> None:
    caller.make_list()
    caller.add(1, "a@x.org")
    for _ in range(3):
        caller.ask("POST", "/v1/contacts.json/1/contacts/", {"email_address": "A@X.org"})
    caller.add(1, "b@x.org")
    assert caller.ask("GET", "/v1/contacts.json/1/contacts/").text == '{"1":"a@x.org","2":"b@x.org"}'


def test_removed_list_removes_its_contacts(caller: Caller) -> None:
    caller.make_list()
    caller.add(1, "a@x.org")
    caller.ask("DELETE", "/v1/lists.json/1")
    for method, uri in [
        ("GET", "/v1/contacts.json/1/contacts/"),
        ("GET", "/v1/contacts.json/1/contact/1"),
        ("DELETE", "/v1/contacts.json/1/contacts/1"),
        ("DELETE", "/v1/lists.json/1"),
        ("GET", "/v1/lists.json?id=1"),
    ]:
        assert status_and_text(caller.ask(method, uri)) == (404, '{"code":404,"message":"List not found"}')
    assert caller.ask("GET", "/v1/contacts.json?email_address=a@x.org").text == "{}"


def test_address_is_unique_in_its_list_without_case(caller: Caller) -> None:
    caller.make_list()
    caller.make_list()
    caller.add(1, "Me@X.org", "you@x.org")
    caller.add(2, "me@x.org")
    exists = (409, '{"code":409,"message":"Contact already exists"}')
    assert status_and_text(caller.ask("POST", "/v1/contacts.json/1/contacts/", {"email_address": "mE@x.ORG"})) == exists
    assert (
        status_and_text(caller.ask("POST", "/v1/contacts.json/1/contacts/2", {"email_address": "ME@x.org"})) == exists
    )
    assert caller.ask("POST", "/v1/contacts.json/1/contacts/1", {"email_address": "ME@x.org"}).status_code == 200
    assert caller.ask("GET", "/v1/contacts.json/1/contacts/").text == '{"1":"ME@x.org","2":"you@x.org"}'


FIELDS = [column.key for column in Contact.__table__.columns if column.key not in {"list_id", "number", "email_folded"}]


def stored(caller: Caller, number: Any = 1) -> dict[str, str]:
    """Return the fields of a contact in the database."""
    with caller.application.app.app_context():
        query = (
            select(Contact)
            .join(ContactList, ContactList.id == Contact.list_id)
            .where(Contact.number == number)
            .order_by(ContactList.id.desc())
        )
        row = db.session.scalars(query).first()
        found = {name: getattr(row, name) for name in FIELDS}
        db.session.rollback()
    return found


def test_every_field_is_stored_and_others_are_ignored(caller: Caller) -> None:
    caller.make_list()
    posted = {name: f" {name} ünd / \U0001f600\t" for name in FIELDS} | {"email_address": " a@x.org ", "other": ["x"]}
    assert caller.ask("POST", "/v1/contacts.json/1/contacts/", posted).status_code == 201
    kept = {name: f"{name} ünd / \U0001f600" for name in FIELDS} | {"email_address": "a@x.org"}
    assert stored(caller) == kept


def test_edit_changes_sent_fields_also_to_empty_and_no_others(caller: Caller) -> None:
    caller.make_list()
    posted = {name: name for name in FIELDS} | {"email_address": "a@x.org"}
    caller.ask("POST", "/v1/contacts.json/1/contacts/", posted)
    edit = {"name": "New", "city": " ", "phone": "", "email_address": "", "dob": None}
    response = caller.ask("POST", "/v1/contacts.json/1/contacts/1", edit)
    assert status_and_text(response) == (200, '{"code":200,"message":"Contact updated"}')
    assert stored(caller) == posted | {"name": "New", "city": "", "phone": ""}


def test_edit_without_fields_succeeds_if_contact_exists(caller: Caller) -> None:
    caller.make_list()
    caller.add(1, "a@x.org")
    assert caller.ask("POST", "/v1/contacts.json/1/contacts/1").status_code == 200
    assert caller.ask("POST", "/v1/contacts.json/1/contacts/2").status_code == 404


@pytest.mark.only("sqlite")
@pytest.mark.parametrize("content_type", [FORM, "multipart/form-data; boundary=b", "application/json", None])
def test_contact_is_accepted_in_each_content_type(caller: Caller, content_type: str | None) -> None:
    caller.make_list()
    bodies = {
        FORM: "name=A+%26+B&email_address=a%40x.org",
        "multipart/form-data; boundary=b": "--b\r\n"
        'Content-Disposition: form-data; name="name"\r\n\r\nA & B\r\n--b\r\n'
        'Content-Disposition: form-data; name="email_address"\r\n\r\na@x.org\r\n--b--\r\n',
    }
    text = '{"email_address":"a@x.org","name":"A & B"}'
    uri = "/v1/contacts.json/1/contacts/"
    response = caller.application.app.test_client().post(
        uri,
        data=bodies.get(content_type, text),
        headers={"Authorization": authorization(caller.application.keys, "POST", uri, text)}
        | ({} if content_type is None else {"Content-Type": content_type}),
    )
    assert status_and_text(response) == (201, '{"code":201,"message":"Contact added"}')
    assert (stored(caller)["email_address"], stored(caller)["name"]) == ("a@x.org", "A & B")


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(
    "address",
    ["a@x.org", "a.b+c@x.org", "o'neil@x-y.co.uk", "a@münchen.de", "a@localhost", "a@sub.x.museum"],
)
def test_valid_address_is_accepted(caller: Caller, address: str) -> None:
    caller.make_list()
    caller.add(1, address)
    assert caller.ask("GET", "/v1/contacts.json/1/contact/1").json == {"1": address}


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(
    "address",
    [
        *["a", "@x.org", "a@", "a@x", "a b@x.org", "a@x..org", "a@x.org,b@x.org", "a\0@x.org", "a@\ud800.org"],
        *[5, True, ["a@x.org"], {"a": "b"}, "a@" + "x." * 127 + "org", "<a@x.org>"],
    ],
    ids=repr,
)
def test_invalid_address_is_rejected(caller: Caller, address: Any) -> None:
    caller.make_list()
    response = caller.ask("POST", "/v1/contacts.json/1/contacts/", {"email_address": address})
    expected = '{"code":422,"message":"\'email_address\' contains invalid input","fields":["email_address"]}'
    assert status_and_text(response) == (422, expected)


@pytest.mark.only("sqlite")
@pytest.mark.parametrize("value", ["x" * 256, "a\0b", "\udfff", 5, 1.5, True, [], {}], ids=repr)
def test_invalid_field_is_rejected(caller: Caller, value: Any) -> None:
    caller.make_list()
    response = caller.ask("POST", "/v1/contacts.json/1/contacts/", {"email_address": "a@x.org", "zip_code": value})
    expected = '{"code":422,"message":"\'zip_code\' contains invalid input","fields":["zip_code"]}'
    assert status_and_text(response) == (422, expected)
    assert caller.ask("GET", "/v1/contacts.json/1/contacts/").text == "{}"


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(
    ("method", "uri", "posted", "expected"),
    [
        (
            "POST",
            "/v1/contacts.json/9/contacts/",
            {"name": "A"},
            '{"code":422,"message":"\'email_address\' is a required field.","fields":["email_address"]}',
        ),
        (
            "POST",
            "/v1/lists.json",
            None,
            '{"code":422,"message":"\'id\' is a required field. \'name\' is a required field.","fields":["id","name"]}',
        ),
        (
            "POST",
            "/v1/lists.json?id=x&name=%00",
            None,
            '{"code":422,"message":"\'id\' contains invalid input. \'name\' contains invalid input",'
            '"fields":["id","name"]}',
        ),
        (
            "POST",
            "/v1/lists.json?id=01",
            None,
            '{"code":422,"message":"\'name\' is a required field.","fields":["name"]}',
        ),
        ("GET", "/v1/lists.json?id=0", None, '{"code":422,"message":"\'id\' contains invalid input","fields":["id"]}'),
        (
            "GET",
            "/v1/contacts.json/9/contacts?offset=-1&pagesize=1001",
            None,
            '{"code":422,"message":"\'pagesize\' contains invalid input. \'offset\' contains invalid input",'
            '"fields":["pagesize","offset"]}',
        ),
        (
            "GET",
            "/v1/contacts.json/9/contacts?offset=1&offset=1",
            None,
            '{"code":422,"message":"\'offset\' contains invalid input","fields":["offset"]}',
        ),
    ],
)
def test_errors_name_the_wrong_arguments(
    caller: Caller, method: str, uri: str, posted: dict[str, str] | None, expected: str
) -> None:
    assert status_and_text(caller.ask(method, uri, posted)) == (422, expected)


def test_pages_follow_one_another(caller: Caller) -> None:
    caller.make_list()
    caller.add(1, *(f"c{n}@x.org" for n in range(1, 8)))
    caller.ask("DELETE", "/v1/contacts.json/1/contacts/3")
    pages = [
        caller.ask("GET", f"/v1/contacts.json/1/contacts/?offset={offset}&pagesize=2").json for offset in (0, 2, 4, 6)
    ]
    assert [[*page] for page in pages] == [["1", "2"], ["4", "5"], ["6", "7"], []]
    assert [*caller.ask("GET", "/v1/contacts.json/1/contacts/").json] == ["1", "2", "4", "5", "6", "7"]
    assert caller.ask("GET", f"/v1/contacts.json/1/contacts/?offset={2**63 - 1}").text == "{}"


@pytest.mark.parametrize("number", ["0", "01", "-1", "+1", "1.0", "x", "9223372036854775808", "%D9%A1", "1%2F2", "*"])
def test_unknown_list_or_contact_is_404(caller: Caller, number: str) -> None:
    caller.make_list()
    caller.add(1, "a@x.org")
    no_list, no_contact = '{"code":404,"message":"List not found"}', '{"code":404,"message":"Contact not found"}'
    requested = {
        f"/v1/contacts.json/{number}/contact/1": no_list,
        f"/v1/contacts.json/{number}/contact/{number}": no_list,
        f"/v1/contacts.json/1/contact/{number}": no_contact,
    }
    assert {uri: caller.ask("GET", uri).text for uri in requested} == requested
    assert caller.ask("DELETE", f"/v1/lists.json/{number}").text == no_list
    assert caller.ask("DELETE", f"/v1/contacts.json/1/contacts/{number}").text == no_contact
    assert caller.ask("POST", f"/v1/contacts.json/1/contacts/{number}", {"name": "A"}).text == no_contact
    assert caller.ask("POST", f"/v1/contacts.json/{number}/contacts/", {"email_address": "b@x.org"}).text == no_list


# Our additions


def test_contact_is_added_to_several_lists_at_once(caller: Caller) -> None:
    for _ in range(3):
        caller.make_list()
    caller.add(3, "x@x.org")
    response = caller.ask("POST", "/v1/contacts.json?lists=3,1,3", {"email_address": "a@x.org", "name": "A"})
    assert status_and_text(response) == (201, '{"code":201,"message":"Contact added"}')
    found = caller.ask("GET", "/v1/contacts.json?email_address=A%40x.org")
    assert status_and_text(found) == (200, '{"1":"1","3":"2"}')


@pytest.mark.parametrize(
    ("lists", "status", "message"),
    [
        ("1,3", 404, "List not found"),
        ("1,2", 409, "Contact already exists"),
        ("1,", 422, "'lists' contains invalid input"),
        ("1;2", 422, "'lists' contains invalid input"),
        (",".join(map(str, range(1, 102))), 422, "'lists' contains invalid input"),
        ("", 422, "'lists' is a required field."),
    ],
    ids=["unknown", "exists", "comma", "semicolon", "too many", "none"],
)
def test_contact_is_added_to_all_lists_or_none(caller: Caller, lists: str, status: int, message: str) -> None:
    caller.make_list()
    caller.make_list()
    caller.add(2, "a@x.org")
    response = caller.ask("POST", f"/v1/contacts.json?lists={lists}", {"email_address": "a@x.org"})
    assert (response.status_code, response.json["message"]) == (status, message)
    assert caller.ask("GET", "/v1/contacts.json?email_address=a@x.org").text == '{"2":"1"}'
    caller.add(1, "b@x.org")
    assert caller.ask("GET", "/v1/contacts.json/1/contacts").text == '{"1":"b@x.org"}'


def test_unknown_address_is_in_no_list(caller: Caller, make_caller: Callable[..., Any]) -> None:
    other = make_caller()
    other.make_list()
    other.add(1, "a@x.org")
    assert status_and_text(caller.ask("GET", "/v1/contacts.json?email_address=a@x.org")) == (200, "{}")


# Vectors


@pytest.mark.only("sqlite")
def test_signed_vectors_get_their_responses(build: Builder) -> None:
    """A signature without a date is valid for ever; those of the vectors were computed by another implementation."""
    documented = [vector for vector in VECTORS if vector["answer"]]
    keys = KeyPair(documented[0]["public_key"], documented[0]["private_key"])
    caller = Caller(build.application(services=NAMED, keys=keys))
    caller.make_list()
    add_many(caller, 342)
    client = caller.application.app.test_client()
    for vector in VECTORS:
        headers = {"Authorization": vector["authorization"]}
        if vector["content_type"]:
            headers["Content-Type"] = vector["content_type"]
        response = client.open(vector["uri"], method=vector["method"], data=vector["body"], headers=headers)
        assert response.status_code not in {401, 403}, vector["name"]
        assert vector["answer"] in {None, response.text}


def add_many(caller: Caller, count: int) -> None:
    """Import contacts into the first list."""
    with caller.application.app.app_context(), transaction() as connection:
        named = select(Application.id).where(Application.name == caller.application.name).scalar_subquery()
        list_id = connection.scalar(
            select(ContactList.id).where(ContactList.application_id == named, ContactList.number == 1)
        )
        rows = [
            {"list_id": list_id, "number": n, "email_address": f"n{n}@y.org", "email_folded": f"n{n}@y.org"}
            for n in range(1, count + 1)
        ]
        connection.execute(insert(Contact), rows)
        connection.execute(update(ContactList).where(ContactList.id == list_id).values(last_contact=count))


@pytest.mark.only("sqlite")
def test_each_text_for_no_posted_data_is_accepted(caller: Caller) -> None:
    for body in ["", "[]", "{}", NO_DATA, '{"posted_data":"null"}']:
        for text in [NO_DATA, '{"posted_data":"null"}', body or NO_DATA]:
            header = {"Authorization": authorization(caller.application.keys, "GET", "/v1/lists.json", text)}
            response = caller.application.app.test_client().get(
                "/v1/lists.json", data=body, headers={**header, "Content-Type": "text/plain"}
            )
            assert status_and_text(response) == (200, "{}"), (body, text)
