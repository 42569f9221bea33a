"""The SIP endpoint's life: creates the pjsua2 Endpoint, lets the core join, binds UDP, starts and ends it."""

from __future__ import annotations

import errno
import gc
import ipaddress
from collections.abc import Sequence

import pjsua2
import structlog

from domain.errors import AddressUnavailable
from domain.ports import Engine, ListenAddress

log = structlog.get_logger()

LIBRARY_PATH: str = pjsua2._pjsua2.__file__
"""The shared object in which the core looks for PJSIP's functions."""

WORKERS = 1
"""PJSIP threads. One is enough for any LAN (`make bench`) and spends no time on the locks that two would share."""

_OS_ERROR_BASE = 120_000
"""PJ_ERRNO_START_SYS: PJSIP adds it to the kernel's errno."""

_QUIET_DESTROY = pjsua2.PJSUA_DESTROY_NO_RX_MSG | pjsua2.PJSUA_DESTROY_NO_TX_MSG
"""We have no registration or call of our own to end, and without these libDestroy waits a second."""


class SipManager:
    """Implements ``domain.ports.SipService``. One per process, since pjsua2 allows one Endpoint at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._endpoint: pjsua2.Endpoint | None = None

    def start(self, addresses: Sequence[ListenAddress]) -> Sequence[ListenAddress]:
        """Bind and serve; the core's modules are in place before the first socket can be heard."""
        if self._endpoint is not None:
            raise RuntimeError("SipManager is running")
        endpoint = self._endpoint = _create_endpoint()
        try:
            self._engine.attach()
            bound = [self._bind(endpoint, address) for address in addresses]
            endpoint.libStart()
        except BaseException:
            self.stop()
            raise
        log.info("sip.started", listening=[f"{address.ip} port {address.port}" for address in bound])
        return bound

    def stop(self) -> None:
        if self._endpoint is None:
            return
        self._engine.detach()
        self._endpoint.libDestroy(_QUIET_DESTROY)
        self._endpoint = None
        gc.collect()  # a second Endpoint aborts the process while a proxy of the first is alive
        log.info("sip.stopped")

    def _bind(self, endpoint: pjsua2.Endpoint, address: ListenAddress) -> ListenAddress:
        config = pjsua2.TransportConfig()
        config.port = address.port
        config.boundAddress = address.ip
        is_ipv6 = ipaddress.ip_address(address.ip).version == 6
        kind = pjsua2.PJSIP_TRANSPORT_UDP6 if is_ipv6 else pjsua2.PJSIP_TRANSPORT_UDP
        try:
            transport = endpoint.transportCreate(kind, config)
        except pjsua2.Error as error:
            raise AddressUnavailable(_explain(address, error)) from error
        name = endpoint.transportGetInfo(transport).localAddress
        bound = ListenAddress(address.ip, int(name.rpartition(":")[2]))
        self._engine.open(bound)
        return bound


def _create_endpoint() -> pjsua2.Endpoint:
    config = pjsua2.EpConfig()
    config.logConfig.level = 0
    config.logConfig.consoleLevel = 0
    config.uaConfig.threadCnt = WORKERS
    config.uaConfig.maxCalls = 1
    config.medConfig.threadCnt = 0
    endpoint = pjsua2.Endpoint()
    endpoint.libCreate()
    endpoint.libInit(config)
    return endpoint


def _explain(address: ListenAddress, error: pjsua2.Error) -> str:
    place = f"UDP port {address.port} on {address.ip}"
    match error.status - _OS_ERROR_BASE:
        case errno.EADDRINUSE:
            return (
                f"{place} is taken by another program: stop it (`ss -lunp` shows which), "
                "or set another sip.udp.port in config.yaml."
            )
        case errno.EADDRNOTAVAIL:
            return (
                f"{address.ip} is no address of this machine (`ip address` shows them): "
                "correct sip.udp.address in config.yaml, or use 0.0.0.0 and ::."
            )
        case errno.EACCES:
            return (
                f"{place} needs a right that this user lacks: choose a port above 1023 in config.yaml, "
                "or run the installed service."
            )
        case _:
            return f"{place} cannot be opened: {error.reason}. Check sip.udp in config.yaml."
