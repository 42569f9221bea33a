"""A network of the bench's own: Janus offers no loopback address, and no packet of the bench may leave this host."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

ADDRESS = "192.0.2.1"
"""Of all browsers and servers."""
_SET_UP = (
    f"ip link set lo up && ip link add bench0 type veth peer name bench1 && ip address add {ADDRESS}/24 dev bench0 && "
    'ip link set bench0 up && ip link set bench1 up && exec "$@"'
)


def enter_namespace(arguments: Sequence[str]) -> int:
    """Run this Python with ``arguments`` where there are a loopback interface and ADDRESS, nothing else.

    Return its exit code; 2 where no such namespace can be made.
    """
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        print("bench: install the packages util-linux and iproute2", file=sys.stderr)
        return 2
    unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--user", "--map-root-user"]
    return subprocess.run([*unshare, "sh", "-c", _SET_UP, "sh", sys.executable, *arguments], check=False).returncode
