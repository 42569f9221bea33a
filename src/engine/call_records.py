"""The core's records of calls as ``domain.calls`` has them."""

from __future__ import annotations

from domain.calls import CallConfirmed, CallEnded, Caller, CallEvent, CallInfo, CallUpdated, EndCause, IncomingCall
from domain.values import Endpoint, Flow, Transport
from engine import _engine


def to_call_event(record: _engine.CallEvent) -> CallEvent:
    """The event that ``record`` is."""
    match record.kind:
        case "incoming":
            return _to_incoming(record)
        case "updated":
            return CallUpdated(record.call_id, record.body, record.is_reinvite)
        case "confirmed":
            return CallConfirmed(record.call_id, record.body)
        case "info":
            return CallInfo(record.call_id, record.content_type, record.body)
        case "ended":
            return CallEnded(record.call_id, EndCause(record.cause), record.status, record.reason)
        case kind:
            raise AssertionError(f"the core spoke of a call that {kind!r}")


def _to_incoming(record: _engine.CallEvent) -> IncomingCall:
    return IncomingCall(
        call_id=record.call_id,
        user=record.user,
        request_uri=record.request_uri,
        caller=Caller(record.caller_uri, record.caller_user, record.caller_name),
        flow=Flow(Transport(record.transport), Endpoint(record.remote_ip, record.remote_port)),
        local_ip=record.local_ip,
        offer=record.body,
        content_type=record.content_type,
        user_agent=record.user_agent,
    )
