"""Register the calls of an API: each view with its URLs, its authentication and its description."""

from collections.abc import Callable

from flask import Blueprint

from .authentication import View, requires_signature
from .openapi import Operation


def serve_call(
    blueprint: Blueprint, method: str, service: str, operation: Operation, *uris: str
) -> Callable[[View], View]:
    """Serve a view at `uris` below the blueprint's prefix, for signed requests of applications that may use `service`.

    The view takes the AuthenticatedRequest, then the parts of the path. `operation` describes it in the OpenAPI
    document, at the first of its URIs.
    """

    def decorate(view: View) -> View:
        admitted = requires_signature(service)(view)
        admitted.operation = operation  # type: ignore[attr-defined]
        admitted.described_at = f"{blueprint.url_prefix}{uris[0]}"  # type: ignore[attr-defined]
        for uri in uris:
            blueprint.add_url_rule(uri, view_func=admitted, methods=[method])
        return admitted

    return decorate
