"""What Selenium's commands for virtual authenticators do behind `keyfob webdriver` where there is a kernel."""

import bus
from drivers import also_driven
from website import relying_party


def a_page_uses_a_key_that_the_kernel_has(browser):
    with also_driven(browser) as driven, relying_party(driven) as page:
        with driven.authenticator():
            assert len(bus.nodes()) == 1, "the command is answered when the kernel has the key"
            page.begin_to_register()
            credential, _, _ = page.registered()
            page.begin_to_sign_in([credential])
            page.signed_in([credential])
        assert not bus.nodes(), "and the other one when it has let go"
