"""Servers that break the contract of lists and contacts, each by one change of ours, and the cases that must see it."""

from dataclasses import replace

from sqlalchemy import func, select

from daas.contacts import contacts, routes
from daas.contacts import lists as contact_lists
from daas.contacts.api import MIGOMAIL_API
from daas.contacts.models import ContactList
from daas.signing.rcws_scheme import HEX, MIGOMAIL

from .broken import Broken, answer

BROKEN: dict[str, Broken] = {}


def caught_by(*cases: str):
    def note(change):
        BROKEN[change.__name__.replace("_", " ")] = Broken(change, cases)
        return change

    return note


def scheme(patch, **parts):
    patch.setitem(vars(MIGOMAIL_API), "scheme", replace(MIGOMAIL, **parts))


def strings(patch, change):
    """Put other strings to sign in the place of the accepted ones."""
    scheme(patch, strings_to_sign=lambda request: change(request, MIGOMAIL.strings_to_sign(request)))


@caught_by("rcws.header.word-MMWS", "rcws.header.word-MmWs")
def rcws_alone(patch, _):
    scheme(patch, words=("RCWS",))


@caught_by("rcws.refused.other-word")
def the_other_word_too(patch, _):
    scheme(patch, words=("RCWS", "MMWS", "DAAS"))


@caught_by("rcws.encoding.HEX", "rcws.encoding.raw")
def small_hexadecimal_alone(patch, _):
    scheme(patch, encodings=(HEX,))


@caught_by("rcws.posted.plain-slash-utf-8-all", "rcws.posted.as-sent", "rcws.no-data.empty-null")
def what_php_signs_alone(patch, _):
    strings(patch, lambda _, accepted: accepted[:1])


@caught_by("rcws.string.sorted", "rcws.string.unsorted")
def the_query_as_it_is_sent(patch, _):
    strings(
        patch,
        lambda _, accepted: [string.replace(b"offset=2&pagesize=5", b"pagesize=5&offset=2") for string in accepted],
    )


@caught_by("rcws.string.capitals")
def capitals_too(patch, _):
    strings(patch, lambda request, accepted: [*accepted, f'GET::{request.uri}::{{"posted_data":"[]"}}'.encode()])


@caught_by("rcws.string.method", "rcws.string.method-post")
def any_method_signed_as_get(patch, _):
    strings(
        patch,
        lambda request, accepted: [*accepted, *MIGOMAIL.strings_to_sign(replace(request, method="GET"))],
    )


@caught_by("rcws.posted.other", "rcws.posted.no-data", "v1.body.unsigned")
def what_is_posted_not_signed(patch, _):
    patch.setattr("daas.web.authentication.verify", lambda *_: None)


@caught_by("rcws.posted.called-a-form")
def the_type_believed(patch, _):
    patch.setattr("daas.contacts.api._type_of", lambda content_type, _body: content_type or "")


@caught_by("rcws.refused.missing", "rcws.use.lists", "lists.argument.id-gone")
def a_request_id_in_the_body(patch, _):
    patch.setitem(vars(MIGOMAIL_API), "fault_body", lambda fault, request_id: fault.body(request_id))


@caught_by("lists.call.show-one", "contacts.call.remove")
def no_request_id_at_all(patch, breakable):
    answer(breakable, lambda _environ, _status, headers, _body: headers.remove("X-Request-Id"))


@caught_by("lists.call.show-one", "contacts.page.both")
def blanks_in_the_json(patch, breakable):
    answer(breakable, lambda _environ, status, _headers, body: (status, body.replace(b":", b": ")))


@caught_by("contacts.call.remove")
def a_removal_said_by_code(patch, breakable):
    said = b'{"code":200,"message":"Contact removed"}'
    answer(breakable, lambda _environ, status, _headers, body: (status, said if body == b'"Contact removed"' else body))


@caught_by("lists.call.slashes")
def no_slash_at_the_end(patch, breakable):
    def refuse(environ, status, _headers, body):
        return (404, b"") if environ["RAW_URI"].partition("?")[0].endswith(("json/", "3/")) else (status, body)

    answer(breakable, refuse)


@caught_by("lists.name.plus", "lists.name.trimmed", "lists.call.make")
def a_plus_for_a_plus(patch, _):
    original = routes._last_segment
    patch.setattr(routes, "_last_segment", lambda: original().replace(" ", "+"))


@caught_by(
    "lists.isolation.show",
    "lists.isolation.rename",
    "lists.isolation.remove",
    "lists.isolation.contacts",
    "lists.isolation.contact",
    "lists.isolation.add",
    "lists.isolation.change",
    "lists.isolation.take",
)
def everybodys_lists(patch, _):
    seen = []

    def for_the_first(original):
        def act(application, *rest, **named):
            seen.append(application)
            return original(seen[0], *rest, **named)

        return act

    for module, names in [
        (contact_lists, ["find_lists", "rename_list", "remove_list"]),
        (contacts, ["add_contact", "change_contact", "remove_contact", "find_contact", "find_contacts"]),
    ]:
        for name in names:
            patch.setattr(module, name, for_the_first(getattr(module, name)))


@caught_by("lists.call.ids")
def ids_used_again(patch, _):
    def least(connection, application_id):
        greatest = select(func.max(ContactList.number)).where(ContactList.application_id == application_id)
        return (connection.scalar(greatest.where(~ContactList.removed)) or 0) + 1

    patch.setattr(contact_lists, "_next_number", least)


@caught_by("contacts.call.exists", "contacts.call.exists-change")
def addresses_with_their_case(patch, _):
    patch.setattr(contacts, "fold_address", lambda address: address)


@caught_by("contacts.page.offset", "contacts.page.both", "contacts.page.beyond")
def every_page_the_first(patch, _):
    original = contacts.page_query

    def first(list_id, *, pagesize, **_):
        return original(list_id, pagesize=pagesize, offset=0)

    patch.setattr(contacts, "page_query", first)


@caught_by("contacts.call.lists")
def one_list_after_the_other(patch, _):
    original = contacts.add_contact

    def each(application, lists, fields, entry):
        return [original(application, [number], fields, entry) for number in sorted(lists, reverse=True)][-1]

    patch.setattr(contacts, "add_contact", each)
