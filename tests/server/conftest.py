"""What nginx answers itself, so that tests of the service's own HTTP are not run again behind it."""

import re

import pytest

#: nginx rejects these requests before the service sees them: `test_nginx_rejects_malformed_http_in_json`.
NOT_BEHIND_NGINX = [
    r"test_host_does_not_matter\[.*(missing|blank|blanks|empty-label|dot|slash)\]",
    r"test_an_absolute_target_counts_\w+\[.*(https://u@mail\.example\.org:8443|HTTP://)\]",
    r"test_any_other_path_under_the_api_is_not_found_\w+\[.*/direct/messages/move%(00)?\]",
    r"test_repeated_authorization_is_rejected\b.*",
    r"test_other_method_is_405\[.*-(TRACE|CONNECT)\]",
    # It passes on a target without a path as `/`: that is a redirect to the pages.
    r"test_a_path_that_is_nearly_the_apis_\w+\[.*http://127\.0\.0\.1(\?/direct/messages/move)?\]",
]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out of test_nginx.py the cases of other modules that never reach the service there."""
    left_out = [
        item
        for item in items
        if item.path.stem == "test_nginx" and any(re.fullmatch(pattern, item.name) for pattern in NOT_BEHIND_NGINX)
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
