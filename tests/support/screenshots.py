"""Take the README's screenshots with the system's Chromium: `make screenshots`."""

import sys
import tempfile
from pathlib import Path

from ..onboarding.console import Console
from ..onboarding.pages import AUTHENTICATION
from ..onboarding.stage import start_chromium, start_demo
from .servers import ROOT

IMAGES = ROOT / "docs" / "images"


def take_screenshots(chromium: str) -> None:
    with (
        tempfile.TemporaryDirectory() as directory,
        start_demo(Path(directory)) as demo,
        start_chromium(chromium) as browser,
    ):
        page = browser.new_page(viewport={"width": 1280, "height": 760})
        page.goto(f"{demo.server.url}{AUTHENTICATION}#string")
        page.screenshot(path=IMAGES / "documentation.png")
        console = Console(page, demo.server.url, demo.keys)
        console.choose("Move a message")
        console.fill(mailbox="demo.clinician", id="1", folder="Archived")
        console.sign_by_hand(lambda text: text.replace("urlencoded", "urlencoded; charset=UTF-8"))
        console.send()
        page.locator("#came").evaluate("heading => heading.scrollIntoView()")
        page.screenshot(path=IMAGES / "console.png")


if __name__ == "__main__":
    take_screenshots(sys.argv[1])
