// RFC 3261 section 10.3 step 8 and the header fields of refusals.
#include "registrar/reply.hpp"

#include <doctest/doctest.h>

#include <array>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "registration_kit.hpp"

using namespace sr::registrar;
using namespace sr::registrar::testkit;
using sr::base::TextBuffer;
using sr::sip::BindingView;
using sr::sip::RegisterOutcome;
using sr::sip::RejectReason;

namespace {

constexpr std::time_t kWall = 1289690940;  // the example of RFC 3261 section 20.17
constexpr std::string_view kEnd = "Supported: path\r\nDate: Sat, 13 Nov 2010 23:29:00 GMT\r\n";

std::string accepted(Register message, const std::vector<BindingView>& bindings, std::time_t wall_s = kWall) {
    std::array<char, 4096> room;
    TextBuffer out(room);
    write_accepted(message.get(), bindings, 10'000, wall_s, out);
    REQUIRE_FALSE(out.is_overflown());
    return std::string(out.text());
}

std::string refused(RejectReason reason, std::string_view detail = {}, std::uint32_t min_expires_s = 0) {
    RegisterOutcome outcome;
    outcome.reason = reason;
    outcome.detail = detail;
    outcome.min_expires_s = min_expires_s;
    std::array<char, 4096> room;
    TextBuffer out(room);
    write_refused(outcome, default_policy(), kWall, out);
    REQUIRE_FALSE(out.is_overflown());
    return std::string(out.text());
}

BindingView binding(std::string_view uri, sr::base::TimeMs expires_at_ms) {
    BindingView view;
    view.contact_uri = uri;
    view.expires_at_ms = expires_at_ms;
    return view;
}

}  // namespace

TEST_CASE("RFC 3261 10.3-8: every binding has its own Contact line with its own expires, rounded up") {
    const auto text = accepted(Register(), {binding("sip:a@b", 10'000 + 60'000), binding("sips:a@c:5061;x", 10'001),
                                            binding("sip:a@d", 5'000)});
    CHECK(text ==
          "Contact: <sip:a@b>;expires=60\r\nContact: <sips:a@c:5061;x>;expires=1\r\nContact: <sip:a@d>;expires=0\r\n" +
              std::string(kEnd));
}

TEST_CASE("RFC 3261 10.3-8: without bindings there is no Contact, but a Date") {
    CHECK(accepted(Register(), {}) == kEnd);
}

TEST_CASE("RFC 3261 20.10 and RFC 5626 4.2: q, instance and reg-id are given back") {
    BindingView view = binding("sip:a@b", 40'000);
    view.q_thousandths = 500;
    view.instance = kUrn;
    view.reg_id = 2;
    CHECK(accepted(Register(), {view}) == "Contact: <sip:a@b>;expires=30;q=0.5;+sip.instance=\"<" + std::string(kUrn) +
                                              ">\";reg-id=2\r\n" + std::string(kEnd));
}

TEST_CASE("RFC 3261 25.1: q is printed with as many decimals as it needs") {
    const std::pair<std::uint16_t, std::string> rows[] = {{0, "0"},      {1, "0.001"}, {50, "0.05"},
                                                          {250, "0.25"}, {700, "0.7"}, {1000, "1"}};
    for (const auto& [thousandths, text] : rows) {
        CAPTURE(thousandths);
        BindingView view = binding("sip:a@b", 11'000);
        view.q_thousandths = thousandths;
        CHECK(accepted(Register(), {view}).find(";q=" + text + "\r\n") != std::string::npos);
    }
}

TEST_CASE("RFC 3327 5.3: Path is returned to a peer that supports it, and to no other") {
    const std::string line = "Path: <sip:p1;lr>,<sip:p2;lr>\r\n";
    CHECK(accepted(Register().path("<sip:p1;lr>,<sip:p2;lr>").supported("gruu").supported("Path"), {}) ==
          line + std::string(kEnd));
    CHECK(accepted(Register().path("<sip:p1;lr>,<sip:p2;lr>").require("path"), {}) == line + std::string(kEnd));
    CHECK(accepted(Register().path("<sip:p1;lr>"), {}) == kEnd);
    CHECK(accepted(Register().supported("path"), {}) == kEnd);
}

TEST_CASE("RFC 3261 20.17: Date is that of the second asked for, in GMT") {
    CHECK(accepted(Register(), {}, 0).find("Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n") != std::string::npos);
    CHECK(accepted(Register(), {}, 951827696).find("Date: Tue, 29 Feb 2000 12:34:56 GMT\r\n") != std::string::npos);
    CHECK(accepted(Register(), {}, 951827697).find("Date: Tue, 29 Feb 2000 12:34:57 GMT\r\n") != std::string::npos);
    CHECK(accepted(Register(), {}, 0).find("Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n") != std::string::npos);
    CHECK(accepted(Register(), {}, 4102444799).find("Date: Thu, 31 Dec 2099 23:59:59 GMT\r\n") != std::string::npos);
    CHECK(accepted(Register(), {}, std::numeric_limits<std::time_t>::max()) == "Supported: path\r\n");
}

TEST_CASE("an answer beyond its room is known as such and nothing is written beyond") {
    std::array<char, 64> room;
    TextBuffer out(std::span<char>(room).first(40));
    room[40] = '#';
    const std::vector<BindingView> one{binding("sip:alice@192.0.2.10:5060", 70'000)};
    write_accepted(Register().get(), one, 10'000, kWall, out);
    CHECK(out.is_overflown());
    CHECK(room[40] == '#');
}

TEST_CASE("RFC 3261 21.4.17: 423 carries Min-Expires") {
    CHECK(refused(RejectReason::brief_interval, {}, 60) ==
          "Min-Expires: 60\r\nDate: Sat, 13 Nov 2010 23:29:00 GMT\r\n");
}

TEST_CASE("RFC 3261 21.4.15: 420 carries Unsupported") {
    CHECK(refused(RejectReason::extension_required, "outbound, gruu").find("Unsupported: outbound, gruu\r\n") == 0);
}

TEST_CASE("RFC 3261 20.43: a refusal says in a Warning what is wrong") {
    const auto text = refused(RejectReason::identity_conflict, "+sip.instance and From");
    CHECK(text.find("Warning: 399 screamrouter.local \"") == 0);
    CHECK(text.find(": +sip.instance and From\"\r\n") != std::string::npos);
}

TEST_CASE("RFC 3261 25.1: what the peer wrote can neither end the Warning's string nor its line") {
    const auto text = refused(RejectReason::contact_invalid, "a\"b\\c\r\nX: y\xFF");
    CHECK(text.find(": a?b?c??X: y?\"\r\n") != std::string::npos);
    CHECK(refused(RejectReason::contact_invalid, std::string(5000, 'x')).size() < 400);
    CHECK(refused(RejectReason::extension_required, "a\r\nX: y").find("Unsupported: a??X: y\r\n") == 0);
}

TEST_CASE(
    "RFC 5626 6: Require: outbound tells that it was used: asked for, with instance and reg-id, over a connection") {
    const auto flow = [](Register message) { return std::move(message.over(sr::sip::Transport::tcp)); };
    const auto named = [] { return std::move(Register().contact("sip:a@b").instance("urn:uuid:0", 1)); };
    const auto requires_it = [](const Register& message) {
        return accepted(message, {}).find("Require: outbound\r\n") != std::string::npos;
    };
    CHECK(requires_it(flow(std::move(named().supported("outbound")))));
    CHECK(requires_it(flow(std::move(named().require("outbound")))));
    CHECK_FALSE(requires_it(flow(named())));
    CHECK_FALSE(requires_it(named().supported("outbound")));
    CHECK_FALSE(
        requires_it(flow(std::move(Register().contact("sip:a@b").instance("urn:uuid:0").supported("outbound")))));
    CHECK_FALSE(requires_it(flow(std::move(Register().contact("sip:a@b").supported("outbound")))));
    CHECK(accepted(flow(named()), {}).find("Supported: path, outbound\r\n") != std::string::npos);
    CHECK(accepted(named(), {}).find("outbound") == std::string::npos);
}
