"""Virtual authenticators as Selenium has them: what test suites do with them, against chromedriver and against keyfob, unchanged."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fido2.cose import ES256
from fido2.webauthn import Aaguid, AttestedCredentialData, AuthenticatorData
from selenium.common.exceptions import InvalidArgumentException, WebDriverException
from selenium.webdriver.common.virtual_authenticator import Credential

from card_reader import card_reader
from drivers import READER, Driven
from website import relying_party

PASSKEYS = {"has_resident_key": True, "has_user_verification": True, "is_user_verified": True}


@pytest.fixture(scope="module", autouse=True)
def _end_all():
    yield
    Driven.end_all()


@contextmanager
def _page(place, **members):
    """A site in a browser that has a virtual authenticator with these options."""
    browser = Driven.at(place)
    with relying_party(browser) as page, browser.authenticator(**members) as selenium:
        try:
            yield page, selenium
        except BaseException:
            print(browser.words())
            raise


def _key():
    """A private key as PKCS#8, and its public key as COSE."""
    key = generate_private_key(SECP256R1())
    text = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return text, ES256.from_cryptography_key(key.public_key())


def _known(credential_id, public_key):
    """What a site would have kept of it."""
    return AttestedCredentialData.create(Aaguid.NONE, credential_id, public_key)


def a_page_registers_and_signs_in(place):
    with _page(place) as (page, _):
        page.begin_to_register()
        credential, _, _ = page.registered()
        page.begin_to_sign_in([credential])
        page.signed_in([credential])


def a_page_makes_a_passkey_and_signs_in_without_a_name(place):
    with _page(place, **PASSKEYS) as (page, selenium):
        page.begin_to_register(verified=True, discoverable=True)
        credential, data, _ = page.registered()
        assert data.is_user_verified()
        page.begin_to_sign_in(verified=True)
        page.signed_in([credential])
        (told,) = selenium.get_credentials()
        assert told.is_resident_credential and told.rp_id == "localhost" and told.sign_count >= 1


def a_credential_of_a_page_that_is_not_resident_is_told_too(place):
    with _page(place) as (page, selenium):
        page.begin_to_register()
        credential, _, _ = page.registered()
        (told,) = selenium.get_credentials()
        assert not told.is_resident_credential and told.id.rstrip("=") == _base64url(credential.credential_id)


def a_credential_that_was_added_signs_in(place):
    private, public = _key()
    with _page(place) as (page, selenium):
        selenium.add_credential(Credential.create_non_resident_credential(b"\1\2\3\4", "localhost", private, 7))
        known = _known(b"\1\2\3\4", public)
        page.begin_to_sign_in([known])
        page.signed_in([known])
        (told,) = selenium.get_credentials()
        assert told.sign_count == {"keyfob-gecko": 9}.get(place, 8), "Firefox asks first whether it is there, which counts"


def a_passkey_that_was_added_signs_in_without_a_name(place):
    private, public = _key()
    with _page(place, **PASSKEYS) as (page, selenium):
        selenium.add_credential(Credential.create_resident_credential(b"an id", "localhost", b"ada", private, 0))
        page.begin_to_sign_in(verified=True)
        page.signed_in([_known(b"an id", public)])


def what_is_told_can_be_added_again(place):
    with _page(place, **PASSKEYS) as (page, selenium):
        page.begin_to_register(verified=True, discoverable=True)
        credential, _, _ = page.registered()
        (told,) = selenium.get_credentials()
        selenium.remove_all_credentials()
        assert selenium.get_credentials() == []
        restored = Credential(
            told._id, True, told.rp_id, told._user_handle, told._private_key, told.sign_count
        )
        selenium.add_credential(restored)
        page.begin_to_sign_in(verified=True)
        page.signed_in([credential])


def one_credential_is_removed_and_the_other_stays(place):
    with _page(place) as (_, selenium):
        for number in (1, 2):
            private, _ = _key()
            identifier = bytes([number] * 8)
            selenium.add_credential(Credential.create_non_resident_credential(identifier, "localhost", private, 0))
        selenium.remove_credential(bytearray([1] * 8))
        (left,) = selenium.get_credentials()
        assert left.id.rstrip("=") == _base64url(bytes([2] * 8))
        selenium.remove_all_credentials()
        assert selenium.get_credentials() == []


def _is_refused_while_not_verified(page, selenium, credential):
    selenium.set_user_verified(False)
    page.begin_to_sign_in([credential], verified=True)
    assert page.refusal() == "NotAllowedError"
    selenium.set_user_verified(True)


def who_is_not_verified_is_refused_and_who_is_signs_in(place):
    with _page(place, **PASSKEYS) as (page, selenium):
        page.begin_to_register(verified=True, discoverable=True)
        credential, _, _ = page.registered()
        _is_refused_while_not_verified(page, selenium, credential)
        page.begin_to_sign_in([credential], verified=True)
        page.signed_in([credential])


def the_same_key_is_registered_once(place):
    with _page(place) as (page, _):
        page.begin_to_register()
        credential, _, _ = page.registered()
        page.begin_to_register(without=[credential])
        assert page.refusal() == "InvalidStateError"


def nobody_signs_in_with_a_credential_that_is_not_there(place):
    with _page(place) as (page, _):
        _, public = _key()
        page.begin_to_sign_in([_known(b"nowhere", public)])
        assert page.refusal() == "NotAllowedError"


def a_key_without_verification_is_no_use_where_it_is_required(place):
    with _page(place) as (page, _):
        page.begin_to_register(verified=True)
        assert page.refusal() == "NotAllowedError"


def a_u2f_key_registers_and_signs_in(place):
    with _page(place, protocol="ctap1/u2f") as (page, _):
        page.begin_to_register()
        credential, _, _ = page.registered()
        page.begin_to_sign_in([credential])
        page.signed_in([credential])


def a_card_makes_a_passkey_and_signs_in(place):
    """In a place of keyfob it lies on a reader, and a bridge shows it to the browser."""
    with card_reader(READER), _page(place, transport="nfc", **PASSKEYS) as (page, selenium):
        page.begin_to_register(verified=True, discoverable=True)
        credential, _, _ = page.registered()
        _is_refused_while_not_verified(page, selenium, credential)
        page.begin_to_sign_in(verified=True)
        page.signed_in([credential])


def a_page_may_give_up_while_nobody_consents(place):
    with _page(place, is_user_consenting=False) as (page, selenium):
        page.begin_to_register()
        if "gecko" in place:
            assert page.refusal() == "NotAllowedError", "at once"
            return
        assert selenium.execute_script("return outcome") is None
        selenium.execute_script("stop.abort()")
        assert page.refusal() == "AbortError"


def what_there_is_not_is_an_invalid_argument(place):
    private, _ = _key()
    with _page(place) as (_, selenium):
        with pytest.raises(InvalidArgumentException):
            selenium.remove_credential("bm93aGVyZQ")
        passkey = Credential.create_resident_credential(b"an id", "localhost", b"ada", private, 0)
        with pytest.raises(InvalidArgumentException):
            selenium.add_credential(passkey)
        garbage = Credential.create_non_resident_credential(b"an id", "localhost", b"no key", 0)
        with pytest.raises(WebDriverException):
            selenium.add_credential(garbage)
        assert selenium.get_credentials() == []


def an_authenticator_that_was_removed_is_gone(place):
    with _page(place) as (_, selenium):
        gone = selenium.virtual_authenticator_id
        selenium.remove_virtual_authenticator()
        selenium._authenticator_id = gone
        with pytest.raises(InvalidArgumentException):
            selenium.get_credentials()
        selenium._authenticator_id = None


def of_two_keys_the_one_that_has_the_credential_signs_in(place):
    if place == "chromedriver":
        pytest.skip("it is chance whether the one that has none refuses first")
    private, public = _key()
    with _page(place) as (page, selenium), Driven.at(place).further_authenticator():
        selenium.add_credential(Credential.create_non_resident_credential(b"an id", "localhost", private, 0))
        page.begin_to_sign_in([_known(b"an id", public)])
        page.signed_in([_known(b"an id", public)])


def of_two_keys_one_is_registered(place):
    """Chromium's own register both, and the page is told of one."""
    with _page(place) as (page, selenium):
        with Driven.at(place).further_authenticator():
            page.begin_to_register()
            page.registered()
            second = selenium.get_credentials()
        first = selenium.get_credentials()
        by_chance = {(1, 0), (0, 1)}
        assert (len(first), len(second)) in {"chromedriver": {(1, 1)}, "geckodriver": by_chance}.get(place, {(1, 0)})


def counters_begin_where_each_key_has_them_begin(place):
    with _page(place) as (page, _):
        page.begin_to_register()
        credential, data, _ = page.registered()
        page.begin_to_sign_in([credential])
        answer = page.answer()
        counters = data.counter, AuthenticatorData(_bytes(answer["response"]["authenticatorData"])).counter
        counted = {"chromedriver": (1, 2), "keyfob": (0, 1), "geckodriver": (0, 1), "keyfob-gecko": (0, 2)}
        assert counters == counted[place]


def a_passkey_on_a_key_that_has_no_verification(place):
    """A real key must have some, or Chromium puts no passkey on it: so it verifies."""
    with _page(place, has_resident_key=True) as (page, _):
        page.begin_to_register(discoverable=True)
        if place == "chromedriver":
            assert page.refusal() == "NotAllowedError"
        else:
            _, data, _ = page.registered()
            assert data.is_user_verified() == (place != "geckodriver")


def _bytes(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _base64url(text):
    return urlsafe_b64encode(text).rstrip(b"=").decode()
