"""Storage of lists and contacts: ids without gaps, isolation of applications, large lists."""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from daas.contacts import lists as contact_lists
from daas.contacts.contacts import page_query
from daas.contacts.models import Contact, ContactList
from daas.storage.engine import db

from ..support.database import transaction
from ..support.servers import LiveServer
from ..support.wire import Answer, ask_until_served, connected
from .caller import Caller

pytestmark = pytest.mark.both_databases

CLIENTS = 32
LARGE = 100_000


def at_once(server: LiveServer, requests: list[bytes]) -> list[Answer]:
    """Send all requests at once, each on its own connection, and return the responses."""
    start = Barrier(len(requests))

    def client(request: Any) -> Any:
        with connected(server) as wire:
            start.wait(timeout=30)
            return ask_until_served(lambda: wire.ask(request))

    with ThreadPoolExecutor(len(requests)) as pool:
        return [*pool.map(client, requests)]


def test_concurrent_contacts_are_numbered_without_gaps(server: LiveServer, caller: Caller) -> None:
    caller.make_list()
    uri = "/v1/contacts.json/1/contacts/"
    # Half of them again: a rejected contact leaves no gap.
    addresses = [f"c{n}@x.org" for n in range(CLIENTS)]
    requests = [caller.request("POST", uri, {"email_address": address}) for address in addresses]
    responses = at_once(server, [*requests, *requests[::2]])
    assert sorted(response.status for response in responses) == [201] * CLIENTS + [409] * (CLIENTS // 2)
    shown = caller.ask("GET", uri).json
    assert [*shown] == [str(number) for number in range(1, CLIENTS + 1)]
    assert {*shown.values()} == {*addresses}


def test_concurrent_lists_are_numbered_without_gaps(server: LiveServer, caller: Caller) -> None:
    responses = at_once(server, [caller.request("POST", f"/v1/lists/L{n}") for n in range(CLIENTS)])
    made = {response.json["message"].split()[1]: response.json["message"].rpartition(" ")[2] for response in responses}
    assert sorted(map(int, made.values())) == [*range(1, CLIENTS + 1)]
    assert caller.ask("GET", "/v1/lists.json").json == {number: name for name, number in made.items()}


def test_concurrent_additions_to_same_lists_do_not_deadlock(server: LiveServer, caller: Caller) -> None:
    for _ in range(4):
        caller.make_list()
    orders = [*itertools.permutations("1234")]
    requests = [
        caller.request("POST", f"/v1/contacts.json?lists={','.join(order)}", {"email_address": f"c{n}@x.org"})
        for n, order in enumerate(orders)
    ]
    assert {response.status for response in at_once(server, requests)} == {201}
    for number in range(1, 5):
        assert len(caller.ask("GET", f"/v1/contacts.json/{number}/contacts").json) == len(orders)


def test_one_of_several_concurrent_removals_succeeds(server: LiveServer, caller: Caller) -> None:
    caller.make_list()
    caller.add(1, "a@x.org")
    responses = at_once(server, [caller.request("DELETE", "/v1/lists.json/1")] * 8)
    assert sorted(response.status for response in responses) == [200] + [404] * 7


# Isolation

COMMANDS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(["make", "rename", "remove", "add", "add to all", "edit", "drop"]),
        st.integers(1, 3),
        st.integers(1, 3),
        st.sampled_from("ab"),
    ),
    max_size=14,
)


class Model:
    """The lists and contacts that one application should see, in plain dictionaries."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.lists: dict[int, str] = {}
        self.contacts: dict[int, dict[int, str]] = {}
        self.last_list = 0
        self.last_contacts: dict[int, int] = {}

    def do(self, what: str, number: int, contact: int, letter: str) -> None:
        address = f"{letter}@x.org"
        ask = self.caller.ask
        there = number in self.lists
        if what == "make":
            self.last_list += 1
            self.lists[self.last_list] = letter
            self.contacts[self.last_list] = {}
            self.last_contacts[self.last_list] = 0
            expected, response = 201, ask("POST", f"/v1/lists/{letter}")
        elif what == "rename":
            if there:
                self.lists[number] = letter
            expected, response = 201 if there else 404, ask("POST", f"/v1/lists.json?id={number}&name={letter}")
        elif what == "remove":
            self.lists.pop(number, None)
            self.contacts.pop(number, None)
            expected, response = 200 if there else 404, ask("DELETE", f"/v1/lists.json/{number}")
        elif what == "add to all":
            requested = ",".join(map(str, range(1, number + 1)))
            expected = self.add_to([*range(1, number + 1)], address)
            response = ask("POST", f"/v1/contacts.json?lists={requested}", {"email_address": address})
        elif what == "add":
            expected = self.add_to([number], address)
            response = ask("POST", f"/v1/contacts.json/{number}/contacts", {"email_address": address})
        elif what == "edit":
            known = there and contact in self.contacts[number]
            taken = known and any(other == address and key != contact for key, other in self.contacts[number].items())
            if known and not taken:
                self.contacts[number][contact] = address
            expected = 409 if taken else 200 if known else 404
            response = ask("POST", f"/v1/contacts.json/{number}/contacts/{contact}", {"email_address": address})
        else:
            known = there and bool(self.contacts[number].pop(contact, None))
            expected, response = 200 if known else 404, ask("DELETE", f"/v1/contacts.json/{number}/contacts/{contact}")
        assert response.status_code == expected, (what, number, contact, letter, response.text)

    def add_to(self, numbers: list[int], address: str) -> int:
        for number in numbers:
            if number not in self.lists:
                return 404
            if address in self.contacts[number].values():
                return 409
        for number in numbers:
            self.last_contacts[number] += 1
            self.contacts[number][self.last_contacts[number]] = address
        return 201

    def check(self) -> None:
        ask = self.caller.ask
        assert ask("GET", "/v1/lists.json").json == {str(number): name for number, name in self.lists.items()}
        for number in range(1, self.last_list + 1):
            response = ask("GET", f"/v1/contacts.json/{number}/contacts")
            if number in self.lists:
                assert response.json == {str(key): value for key, value in self.contacts[number].items()}
            else:
                assert response.status_code == 404
        for address in ("a@x.org", "b@x.org"):
            found = {
                str(number): str(key)
                for number, contacts in self.contacts.items()
                for key, value in contacts.items()
                if value == address
            }
            assert ask("GET", f"/v1/contacts.json?email_address={address}").json == found


def test_applications_never_see_or_change_each_others_lists(make_caller: Callable[..., Any]) -> None:
    @hypothesis_settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
    @given(COMMANDS)
    def each_sees_its_own(commands: Any) -> None:
        models = [Model(make_caller()), Model(make_caller())]
        for who, *command in commands:
            models[who].do(*command)
        for model in models:
            model.check()

    each_sees_its_own()


# Large lists


@pytest.fixture
def large(app: Flask, caller: Caller) -> Iterator[int]:
    """Yield the row id of one of two lists with LARGE contacts, of which every tenth was removed."""
    for _ in range(2):
        caller.make_list()
    with app.app_context(), transaction() as connection:
        ids = connection.scalars(select(ContactList.id).order_by(ContactList.id.desc()).limit(2)).all()
        for list_id in ids:
            numbers = (
                "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n "
                f"WHERE n < {LARGE}) SELECT {list_id}, n, 'c' || n || '@x.org', 'c' || n || '@x.org'"
                + ", ''" * 11
                + " FROM n WHERE n % 10 > 0"
            )
            connection.execute(text(f"INSERT INTO contact {numbers}"))
            connection.exec_driver_sql(f"UPDATE contact_list SET last_contact = {LARGE} WHERE id = {list_id}")
        connection.exec_driver_sql("ANALYZE contact")
    yield ids[0]
    with app.app_context():
        for number in (1, 2):
            caller.ask("DELETE", f"/v1/lists.json/{number}")


def plan_of(query: Any) -> str:
    prefix = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}[db.engine.dialect.name]
    statement = str(query.compile(dialect=db.engine.dialect, compile_kwargs={"literal_binds": True}))
    with transaction() as connection:
        return "\n".join(str(row[-1]) for row in connection.exec_driver_sql(prefix + statement))


def test_large_list_is_paged_by_index_and_removed_whole(app: Flask, caller: Caller, large: int) -> None:
    with app.app_context():
        plan = plan_of(page_query(large, pagesize=5, offset=80_000))
        if db.engine.dialect.name == "sqlite":
            # The query skips entries in the index only, and looks up the shown rows by their key.
            assert "COVERING INDEX sqlite_autoindex_contact_1 (list_id=?)" in plan
            assert "SEARCH contact USING INDEX sqlite_autoindex_contact_1 (list_id=? AND number>?)" in plan
        else:
            assert "Only Scan using pk_contact" in plan
            assert "Seq Scan" not in plan
            assert "InitPlan" in plan
    last = caller.ask("GET", f"/v1/contacts.json/1/contacts/?offset={LARGE * 9 // 10 - 3}&pagesize=1000")
    assert last.json == {str(n): f"c{n}@x.org" for n in range(LARGE - 3, LARGE)}
    caller.add(1, "new@x.org")
    assert caller.ask("GET", f"/v1/contacts.json/1/contact/{LARGE + 1}").json == {str(LARGE + 1): "new@x.org"}
    assert caller.ask("DELETE", "/v1/lists.json/2").status_code == 200
    with app.app_context(), transaction() as connection:
        counted = select(Contact.list_id, func.count()).where(Contact.list_id.in_([large, large - 1]))
        assert dict(connection.execute(counted.group_by(Contact.list_id)).all()) in (
            {large: LARGE * 9 // 10},
            {large - 1: LARGE * 9 // 10 + 1},
        )


def test_next_removal_completes_a_removal_that_crashed(
    app: Flask, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller.make_list()
    caller.add(1, "a@x.org")
    caller.make_list()

    def crash() -> None:
        raise OperationalError("", {}, Exception())

    with monkeypatch.context() as patched:
        patched.setattr(contact_lists, "delete_removed_lists", crash)
        assert caller.ask("DELETE", "/v1/lists.json/1").status_code == 200
    assert caller.ask("GET", "/v1/lists.json").text == '{"2":"List"}'
    assert caller.ask("GET", "/v1/contacts.json?email_address=a@x.org").text == "{}"
    assert caller.ask("DELETE", "/v1/lists.json/2").status_code == 200
    with app.app_context(), transaction() as connection:
        assert connection.scalar(select(func.count()).where(ContactList.removed)) == 0
