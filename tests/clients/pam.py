"""PAM: what an administrator does to have a security key sign in, and what a user does then."""

from machine import USER, new_folder, write
from phrases import PIN, touched
from programs import start

ORIGIN = "pam://keyfob"


def enrolled(key, *options, user=USER):
    """Enrol the key for a user; the file that says so."""
    pin = "" if not options else f"{PIN}\n"
    maker = start("pamu2fcfg", "-u", user, "-o", ORIGIN, "-i", ORIGIN, *options, typed=pin)
    line = touched(key, maker, "").must_succeed().splitlines()[-1]
    assert f"{user}:" in line, line
    return write(f"{new_folder()}/u2f_keys", line[line.index(f"{user}:") :] + "\n")


def service(name, file, options="", further=""):
    """A service of PAM that lets in who has an enrolled key, and nobody else."""
    key = f"auth required pam_u2f.so authfile={file} origin={ORIGIN} appid={ORIGIN} cue {options}"
    write(f"/etc/pam.d/{name}", "\n".join([key, further, "account required pam_permit.so", ""]))


def begin_to_sign_in(name, pin=""):
    """A sign-in as the user at a service, in the background."""
    return start("pamtester", name, USER, "authenticate", typed=pin)


def lock_the_screen():
    """vlock as the user, on a terminal of its own where Enter was typed."""
    as_user = f"setpriv --reuid={USER} --regid={USER} --clear-groups vlock --current"
    return start("script", "--quiet", "--return", "--command", as_user, "/dev/null", typed="\n\n\n")
