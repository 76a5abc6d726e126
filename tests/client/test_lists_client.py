"""`ListsClient` over a socket: its results, its exceptions, and the calls that it never sends twice."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from daas import client
from daas.client import Contact, ContactList, ListsClient, Refusal, Retries

from ..contacts.caller import NAMED
from ..support.actors import Application
from ..support.builders import Builder
from ..support.servers import LiveServer
from .network import answer, lose, network


@pytest.fixture
def caller(build: Builder) -> Application:
    return build.application(services=NAMED)


@pytest.fixture
def lists(server: LiveServer, caller: Application) -> Iterator[ListsClient]:
    with ListsClient(server.url, caller.keys.public_key, caller.keys.private_key) as lists:
        yield lists


def test_lists_are_created_shown_renamed_and_removed(lists: ListsClient) -> None:
    one = lists.create_list(" Röntgen/A + B? ")
    assert one == ContactList("1", "Röntgen/A + B?")
    assert lists.create_list("..") == ContactList("2", "..")
    assert lists.lists() == [one, ContactList("2", "..")]
    lists.rename_list(2, "Zwei & mehr")
    assert lists.contact_list("2") == ContactList("2", "Zwei & mehr")
    lists.remove_list(2)
    assert lists.lists() == [one]


def test_contacts_are_added_shown_changed_and_removed(lists: ListsClient) -> None:
    one, two = lists.create_list("One").id, lists.create_list("Two").id
    lists.add_contact(one, "ana@x.org", name="Ä/B", zip_code="0815")
    lists.add_contact_to_lists([one, two], "bo@x.org")
    assert lists.contact(one, 2) == Contact("2", "bo@x.org")
    lists.change_contact(one, 2, email_address="Bo@y.org", city="Århus")
    assert lists.find_contact("BO@Y.ORG") == {one: "2"}
    assert lists.find_contact("bo@x.org") == {two: "1"}
    lists.remove_contact(one, 1)
    assert [*lists.contacts(one)] == [[Contact("2", "Bo@y.org")]]


def test_contacts_come_a_page_at_a_time(lists: ListsClient) -> None:
    made = lists.create_list("One").id
    for number in range(1, 6):
        lists.add_contact(made, f"n{number}@x.org")
    pages = [[contact.id for contact in page] for page in lists.contacts(made, pagesize=2)]
    assert pages == [["1", "2"], ["3", "4"], ["5"]]
    assert [contact.id for page in lists.contacts(made, offset=3) for contact in page] == ["4", "5"]
    assert [*lists.contacts(made, pagesize=5, offset=5)] == []


# Each documented error, from the real server


def send(lists: ListsClient, path: Any = "/v1/contacts.json/1/contacts", method: Any = "POST", **content: Any) -> Any:
    return lists.call(method, path, dict, **content)


def add_twice(lists: Any) -> None:
    made = lists.create_list("A").id
    for address in ("a@x.org", "A@x.org"):
        lists.add_contact(made, address)


REJECTED: dict[Any, Any] = {
    client.BadRequest: (lambda lists: send(lists, content=b"{"), ()),
    client.AuthenticationFailed: (lambda lists: lists.lists(), ()),
    client.NotFound: (lambda lists: send(lists, "/v1/nothing"), ()),
    client.MethodNotAllowed: (lambda lists: send(lists, method="PUT"), ()),
    client.ListNotFound: (lambda lists: lists.contact_list(9), ()),
    client.ContactNotFound: (lambda lists: lists.contact(lists.create_list("A").id, 9), ()),
    client.ContactExists: (add_twice, ()),
    client.BodyTooLarge: (lambda lists: lists.add_contact(1, "a@x.org", name="x" * 70_000), ()),
    client.UnsupportedMediaType: (lambda lists: send(lists, content=b"x", headers={"Content-Type": "text/plain"}), ()),
    client.MissingArguments: (lambda lists: lists.create_list(""), ("name",)),
    client.InvalidArguments: (
        lambda lists: lists.add_contact(1, "nobody", name="x" * 256),
        ("email_address", "name"),
    ),
}


@pytest.mark.parametrize("kind", REJECTED)
def test_each_documented_error_has_its_own_exception(lists: Any, build: Builder, kind: type[Any]) -> None:
    call, fields = REJECTED[kind]
    if kind is client.AuthenticationFailed:
        lists.auth = client.SignatureAuth("unknown", "key", scheme=lists.scheme)
    with pytest.raises(Refusal) as raised:
        call(lists)
    rejected = raised.value
    row = build.log_row(rejected.request_id)
    assert (type(rejected), rejected.fields, rejected.status) == (kind, fields, row.status)
    assert str(rejected) == f"{row.status} {rejected.message} (request {rejected.request_id})"


def test_call_that_is_not_granted_has_its_own_exception(server: LiveServer, build: Builder) -> None:
    keys = build.application(services=("v1/lists",)).keys
    with (
        ListsClient(server.url, keys.public_key, keys.private_key) as lists,
        pytest.raises(client.NotAuthorized, match=r"^403 Not Authorized"),
    ):
        lists.contact(1, 1)


RARE = {client.TooManyRequests: 429, client.InternalServerError: 500, client.ServiceUnavailable: 503}


@pytest.mark.parametrize("kind", RARE)
def test_each_rare_error_has_its_own_exception(kind: type[Any]) -> None:
    step = answer(RARE[kind], f'{{"code":{RARE[kind]},"message":"no"}}', retry_after="60")
    with network(step) as way, ListsClient(way.url, "public", "private") as lists, pytest.raises(Refusal) as raised:
        lists.lists()
    assert (type(raised.value), raised.value.message) == (kind, "no")


def test_every_documented_error_is_tested() -> None:
    assert {*ListsClient.documented_errors} == {*REJECTED, *RARE, client.NotAuthorized}


UNDOCUMENTED = {
    "lists": (lambda lists: lists.lists(), "[]"),
    "names": (lambda lists: lists.lists(), '{"1":2}'),
    "no such list": (lambda lists: lists.contact_list(1), "{}"),
    "made": (lambda lists: lists.create_list("A"), '{"code":201,"message":"Done"}'),
    "renamed": (lambda lists: lists.rename_list(1, "A"), '{"code":201,"message":"Done"}'),
    "removed": (lambda lists: lists.remove_list(1), '{"code":200}'),
    "contact removed": (lambda lists: lists.remove_contact(1, 1), '{"code":200,"message":"Contact removed"}'),
    "contacts": (lambda lists: [*lists.contacts(1)], '"none"'),
}


@pytest.mark.parametrize(("call", "body"), UNDOCUMENTED.values(), ids=UNDOCUMENTED)
def test_undocumented_success_has_its_own_exception(call: Callable[..., Any], body: str) -> None:
    with (
        network(answer(200, body)) as way,
        ListsClient(way.url, "public", "private") as lists,
        pytest.raises(client.UnexpectedAnswer),
    ):
        call(lists)


# Retries

ONCE = {
    "create_list": lambda lists: lists.create_list("A"),
    "remove_list": lambda lists: lists.remove_list(1),
    "add_contact": lambda lists: lists.add_contact(1, "a@x.org"),
    "add_contact_to_lists": lambda lists: lists.add_contact_to_lists([1], "a@x.org"),
    "remove_contact": lambda lists: lists.remove_contact(1, 1),
}
AGAIN = {
    "lists": (lambda lists: lists.lists(), "{}"),
    "contact_list": (lambda lists: lists.contact_list(1), '{"1":"A"}'),
    "rename_list": (lambda lists: lists.rename_list(1, "A"), '{"code":201,"message":"List renamed to A"}'),
    "contacts": (lambda lists: [*lists.contacts(1)], "{}"),
    "contact": (lambda lists: lists.contact(1, 1), '{"1":"a@x.org"}'),
    "change_contact": (lambda lists: lists.change_contact(1, 1, name=""), '{"code":200,"message":"Contact updated"}'),
    "find_contact": (lambda lists: lists.find_contact("a@x.org"), "{}"),
}
QUICK = Retries(pause=0)


def test_every_call_is_repeatable_or_not() -> None:
    calls = {name for name in vars(ListsClient) if callable(getattr(ListsClient, name)) and not name.startswith("_")}
    assert calls == {*ONCE} | {*AGAIN}


@pytest.mark.parametrize("call", ONCE.values(), ids=ONCE)
@pytest.mark.parametrize(
    ("step", "raised"),
    [(lose, client.NoAnswer), (answer(503, retry_after="0"), client.ServiceUnavailable)],
    ids=["connection lost", "503"],
)
def test_call_that_may_have_succeeded_is_not_retried(
    call: Callable[..., Any], step: Callable[..., Any], raised: type[Any]
) -> None:
    with network(step) as way, ListsClient(way.url, "public", "private", retries=QUICK) as lists:
        with pytest.raises(raised):
            call(lists)
        assert len(way.requests) == 1


@pytest.mark.parametrize("call", ONCE.values(), ids=ONCE)
def test_call_that_surely_failed_is_retried(call: Callable[..., Any]) -> None:
    rejected = answer(404, '{"code":404,"message":"List not found"}')
    with network(answer(429, retry_after="0"), rejected) as way:
        with ListsClient(way.url, "public", "private", retries=QUICK) as lists, pytest.raises(client.ListNotFound):
            call(lists)
        assert len(way.requests) == 2


@pytest.mark.parametrize(("call", "body"), AGAIN.values(), ids=AGAIN)
def test_idempotent_call_is_retried(call: Callable[..., Any], body: str) -> None:
    with network(lose, answer(503, retry_after="0"), answer(200, body)) as way:
        with ListsClient(way.url, "public", "private", retries=QUICK) as lists:
            call(lists)
        assert len(way.requests) == 3


def test_unreached_service_is_tried_again() -> None:
    with network(lose) as way:
        url = way.url
    tried = []
    retries = Retries(attempts=3, pause=0)
    with (
        httpx.Client(event_hooks={"request": [lambda _: tried.append(1)]}) as http,
        pytest.raises(client.NoAnswer),
    ):
        ListsClient(url, "public", "private", retries=retries, http=http).create_list("A")
    assert len(tried) == 3
