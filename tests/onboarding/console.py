"""The console page, driven like a person does."""

import re
from typing import Any

from daas.signing.mechanism import KeyPair

from .pages import CONSOLE, without_request_id


class Console:
    """The console in a browser's page, with the keys filled in."""

    def __init__(self, page: Any, url: str, keys: KeyPair) -> None:
        self.page = page
        page.goto(url + CONSOLE)
        page.get_by_label("Public key").fill(keys.public_key)
        page.get_by_label("Private key").fill(keys.private_key)

    def choose(self, call: str) -> None:
        self.page.get_by_label(call, exact=True).check()

    def fill(self, **fields: str) -> None:
        """Fill in fields by name; of several with one name, the visible one."""
        for name, text in fields.items():
            self.page.locator(f"form#call [name={name}]:visible").fill(text)

    def sign_by_hand(self, change: Any) -> None:
        """Replace the string to sign by what a function returns for it."""
        self.page.get_by_label("Edit the string to sign").check()
        box = self.page.get_by_label("String to sign", exact=True)
        box.fill(change(box.input_value()))

    def send(self) -> tuple[int, str]:
        """Send the call, and return the shown status and body, without its request_id."""
        with self.page.expect_response(lambda response: re.search("/(direct|v1)/", response.url)) as sent:
            self.page.get_by_role("button", name="Sign and send").click()
        return self.response_to(sent.value)

    def response_to(self, response: Any) -> tuple[int, str]:
        self.page.locator("#answer-body", has_text=response.text()).wait_for()
        status = self.page.get_by_role("status").inner_text()
        body = self.page.locator("#answer-body").inner_text()
        assert status == f"The response is {response.status}."
        return response.status, without_request_id(body)

    @property
    def difference(self) -> str:
        return self.page.locator("#difference").inner_text()

    @property
    def lines(self) -> list[str]:
        return self.page.locator("#lines code").all_inner_texts()

    def shown(self, name: str) -> str:
        return self.page.locator(f"#{name}").inner_text()
