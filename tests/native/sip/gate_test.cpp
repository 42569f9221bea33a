#include "sip/gate.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>

using namespace sr::sip;

namespace {

/// A sound REGISTER of which a test replaces or adds one thing.
class Message {
  public:
    Message& with(const std::string& line) {
        extra_ += line + "\r\n";
        return *this;
    }
    Message& instead_of(const std::string& part, const std::string& other) {
        const std::size_t at = text_.find(part);
        REQUIRE(at != std::string::npos);
        text_.replace(at, part.size(), other);
        return *this;
    }
    Message& body(const std::string& octets) {
        body_ = octets;
        return *this;
    }
    [[nodiscard]] std::string text() const { return text_ + extra_ + "\r\n" + body_; }
    [[nodiscard]] RejectReason fault() const {
        const std::string exact = text();
        Inspection seen;
        inspect(exact, seen);
        return seen.fault;
    }

  private:
    std::string text_ =
        "REGISTER sip:example.com SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK77;rport\r\n"
        "Max-Forwards: 70\r\n"
        "From: \"A, \\\"B\" <sip:a@example.com>;tag=1\r\n"
        "To: <sip:a@example.com>\r\n"
        "Call-ID: call@192.0.2.1\r\n"
        "CSeq: 1 REGISTER\r\n";
    std::string extra_;
    std::string body_;
};

Inspection inspected(std::string_view message) {
    Inspection seen;
    inspect(message, seen);
    return seen;
}

}  // namespace

TEST_CASE("a sound message passes") {
    CHECK(Message().fault() == RejectReason::none);
    CHECK(Message().with("Content-Length: 0").fault() == RejectReason::none);
    CHECK(Message().with("m: *").with("Expires: 0").fault() == RejectReason::none);
    CHECK(Message().with("Contact: <sip:a@[2001:db8::1]:5060;x=\?>;q=0.5, sip:b@h").fault() == RejectReason::none);
    CHECK(Message().with("Subject: \"<[(& ; ,, anything \xC3\xA9").fault() == RejectReason::none);
    CHECK(Message().with("Contact: Tom & J\xC3\xBCrgen <sip:a@h>").fault() == RejectReason::none);
    CHECK(Message().with("Contact: sip:a&b@h;expires=60").fault() == RejectReason::none);
    CHECK(Message().with("Contact: sip:a@h,\r\n <sip:b@h> ; q=1").fault() == RejectReason::none);
    CHECK(inspected("\r\n\r\n" + Message().text()).fault == RejectReason::none);
}

TEST_CASE("RFC 3261 7: a line that does not end in CR LF is told") {
    CHECK(Message().instead_of("70\r\n", "70\n").fault() == RejectReason::line_end_invalid);
    CHECK(Message().with("Subject: a\rb").fault() == RejectReason::line_end_invalid);
    CHECK(Message().instead_of("SIP/2.0\r\n", "SIP/2.0\n").fault() == RejectReason::line_end_invalid);
}

TEST_CASE("RFC 3261 7.5: a message that ends within its header is told") {
    const std::string whole = Message().text();
    CHECK(inspected(whole.substr(0, whole.size() - 2)).fault == RejectReason::truncated);
    CHECK(inspected(whole.substr(0, whole.size() - 5)).fault == RejectReason::truncated);
    CHECK(inspected("REGISTER sip:example.com SIP/2.0\r\n").fault == RejectReason::truncated);
}

TEST_CASE("control characters are let through in a quoted pair only") {
    using namespace std::string_literals;
    for (const std::string& octet : {"\0"s, "\x01"s, "\x1B"s, "\x7F"s}) {
        CHECK(Message().with("Subject: a" + octet).fault() == RejectReason::control_character);
        CHECK(Message().with("Contact: <sip:a" + octet + "@h>").fault() == RejectReason::control_character);
        CHECK(Message().with("Contact: \"" + octet + "\" <sip:a@h>").fault() == RejectReason::control_character);
        CHECK(Message().with("Contact: \"\\" + octet + "\" <sip:a@h>").fault() == RejectReason::none);
    }
    CHECK(Message().with("Subject: \ttab").fault() == RejectReason::none);
}

TEST_CASE("what opens must close in its own field, and not within another") {
    const auto nesting = RejectReason::nesting_invalid;
    CHECK(Message().with("Contact: \"a <sip:a@h>").fault() == nesting);
    CHECK(Message().with("Contact: \"a\\\" <sip:a@h>").fault() == nesting);
    CHECK(Message().with("Contact: <sip:a@h").fault() == nesting);
    CHECK(Message().with("Contact: <<sip:a@h>>").fault() == nesting);
    CHECK(Message().with("Contact: sip:a@h>").fault() == nesting);
    CHECK(Message().with("Contact: <sip:a@h>;x=<b>").fault() == nesting);
    CHECK(Message().with("Contact: <sip:a@[2001:db8::1>").fault() == nesting);
    CHECK(Message().with("Contact: <sip:a@[>\r\nX: ]>").fault() == nesting);
    CHECK(Message().with("Via: SIP/2.0/UDP [").with("X: ]").fault() == nesting);
    CHECK(Message().with("Via: SIP/2.0/UDP h (a").with("X: )").fault() == nesting);
    CHECK(Message().with("Via: SIP/2.0/UDP h (a (b < \" c)").fault() == RejectReason::none);
    CHECK(Message().with("Content-Type: a/b;c=\"d").fault() == nesting);
    CHECK(Message().instead_of("sip:example.com ", "sip:[2001:db8::1 ").fault() == nesting);
}

TEST_CASE("an empty IPv6 reference, which PJSIP cannot print, is told") {
    CHECK(Message().with("Contact: <sip:a@[]:5060>").fault() == RejectReason::nesting_invalid);
    CHECK(Message().with("Contact: sip:[]").fault() == RejectReason::nesting_invalid);
    CHECK(Message().instead_of("<sip:a@example.com>\r\n", "<sip:a@[]>\r\n").fault() == RejectReason::nesting_invalid);
    CHECK(Message().instead_of("sip:example.com ", "sip:[] ").fault() == RejectReason::nesting_invalid);
    CHECK(Message().instead_of("UDP 192.0.2.1", "UDP []").fault() == RejectReason::nesting_invalid);
    CHECK(Message().instead_of("UDP 192.0.2.1", "UDP[]").fault() == RejectReason::nesting_invalid);
}

TEST_CASE("an ampersand that PJSIP would take for the end of a field is told") {
    const auto malformed = RejectReason::malformed;
    CHECK(Message().with("Contact: <sip:a@h>&Expires: 0").fault() == malformed);
    CHECK(Message().with("Contact: sip:h&Expires: 0").fault() == malformed);
    CHECK(Message().with("Contact: sip:a@h;x=y&Expires: 0").fault() == malformed);
    CHECK(Message().with("Via: SIP/2.0/UDP h&To: x").fault() == malformed);
    CHECK(Message().with("Content-Type: a/b&To: x").fault() == malformed);
    CHECK(Message().with("Expires: 60&To: x").fault() == RejectReason::number_invalid);
    CHECK(Message().instead_of("1 REGISTER", "1 REGISTER&To: x").fault() == malformed);
}

TEST_CASE("a Replaces without tags, which PJSIP would look for in the lines behind, is told") {
    CHECK(Message().with("Replaces: call@h").with("X-Next: ;to-tag=1").fault() == RejectReason::malformed);
    CHECK(Message().with("Replaces: call@h;to-tag=1;from-tag=2").fault() == RejectReason::none);
}

TEST_CASE("RFC 3261 20.10 and 25.1: addresses that cannot be told apart from what stands beside them") {
    const auto malformed = RejectReason::malformed;
    CHECK(Message().with("Contact: sip:a@h?Route=b").fault() == malformed);
    CHECK(Message().with("Contact: < sip:a@h>").fault() == malformed);
    CHECK(Message().with("Contact: Bell: A <sip:a@h>").fault() == malformed);
    CHECK(Message().with("Contact: <sip:a@h>;;x").fault() == malformed);
    CHECK(Message().with("Contact: <sip:a@h>; ,sip:b").fault() == malformed);
    CHECK(Message().with("Contact: <sip:a@h>; ").fault() == malformed);
    CHECK(Message().instead_of("<sip:a@example.com>\r\n", "<sip:a@h>, <sip:b@h>\r\n").fault() == malformed);
    CHECK(Message().instead_of("\"A, \\\"B\"", "A, B").fault() == malformed);
}

TEST_CASE("RFC 3261 7.3.1: a field that may stand once is told when it stands twice, by whatever name") {
    for (const char* line : {"From: <sip:b@h>", "t: <sip:b@h>", "I: other", "cseq: 1 REGISTER", "Max-Forwards: 70"}) {
        CAPTURE(line);
        CHECK(Message().with(line).fault() == RejectReason::header_repeated);
    }
    CHECK(Message().with("l: 0").with("Content-Length: 0").fault() == RejectReason::header_repeated);
    CHECK(Message().with("Expires: 1").with("Expires: 1").fault() == RejectReason::header_repeated);
    CHECK(Message().with("c: a/b").with("Content-Type: a/b").fault() == RejectReason::header_repeated);
    CHECK(Message().with("Contact: sip:a").with("m: sip:b").with("Supported: x").with("k: y").fault() ==
          RejectReason::none);
}

TEST_CASE("numbers that are none or too large are told") {
    const auto invalid = RejectReason::number_invalid;
    for (const char* number : {"256", "-1", "seventy", "", "70 70", "99999999999999999999"}) {
        CAPTURE(number);
        CHECK(Message().instead_of("70", number).fault() == invalid);
    }
    for (const char* number : {"2147483648", "-1", "1.0", "99999999999999999999999"}) {
        CAPTURE(number);
        CHECK(Message().instead_of("CSeq: 1 ", "CSeq: " + std::string(number) + " ").fault() == invalid);
    }
    for (const char* number : {"-1", "4294967296", "0x1", "1,1"}) {
        CHECK(Message().with("Content-Length: " + std::string(number)).fault() == invalid);
    }
    CHECK(Message().with("Expires: soon").fault() == invalid);
    CHECK(Message().with("Expires: 99999999999999999999").fault() == RejectReason::none);
    CHECK(Message().instead_of("CSeq: 1 ", "CSeq: 0002147483647\r\n\t").fault() == RejectReason::none);
}

TEST_CASE("RFC 3261 18.3: a body may be longer than Content-Length, not shorter") {
    CHECK(Message().with("Content-Length: 4").body("body").fault() == RejectReason::none);
    CHECK(Message().with("Content-Length: 4").body("body and more").fault() == RejectReason::none);
    CHECK(Message().with("Content-Length: 5").body("body").fault() == RejectReason::body_too_short);
}

TEST_CASE("RFC 3261 8.1.1: a request without From, To or Call-ID is told; without Via or CSeq it cannot be") {
    for (const char* name : {"From: ", "To: ", "Call-ID: "}) {
        CAPTURE(name);
        const std::string text = Message().instead_of(name, "X-Was: ").text();
        CHECK(inspected(text).fault == RejectReason::header_missing);
        CHECK(inspected(text).is_answerable());
    }
    for (const char* name : {"Via: ", "CSeq: "}) {
        CAPTURE(name);
        const std::string text = Message().instead_of(name, "X-Was: ").text();
        CHECK(inspected(text).fault == RejectReason::header_missing);
        CHECK_FALSE(inspected(text).is_answerable());
    }
    CHECK(Message().instead_of("Max-Forwards: 70\r\n", "").fault() == RejectReason::none);
}

TEST_CASE("a Via without a host cannot be answered; one of a later version can") {
    for (const char* via : {"nonsense", "SIP/2.0", "SIP/2.0/UDP", "SIP/2.0/UDP ;branch=x", "/ / / ;"}) {
        CAPTURE(via);
        CHECK_FALSE(inspected(Message().instead_of("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK77;rport", via).text())
                        .is_answerable());
    }
    CHECK(inspected(Message().instead_of("Via: SIP/2.0/", "Via: SIP / 7.0\r\n / ").text()).is_answerable());
}

TEST_CASE("RFC 3261 17.1.1.3 and 18.1.2: neither an ACK nor a response is answered") {
    CHECK_FALSE(inspected(Message().instead_of("REGISTER sip", "ACK sip").text()).is_answerable());
    for (const char* line : {"SIP/2.0 200 OK", "sip/2.0 200", "SIP /2.0 200 OK", "SIP/7.0 9999999999 x"}) {
        CAPTURE(line);
        const Inspection seen = inspected(Message().instead_of("REGISTER sip:example.com SIP/2.0", line).text());
        CHECK(seen.is_response);
        CHECK_FALSE(seen.is_answerable());
    }
}

TEST_CASE("the status line has three digits") {
    const auto fault = [](const char* line) {
        return Message().instead_of("REGISTER sip:example.com SIP/2.0", line).fault();
    };
    CHECK(fault("SIP/2.0 200 OK") == RejectReason::none);
    CHECK(fault("SIP/2.0 100 ") == RejectReason::none);
    CHECK(fault("SIP/2.0 4294967301 x") == RejectReason::malformed);
    CHECK(fault("SIP/2.0 099 x") == RejectReason::malformed);
    CHECK(fault("SIP/2.0 OK") == RejectReason::malformed);
}

TEST_CASE("RFC 3261 7.1: the request line is three words with one space between them") {
    const auto fault = [](const char* line) {
        return Message().instead_of("REGISTER sip:example.com SIP/2.0", line).fault();
    };
    CHECK(fault("REGISTER  sip:example.com SIP/2.0") == RejectReason::malformed);
    CHECK(fault("REGISTER sip:example.com  SIP/2.0") == RejectReason::malformed);
    CHECK(fault("REGISTER sip:example.com SIP/2.0 ") == RejectReason::malformed);
    CHECK(fault("REGISTER sip:example.com; lr SIP/2.0") == RejectReason::malformed);
    CHECK(fault("REGISTER <sip:example.com> SIP/2.0") == RejectReason::malformed);
    CHECK(fault("REGISTER sip:a@example.com?Route=x SIP/2.0") == RejectReason::malformed);
    CHECK(fault("REGISTER example.com SIP/2.0") == RejectReason::malformed);
    CHECK(fault("REGISTER sip: SIP/2.0") == RejectReason::malformed);
    CHECK(fault("REGISTER sip:example.com HTTP/1.1") == RejectReason::malformed);
    CHECK(fault("REGI(STER sip:example.com SIP/2.0") == RejectReason::malformed);
    CHECK(fault("REGISTER sip:example.com SIP/3.0") == RejectReason::version_unsupported);
    CHECK(fault("REGISTER sip:a?b@example.com sip/2.0") == RejectReason::none);
    CHECK(fault("REGISTER tel:+1?x SIP/2.0") == RejectReason::none);
}

TEST_CASE("RFC 4475 3.1.2.17 and 18: CSeq names the request's method, unless nobody knows that method") {
    CHECK(Message().instead_of("1 REGISTER", "1 INVITE").fault() == RejectReason::method_mismatch);
    CHECK(Message().instead_of("1 REGISTER", "1 register").fault() == RejectReason::method_mismatch);
    CHECK(Message().instead_of("REGISTER sip", "NEWMETHOD sip").fault() == RejectReason::method_unknown);
}

TEST_CASE("RFC 4475 3.2.1: a branch of nothing but the magic cookie is told") {
    CHECK(Message().instead_of("z9hG4bK77", "z9hG4bK").fault() == RejectReason::branch_invalid);
    CHECK(Message().with("Via: SIP/2.0/UDP h;branch=z9hG4bK").fault() == RejectReason::none);
}

TEST_CASE("RFC 4475 3.3.4: only SIP and SIPS URIs can be registered") {
    CHECK(Message().instead_of("<sip:a@example.com>\r\n", "<tel:+1>\r\n").fault() == RejectReason::to_scheme_invalid);
    CHECK(Message().instead_of("<sip:a@example.com>\r\n", "isbn:298\r\n").fault() == RejectReason::to_scheme_invalid);
    CHECK(Message().instead_of("<sip:a@example.com>\r\n", "x <SIPS:a@h>\r\n").fault() == RejectReason::none);
}

TEST_CASE("more lines, longer fields and more Vias than anybody sends are told") {
    Message lines;
    for (std::size_t i = 0; i < kMostHeaderLines - 6; ++i) lines.with("Y: y");
    CHECK(lines.fault() == RejectReason::none);
    CHECK(lines.with("Y: y").fault() == RejectReason::too_many_headers);
    CHECK(Message().with("Y: " + std::string(kMostLineOctets - 3, 'y')).fault() == RejectReason::none);
    CHECK(Message().with("Y: " + std::string(kMostLineOctets - 2, 'y')).fault() == RejectReason::field_too_long);
    Message vias;
    for (std::size_t i = 0; i < kMostVias; ++i) vias.with("v: SIP/2.0/UDP h");
    CHECK(vias.fault() == RejectReason::too_many_headers);
}

TEST_CASE("header lines that are none are told") {
    CHECK(Message().with("no colon").fault() == RejectReason::malformed);
    CHECK(Message().with(": no name").fault() == RejectReason::malformed);
    CHECK(Message().with("two words: x").fault() == RejectReason::malformed);
    CHECK(Message().instead_of("Via", " Via").fault() == RejectReason::malformed);
}

TEST_CASE("credentials of a scheme other than Digest are noticed") {
    CHECK(inspected(Message().with("Authorization: Foo bar=x").text()).has_unknown_credentials);
    CHECK_FALSE(inspected(Message().with("Authorization: digest realm=\"x\"").text()).has_unknown_credentials);
}

TEST_CASE("one Inspection may be used for message after message") {
    Inspection seen;
    const std::string faulty = "SIP/9.9 1\nAuthorization: x\nVia: a/b/c d\nFrom: x\n\n";
    inspect(faulty, seen);
    const std::string sound = Message().text();
    inspect(sound, seen);
    CHECK(seen.fault == RejectReason::none);
    CHECK(seen.is_answerable());
    CHECK(seen.headers.via_count == 1);
    CHECK_FALSE(seen.has_unknown_credentials);
}

TEST_CASE("no octets of any kind are read beyond their end, and every message is read to its end") {
    std::mt19937 source(4475);
    using namespace std::string_literals;
    const std::string alphabet = "Via:FromTo,;<>\"\\\r\n\t =tag0[]()&@?\0\x7F*"s;
    const std::string whole = Message().with("Content-Length: 4").body("body").text();
    for (int round = 0; round < 40'000; ++round) {
        std::string text = whole.substr(0, source() % (whole.size() + 1));
        const std::size_t changes = text.empty() ? 0 : source() % 8;
        for (std::size_t change = 0; change < changes; ++change) {
            text[source() % text.size()] = alphabet[source() % alphabet.size()];
        }
        const std::string exact(text);  // its own allocation, so that the sanitizer sees the end
        const Inspection seen = inspected(exact);
        CHECK(seen.headers.via_count <= kMostVias);
        if (changes == 0 && exact.size() < whole.size()) CHECK(seen.fault != RejectReason::none);
    }
}
