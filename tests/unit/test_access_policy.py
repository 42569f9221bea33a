"""What the owner wrote and the passwords he gave become what the core is to obey."""

from __future__ import annotations

from pathlib import Path

import pytest

from configuration.access_policy import DeviceStanding, access_config, access_key, standing_of
from configuration.config_document import ConfigDocument, DeviceEntry
from configuration.config_loader import parse_config
from configuration.credential_file import hash_password
from domain.access import AccessConfig, AdmissionMode, DigestAlgorithm, NetworkAccess, NetworkRule

UUID = "abcdef00-0000-4000-8000-000000000001"


def document(text: str) -> ConfigDocument:
    return parse_config(text.encode(), Path("config.yaml")).document


def test_defaults_are_the_cores():
    assert access_config(ConfigDocument(), {}, {}) == AccessConfig("screamrouter.local")


def test_every_setting_reaches_the_core():
    text = """
server: {domain: Home.Arpa}
admission:
  mode: closed
  networks: [private, 203.0.113.9/24]
  rules: [{network: 203.0.113.0/24, access: trusted}, {network: "FD00::1/8"}]
authentication: {algorithms: [MD5], require_qop: true}
limits: {requests_per_s: 5, burst: 6, unlimited: any}
"""
    assert access_config(document(text), {}, {}, ("2001:db8::/64",)) == AccessConfig(
        realm="home.arpa",
        mode=AdmissionMode.CLOSED,
        rules=(
            NetworkRule("203.0.113.0/24", NetworkAccess.TRUSTED),
            NetworkRule("fd00::/8"),
            NetworkRule("private"),
            NetworkRule("203.0.113.0/24"),
        ),
        algorithms=(DigestAlgorithm.MD5,),
        is_qop_required=True,
        requests_per_s=5,
        burst=6,
        unlimited=("any",),
        neighbours=("2001:db8::/64",),
    )


@pytest.mark.parametrize(
    ("device_id", "key"),
    [
        (UUID.upper(), UUID),
        ("cam@screamrouter.local", "cam"),
        ("sip:Cam@SCREAMROUTER.local", "Cam"),
        ("cam", "cam"),
        ("cam@elsewhere.test", "cam@elsewhere.test"),
    ],
)
def test_core_knows_a_device_by_uuid_or_user(device_id, key):
    assert access_key(device_id, "screamrouter.local") == key


@pytest.mark.parametrize(
    ("entry", "mode", "standing"),
    [
        (None, AdmissionMode.APPROVE, None),
        (DeviceEntry(), AdmissionMode.APPROVE, True),
        (DeviceEntry(), AdmissionMode.OPEN, None),
        (DeviceEntry(enabled=False), AdmissionMode.OPEN, False),
        (DeviceEntry(enabled=False), AdmissionMode.CLOSED, False),
        (DeviceEntry(enabled=False, pending=True), AdmissionMode.APPROVE, None),
        (DeviceEntry(enabled=True, pending=True), AdmissionMode.APPROVE, True),
    ],
)
def test_standing_is_the_owners_word_where_it_matters(entry, mode, standing):
    found = standing_of(entry, mode)
    assert (None if found is None else found.is_enabled) is standing


@pytest.mark.parametrize("ids", [("cam", "cam@screamrouter.local"), ("cam@screamrouter.local", "cam")])
@pytest.mark.parametrize("words", [(True, False), (False, True)])
def test_of_two_entries_for_one_device_the_refusal_counts(ids, words):
    assert access_config(ConfigDocument(), _standings(ids, words), {}).devices == {"cam": False}


def test_credential_of_the_realm_is_used_for_its_device_only():
    stored = hash_password("camuser", "screamrouter.local", "secret")
    (one,) = access_config(ConfigDocument(), {}, {"cam": stored}).credentials
    assert (one.user, one.keys, one.is_enabled) == ("camuser", ("cam",), True)
    assert one.ha1 == stored.ha1


def test_credential_of_a_disabled_device_is_disabled():
    stored = {UUID: hash_password(UUID, "screamrouter.local", "secret")}
    (one,) = access_config(ConfigDocument(), {UUID: DeviceStanding(False)}, stored).credentials
    assert not one.is_enabled


def test_credential_of_another_realm_protects_its_device_and_lets_nobody_in():
    stored = {"cam": hash_password("cam", "old.local", "secret")}
    (one,) = access_config(ConfigDocument(), {}, stored).credentials
    assert (one.user, one.keys, dict(one.ha1)) == ("cam", ("cam",), {})


def test_networks_of_a_device_are_told_in_every_mode_and_of_two_entries_those_that_both_name():
    entry = DeviceEntry(networks=("192.168.7.20/24", "private"))
    for mode in AdmissionMode:
        standing = standing_of(entry, mode)
        assert standing is not None
        assert standing.networks == ("192.168.7.0/24", "private")
    both = {
        "cam": DeviceStanding(None, ("private", "loopback")),
        "cam@screamrouter.local": DeviceStanding(None, ("loopback",)),
    }
    config = access_config(ConfigDocument(), both, {})
    assert (config.devices, config.device_networks) == ({}, {"cam": ("loopback",)})


def _standings(ids, words):
    return {one: DeviceStanding(word) for one, word in zip(ids, words, strict=True)}
