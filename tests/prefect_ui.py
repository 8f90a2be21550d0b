"""The Prefect UI as an operator meets it: a real Chromium, clicking. It reaches this machine and nothing else."""

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

Found = TypeVar("Found")
PATIENCE_S = 60.0
GONE_OR_COVERED = [StaleElementReferenceException, ElementClickInterceptedException, ElementNotInteractableException]
"""What is said before anything was done with an element, so that it can be tried again."""


class PrefectUi:
    """The pages are redrawn at any moment, so everything is looked up at the time it is used, and again if it has just gone."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self._driver = driver
        self._url = url

    def sign_in(self, credential: str) -> None:
        self._driver.get(f"{self._url}/deployments")
        self._do("//input[@type='password']", lambda field: field.send_keys(credential + Keys.ENTER))

    def open_form(self, deployment: str) -> None:
        """The form of a run with parameters of one's own."""
        self._until(
            lambda: self._shown("//form//textarea"),
            "//*[normalize-space()='Custom run']",
            "//button[normalize-space()='Run']",
            f"//a[normalize-space()='{deployment}' and contains(@href, '/deployments/')]",
        )

    def fill(self, **fields: str) -> None:
        for name, text in fields.items():
            self._do(f"{_field(name)}//textarea", lambda field, text=text: field.send_keys(text))  # type: ignore[misc]

    def choose(self, name: str, option: str) -> None:
        self._do(f"{_field(name)}//select[option]", lambda field: Select(field).select_by_visible_text(option))

    def untick(self, name: str) -> None:
        box = f"{_field(name)}//input[@type='checkbox']"
        [before] = self._driver.find_elements(By.XPATH, box)
        assert before.is_selected()
        self._do(f"{box}/..", lambda switch: switch.click())
        [after] = self._driver.find_elements(By.XPATH, box)
        assert not after.is_selected()

    def submit(self, begun: Callable[[], str]) -> str:
        """Start the run and go to its page; its id, as ``begun`` tells it. While the form still looks at what was filled in, it
        takes no notice of the button."""
        run_id = ""
        for _ in range(5):
            self._do("//button[@type='submit']", lambda button: button.send_keys(Keys.ENTER))
            with contextlib.suppress(TimeoutException):
                run_id = self._wait(begun, within_s=5.0)
                break
        assert run_id, "the form can't be submitted"
        self._until(lambda: run_id in self._driver.current_url, f"//a[contains(@href, '{run_id}')]")
        return run_id

    def until_state(self, name: str) -> None:
        """Wait until the page, loaded again now and then, shows this state's name; by itself it asks but every quarter minute."""
        self._wait(
            lambda: self._driver.find_elements(By.XPATH, f"//*[contains(@class, 'state-badge')][normalize-space()='{name}']")
        )

    def servers_asked(self) -> set[str]:
        """Who was asked for anything by the pages, as host:port."""
        log = self._driver.get_log("performance")  # type: ignore[no-untyped-call] # selenium
        events = [json.loads(entry["message"])["message"] for entry in log]
        urls = [urlsplit(event["params"]["request"]["url"]) for event in events if event["method"] == "Network.requestWillBeSent"]
        return {url.netloc for url in urls if url.scheme in ("http", "https", "ws", "wss")}

    def _until(self, arrived: Callable[[], object], *ways: str) -> None:
        """Click the first of these that is there until it has led where it should: a page that is being redrawn forgets clicks."""

        def step() -> bool:
            if arrived():
                return True
            for way in ways:
                if found := self._shown(way):
                    found[0].click()
                    break
            return False

        self._wait(step, every_s=0.5)

    def _do(self, xpath: str, what: Callable[[WebElement], Found]) -> Found:
        return self._wait(lambda: [what(found) for found in self._shown(xpath)[:1]])[0]

    def _shown(self, xpath: str) -> list[WebElement]:
        return [found for found in self._driver.find_elements(By.XPATH, xpath) if found.is_displayed()]

    def _wait(self, true: Callable[[], Found], every_s: float = 0.2, within_s: float = PATIENCE_S) -> Found:
        return WebDriverWait(self._driver, within_s, every_s, GONE_OR_COVERED).until(lambda _: true())


def _field(name: str) -> str:
    """The form's field of that name."""
    return (
        "//div[contains(concat(' ', @class, ' '), ' schema-form-property ')]"
        f"[.//span[@class='schema-form-property__label'][normalize-space()='{name}' or normalize-space()='{name} (Optional)']]"
    )


@contextlib.contextmanager
def browser(url: str, folder: Path) -> Iterator[PrefectUi]:
    """Chromium without a window; what it showed last is kept in ``folder`` when the test fails."""
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if not all(programs):
        pytest.skip("no chromium and chromedriver; with Debian: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = str(programs[0])
    arguments = ["--headless=new", "--disable-dev-shm-usage", "--window-size=1400,2200", f"--user-data-dir={folder / 'chromium'}"]
    arguments.append("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")
    for argument in arguments:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(programs[1]))
    try:
        yield PrefectUi(driver, url)
    except BaseException as error:
        picture = folder / "browser.png"
        driver.save_screenshot(picture)
        error.add_note(f"the browser was at {driver.current_url} and showed {picture}")
        raise
    finally:
        driver.quit()
