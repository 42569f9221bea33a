// RFC 3261 section 22, RFC 7616 section 3.4: who gets in.
//
//   phone                                   daemon
//     | REGISTER                              |
//     |-------------------------------------->|
//     | 401, nonce N                          |
//     |<--------------------------------------|
//     | REGISTER, digest over N, nc=1         |
//     |-------------------------------------->|
//     | 200                                   |
//     |<--------------------------------------|
//     | REGISTER, digest over N, nc=2 ...     |
#include "auth/authenticator.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "auth_kit.hpp"

using namespace sr::auth;
using namespace sr::auth::testkit;
using sr::sip::RejectReason;

namespace {

void check_accepted(const AuthVerdict& verdict) {
    CHECK(verdict.decision == AuthDecision::accepted);
    CHECK(verdict.reason == RejectReason::none);
    CHECK_FALSE(verdict.is_failed_guess());
}

void check_challenged(const AuthVerdict& verdict, Finding finding, bool is_stale) {
    CHECK(verdict.decision == AuthDecision::challenge);
    CHECK(verdict.finding == finding);
    CHECK(verdict.is_stale == is_stale);
    CHECK(verdict.reason == RejectReason::unauthorized);
}

void check_refused(const AuthVerdict& verdict, Finding finding, RejectReason reason) {
    CHECK(verdict.decision == AuthDecision::refused);
    CHECK(verdict.finding == finding);
    CHECK(verdict.reason == reason);
    CHECK_FALSE(verdict.is_failed_guess());
}

}  // namespace

TEST_CASE("a device with the right password is accepted, with each algorithm, with and without qop") {
    House house;
    for (const Algorithm algorithm : kByStrength) {
        for (const bool has_qop : {true, false}) {
            CAPTURE(algorithm_name(algorithm));
            CAPTURE(has_qop);
            Phone phone;
            phone.algorithm = algorithm;
            phone.has_qop = has_qop;
            phone.nonce = house.nonce_for(phone);
            const AuthVerdict verdict = house.decide(phone);
            check_accepted(verdict);
            CHECK(verdict.finding == Finding::accepted);
        }
    }
}

TEST_CASE("RFC 7616 3.4.2: no algorithm parameter means MD5") {
    House house;
    Phone phone;
    phone.algorithm = Algorithm::md5;
    phone.nonce = house.nonce_for(phone);
    std::string header = phone.authorization();
    const std::string parameter = ", algorithm=MD5";
    header.erase(header.find(parameter), parameter.size());
    check_accepted(house.decide(phone, {header}));
}

TEST_CASE("refreshes count on over one nonce until it is old") {
    House house;
    Phone phone;
    phone.nonce = house.nonce_for(phone);
    const std::array<std::string, 4> counts{"00000001", "00000002", "00000003", "0000000a"};
    for (const std::string& nc : counts) {
        phone.nc = nc;
        ++phone.cseq;
        check_accepted(house.decide(phone, kNow + house.policy.nonce_lifetime_ms));
    }
    phone.nc = "0000000b";
    check_challenged(house.decide(phone, kNow + house.policy.nonce_lifetime_ms + 1), Finding::stale_nonce, true);
}

TEST_CASE("no credentials, those of another realm and those of another scheme are challenged") {
    House house;
    Phone phone;
    check_challenged(house.decide(phone, std::vector<std::string>{}), Finding::no_credentials, false);
    check_challenged(house.decide(phone, {"Basic YWxpY2U6d29uZGVybGFuZA=="}), Finding::no_credentials, false);
    phone.realm = "asterisk";
    phone.nonce = house.nonce_for(phone);
    check_challenged(house.decide(phone), Finding::no_credentials, false);
}

TEST_CASE("a header that cannot be read is 400, with the fault for the owner") {
    House house;
    Phone phone;
    const AuthVerdict verdict = house.decide(phone, {"Digest username=\"alice"});
    check_refused(verdict, Finding::bad_header, RejectReason::credentials_malformed);
    CHECK(verdict.fault == CredentialsFault::syntax);
    phone.nonce = house.nonce_for(phone);
    std::string header = phone.authorization();
    header.replace(header.find("response=\"") + 10, 1, "g");
    check_refused(house.decide(phone, {header}), Finding::bad_header, RejectReason::credentials_malformed);
}

TEST_CASE("unknown user, wrong password, missing algorithm and disabled device have one and the same answer") {
    House house;
    std::vector<Credential> credentials{credential("alice", "wonderland"), credential("bob", "builder")};
    credentials[1].is_enabled = false;
    credentials.push_back({});
    credentials.back().user = "carol";
    CHECK(credentials.back().set_ha1(Algorithm::md5, std::string(32, 'a')));
    house.table = CredentialTable(credentials);
    const struct {
        std::string_view user;
        std::string_view password;
        Finding finding;
    } rows[] = {
        {"mallory", "wonderland", Finding::unknown_user}, {"Alice", "wonderland", Finding::unknown_user},
        {"", "wonderland", Finding::unknown_user},        {"alice", "Wonderland", Finding::wrong_password},
        {"alice", "", Finding::wrong_password},           {"bob", "builder", Finding::disabled_device},
        {"bob", "wrong", Finding::wrong_password},        {"carol", "secret", Finding::wrong_password},
    };
    for (const auto& row : rows) {
        CAPTURE(row.user);
        Phone phone;
        phone.user = row.user;
        phone.password = row.password;
        phone.nonce = house.nonce_for(phone);
        const AuthVerdict verdict = house.decide(phone);
        check_challenged(verdict, row.finding, false);
        CHECK(verdict.is_failed_guess());
    }
}

TEST_CASE("whoever finds the digest that stands in for nobody's is not let in with it") {
    House house;
    std::vector<Credential> credentials(1);
    credentials[0].user = "carol";  // known, but without any digest
    house.table = CredentialTable(credentials);
    std::string stand_in;
    for (int i = 0; i < 32; ++i) stand_in += "5a";
    for (const std::string_view user : {"carol", "nobody"}) {
        Phone phone;
        phone.user = user;
        phone.nonce = house.nonce_for(phone);
        const auto response = compute_response(phone.algorithm, stand_in,
                                               {"REGISTER", phone.uri, phone.nonce, true, phone.nc, phone.cnonce});
        std::string header = phone.authorization();
        header.replace(header.find("response=\"") + 10, 64, response.text());
        CHECK(house.decide(phone, {header}).decision == AuthDecision::challenge);
    }
}

TEST_CASE("a digest over anything else than this request is a wrong password") {
    House house;
    Phone phone;
    phone.nonce = house.nonce_for(phone);
    const std::string header = phone.authorization();
    const auto with = [&header](std::string_view from, std::string_view to) {
        std::string changed = header;
        changed.replace(changed.find(from), from.size(), to);
        return changed;
    };
    for (const std::string& changed : {with("nc=00000001", "nc=00000002"), with("0a4f113b", "0a4f113c"),
                                       with("uri=\"sip:screamrouter.local\"", "uri=\"sip:screamrouter.local:5060\""),
                                       with("algorithm=SHA-256", "algorithm=SHA-512-256"),
                                       with(", qop=auth, nc=00000001, cnonce=\"0a4f113b\"", "")}) {
        CAPTURE(changed);
        check_challenged(house.decide(phone, {changed}), Finding::wrong_password, false);
    }
    check_accepted(house.decide(phone));
}

TEST_CASE("RFC 7616 3.3: a nonce of another key, address or realm is stale, whatever the password, and is no guess") {
    House house;
    Phone phone;
    for (const std::string_view password : {"wonderland", "wrong"}) {
        phone.password = password;
        phone.nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
        check_challenged(house.decide(phone), Finding::foreign_nonce, true);
        House other;
        Authenticator stranger({key(8), 42});
        const NonceText text = stranger.issue_nonce(house.policy, phone.source, kNow);
        phone.nonce = std::string(text.data(), text.size());
        check_challenged(house.decide(phone), Finding::foreign_nonce, true);
        Phone neighbour = phone;
        neighbour.source = ipv4(192, 168, 1, 99);
        phone.nonce = house.nonce_for(neighbour);
        const AuthVerdict verdict = house.decide(phone);
        check_challenged(verdict, Finding::foreign_nonce, true);
        CHECK_FALSE(verdict.is_failed_guess());
    }
}

TEST_CASE("RFC 7616 3.4: a replayed count is challenged as stale, a retransmission accepted again") {
    House house;
    Phone phone;
    phone.nonce = house.nonce_for(phone);
    check_accepted(house.decide(phone));
    const AuthVerdict again = house.decide(phone, kNow + 500);
    check_accepted(again);
    CHECK(again.finding == Finding::retransmitted);
    for (const int changed : {0, 1, 2}) {
        Phone replay = phone;
        if (changed == 0) replay.content = "REGISTER with another Contact";
        if (changed == 1) replay.cseq = 3;
        if (changed == 2) replay.call_id = "call-2";
        const AuthVerdict verdict = house.decide(replay, kNow + 500);
        check_challenged(verdict, Finding::replayed, true);
        CHECK_FALSE(verdict.is_failed_guess());
    }
    check_challenged(house.decide(phone, kNow + 60'000), Finding::replayed, true);
}

TEST_CASE("RFC 2069: a phone without qop needs a new nonce for each refresh, and gets in with it") {
    House house;
    Phone phone;
    phone.has_qop = false;
    phone.nonce = house.nonce_for(phone);
    check_accepted(house.decide(phone));
    check_accepted(house.decide(phone));
    phone.cseq = 3;
    check_challenged(house.decide(phone), Finding::replayed, true);
    phone.nonce = house.nonce_for(phone);
    phone.cseq = 4;
    check_accepted(house.decide(phone));
}

TEST_CASE("where qop is required the old form is challenged") {
    House house;
    house.policy.is_qop_required = true;
    Phone phone;
    phone.has_qop = false;
    phone.nonce = house.nonce_for(phone);
    check_challenged(house.decide(phone), Finding::qop_missing, false);
}

TEST_CASE("an algorithm that was not offered is challenged, however right the digest is") {
    House house;
    house.policy.algorithms = {Algorithm::sha256};
    Phone phone;
    phone.algorithm = Algorithm::md5;
    phone.nonce = house.nonce_for(phone);
    check_challenged(house.decide(phone), Finding::algorithm_not_offered, false);
    std::string header = phone.authorization();
    header.replace(header.find("algorithm=MD5"), 13, "algorithm=MD5-sess");
    check_challenged(house.decide(phone, {header}), Finding::algorithm_not_offered, false);
}

TEST_CASE("RFC 3261 10.3 step 4: a device registers for itself and the names its owner gave it, else 403") {
    House house;
    const auto decide_for = [&house](std::string_view aor_key, std::string_view password) {
        Phone phone;
        phone.aor_key = aor_key;
        phone.password = password;
        phone.nonce = house.nonce_for(phone);
        return house.decide(phone);
    };
    check_accepted(decide_for("alice", "wonderland"));
    check_accepted(decide_for("kitchen", "wonderland"));
    check_refused(decide_for("bob", "wonderland"), Finding::other_aor, RejectReason::not_own_address);
    check_refused(decide_for("nobody", "wonderland"), Finding::other_aor, RejectReason::not_own_address);
    check_challenged(decide_for("bob", "wrong"), Finding::wrong_password, false);  // 403 is for who proved himself
}

TEST_CASE("RFC 7616 3.4.6: credentials for another URI are refused, those for the same in other words are not") {
    House house;
    Phone phone;
    phone.uri = "sip:example.com";
    phone.nonce = house.nonce_for(phone);
    check_refused(house.decide(phone), Finding::other_uri, RejectReason::digest_uri_mismatch);
    phone.uri = "sip:ScreamRouter.local:5060;transport=udp";
    phone.nonce = house.nonce_for(phone);
    check_accepted(house.decide(phone));
}

TEST_CASE("a digest-uri means the Request-URI where user and host are the same") {
    const struct {
        std::string_view digest_uri;
        std::string_view request_uri;
        bool is_same;
    } rows[] = {
        {"sip:a.local", "sip:a.local", true},
        {"sip:A.local", "sip:a.LOCAL", true},
        {"sips:a.local", "sip:a.local", true},
        {"sip:a.local:5060", "sip:a.local", true},
        {"sip:a.local:5062", "sip:a.local", true},
        {"sip:a.local:5060", "sips:a.local:5061", true},
        {"sip:a.local;transport=tcp", "sip:a.local;lr?x=y", true},
        {"sip:bob@a.local", "sip:bob@a.local:5060", true},
        {"sip:b%6fb@a.local", "sip:bob@a.local", true},
        {"sip:[2001:db8::1]", "sip:[2001:DB8:0::1]:5060", true},
        {"not a uri", "not a uri", true},
        {"sip:a.local:5062", "sip:a.local:5060", false},
        {"sip:a.local:5062", "sip:a.local:5064", false},
        {"sip:bob@a.local", "sip:alice@a.local", false},
        {"sip:Bob@a.local", "sip:bob@a.local", false},
        {"sip:bob@a.local", "sip:a.local", false},
        {"sip:a.local", "sip:b.local", false},
        {"sip:[2001:db8::1]", "sip:[2001:db8::2]", false},
        {"a.local", "sip:a.local", false},
        {"/dir/index.html", "sip:a.local", false},
        {"", "sip:a.local", false},
    };
    for (const auto& row : rows) {
        CAPTURE(row.digest_uri);
        CAPTURE(row.request_uri);
        CHECK(is_same_target(row.digest_uri, row.request_uri) == row.is_same);
    }
}

TEST_CASE("the claimed user is read from the credentials for our realm") {
    Phone phone;
    phone.nonce = "n";
    const std::string header = phone.authorization();
    const std::vector<std::string_view> values{"Digest username=\"eve", header};
    CHECK(Claim(values, kRealm).user() == "alice");
    CHECK(Claim(values, "other").user().empty());
    CHECK(Claim({}, kRealm).user().empty());
}

TEST_CASE("a table finds whom it holds, the first of two, and keeps no digest that is none") {
    std::vector<Credential> credentials{credential("alice", "one"), credential("alice", "two")};
    const CredentialTable table(credentials);
    CHECK(table.size() == 1);
    REQUIRE(table.find("alice") != nullptr);
    CHECK(table.find("alice")->ha1[2].text() == compute_ha1(Algorithm::md5, "alice", kRealm, "one").text());
    CHECK(table.find("alic") == nullptr);
    CHECK(table.find("") == nullptr);
    Credential broken;
    CHECK_FALSE(broken.set_ha1(Algorithm::sha256, "00"));
    CHECK_FALSE(broken.set_ha1(Algorithm::md5, "password"));
    CHECK(std::all_of(broken.ha1.begin(), broken.ha1.end(), [](const HexDigest& ha1) { return ha1.is_empty(); }));
}

TEST_CASE("an unknown user, a wrong password, a disabled device and another's address cost the same work") {
    House house;
    const auto work_for = [&house](const std::string& user, const std::string& password, Algorithm algorithm) {
        Phone phone;
        phone.user = user;
        phone.password = password;
        phone.algorithm = algorithm;
        phone.aor_key = "alice";
        phone.nonce = house.nonce_for(phone);
        return house.decide(phone, {phone.authorization()});
    };
    for (const Algorithm algorithm : kByStrength) {
        const AuthVerdict verdicts[] = {
            work_for("alice", "wonderland", algorithm), work_for("alice", "wrong", algorithm),
            work_for("nobody", "wrong", algorithm),     work_for("bob", "builder", algorithm),
            work_for("bob", "wrong", algorithm),
        };
        const Finding findings[] = {Finding::accepted, Finding::wrong_password, Finding::unknown_user,
                                    Finding::disabled_device, Finding::wrong_password};
        for (std::size_t i = 0; i < std::size(verdicts); ++i) {
            CHECK(verdicts[i].finding == findings[i]);
            CHECK(verdicts[i].work == AuthWork{1, 1});
        }
    }
}

TEST_CASE("a device without a hash for the algorithm costs the same work as one with a wrong password") {
    House house;
    std::vector<Credential> credentials{credential("alice", "wonderland")};
    credentials.front().ha1[static_cast<std::size_t>(Algorithm::md5)] = HexDigest();
    house.table = CredentialTable(credentials);
    Phone phone;
    phone.algorithm = Algorithm::md5;
    phone.nonce = house.nonce_for(phone);
    const AuthVerdict verdict = house.decide(phone, {phone.authorization()});
    CHECK(verdict.finding == Finding::wrong_password);
    CHECK(verdict.work == AuthWork{1, 1});
}

TEST_CASE("who only asks a question may ask it about anybody") {
    House house;
    Phone phone;
    phone.nonce = house.nonce_for(phone);
    const std::string header = phone.authorization();
    const std::string_view value = header;
    AuthRequest request;
    request.method = "REGISTER";
    request.request_uri = phone.request_uri;
    request.source = phone.source;
    const Claim claim({&value, 1}, house.policy.realm);
    CHECK(house.authenticator.decide(request, claim, house.table, house.policy, kNow).decision ==
          AuthDecision::accepted);
}
