"""What a key tells about itself to everybody who asks."""

from phrases import attach, serve
from places import needs_kernel
from programs import run

pytestmark = needs_kernel


def fido2_token_lists_the_key_and_reads_its_information():
    with serve():
        device = attach()
        assert device.node in run("fido2-token", "-L").must_succeed()
        information = device.information()
        assert "FIDO_2_" in information and "es256" in information, information


def keyfob_reads_the_same_key_through_the_kernel():
    with serve() as key:
        assert "FIDO_2_" in key.type("info", "--device", attach().node).must_succeed()
