"""The load generator counts what it must: a run with a fault in it is never clean."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bench.load import LoadGenerator, LoadShape, build

DOMAIN = "bench.local"
Fault = Callable[[int, bytes], list[bytes]]
"""(how many requests came before, the right answer) -> what is sent instead, in this order."""


@pytest.fixture(scope="session")
def sipload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("bench"))


def _answer(request: bytes) -> bytes:
    def header(name: str) -> bytes:
        found = re.search(rb"^" + name.encode() + rb": .*\r\n", request, re.MULTILINE)
        assert found, f"the request has no {name}"
        return found[0]

    to = header("To").replace(b">\r\n", b">;tag=x\r\n")
    contact = b"" if b"Expires: 0\r\n" in request else header("Contact").replace(b"\r\n", b";expires=60\r\n")
    return b"SIP/2.0 200 OK\r\n" + header("Via") + to + header("Call-ID") + header("CSeq") + contact + b"\r\n"


@contextmanager
def _registrar(fault: Fault) -> Iterator[int]:
    """A UDP server that answers every request rightly but for ``fault``; yields its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            seen = 0
            while request := server.recvfrom(4096):
                if request[0] == b"end":
                    return
                for answer in fault(seen, _answer(request[0])):
                    server.sendto(answer, request[1])
                seen += 1

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.sendto(b"end", server.getsockname())
            thread.join()


def _right(_seen: int, answer: bytes) -> list[bytes]:
    return [answer]


def test_right_answers_make_a_clean_report_in_every_mode(sipload):
    with _registrar(_right) as port, LoadGenerator(sipload, port, LoadShape(DOMAIN, aors=50, window=8)) as generator:
        reports = [generator.run(mode, 50) for mode in ("new", "refresh", "options", "remove")]
    assert [report.statuses for report in reports] == [{"200": 50}] * 4
    assert all(report.is_clean for report in reports)


def test_requests_are_as_large_as_those_of_real_phones(sipload):
    with _registrar(_right) as port, LoadGenerator(sipload, port, LoadShape(DOMAIN, aors=50, window=8)) as generator:
        assert 450 <= generator.run("new", 50).request_octets <= 510


def test_answers_match_their_requests_in_any_order(sipload):
    """All phones share a source address here, so that the server may hold answers back and turn them round."""
    held: list[bytes] = []

    def turn_fours_round(seen: int, answer: bytes) -> list[bytes]:
        held.insert(0, answer)
        if seen % 4 != 3:
            return []
        turned, held[:] = list(held), []
        return turned

    shape = LoadShape(DOMAIN, aors=40, window=4, sources=1)
    with _registrar(turn_fours_round) as port, LoadGenerator(sipload, port, shape) as generator:
        report = generator.run("new", 40)
    assert report.statuses == {"200": 40}
    assert report.is_clean


@pytest.mark.parametrize(
    ("what", "spoil"),
    [
        ("another status", lambda answer: answer.replace(b"200 OK", b"503 Busy")),
        ("another CSeq", lambda answer: answer.replace(b"CSeq: ", b"CSeq: 9")),
        ("another Call-ID", lambda answer: answer.replace(b"Call-ID: ", b"Call-ID: 9")),
        ("no To tag", lambda answer: answer.replace(b";tag=x", b"")),
        ("no expiry", lambda answer: answer.replace(b";expires=60", b"")),
        ("no contact", lambda answer: re.sub(rb"Contact: .*\r\n", b"", answer)),
    ],
)
def test_one_wrong_answer_spoils_the_run(sipload, what, spoil):
    def fault(seen: int, answer: bytes) -> list[bytes]:
        return [spoil(answer) if seen == 7 else answer]

    with _registrar(fault) as port, LoadGenerator(sipload, port, LoadShape(DOMAIN, 20, window=4)) as generator:
        report = generator.run("new", 20)
    assert report.errors == 1, what
    assert not report.is_clean


def test_a_lost_request_is_sent_again_and_spoils_the_run(sipload):
    def drop_one(seen: int, answer: bytes) -> list[bytes]:
        return [] if seen == 3 else [answer]

    with _registrar(drop_one) as port, LoadGenerator(sipload, port, LoadShape(DOMAIN, 20, window=4)) as generator:
        report = generator.run("new", 20)
    assert report.statuses == {"200": 20}
    assert report.retransmits == 1
    assert not report.is_clean


def test_a_second_answer_spoils_the_run(sipload):
    def repeat_one(seen: int, answer: bytes) -> list[bytes]:
        return [answer, answer] if seen == 3 else [answer]

    with _registrar(repeat_one) as port, LoadGenerator(sipload, port, LoadShape(DOMAIN, 20, window=4)) as generator:
        report = generator.run("new", 20)
    assert report.strays == 1
    assert not report.is_clean


def test_a_paced_run_keeps_its_rate(sipload):
    with _registrar(_right) as port, LoadGenerator(sipload, port, LoadShape(DOMAIN, 20, window=4)) as generator:
        report = generator.run("refresh", 40, rate_per_s=200)
    assert report.wall_s >= 39 / 200
