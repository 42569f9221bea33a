// Who is let in to register, and who goes round which rule.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "auth/digest.hpp"
#include "engine/doorkeeper.hpp"
#include "sip/reject_reason.hpp"

using namespace sr;
using namespace sr::engine;
using sip::RejectReason;

namespace {

constexpr std::string_view kRealm = "screamrouter.local";
const std::string kUuid = "4f0c1a52-7a0e-4d2c-9b7e-0a1b2c3d4e5f";

sip::SocketAddress ipv4(std::uint8_t a, std::uint8_t last) {
    sip::SocketAddress address;
    address.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, a, 0, 2, last};
    address.port = 5060;
    return address;
}

auth::Network everywhere() { return {{}, 0}; }

AccessConfig open_house() {
    AccessConfig config;
    config.rules = {{everywhere(), auth::Access::by_mode}};
    config.digest.realm = kRealm;
    return config;
}

auth::Credential alice() {
    auth::Credential credential;
    credential.user = "alice";
    credential.aor_keys = {kUuid};
    const auto ha1 = auth::compute_ha1(auth::Algorithm::sha256, "alice", kRealm, "secret");
    REQUIRE(credential.set_ha1(auth::Algorithm::sha256, ha1.text()));
    return credential;
}

/// A REGISTER for a user, perhaps of a device, perhaps with an Authorization.
struct Caller {
    std::string user = "alice";
    std::string device{};
    std::string authorization{};
    sip::SocketAddress source = ipv4(192, 7);

    Ruling ask(Doorkeeper& keeper, base::TimeMs now_ms, std::string* headers = nullptr) const {
        sip::RegisterRequest request;
        request.request_uri = "sip:screamrouter.local";
        request.call_id = "call";
        request.cseq = 1;
        const std::string message(600, 'x');
        request.message = message;
        request.flow.remote = source;
        const std::string_view value = authorization;
        if (!value.empty()) request.authorizations = {&value, 1};
        sip::Identity identity;
        identity.user_key = user;
        if (!device.empty()) identity.device = *sip::Uuid::parse(device);
        std::array<char, 4096> room;
        base::TextBuffer text(room);
        const Ruling ruling = keeper.admit(request, identity, now_ms, text);
        if (headers != nullptr) *headers = text.text();
        return ruling;
    }

    /// The same with an answer to the challenge in `headers`.
    Caller with_password(const std::string& headers, const std::string& password,
                         const std::string& name = "alice") const {
        const std::size_t at = headers.find("nonce=\"") + 7;
        const std::string nonce = headers.substr(at, headers.find('"', at) - at);
        const auto ha1 = auth::compute_ha1(auth::Algorithm::sha256, name, kRealm, password);
        const auto response =
            auth::compute_response(auth::Algorithm::sha256, ha1.text(),
                                   {"REGISTER", "sip:screamrouter.local", nonce, true, "00000001", "abc"});
        Caller caller = *this;
        caller.authorization = "Digest username=\"" + name + "\",realm=\"" + std::string(kRealm) + "\",nonce=\"" +
                               nonce + "\",uri=\"sip:screamrouter.local\",algorithm=SHA-256,qop=auth,nc=00000001," +
                               "cnonce=\"abc\",response=\"" + std::string(response.text()) + "\"";
        return caller;
    }
};

struct House {
    explicit House(AccessConfig config) { keeper.apply(std::move(config)); }

    Doorkeeper keeper{{}};
};

}  // namespace

TEST_CASE("before a configuration is applied everybody comes in, as often as he likes") {
    Doorkeeper keeper({});
    for (int i = 0; i < 10'000; ++i) CHECK(keeper.knock(ipv4(192, 1), 1000).reason == RejectReason::none);
    CHECK(Caller{}.ask(keeper, 1000).reason == RejectReason::none);
}

TEST_CASE("a device with a password is asked for it, and comes in with it") {
    AccessConfig config = open_house();
    config.credentials = {alice()};
    House house(std::move(config));
    std::string headers;
    const Ruling asked = Caller{}.ask(house.keeper, 1000, &headers);
    CHECK(asked.reason == RejectReason::unauthorized);
    CHECK(asked.is_usual);
    CHECK(headers.starts_with("WWW-Authenticate: Digest "));
    CHECK(Caller{}.with_password(headers, "secret").ask(house.keeper, 1100).reason == RejectReason::none);
    const Ruling wrong = Caller{}.with_password(headers, "guess").ask(house.keeper, 1200);
    CHECK(wrong.reason == RejectReason::unauthorized);
    CHECK_FALSE(wrong.is_usual);
    CHECK(wrong.finding == "wrong password");
}

TEST_CASE("nobody gets at an address with a password by calling himself another device, nor the other way round") {
    AccessConfig config = open_house();
    config.credentials = {alice()};
    House house(std::move(config));
    const std::string other = "00000000-0000-4000-8000-000000000001";
    CHECK(Caller{.device = other}.ask(house.keeper, 1000).reason == RejectReason::unauthorized);
    CHECK(Caller{.user = "bob", .device = kUuid}.ask(house.keeper, 1000).reason == RejectReason::unauthorized);
    CHECK(Caller{.user = "bob", .device = other}.ask(house.keeper, 1000).reason == RejectReason::none);
}

TEST_CASE("who is disabled stays out under either of his names") {
    AccessConfig config = open_house();
    config.devices = {{"bob", false}, {kUuid, false}, {"carol", true}};
    House house(std::move(config));
    CHECK(Caller{.user = "bob"}.ask(house.keeper, 1000).reason == RejectReason::device_disabled);
    CHECK(Caller{.user = "dave", .device = kUuid}.ask(house.keeper, 1000).reason == RejectReason::device_disabled);
    CHECK(Caller{.user = "carol", .device = kUuid}.ask(house.keeper, 1000).reason == RejectReason::device_disabled);
    CHECK(Caller{.user = "carol"}.ask(house.keeper, 1000).reason == RejectReason::none);
}

TEST_CASE("a password is good for the device's own address only") {
    AccessConfig config = open_house();
    config.mode = auth::AdmissionMode::closed;
    config.credentials = {alice()};
    House house(std::move(config));
    std::string headers;
    CHECK(Caller{.user = "bob"}.ask(house.keeper, 1000, &headers).reason == RejectReason::unauthorized);
    CHECK(Caller{.user = "bob"}.with_password(headers, "secret").ask(house.keeper, 1100).reason ==
          RejectReason::not_own_address);
}

TEST_CASE("an unknown device waits for its owner's word where that is the rule") {
    AccessConfig config = open_house();
    config.mode = auth::AdmissionMode::approve;
    config.devices = {{"carol", true}};
    House house(std::move(config));
    std::string headers;
    CHECK(Caller{.user = "eve"}.ask(house.keeper, 1000, &headers).reason == RejectReason::awaiting_approval);
    CHECK(headers.starts_with("WWW-Authenticate: Digest "));  // it looks like any other 401
    CHECK(Caller{.user = "carol"}.ask(house.keeper, 1000).reason == RejectReason::none);
}

TEST_CASE("guesses are slowed down, and the honest device beside the guesser is not") {
    AccessConfig config = open_house();
    config.credentials = {alice()};
    House house(std::move(config));
    const Caller honest;
    const Caller guesser{.source = ipv4(192, 66)};
    std::string headers;
    static_cast<void>(honest.ask(house.keeper, 1000, &headers));
    REQUIRE(honest.with_password(headers, "secret").ask(house.keeper, 1000).reason == RejectReason::none);
    int looked_at = 0;
    for (int i = 0; i < 1000; ++i) {
        static_cast<void>(guesser.ask(house.keeper, 2000 + i, &headers));
        const Ruling ruling = guesser.with_password(headers, "guess" + std::to_string(i)).ask(house.keeper, 2000 + i);
        looked_at += ruling.reason == RejectReason::unauthorized;
    }
    CHECK(looked_at <= 6);
    static_cast<void>(honest.ask(house.keeper, 3000, &headers));
    CHECK(honest.with_password(headers, "secret").ask(house.keeper, 3000).reason == RejectReason::none);
}

TEST_CASE("a flood from one source is refused once a second and else unanswered, and slows no other") {
    AccessConfig config = open_house();
    config.rate = {.per_second = 10, .burst = 20};
    House house(std::move(config));
    int passed = 0;
    int answered = 0;
    for (int i = 0; i < 1000; ++i) {
        const stack::Knock knock = house.keeper.knock(ipv4(192, 66), 1000);
        passed += knock.reason == RejectReason::none;
        answered += knock.reason == RejectReason::too_many_requests && !knock.is_withheld;
    }
    CHECK(passed == 20);
    CHECK(answered == 1);
    CHECK(house.keeper.knock(ipv4(192, 7), 1000).reason == RejectReason::none);
    CHECK(house.keeper.knock(ipv4(192, 66), 2000).reason == RejectReason::none);
}

TEST_CASE("an address outside the networks is told so, whatever it sends") {
    AccessConfig config = open_house();
    config.rules = {{auth::Network(auth::AddressBits::of(ipv4(10, 0)), 104), auth::Access::by_mode}};
    House house(std::move(config));
    CHECK(house.keeper.knock(ipv4(10, 7), 1000).reason == RejectReason::none);
    CHECK(house.keeper.knock(ipv4(192, 7), 1000).reason == RejectReason::network_not_admitted);
}

namespace {

/// Every kind of device that a stranger might tell from a name that nobody has.
AccessConfig full_house(auth::AdmissionMode mode) {
    AccessConfig config = open_house();
    config.mode = mode;
    const auto credential = [](const std::string& user, bool is_enabled) {
        auth::Credential made;
        made.user = user;
        const auto ha1 = auth::compute_ha1(auth::Algorithm::sha256, user, kRealm, "secret");
        REQUIRE(made.set_ha1(auth::Algorithm::sha256, ha1.text()));
        made.is_enabled = is_enabled;
        return made;
    };
    config.credentials = {credential("alice", true), credential("disabled", false), credential("elsewhere", true)};
    config.devices = {{"disabled", false}, {"rejected", false}, {"open-elsewhere", true}};
    const std::vector<auth::Network> far{{auth::AddressBits::of(ipv4(10, 0)), 104}};
    config.device_networks = {{"elsewhere", far}, {"open-elsewhere", far}};
    return config;
}

constexpr std::array kNames{"alice", "disabled", "elsewhere", "rejected", "open-elsewhere", "nobody"};

std::string without_nonces(std::string text) {
    for (std::size_t at = 0; (at = text.find("nonce=\"", at)) != std::string::npos;) {
        at += 7;
        text.erase(at, text.find('"', at) - at);
    }
    return text;
}

/// What somebody at the other end sees: the status, the Warning and the other header fields.
struct Seen {
    std::uint16_t status = 0;
    std::string warning;
    std::string headers;
    bool operator==(const Seen&) const = default;
};

Seen seen_of(const Ruling& ruling, const std::string& headers) {
    return {sip::status_line(ruling.told).status, std::string(sip::warning_text(ruling.told)), without_nonces(headers)};
}

/// The answer to the last of `tries` requests of one kind for each name: each in a house of its own.
struct Kind {
    const char* name;
    std::string (*authorization)(const Caller& caller, const std::string& challenge);
    int tries = 1;
};

const std::array kKinds{
    Kind{"without credentials", [](const Caller&, const std::string&) { return std::string(); }},
    Kind{"with a wrong password",
         [](const Caller& caller, const std::string& challenge) {
             return caller.with_password(challenge, "wrong", caller.user).authorization;
         }},
    Kind{"with another's password",
         [](const Caller& caller, const std::string& challenge) {
             return caller.with_password(challenge, "wrong", "alice").authorization;
         }},
    Kind{"with a nonce of nobody's",
         [](const Caller& caller, const std::string&) {
             return caller.with_password("nonce=\"aaaa\"", "wrong", caller.user).authorization;
         }},
    Kind{"with a header that cannot be read",
         [](const Caller&, const std::string&) { return "Digest realm=\"" + std::string(kRealm) + "\",x"; }},
    Kind{"with an algorithm that is not spoken",
         [](const Caller& caller, const std::string& challenge) {
             std::string text = caller.with_password(challenge, "wrong", caller.user).authorization;
             return text.replace(text.find("SHA-256"), 7, "SHA-999");
         }},
    Kind{"with another URI",
         [](const Caller& caller, const std::string& challenge) {
             std::string text = caller.with_password(challenge, "wrong", caller.user).authorization;
             return text.replace(text.find("uri=\"sip:"), 9, "uri=\"sip:other.");
         }},
    Kind{"with a wrong password again and again",
         [](const Caller& caller, const std::string& challenge) {
             return caller.with_password(challenge, "wrong", caller.user).authorization;
         },
         7},
};

}  // namespace

TEST_CASE("where strangers are not let in, no answer tells a name that exists from one that does not") {
    for (const auth::AdmissionMode mode : {auth::AdmissionMode::approve, auth::AdmissionMode::closed}) {
        for (const Kind& kind : kKinds) {
            CAPTURE(kind.name);
            std::vector<Seen> all;
            std::vector<auth::AuthWork> works;
            for (const char* name : kNames) {
                CAPTURE(name);
                House house(full_house(mode));
                Caller caller{.user = name};
                std::string headers;
                Ruling ruling = caller.ask(house.keeper, 1000, &headers);
                const std::string challenge = headers;
                caller.authorization = kind.authorization(caller, challenge);
                for (int i = 0; i < kind.tries; ++i) ruling = caller.ask(house.keeper, 1100, &headers);
                CHECK(ruling.reason != RejectReason::none);
                all.push_back(seen_of(ruling, headers));
                works.push_back(ruling.work);
            }
            for (const Seen& seen : all) {
                CHECK(seen.status == all.front().status);
                CHECK(seen.warning == all.front().warning);
                CHECK(seen.headers == all.front().headers);
            }
            for (const auth::AuthWork& work : works) CHECK(work == works.front());
        }
    }
}

TEST_CASE("a known name and an unknown one are made to wait alike, and for as long") {
    const auto statuses_of = [](const std::string& name) {
        House house(full_house(auth::AdmissionMode::approve));
        std::vector<std::string> seen;
        for (base::TimeMs now_ms = 1000; now_ms < 40'000; now_ms += 500) {
            std::string headers;
            static_cast<void>(Caller{.user = name}.ask(house.keeper, now_ms, &headers));
            const Ruling ruling =
                Caller{.user = name}.with_password(headers, "wrong", name).ask(house.keeper, now_ms, &headers);
            seen.push_back(std::to_string(sip::status_line(ruling.told).status) + without_nonces(headers));
        }
        return seen;
    };
    const auto expected = statuses_of("nobody");
    CHECK(std::count_if(expected.begin(), expected.end(), [](const auto& one) { return one.starts_with("503"); }) > 20);
    for (const char* name : kNames) CHECK(statuses_of(name) == expected);
}

TEST_CASE("a question about who is registered needs a password where strangers are not let in, whoever it is about") {
    const auto ask = [](Doorkeeper& keeper, std::string_view user) {
        stack::OtherRequest request;
        request.method = "OPTIONS";
        request.request_user = user;
        request.request_uri = "sip:somebody@screamrouter.local";
        const std::string message(600, 'x');
        request.message = message;
        request.flow.remote = ipv4(192, 7);
        std::array<char, 4096> room;
        base::TextBuffer text(room);
        const Ruling ruling = keeper.admit_question(request, 1000, text);
        return seen_of(ruling, std::string(text.text()));
    };
    for (const auth::AdmissionMode mode : {auth::AdmissionMode::approve, auth::AdmissionMode::closed}) {
        House house(full_house(mode));
        const Seen unknown = ask(house.keeper, "nobody");
        CHECK(unknown.status == 401);
        for (const char* name : kNames) CHECK(ask(house.keeper, name) == unknown);
    }
    House house(full_house(auth::AdmissionMode::open));
    CHECK(ask(house.keeper, "nobody").status == 200);  // anybody may know: see docs/decisions
    CHECK(ask(house.keeper, "alice").status == 401);
    CHECK(ask(house.keeper, "disabled") == ask(house.keeper, "alice"));
}

TEST_CASE("a device that is bound to networks comes in from there alone, and only who knows its password is told") {
    for (const auth::AdmissionMode mode :
         {auth::AdmissionMode::open, auth::AdmissionMode::approve, auth::AdmissionMode::closed}) {
        House house(full_house(mode));
        std::string headers;
        const Caller near{.user = "elsewhere", .source = ipv4(10, 9)};
        const Caller far{.user = "elsewhere"};
        CHECK(near.ask(house.keeper, 1000, &headers).told == RejectReason::unauthorized);
        CHECK(near.with_password(headers, "secret", "elsewhere").ask(house.keeper, 1000).reason == RejectReason::none);
        CHECK(far.ask(house.keeper, 1000, &headers).told == RejectReason::unauthorized);
        CHECK(far.with_password(headers, "wrong", "elsewhere").ask(house.keeper, 1000).told ==
              RejectReason::unauthorized);
        CHECK(far.with_password(headers, "secret", "elsewhere").ask(house.keeper, 1000).told ==
              RejectReason::device_elsewhere);
    }
    House open(full_house(auth::AdmissionMode::open));
    const Ruling refused = Caller{.user = "open-elsewhere"}.ask(open.keeper, 1000);
    CHECK(refused.told == RejectReason::device_elsewhere);
    CHECK(Caller{.user = "open-elsewhere", .source = ipv4(10, 9)}.ask(open.keeper, 1000).reason == RejectReason::none);
    House asked(full_house(auth::AdmissionMode::approve));
    const Ruling hidden = Caller{.user = "open-elsewhere"}.ask(asked.keeper, 1000);
    CHECK(hidden.reason == RejectReason::device_elsewhere);  // for the owner
    CHECK(hidden.told == RejectReason::unauthorized);
    CHECK(Caller{.user = "open-elsewhere", .source = ipv4(10, 9)}.ask(asked.keeper, 1000).reason == RejectReason::none);
}
