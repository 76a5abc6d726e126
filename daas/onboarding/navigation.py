"""The pages, in the groups and the order of the navigation."""

from collections.abc import Mapping

from flask import url_for

#: The pages of each group: the name of the template in onboarding/, and the title in the navigation.
GROUPS: Mapping[str, Mapping[str, str]] = {
    "Start": {
        "index": "Overview",
        "send_example": "A first move",
        "how_it_works": "How it works",
        "glossary": "Glossary",
    },
    "API reference": {
        "authentication": "Authentication",
        "move_message": "Move a message",
        "move_batch": "Batches and retries",
        "folders": "List folders",
        "messages": "Find messages",
        "read_message": "Read a message",
        "history": "History and restore",
        "requests": "Your request log",
        "lists": "Lists",
        "contacts": "Contacts",
        "errors": "Errors",
    },
    "Tools": {
        "console": "Console",
        "reference": "OpenAPI reference",
        "testing": "Testing",
        "vectors": "Signing vectors",
        "collections": "Postman and Bruno",
    },
}

# These pages have a URL of their own; all others are under /onboarding/documentation/.
_OWN_URL = ("index", "console", "reference")

#: The names of the pages under /onboarding/documentation/.
DOCUMENTS = [name for pages in GROUPS.values() for name in pages if name not in _OWN_URL]


def page_url(name: str) -> str:
    """Return the URL of a page by the name of its template."""
    if name in _OWN_URL:
        return url_for(f"onboarding.{name}")
    return url_for("onboarding.show_page", name=name)
