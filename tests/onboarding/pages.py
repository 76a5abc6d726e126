"""The pages, parsed for the tests."""

import re
from dataclasses import dataclass
from html.parser import HTMLParser

from daas.onboarding.navigation import DOCUMENTS

DOCUMENTATION = "/onboarding/documentation/"
CONSOLE = "/onboarding/console"
REFERENCE = "/onboarding/reference"
ERRORS = DOCUMENTATION + "errors"
AUTHENTICATION = DOCUMENTATION + "authentication"
LISTS = DOCUMENTATION + "lists"
CONTACTS = DOCUMENTATION + "contacts"
SEND_EXAMPLE = DOCUMENTATION + "send_example"
VECTORS = DOCUMENTATION + "vectors"
TESTING = DOCUMENTATION + "testing"
PAGES = [
    DOCUMENTATION,
    *(DOCUMENTATION + name for name in DOCUMENTS),
    CONSOLE,
    REFERENCE,
]

# Elements without children, which their class identifies.
_LEAVES = {"pre", "span", "code"}


@dataclass
class Leaf:
    """A piece of text that is marked by a class, such as a block of code; `section` counts the page's sections."""

    tag: str
    kind: str
    section: int | None
    text: str = ""


class Document(HTMLParser):
    """A parsed page: its links, its ids and its leaves."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.leaves: list[Leaf] = []
        self.text = ""
        self._sections = 0
        self._section: int | None = None
        self._open: Leaf | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links += [given[name] for name in ("href", "src") if name in given]
        self.ids += [given["id"]] if "id" in given else []
        if tag == "section":
            self._sections += 1
            self._section = self._sections
        # The coloured tokens of a block of code are part of its text.
        elif tag in _LEAVES and (self._open is None or self._open.tag != "pre"):
            self._open = Leaf(tag, given.get("class", "").split(" ")[0], self._section)
            self.leaves.append(self._open)

    def handle_endtag(self, tag: str) -> None:
        if tag == "section":
            self._section = None
        elif self._open is not None and tag == self._open.tag:
            self._open = None

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._open is not None:
            self._open.text += data

    def blocks(self) -> list[str]:
        """Return the kinds of the blocks of code."""
        return [leaf.kind for leaf in self.leaves if leaf.tag == "pre"]

    def all(self, kind: str) -> list[str]:
        return [leaf.text for leaf in self.leaves if leaf.kind == kind]

    def sections(self) -> list[dict[str, str]]:
        """Return the texts of each section's leaves, by kind."""
        numbers = range(1, self._sections + 1)
        return [{leaf.kind: leaf.text for leaf in self.leaves if leaf.section == number} for number in numbers]


def without_request_id(body: str) -> str:
    return re.sub(r'"request_id":"[0-9a-f]+"', '"request_id":"..."', body)


def without_labels(html: str) -> str:
    """Return HTML without the labels that narrow screens show in table cells."""
    return re.sub(' data-label="[^"]*"', "", html)
