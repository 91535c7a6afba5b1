"""Selenium in Python: its virtual authenticators are real keys, for `keyfob webdriver` stands before chromedriver."""

import os
import subprocess
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions
from selenium.webdriver.support.wait import WebDriverWait

SITE = Path(__file__).parents[1] / "site" / "site.mjs"


@pytest.fixture
def site():
    with subprocess.Popen(["node", SITE], stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().split()[-1]
        process.terminate()


@pytest.fixture
def browser(keyfob_webdriver):
    browser = webdriver.Remote(keyfob_webdriver, options=firefox() if "FIREFOX" in os.environ else chromium())
    yield browser
    browser.quit()


def chromium():
    options = webdriver.ChromeOptions()
    options.binary_location = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(flag)
    return options


def firefox():
    options = webdriver.FirefoxOptions()
    options.binary_location = os.environ["FIREFOX"]
    options.add_argument("-headless")
    return options


def test_a_page_makes_a_passkey_and_signs_in(browser, site):
    passkeys = {"has_resident_key": True, "has_user_verification": True, "is_user_verified": True}
    browser.add_virtual_authenticator(VirtualAuthenticatorOptions(protocol="ctap2_1", transport="usb", **passkeys))
    browser.get(site)
    browser.find_element(By.ID, "register").click()
    assert outcome(browser) == "ada has a passkey"
    (credential,) = browser.get_credentials()
    assert credential.rp_id == "localhost"
    browser.find_element(By.ID, "sign-in").click()
    assert outcome(browser) == "ada is signed in"
    browser.save_screenshot(f"{os.environ.get('ARTEFACTS', '.')}/selenium-python.png")


def outcome(browser):
    return WebDriverWait(browser, 60).until(lambda _: browser.find_element(By.ID, "outcome").text)
