"""The schema of config.yaml, and errors that tell a person where and what to mend."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import BaseModel

from configuration import yaml_reader
from configuration.config_document import ConfigDocument, DeviceEntry
from configuration.config_loader import MAX_FILE_OCTETS, find_doubts, find_problems, load_config, parse_config
from configuration.config_rewrite import merge_changes
from configuration.entry_change import MASTERS, EntryChange
from configuration.problem import ConfigRejected
from domain.errors import ConfigError

SHIPPED = Path(__file__).parents[2] / "config.yaml"


def parse(text: str | bytes) -> ConfigDocument:
    octets = text.encode() if isinstance(text, str) else text
    return parse_config(octets, Path("config.yaml")).document


def rejection(text: str | bytes) -> list[str]:
    with pytest.raises(ConfigRejected) as caught:
        parse(text)
    return str(caught.value).splitlines()


def test_shipped_file_says_the_defaults():
    assert load_config(SHIPPED).document == ConfigDocument()


def keys_of(model: type[BaseModel]) -> set[str]:
    keys = set(model.model_fields)
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            keys |= keys_of(field.annotation)
    return keys


def test_shipped_file_names_every_key():
    text = SHIPPED.read_text(encoding="utf-8")
    assert [key for key in keys_of(ConfigDocument) | keys_of(DeviceEntry) if key not in text] == []


def test_every_device_field_has_one_master():
    assert set(MASTERS) == set(DeviceEntry.model_fields)


def test_one_listening_address_may_stand_without_a_list():
    assert parse("sip: {udp: {address: 127.0.0.1, port: 0}}").sip.udp.address == ("127.0.0.1",)


@pytest.mark.parametrize("network", ["private", "loopback", "link-local", "any", "10.0.0.7/8", "::1", "fd00::/8"])
def test_networks_are_names_or_prefixes(network):
    assert parse(f"admission: {{networks: '{network}'}}").admission.networks == (network,)


@pytest.mark.parametrize(
    "network", ["home", "Private", "192.168.1", "10.0.0.0/33", "10.0.0.0/255.0.0.0", "fe80::1%eth0", "fe80::/129", ""]
)
def test_what_is_no_network_is_told_with_what_is_one(network):
    (line,) = rejection(f"limits: {{unlimited: ['{network}']}}")
    assert f'found the text "{network}", which is no network, allowed is a list of networks' in line
    assert "private, loopback, link-local, any, or a prefix such as 192.168.0.0/16" in line


def test_rule_without_known_access_is_refused():
    (line,) = rejection("admission: {rules: [{network: any, access: maybe}]}")
    assert line.endswith("allowed is by_mode, trusted, credentials or refused")


def test_no_algorithm_at_all_is_refused():
    (line,) = rejection("authentication: {algorithms: []}")
    assert line.endswith("allowed is a list of SHA-512-256, SHA-256 and MD5, each once")


def test_domain_that_is_too_long_for_a_realm_is_refused():
    (line,) = rejection(f"server: {{domain: {'a' * 65}}}")
    assert line.endswith("allowed is a domain name such as screamrouter.local, or an IP address, at most 64 characters")


def test_default_listens_on_both_families():
    assert parse("devices: {}").sip.udp.address == ("0.0.0.0", "::")


def test_an_empty_section_has_its_defaults():
    assert parse("sip:\nserver:\nlog:\ndevices:\nroutes:\n") == ConfigDocument()


def test_state_path_is_the_configured_one_with_the_home_directory_filled_in(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert parse("server: {state_dir: ~/state}").server.state_path({}) == Path("/home/someone/state")


def test_state_path_is_systemds_where_systemd_gives_one():
    environment = {"STATE_DIRECTORY": "/var/lib/screamrouter-sip", "XDG_STATE_HOME": "/elsewhere"}
    assert parse("log: {}").server.state_path(environment) == Path("/var/lib/screamrouter-sip")


def test_state_path_is_the_users_otherwise():
    assert parse("log: {}").server.state_path({"XDG_STATE_HOME": "/x"}) == Path("/x/screamrouter-sip")


def test_device_key_that_is_a_uuid_is_known_in_lower_case():
    uuid = "ABCDEF00-0000-4000-8000-000000000001"
    assert list(parse(f"devices: {{{uuid}: {{name: x}}}}").devices) == [uuid.lower()]


def test_a_number_as_device_key_is_text_as_written():
    assert list(parse("devices: {0012: {}}").devices) == ["0012"]


def test_merge_keys_give_a_device_what_the_base_has():
    text = "devices:\n  a: &base {role: sink, enabled: false}\n  b: {<<: *base, enabled: true}\n"
    b = parse(text).devices["b"]
    assert (b.role, b.enabled) == ("sink", True)


TEN_MISTAKES = """\
server:
  nam: Router
sip:
  udp: {address: [1.2.3, "::"], port: 70000}
registrar:
  min_expires_s: "60"
  below_min: rise
  max_contacts: 10
  max_contacts: 11
liveness: {ping_interval_s: 10, timeout_s: 5}
admision: {}
devices:
  kitchen:
    role: sinc
routes:
- {source: kitchen}
"""


def test_all_mistakes_are_told_at_once_each_with_its_place():
    assert rejection(TEN_MISTAKES) == [
        "config.yaml:2:3: server.nam: unknown key; did you mean name? Known here: domain, name, state_dir",
        (
            'config.yaml:4:19: sip.udp.address[0]: found the text "1.2.3", which is no numeric IP address, '
            "allowed is a numeric IP address or a list of them, each once"
        ),
        (
            "config.yaml:4:39: sip.udp.port: found the number 70000, allowed is a whole number, 0 to 65535; "
            "0 takes a free one"
        ),
        'config.yaml:6:18: registrar.min_expires_s: found the text "60", allowed is whole seconds, 1 to 604800',
        'config.yaml:7:14: registrar.below_min: found the text "rise", allowed is raise or reject',
        "config.yaml:9:3: registrar.max_contacts: this key is given twice; first on line 8; keep one of them",
        (
            "config.yaml:10:44: liveness.timeout_s: is not more than ping_interval_s (10); "
            "allowed is seconds, 0.05 to 86400, more than ping_interval_s"
        ),
        (
            "config.yaml:11:1: admision: unknown key; did you mean admission? Known here: admission, "
            "authentication, devices, discovery, http, limits, liveness, log, media, presence, registrar, routes, "
            "server, sip"
        ),
        'config.yaml:14:11: devices.kitchen.role: found the text "sinc", allowed is source, sink, phone or unknown',
        "config.yaml:16:3: routes[0]: the key sink is missing; allowed is a device's key under devices",
    ]


@pytest.mark.parametrize(
    ("registrar", "key"),
    [
        ("{min_expires_s: 100, default_expires_s: 50}", "registrar.default_expires_s"),
        ("{default_expires_s: 7201}", "registrar.default_expires_s"),
        ("{min_expires_s: 60, max_expires_s: 30}", "registrar.max_expires_s"),
        ("{min_expires_s: 0}", "registrar.min_expires_s"),
    ],
)
def test_expiry_times_must_ascend_from_above_zero(registrar, key):
    (line,) = rejection(f"registrar: {registrar}")
    assert f": {key}: " in line


def test_contacts_are_limited_to_what_the_core_can_hold():
    assert ConfigDocument.model_validate({"registrar": {"max_contacts": 32}}).registrar.max_contacts == 32
    for number in (0, 33):
        with pytest.raises(ValueError, match="max_contacts"):
            ConfigDocument.model_validate({"registrar": {"max_contacts": number}})


def test_rule_between_keys_is_told_at_the_section_when_the_key_is_not_in_the_text():
    (line,) = rejection("log: {}\nregistrar:\n  min_expires_s: 5000\n")
    assert line.startswith("config.yaml:3:3: registrar.default_expires_s: is not between")


def test_a_number_where_text_belongs_is_advised_to_be_quoted():
    (line,) = rejection("server: {name: 1001}")
    assert line.endswith("put it in quotes to make it text")


def test_two_spellings_of_one_uuid_are_one_key_given_twice():
    uuid = "abcdef00-0000-4000-8000-000000000001"
    (line,) = rejection(f"devices:\n  {uuid}: {{}}\n  {uuid.upper()}: {{}}\n")
    assert line.startswith("config.yaml:3:3: ")
    assert "given twice" in line


BOMB = "\n".join(
    ["a: &a [1,1,1,1,1,1,1,1,1,1]"]
    + [f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 10)}]" for n in range(12)]
)


@pytest.mark.parametrize(
    ("content", "place", "words"),
    [
        (b"", "", "the file holds no settings"),
        (b"# only a comment\n", "", "the file holds no settings"),
        (b"words\n", ":1:1", "must hold keys"),
        (b"- a\n", ":1:1", "must hold keys"),
        (b"\xff\xfes\x00", "", "UTF-16"),
        (b"log: {}\nserver: {name: \xe9}", ":2:16", "0xe9 is not UTF-8"),
        ("# é\r\nserver: {name: \xe9}\r\nlog: {level: \a}".encode(), ":3:14", "U+0007"),
        (b"server:\n\tname: x\n", ":2:1", "a tab stands in the indentation"),
        (b"server:\n  \tname: x\n", ":2:3", "a tab stands in the indentation"),
        (b"server: {name: [}\n", ":1:17", "this is not YAML"),
        (b"server: *base\n", ":1:9", "no anchor &base before it"),
        (b"devices: &a {b: *a}\n", ":1:17", "no anchor &a before it"),
        (b"[" * 100_000, ":1:21", "nested deeper than 20"),
        (b"a: " + b"{a: " * 50, ":1:80", "nested deeper than 20"),
        (BOMB.encode(), "", "aliases expand to more than"),
        (b"log: {}\n---\nlog: {}\n", ":2:1", "second YAML document"),
        (b"server: !!python/object:os.system {}", ":1:9", "is not supported here"),
        (b"server: {name: !!int x}", ":1:16", "'x' is no int"),
        (b"? [a, b]\n: c\n", ":1:3", "a key must be plain text"),
        (b"server: {<<: 3}", ":1:14", "<< takes a mapping"),
        (b"log: {level: " + b"9" * 5000 + b"}", ":1:14", "is no int"),
    ],
)
def test_unreadable_yaml_is_refused_with_a_plain_sentence(content, place, words):
    lines = rejection(content)
    assert words in lines[0]
    assert lines[0].startswith(f"config.yaml{place}:")


def test_a_byte_order_mark_is_accepted():
    assert parse(b"\xef\xbb\xbfserver: {name: x}\r\n").server.name == "x"


@pytest.mark.parametrize("break_", ["\n", "\r\n", "\r"])
def test_places_count_lines_of_any_ending_and_characters_not_octets(break_):
    (line,) = rejection(f"# 😀{break_}server: {{name: 😀é, domain: 5}}{break_}")
    assert line.startswith("config.yaml:2:28: server.domain:")


def test_missing_file_is_told_with_what_to_do(tmp_path):
    (problem,) = find_problems(tmp_path / "config.yaml")
    assert "there is no such file" in str(problem)


def test_directory_and_pipe_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "this is a directory" in str(find_problems(tmp_path)[0])
    assert "no regular file" in str(find_problems(tmp_path / "pipe")[0])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_read_permission_is_told(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("log: {}")
    path.chmod(0)
    assert "may not read this file" in str(find_problems(path)[0])


def test_symbolic_link_that_leads_to_itself_is_told(tmp_path):
    path = tmp_path / "config.yaml"
    path.symlink_to(path)
    assert "cannot be read" in str(find_problems(path)[0])


def test_file_of_50_mb_is_refused_unparsed(tmp_path):
    path = tmp_path / "config.yaml"
    path.touch()
    os.truncate(path, 50_000_000)
    assert f"larger than {MAX_FILE_OCTETS // 1024 // 1024} MB" in str(find_problems(path)[0])


def test_rejection_is_a_config_error_with_its_exit_code():
    with pytest.raises(ConfigError) as caught:
        parse("x: 1")
    assert caught.value.exit_code == 78


def test_what_aliases_stand_for_is_limited_and_not_what_is_written_out(monkeypatch):
    monkeypatch.setattr(yaml_reader, "MAX_EXPANDED_VALUES", 50)
    assert yaml_reader.read_text(f"a: [{'1, ' * 200}]").value == {"a": [1] * 200}
    ten = "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n"  # with the list itself
    assert yaml_reader.read_text(ten + "b: [*a, *a, *a, *a, *a]").value["b"] == [list(range(1, 10))] * 5
    for text in (ten + "b: [*a, *a, *a, *a, *a, *a]", ten + "b: &b [*a, *a]\nc: [*b, *b]"):
        with pytest.raises(yaml_reader.YamlFault, match="aliases expand to more than 50 values"):
            yaml_reader.read_text(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<<: {servr: {}}\n", ["config.yaml:1:1: servr: unknown key; did you mean server?"]),
        ("server:\n  <<: {domain: ..}\n", ['config.yaml:2:3: server.domain: found the text ".."']),
        (
            "devices:\n  a: &base {enabledd: true}\n  b: {<<: *base}\n  c: *base\n",
            [
                "config.yaml:2:13: devices.a.enabledd: unknown key; did you mean enabled?",
                "config.yaml:3:7: devices.b.enabledd: unknown key; did you mean enabled?",
                "config.yaml:4:6: devices.c.enabledd: unknown key; did you mean enabled?",
            ],
        ),
        ("sip:\n  <<: [{udp: {prot: 1}}]\n", ["config.yaml:2:3: sip.udp.prot: unknown key; did you mean port?"]),
        ("routes: &r\n- {source: a, sink: b}\ndiscovery: {interfaces: *r}\n", ["config.yaml:3:25: "]),
    ],
)
def test_what_came_by_a_merge_or_an_alias_is_told_where_that_stands(text, told):
    found = rejection(text)
    assert len(found) == len(told)
    assert all(line.startswith(beginning) for line, beginning in zip(found, told, strict=True)), found


def test_devices_that_came_by_a_merge_are_not_lost_when_one_is_added():
    config = parse_config(b"<<: {devices: {a: {name: x}}}\n", Path("config.yaml"))
    merged = merge_changes(config, {"b": EntryChange({"online": True}, creates=True)})
    assert merged.config is config
    assert "would not read back" in merged.refused["b"]


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("05060", "YAML takes 05060 for 2608; write it as 5060, or in quotes if it is a text"),
        ("1:30", "YAML takes 1:30 for 90; write it as 90, or in quotes if it is a text"),
        ("0x10", "YAML takes 0x10 for 16; write it as 16, or in quotes if it is a text"),
        ("0b1", "YAML takes 0b1 for 1; write it as 1, or in quotes if it is a text"),
        ("1_000", "YAML takes 1_000 for 1000; write it as 1000, or in quotes if it is a text"),
    ],
)
def test_number_that_means_another_than_it_seems_to_is_refused(number, told):
    assert rejection(f"sip: {{udp: {{port: {number}}}}}\n") == [f"config.yaml:1:19: sip.udp.port: {told}"]
    assert rejection(f"devices:\n  a:\n    port: {number}\n") == [f"config.yaml:3:11: devices.a.port: {told}"]
    assert len(rejection(f"server: {{name: {number}}}\n")) == 1


@pytest.mark.parametrize("number", ["7", "+7", "7.5", "0.5", ".5", "1.0e+1"])
def test_plain_number_is_taken(number):
    liveness = parse(f"liveness: {{timeout_s: 60, ping_interval_s: {number}}}\n").liveness
    assert liveness.ping_interval_s == float(number)


def test_rule_between_keys_is_told_though_another_key_of_the_section_is_wrong():
    found = rejection("registrar:\n  max_contacts: many\n  min_expires_s: 90\n  max_expires_s: 80\n")
    assert [line.split(":")[1] for line in found] == ["2", "4"]
    assert "max_expires_s: is less than min_expires_s (90)" in found[1]


@pytest.mark.parametrize(
    "text", ["min_expires_s: soon\n  default_expires_s: 30", "default_expires_s: 30\n  min_expires_s: 0"]
)
def test_rule_between_keys_is_not_told_of_a_key_that_is_wrong_itself(text):
    found = rejection(f"registrar:\n  {text}\n")
    assert len(found) == 1
    assert "min_expires_s: found" in found[0]


@pytest.mark.parametrize(
    ("text", "place", "advice"),
    [
        ('server:\n  name: "abc\n  domain: x\n\nlog: {}\n', ":2:9: ", "the quote that opens here is never closed"),
        ("server:\n  name: a: b\n", ":2:10: ", "a text with ': ' in it or ':' at its beginning must stand in quotes"),
        ("server:\n  name: @x\n", ":2:9: ", "a text that begins with @, % or ` must stand in quotes"),
        ("server: {name: a\nlog: {}\n", ":2:4: ", "the { of line 1, column 9 is not closed before this"),
        ("discovery:\n  interfaces: [a\nlog: {}\n", ":3:4: ", "the [ of line 2, column 15 is not closed"),
        ("server:\n  name: x\n domain: y\n", ":3:2: ", "this line is indented otherwise"),
        ('server:\n  name: "a\\qb"\n', ":2:11: ", "double the backslash"),
        ("server:\n  name: *\n", ":2:10: ", "a text that begins with * or & must stand in quotes"),
        ("server:\n  name: - x\n", ":2:9: ", "a list begins on a line of its own"),
    ],
)
def test_broken_yaml_is_told_with_the_remedy(text, place, advice):
    (found,) = rejection(text)
    assert found.startswith(f"config.yaml{place}")
    assert advice in found


def doubts(text: str) -> list[str]:
    return [str(doubt) for doubt in find_doubts(parse_config(text.encode(), Path("config.yaml")))]


def test_route_to_a_device_that_is_not_there_is_doubtful_and_no_fault():
    text = "devices: {kitchen: {}}\nroutes:\n- {source: kitchn, sink: kitchen}\n- {source: kitchen, sink: attic}\n"
    assert doubts(text) == [
        "config.yaml:3:12: routes[0].source: warning: no device kitchn stands under devices; did you mean kitchen?",
        "config.yaml:4:27: routes[1].sink: warning: no device attic stands under devices; it may yet register",
    ]


def test_route_may_name_a_uuid_in_either_case():
    uuid = "abcdef00-0000-4000-8000-000000000001"
    assert doubts(f"devices: {{{uuid}: {{}}}}\nroutes: [{{source: {uuid.upper()}, sink: {uuid}}}]\n") == []
