"""hmac-secret: what disk encryption takes from a key."""

from phrases import PIN, attach, serve
from places import on_both

ONE, OTHER = bytes(32), bytes(31) + b"!"


def a_credential_gives_each_salt_its_own_secret_every_time():
    with serve():
        device = attach()
        credential = device.register(options="-h")
        assert device.secret(credential, ONE) == device.secret(credential, ONE)
        assert device.secret(credential, ONE) != device.secret(credential, OTHER)


@on_both
def two_salts_get_their_secrets_at_once():
    with serve():
        device = attach()
        credential = device.register(options="-h")
        both = device.secret(credential, ONE + OTHER)
        assert both == device.secret(credential, ONE) + device.secret(credential, OTHER)


def another_credential_has_another_secret():
    with serve():
        device = attach()
        first, second = device.register(options="-h"), device.register(options="-h")
        assert device.secret(first, ONE) != device.secret(second, ONE)


def the_secret_of_a_verified_user_is_another_one():
    with serve():
        device = attach()
        device.set_pin(PIN)
        credential = device.register(options="-h -v", pin=PIN)
        verified = device.secret(credential, ONE, "-p -h -v", PIN)
        assert verified == device.secret(credential, ONE, "-p -h -v", PIN)
        assert verified != device.secret(credential, ONE)
