"""SIGHUP at any moment: also before there is anything to re-read."""

from __future__ import annotations

import sys

from tests.kit.daemon_process import running_daemon
from tests.kit.sip_peer import SipPeer

HUNG_UP_AT_ONCE = """
import os, signal, sys
from daemon import __main__, early_hangup
hold = early_hangup.EarlyHangup.hold
def hold_and_hang_up(self):
    hold(self)
    os.kill(os.getpid(), signal.SIGHUP)
early_hangup.EarlyHangup.hold = hold_and_hang_up
sys.exit(__main__.main())
"""


def test_sighup_during_the_start_does_not_end_the_daemon(tmp_path):
    with running_daemon(tmp_path, command=(sys.executable, "-c", HUNG_UP_AT_ONCE)) as daemon:
        with SipPeer(daemon.address) as alice:
            assert alice.register().status == 200
        assert daemon.stop() == 0
