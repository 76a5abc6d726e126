"""The URLs of the pages for developers. No page uses the database, so all work while it is unavailable."""

from importlib import resources
from pathlib import Path
from typing import Any

import werkzeug
from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    make_response,
    redirect,
    render_template,
    url_for,
)

from ..client import DEFAULT_URL
from ..contacts.api import CONTACTS_API
from ..contacts.openapi import example_errors as example_errors_of_contacts
from ..direct.openapi import SERVED_TYPES
from ..reasons import Reason
from ..services import services
from ..web.authentication import requires_no_auth
from ..web.html import content_security_policy
from .collections import init_collections
from .downloads import DOWNLOADS, SCHEMA, sample, send_file, vector_files, vectors, written
from .examples import KEYS, body_of, example_calls, example_contacts_calls, example_dates, example_errors
from .layout import finish, highlight
from .navigation import DOCUMENTS, GROUPS, page_url
from .search import init_search, template_of

onboarding = Blueprint("onboarding", __name__)

_SWAGGER_UI = Path(str(resources.files("flask_swagger_ui"))) / "dist"
_SWAGGER_UI_FILES = ("swagger-ui.css", "swagger-ui-bundle.js")
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES = {
    path.name: path.read_bytes()
    for path in [*(Path(__file__).parent / "static").iterdir(), *(_SWAGGER_UI / name for name in _SWAGGER_UI_FILES)]
    if path.suffix in _TYPES
}


def init_onboarding(app: Flask) -> None:
    """Register the pages, and hand their templates examples that are computed from the two APIs."""
    settings = app.extensions["daas"].settings
    # The address of `make run`, because the examples use the demo, which exists only there.
    url = f"http://{settings.bind}" if settings.binds_loopback else DEFAULT_URL
    app.register_blueprint(onboarding)
    init_collections(app, url)
    init_search(app, _examples_signed_now)
    app.jinja_env.globals.update(
        finish=finish,
        groups=GROUPS,
        highlight=highlight,
        page_url=page_url,
        body_of=body_of,
        errors=example_errors(),
        keys=KEYS,
        reasons=Reason,
        contacts_calls=example_contacts_calls(),
        contacts_errors={
            name: (error.status, body_of(error, CONTACTS_API)) for name, error in example_errors_of_contacts().items()
        },
        sample=sample,
        served_types=SERVED_TYPES,
        vector_fields=vectors(SCHEMA)["items"]["properties"],
        vector_files=vector_files(),
        written=written,
        url=url,
    )


@onboarding.context_processor
def _examples_signed_now() -> dict[str, Any]:
    now = services().clock()
    return {"calls": example_calls(now), "dates": example_dates(now)}


@onboarding.get("/")
@requires_no_auth()
def redirect_to_index() -> werkzeug.Response:
    """Redirect from / to the documentation."""
    return redirect(url_for("onboarding.index"))


@onboarding.get("/onboarding/documentation/")
@requires_no_auth()
def index() -> str:
    """Show the services and the first steps."""
    return render_template("onboarding/index.html")


@onboarding.get(f"/onboarding/documentation/<any({', '.join(DOCUMENTS)}):name>")
@requires_no_auth()
def show_page(name: str) -> str:
    """Show a page of the documentation."""
    return render_template(template_of(name))


@onboarding.get("/onboarding/documentation/<any(examples, vectors):folder>/<name>")
@requires_no_auth()
def download(folder: str, name: str) -> Response:
    """Send a sample program or a file of signing vectors."""
    content = DOWNLOADS.get(f"{folder}/{name}")
    if content is None:
        abort(404)
    return Response(content, mimetype="application/json" if name.endswith(".json") else "text/plain")


@onboarding.get("/onboarding/console")
@requires_no_auth()
def console() -> str:
    """Show the page that signs and sends requests in the browser."""
    return render_template("onboarding/console.html")


@onboarding.get("/onboarding/reference")
@requires_no_auth()
def reference() -> Response:
    """Show the OpenAPI document as a page that signs and sends requests."""
    page = make_response(render_template("onboarding/reference.html"))
    # Swagger UI's stylesheet has its icons as data: images; otherwise the policy of all pages is enough.
    page.headers["Content-Security-Policy"] = content_security_policy(images="'self' data:")
    return page


@onboarding.get("/onboarding/static/<name>")
@requires_no_auth()
def static_file(name: str) -> werkzeug.Response:
    """Send the stylesheet, the icon or a script."""
    if name not in _FILES:
        abort(404)
    return send_file(_FILES[name], _TYPES[Path(name).suffix])
