"""The search over all pages: the browser loads the index once and searches it by itself."""

from collections.abc import Callable
from functools import cache
from typing import Any

import werkzeug
from flask import Flask, render_template

from ..errors import to_json
from ..web.authentication import requires_no_auth
from .downloads import send_file
from .layout import split_sections
from .navigation import GROUPS, page_url

# A longer text is cut, so that the index stays small.
_MAX_TEXT = 6000


def template_of(name: str) -> str:
    """Return the template of a page by its name."""
    return f"onboarding/{name}.html"


def init_search(app: Flask, examples: Callable[[], dict[str, Any]]) -> None:
    """Serve the index at /onboarding/search.json; `examples` returns what the pages show besides the globals."""

    # The pages need a request, so that the index is built at the first one; once in a process is enough.
    @cache
    def index() -> bytes:
        return _build_index(examples())

    @app.get("/onboarding/search.json")
    @requires_no_auth()
    def show_search_index() -> werkzeug.Response:
        """Send the sections of all pages as a JSON array."""
        return send_file(index(), "application/json")


def _build_index(examples: dict[str, Any]) -> bytes:
    """Return the sections of all pages: page, title, URL and text of each."""
    return to_json(
        [
            {
                "page": title,
                "title": section.title,
                "url": page_url(name) + (f"#{section.id}" if section.id else ""),
                "text": section.text[:_MAX_TEXT],
            }
            for pages in GROUPS.values()
            for name, title in pages.items()
            for section in split_sections(render_template(template_of(name), **examples))
        ]
    )
