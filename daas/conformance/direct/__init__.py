"""The cases of Direct messages: signatures, requests, arguments, responses."""

from ..case import Case
from ..target import Target
from . import (
    arguments,
    authorization,
    batches,
    bodies,
    dates,
    headers,
    json_arguments,
    multipart,
    order,
    responses,
    string_to_sign,
)


def cases(target: Target) -> list[Case]:
    """Return all cases; those about limits use the target's settings."""
    return [
        *authorization.CASES,
        *string_to_sign.CASES,
        *dates.CASES,
        *dates.window(target.window),
        *headers.CASES,
        *bodies.CASES,
        *bodies.limits(target.max_body_bytes),
        *arguments.CASES,
        *json_arguments.CASES,
        *multipart.CASES,
        *responses.CASES,
        *responses.too_large(target.max_body_bytes),
        *batches.CASES,
        *order.CASES,
        *order.too_large(target.max_body_bytes),
    ]
