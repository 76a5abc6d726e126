"""What all pages share: templates, headers that restrict them to this host, and error pages."""

from flask import Flask, Response, make_response, render_template
from jinja2 import PackageLoader, StrictUndefined

from .. import __version__
from ..errors import ApiError
from ..settings import Settings


def init_html(app: Flask, settings: Settings) -> None:
    """Make the app find the templates, and define the variables that all of them use."""
    app.jinja_loader = PackageLoader("daas.templates", "")
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        version=__version__,
        clinical_domain=settings.clinical_domain,
        date_window_seconds=settings.date_window_seconds,
        max_body_bytes=settings.max_body_bytes,
    )


def render_error(error: ApiError) -> Response:
    """Return a page that explains an error and what to do."""
    return make_response(render_template(f"errors/{error.status}.html"), error.status, error.headers)


def content_security_policy(images: str = "'self'") -> str:
    """Return a page's Content-Security-Policy: no other host, no inline scripts or styles, no frames.

    `images` is the source list for images.
    """
    return "; ".join(
        [
            "default-src 'none'",
            "style-src 'self'",
            "script-src 'self'",
            "connect-src 'self'",
            f"img-src {images}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


def protect(response: Response) -> None:
    """Add the headers of every page; a page with its own policy has set it already."""
    response.headers.setdefault("Content-Security-Policy", content_security_policy())
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
