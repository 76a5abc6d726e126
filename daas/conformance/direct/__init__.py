"""The cases of the Direct message API: who signed, what was sent, what was asked for, what is answered."""

from ..case import Case
from ..stage import Stage
from . import answers, arguments, authorization, bodies, dates, headers, json_arguments, order, parts, strings


def cases(stage: Stage) -> list[Case]:
    """Give all cases; those of the server's limits are made for what the stage says that they are."""
    return [
        *authorization.CASES,
        *strings.CASES,
        *dates.CASES,
        *dates.window(stage.window),
        *headers.CASES,
        *bodies.CASES,
        *bodies.limits(stage.max_body_bytes),
        *arguments.CASES,
        *json_arguments.CASES,
        *parts.CASES,
        *answers.CASES,
        *answers.too_large(stage.max_body_bytes),
        *order.CASES,
        *order.too_large(stage.max_body_bytes),
    ]
