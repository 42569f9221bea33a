"""Says in one sentence why this machine cannot run screamrouter-sip, or says nothing. Parses on any Python 3."""

import platform
import struct
import sys

OLDEST = (3, 11)
NEWEST = (3, 12)


def find_obstacle(system, machine, pointer_bits, implementation, version):
    """Return the sentence for the first thing that does not fit, or None."""
    wheel = "The pjsua2 library that screamrouter-sip stands on exists for "
    if system != "Linux":
        return wheel + "Linux only, and this is {}.".format(system)
    if machine != "x86_64" or pointer_bits != 64:
        return wheel + "64-bit x86 processors only, and this is {} with {} bits.".format(machine, pointer_bits)
    if implementation != "CPython" or not OLDEST <= version[:2] <= NEWEST:
        found = "{} {}.{}".format(implementation, *version[:2])
        return wheel + "CPython 3.11 and 3.12 only, and this is {}; name another with `make PYTHON=python3.11`.".format(
            found
        )
    return None


def find_obstacle_here():
    """Return the sentence for this interpreter on this machine, or None."""
    return find_obstacle(
        platform.system(),
        platform.machine(),
        8 * struct.calcsize("P"),
        platform.python_implementation(),
        tuple(sys.version_info),
    )


if __name__ == "__main__":
    sys.exit(find_obstacle_here())
