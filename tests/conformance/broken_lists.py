"""Servers that violate the contract of lists and contacts, each in one way, with the cases that must fail."""

import re

from .broken_server import FORM, Answer, BrokenServers, ListsRequest, Serve, compact

BROKEN = BrokenServers(ListsRequest)
before, after, around = BROKEN.before, BROKEN.after, BROKEN.around


@before("rcws.header.word-MMWS", "rcws.header.word-MmWs")
def only_rcws(request: ListsRequest) -> None:
    if (request["HTTP_AUTHORIZATION"] or "").upper().startswith("MMWS"):
        request.deny()


@before("rcws.refused.other-word")
def the_other_word_too(request: ListsRequest) -> None:
    request["HTTP_AUTHORIZATION"] = (request["HTTP_AUTHORIZATION"] or "").replace("DAAS", "RCWS")


@before("rcws.encoding.HEX", "rcws.encoding.raw")
def only_lower_case_hexadecimal(request: ListsRequest) -> None:
    if not re.fullmatch("[0-9a-f]{64}", request.signature):
        request.deny()


@before("rcws.posted.plain-slash-utf-8-all", "rcws.posted.as-sent", "rcws.no-data.empty-null")
def only_the_string_of_php(request: ListsRequest) -> None:
    if not request.is_signed_for(request.string().lower()):
        request.deny()


@before("rcws.string.sorted", "rcws.string.unsorted")
def the_query_as_it_is_sent(request: ListsRequest) -> None:
    if request.is_signed_for(request.string(is_sorted=False).lower()):
        request.sign()
    else:
        request.deny()


@before("rcws.string.capitals")
def capitals_too(request: ListsRequest) -> None:
    if request.is_signed_for(request.string()):
        request.sign()


@before("rcws.string.method", "rcws.string.method-post")
def any_method_signed_as_get(request: ListsRequest) -> None:
    if request.is_signed_for(request.string(method="GET").lower()):
        request.sign()


@before("rcws.posted.other", "rcws.posted.no-data", "v1.body.unsigned")
def what_is_posted_not_signed(request: ListsRequest) -> None:
    request.sign()


@before("rcws.posted.called-a-form")
def the_type_believed(request: ListsRequest) -> None:
    if request["CONTENT_TYPE"] == FORM and request.body.startswith(b"{"):
        request.deny()


@after("rcws.refused.missing", "rcws.use.lists", "lists.argument.id-gone")
def a_request_id_in_the_body(_: ListsRequest, response: Answer) -> None:
    if response.status >= 400:
        response.body = compact({"request_id": response.headers["X-Request-Id"], **response.json})


@after("lists.call.show-one", "contacts.call.remove")
def no_request_id_at_all(_: ListsRequest, response: Answer) -> None:
    response.headers.remove("X-Request-Id")


@after("lists.call.show-one", "contacts.page.both")
def spaces_in_the_json(_: ListsRequest, response: Answer) -> None:
    response.body = response.body.replace(b":", b": ")


@after("contacts.call.remove")
def a_removal_said_by_code(_: ListsRequest, response: Answer) -> None:
    if response.body == b'"Contact removed"':
        response.body = b'{"code":200,"message":"Contact removed"}'


@after("lists.call.slashes")
def no_slash_at_the_end(request: ListsRequest, response: Answer) -> None:
    if request.path.endswith(("json/", "3/")):
        response.status, response.body = 404, b""


@before("lists.name.plus", "lists.name.trimmed", "lists.call.make")
def a_plus_for_a_plus(request: ListsRequest) -> None:
    if request.is_signed_for(request.string().lower()) and "+" in request.path:
        request.target = request.target.replace("+", "%2B")
        request.sign()


@before(
    "lists.isolation.show",
    "lists.isolation.rename",
    "lists.isolation.remove",
    "lists.isolation.contacts",
    "lists.isolation.contact",
    "lists.isolation.add",
    "lists.isolation.change",
    "lists.isolation.take",
)
def everybodys_lists(request: ListsRequest) -> None:
    if request.keys == request.known.other:
        request.sign(request.known.granted)


@around("lists.call.ids")
def ids_used_again(request: ListsRequest, serve: Serve) -> Answer:
    response = serve(request)
    if request.method == "DELETE" and response.status == 200:
        request.memory["free"] = request.path.rpartition("/")[2].encode()
    elif response.status == 201 and "free" in request.memory:
        response.body = re.sub(rb"(?<=list-id )\d+", request.memory["free"], response.body)
    return response


@before("contacts.call.exists", "contacts.call.exists-change")
def addresses_with_their_case(request: ListsRequest) -> None:
    if b"A@" in request.body:
        request.body = request.body.replace(b"A@", b"capital-a@")
        request.sign()


@before("contacts.page.offset", "contacts.page.both", "contacts.page.beyond")
def every_page_the_first(request: ListsRequest) -> None:
    if "offset=" in request.target:
        request.target = re.sub(r"offset=\d+", "offset=0", request.target)
        request.sign()


@around("contacts.call.lists")
def one_list_after_the_other(request: ListsRequest, serve: Serve) -> Answer:
    path, _, lists = request.target.partition("?lists=")
    if not lists:
        return serve(request)
    body = request.body
    for number in sorted(lists.split(","), key=int, reverse=True):
        request.target, request.body = f"{path}?lists={number}", body
        request.sign()
        response = serve(request)
    return response
