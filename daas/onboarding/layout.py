"""What the layout adds to the HTML of every page: links on headings, "on this page", table labels, coloured code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from itertools import chain

from markupsafe import Markup, escape
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Literal, Name, Operator, String, _TokenType, is_token_subtype

# A page with fewer sections is read faster than a list of them.
_MIN_SECTIONS = 4

_HEADING = re.compile(r'<h([23]) id="([^"]+)">(.*?)</h\1>', re.DOTALL)
_TABLE = re.compile(r"<table.*?</table>", re.DOTALL)
_ROW = re.compile(r"<tr>.*?</tr>", re.DOTALL)
_COLUMN = re.compile(r'<th scope="col">(.*?)</th>', re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
_LEAD = re.compile(r'<p class="lead">.*?</p>', re.DOTALL)

# The stylesheet has a colour for each of these classes.
_CLASSES: list[tuple[_TokenType, str]] = [
    (Comment.Preproc, "keyword"),
    (Comment, "comment"),
    (String, "string"),
    (Literal, "number"),
    (Keyword, "keyword"),
    (Operator.Word, "keyword"),
    (Name.Function, "name"),
    (Name.Class, "name"),
    (Name.Tag, "name"),
    (Name.Attribute, "name"),
    (Name.Builtin, "name"),
    (Name.Variable, "name"),
]


@dataclass(frozen=True)
class Page:
    """The content of a page, in two parts between which "on this page" belongs, and the sections that it lists.

    `sections` has the id and the title of each h2, and is empty for a short page.
    """

    opening: Markup
    rest: Markup
    sections: list[tuple[str, str]]


@dataclass(frozen=True)
class Section:
    """A heading of a page (an h1, h2 or h3) with its id, which an h1 lacks, and the text below it."""

    id: str | None
    title: str
    text: str


def finish(html: str) -> Page:
    """Return a page's content with a link on each heading and a label on each cell of a table."""
    sections = [(anchor, plain_text(title)) for level, anchor, title in _HEADING.findall(html) if level == "2"]
    html = _HEADING.sub(_add_link, html)
    html = _TABLE.sub(_label_cells, html)
    lead = _LEAD.search(html)
    end = lead.end() if lead else 0
    return Page(Markup(html[:end]), Markup(html[end:]), sections if len(sections) >= _MIN_SECTIONS else [])  # noqa: S704  It is the template's own output.


def plain_text(html: str) -> str:
    """Return HTML without its tags, its character references decoded and its whitespace collapsed."""
    return " ".join(unescape(_TAG.sub("", html)).split())


def split_sections(html: str) -> Iterator[Section]:
    """Yield the sections of a page, without its navigation and its blocks of code except JSON."""
    html = html[html.index("<main") : html.index("</main>")]
    html = re.sub(r'<pre class="(?!json).*?</pre>|<nav.*?</nav>', "", html, flags=re.DOTALL)
    parts = re.split(r'<h[123](?: id="([^"]+)")?>(.*?)</h[123]>', html, flags=re.DOTALL)
    for anchor, title, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        # A tag may be all that is between two words, as in a table.
        yield Section(anchor, plain_text(title), plain_text(re.sub(r"<(/?)(td|th|li|p|dt|dd|pre)\b", r" <\1\2", text)))


@lru_cache(maxsize=1024)
def highlight(text: str, language: str) -> Markup:
    """Return source code as HTML whose tokens have classes; `language` is the name of one of Pygments' lexers."""
    lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    return Markup("").join(chain.from_iterable(_mark(*token) for token in lexer.get_tokens(text)))


def _mark(kind: _TokenType, text: str) -> Iterator[Markup]:
    name = next((name for token, name in _CLASSES if is_token_subtype(kind, token)), None)
    yield escape(text) if name is None else Markup('<span class="{}">{}</span>').format(name, text)


def _add_link(heading: re.Match[str]) -> str:
    level, anchor, title = heading.groups()
    link = f'<a class="anchor" href="#{anchor}" aria-label="Link to this section"></a>'
    return f'<h{level} id="{anchor}">{title} {link}</h{level}>'


def _label_cells(table: re.Match[str]) -> str:
    """Give each cell the title of its column, which narrow screens show before it."""
    columns = [escape(plain_text(title)) for title in _COLUMN.findall(table[0])]

    def label(row: re.Match[str]) -> str:
        # The first column has the row's heading, which needs no label.
        remaining = iter(columns[1:])
        return re.sub("<td", lambda _: f'<td data-label="{next(remaining, "")}"', row[0])

    return _ROW.sub(label, table[0]) if columns else table[0]
