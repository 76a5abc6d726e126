"""What the layout adds to each page: links on headings, its sections, table labels, coloured code; the search index."""

import json
import re
from html import unescape

import pytest
from flask import Flask

from daas.onboarding.layout import finish, highlight

from .pages import CONSOLE, DOCUMENTATION, ERRORS, PAGES, Document

SEARCH = "/onboarding/search.json"


@pytest.mark.parametrize("path", PAGES)
def test_every_heading_below_the_title_has_a_link(app: Flask, path: str) -> None:
    html = app.test_client().get(path).text
    content = html[html.index("<main") : html.index("</main>")]
    headings = re.findall(r'<h[23] id="([^"]+)">.*?<a class="anchor" href="#([^"]+)"', content, re.DOTALL)
    assert all(anchor == link for anchor, link in headings)
    assert len(headings) == len(re.findall("<h[23]", content)) - content.count('<nav class="toc"')
    assert len(re.findall("<h1>", content)) == 1


def test_long_page_lists_its_sections(app: Flask) -> None:
    html = app.test_client().get(ERRORS).text
    listed = re.search(r'<nav class="toc".*?</nav>', html, re.DOTALL)[0]
    assert re.findall('href="#(.*?)"', listed) == re.findall('<h2 id="(.*?)"', html)
    assert html.index('class="lead"') < html.index('class="toc"')


def test_short_page_lists_no_sections() -> None:
    assert finish("<h1>Title</h1>" + '<h2 id="a">A</h2>' * 3).sections == []
    assert finish("<h1>Title</h1>" + '<h2 id="a">A &amp; <b>B</b></h2>' * 4).sections == [("a", "A & B")] * 4


def test_cell_is_labelled_by_its_column() -> None:
    head = '<thead><tr><th scope="col">name</th><th scope="col">a "b" &lt;c&gt;</th></tr></thead>'
    page = finish(f'<table>{head}<tr><th scope="row">x</th><td>1</td></tr></table><table><tr><td>2</td></tr></table>')
    html = page.opening + page.rest
    assert '<td data-label="a &#34;b&#34; &lt;c&gt;">1</td>' in html
    assert "<td>2</td>" in html


@pytest.mark.parametrize("language", ["bash", "csharp", "http", "java", "javascript", "json", "php", "python"])
def test_highlighting_keeps_the_text(language: str) -> None:
    text = "\n\n# <b> & \"x\" \\\n  if (1) { return 'y'; }  \n"
    html = highlight(text, language)
    assert "<b>" not in html
    assert unescape(re.sub("<.*?>", "", html)) == text


def test_highlighting_marks_tokens() -> None:
    assert highlight('{"a":"b"}', "json") == (
        '{<span class="name">&#34;a&#34;</span>:<span class="string">&#34;b&#34;</span>}'
    )


# The search


def test_search_index_has_every_section_of_every_page(app: Flask) -> None:
    response = app.test_client().get(SEARCH)
    assert (response.status_code, response.content_type) == (200, "application/json")
    sections = json.loads(response.data)
    assert {section["url"].partition("#")[0] for section in sections} == {*PAGES}
    by_page = {path: Document(app.test_client().get(path).text).ids for path in PAGES}
    for section in sections:
        path, _, anchor = section["url"].partition("#")
        assert not anchor or anchor in by_page[path], section["url"]
        assert section["title"]
    assert {f"{ERRORS}#{name}" for name in ("est", "lists", "reasons")} <= {section["url"] for section in sections}


def test_search_index_has_words_but_no_programs(app: Flask) -> None:
    text = " ".join(section["text"] for section in json.loads(app.test_client().get(SEARCH).data))
    assert "content-length-malformed The Content-Length" in text
    assert "import hashlib" not in text
    assert not re.search("</?(td|span|code)", text)


def test_search_index_is_loaded_once(app: Flask) -> None:
    client = app.test_client()
    first = client.get(SEARCH)
    again = client.get(SEARCH, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.headers["Cache-Control"], again.status_code) == ("no-cache", 304)


def test_current_page_is_marked_in_the_navigation(app: Flask) -> None:
    for path in (DOCUMENTATION, CONSOLE):
        assert re.findall('href="(.*?)" aria-current="page"', app.test_client().get(path).text) == [path]
