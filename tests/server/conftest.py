"""The requests that nginx rejects itself: tests of the service's own HTTP leave them out when run through nginx."""

import re

import pytest

#: nginx rejects these requests before the service sees them: `test_nginx_rejects_malformed_http_in_json`.
REJECTED_BY_NGINX = [
    r"test_host_does_not_matter\[.*(missing|blank|blanks|empty-label|dot|slash)\]",
    r"test_absolute_target_is_signed_from_its_path\[.*(https://u@mail\.example\.org:8443|HTTP://)\]",
    r"test_other_path_under_api_is_404_and_never_redirected\[.*/direct/messages/move%(00)?\]",
    r"test_repeated_authorization_is_rejected\b.*",
    r"test_other_method_is_405\[.*-(TRACE|CONNECT)\]",
    # nginx passes a target without a path on as `/`, which redirects to the pages.
    r"test_path_like_the_apis_is_no_page_and_never_redirected\[.*http://127\.0\.0\.1(\?/direct/messages/move)?\]",
]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect in test_nginx.py those cases of other modules that never reach the service."""
    left_out = [
        item
        for item in items
        if item.path.stem == "test_nginx" and any(re.fullmatch(pattern, item.name) for pattern in REJECTED_BY_NGINX)
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
