// RFC 7616 section 3.4 and RFC 3261 section 25.1: the Authorization header as phones and enemies write it.
#include "auth/credentials.hpp"

#include <doctest/doctest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

using namespace sr::auth;
using Fault = CredentialsFault;

namespace {

constexpr std::string_view kWhole =
    "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm=SHA-256, "
    "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, "
    "cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, "
    "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\", "
    "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";

constexpr std::string_view kShort = "Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"sip:r\",response=\"0\"";

Fault fault_of(std::string_view value) {
    Credentials credentials;
    return parse_credentials(value, credentials);
}

Fault fault_with(std::string_view more) { return fault_of(std::string(kShort) + std::string(more)); }

std::string user_of(std::string_view parameter) {
    const std::string value =
        "Digest " + std::string(parameter) + ",realm=\"r\",nonce=\"n\",uri=\"sip:r\",response=\"0\"";
    Credentials credentials;
    if (parse_credentials(value, credentials) != Fault::none) return "(refused)";
    std::array<char, kLongestUserName> room;
    return std::string(credentials.username.decode(room));
}

}  // namespace

TEST_CASE("RFC 7616 3.9.1: every parameter of the example is read") {
    Credentials credentials;
    REQUIRE(parse_credentials(kWhole, credentials) == Fault::none);
    CHECK(credentials.username.raw == "Mufasa");
    CHECK(credentials.realm.raw == "http-auth@example.org");
    CHECK(credentials.uri == "/dir/index.html");
    CHECK(credentials.algorithm == "SHA-256");
    CHECK(credentials.nonce == "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v");
    CHECK(credentials.nc_text == "00000001");
    CHECK(credentials.nc == 1);
    CHECK(credentials.cnonce == "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ");
    CHECK(credentials.has_qop);
    CHECK(credentials.response == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
}

TEST_CASE("RFC 3261 25.1: order, case of names, quotes, white space, folding and empty elements do not matter") {
    const std::string_view values[] = {
        "Digest response=\"0\",uri=\"sip:r\",nonce=\"n\",realm=\"r\",username=\"a\"",
        "DIGEST USERNAME=\"a\",Realm=\"r\",NONCE=\"n\",Uri=\"sip:r\",ReSponse=\"0\"",
        "Digest  username = \"a\" ,\trealm= \"r\",\r\n nonce =\"n\" , uri=\"sip:r\",response=\"0\"  ",
        "Digest username=a,realm=r,nonce=n,uri=sip:r,response=0",
        "Digest ,, username=\"a\",,realm=\"r\", ,nonce=\"n\",uri=\"sip:r\",response=\"0\",",
        "  Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"sip:r\",response=\"0\",algorithm=\"MD5\"",
        "Digest username=\"a\",realm=\"r\",nonce=\"n\",uri=\"sip:r\",response=\"0\",auth-param=1,x=\"y,z=\\\"\"",
    };
    for (const std::string_view value : values) {
        CAPTURE(value);
        Credentials credentials;
        REQUIRE(parse_credentials(value, credentials) == Fault::none);
        CHECK(credentials.username.raw == "a");
        CHECK(credentials.realm.raw == "r");
        CHECK(credentials.nonce == "n");
        CHECK(credentials.uri == "sip:r");
        CHECK(credentials.response == "0");
        CHECK_FALSE(credentials.has_qop);
    }
}

TEST_CASE("RFC 7616 3.4: qop, nc and cnonce come quoted or bare, and belong together") {
    Credentials credentials;
    const std::string quoted = std::string(kShort) + ",qop=\"auth\",nc=\"0000000A\",cnonce=xyz";
    REQUIRE(parse_credentials(quoted, credentials) == Fault::none);
    CHECK(credentials.has_qop);
    CHECK(credentials.nc == 10);
    CHECK(credentials.nc_text == "0000000A");
    CHECK(fault_with(",qop=AUTH,nc=1,cnonce=\"x\"") == Fault::none);
    CHECK(fault_with(",qop=auth,nc=00000001") == Fault::incomplete);
    CHECK(fault_with(",qop=auth,cnonce=\"x\"") == Fault::incomplete);
    CHECK(fault_with(",qop=auth,nc=1,cnonce=\"\"") == Fault::incomplete);
    CHECK(fault_with(",cnonce=\"x\"") == Fault::none);
}

TEST_CASE("RFC 7616 3.4: a nonce-count is one to eight hexadecimal digits and never 0") {
    CHECK(fault_with(",qop=auth,cnonce=\"x\",nc=ffffffff") == Fault::none);
    for (const std::string_view nc : {"00000000", "0", "100000000", "-1", "+1", "0x1", "1g", "\"\"", "\"1 \""}) {
        CAPTURE(nc);
        CHECK(fault_with(",qop=auth,cnonce=\"x\",nc=" + std::string(nc)) == Fault::syntax);
    }
}

TEST_CASE("RFC 7616 3.4: every parameter that the digest needs must be there and not be empty") {
    const std::vector<std::string> all{"username=\"a\"", "realm=\"r\"", "nonce=\"n\"", "uri=\"sip:r\"",
                                       "response=\"0\""};
    for (std::size_t left_out = 0; left_out < all.size(); ++left_out) {
        std::string value = "Digest ";
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (i != left_out) value += all[i] + ",";
        }
        CAPTURE(value);
        CHECK(fault_of(value) == Fault::incomplete);
    }
    CHECK(fault_of("Digest") == Fault::incomplete);
    CHECK(fault_of("Digest username=\"a\",realm=\"r\",nonce=\"\",uri=\"u\",response=\"0\"") == Fault::incomplete);
}

TEST_CASE("a parameter twice is refused, known or unknown, in whatever case") {
    for (const std::string_view more :
         {",username=\"b\"", ",REALM=\"r\"", ",nonce=\"n\"", ",uri=\"sip:r\"", ",response=\"0\"", ",x=1,X=2",
          ",opaque=\"\",opaque=\"\"", ",username*=UTF-8''b", ",algorithm=MD5,algorithm=MD5", ",nc=1,nc=1",
          ",qop=auth,qop=auth"}) {
        CAPTURE(more);
        CHECK(fault_with(more) == Fault::duplicate);
    }
}

TEST_CASE("RFC 7616 3.4.4: a hashed user name was not asked for; userhash=false says nothing") {
    CHECK(fault_with(",userhash=true") == Fault::hashed_user);
    CHECK(fault_with(",userhash=\"TRUE\"") == Fault::hashed_user);
    CHECK(fault_with(",userhash=maybe") == Fault::hashed_user);
    CHECK(fault_with(",userhash=false") == Fault::none);
}

TEST_CASE("RFC 7616 3.4: auth-int and other qop values were not offered") {
    CHECK(fault_with(",qop=auth-int,nc=1,cnonce=\"x\"") == Fault::unspoken_qop);
    CHECK(fault_with(",qop=\"auth,auth-int\",nc=1,cnonce=\"x\"") == Fault::unspoken_qop);
}

TEST_CASE("RFC 3261 25.1: quoted pairs are undone in names, and refused where the digest is computed over them") {
    CHECK(user_of(R"(username="a\"b\\c")") == "a\"b\\c");
    CHECK(user_of(R"(username="\a")") == "a");
    CHECK(user_of(R"(username="")").empty());
    for (const std::string_view more : {R"(,cnonce="a\"b",x=1)", R"(,algorithm="M\D5")"}) {
        CHECK(fault_with(more) == Fault::syntax);
    }
    CHECK(fault_of(R"(Digest username="a",realm="r",nonce="n\n",uri="u",response="0")") == Fault::syntax);
}

TEST_CASE("RFC 5987 3.2.1: username* is percent-encoded UTF-8 and nothing else") {
    CHECK(user_of("username*=UTF-8''J%C3%A4s%C3%B8n%20Doe") == "J\xC3\xA4s\xC3\xB8n Doe");
    CHECK(user_of("username*=utf-8'de'alice") == "alice");
    for (const std::string_view wrong :
         {"username*=ISO-8859-1''a", "username*=alice", "username*=UTF-8'alice", "username*=\"UTF-8''\\a\""}) {
        CAPTURE(wrong);
        CHECK(user_of(wrong) == "(refused)");
    }
    for (const std::string_view nobody : {"username*=UTF-8''%", "username*=UTF-8''a%2", "username*=UTF-8''%zz",
                                          "username*=UTF-8''%-1", "username*=UTF-8''%00", "username*=UTF-8''%C3"}) {
        CAPTURE(nobody);
        CHECK(user_of(nobody).empty());
    }
}

TEST_CASE("what cannot be read is refused as syntax") {
    using namespace std::string_view_literals;
    const std::string_view values[] = {
        "Digest username"sv,
        "Digest username="sv,
        "Digest username=\"a"sv,
        "Digest username=\"a\\"sv,
        "Digest username=\"a\\\""sv,
        "Digest =\"a\""sv,
        "Digest username==\"a\""sv,
        "Digest username=\"a\" realm=\"r\""sv,
        "Digest username=\"a\"realm=\"r\""sv,
        "Digest username=\"a\0b\""sv,
        "Digest username=\"a\\\0\""sv,
        "Digest username=\"a\r\n b\""sv,
        "Digest username=a\x01"sv,
        "Digest username=a\"b"sv,
        "Digest \"username\"=a"sv,
        "Digest user name=a"sv,
        "Digest username=\"a\x7F\""sv,
    };
    for (const std::string_view value : values) {
        CAPTURE(value);
        CHECK(fault_of(value) == Fault::syntax);
    }
}

TEST_CASE("another scheme, or nothing, is no Digest") {
    for (const std::string_view value : {"", " ", "Basic YTpi", "Digestive username=\"a\"", "Bearer x", "\"Digest\""}) {
        CAPTURE(value);
        CHECK(fault_of(value) == Fault::absent);
    }
}

TEST_CASE("lengths and numbers are bounded") {
    CHECK(fault_of("Digest x=\"" + std::string(kLongestCredentials, 'a') + "\"") == Fault::too_long);
    CHECK(fault_of("Digest username=\"" + std::string(kLongestUserName + 1, 'a') + "\"") == Fault::too_long);
    CHECK(fault_of("Digest realm=\"" + std::string(kLongestUserName + 1, 'a') + "\"") == Fault::too_long);
    std::string many(kShort);
    for (std::size_t i = 5; i < kMostParameters; ++i) many += ",p" + std::to_string(i) + "=1";
    CHECK(fault_of(many) == Fault::none);
    CHECK(fault_of(many + ",one=more") == Fault::too_long);
}

TEST_CASE("RFC 3261 22.3: of several headers the one for our realm counts, whatever the others are") {
    const std::string ours = "Digest username=\"me\",realm=\"\\ours\",nonce=\"n\",uri=\"u\",response=\"0\"";
    const std::vector<std::string_view> values{"Basic YTpi", kWhole, "Digest broken=\"", ours, kShort};
    Credentials credentials;
    REQUIRE(find_credentials(values, "ours", credentials) == Fault::none);
    CHECK(credentials.username.raw == "me");
    CHECK(find_credentials(values, "nobody's", credentials) == Fault::syntax);
    CHECK(find_credentials(std::vector<std::string_view>{kWhole, kShort}, "ours", credentials) == Fault::absent);
    CHECK(find_credentials({}, "ours", credentials) == Fault::absent);
    std::vector<std::string_view> crowd(kMostAuthorizations, kShort);
    crowd.emplace_back(ours);
    CHECK(find_credentials(crowd, "ours", credentials) == Fault::absent);
}

TEST_CASE("a hundred thousand mutations are read within bounds, and what is whole stays within the value") {
    std::mt19937 random(20260101);
    constexpr std::string_view kBits = "\"\\=,;%*' \t\r\n\0aZ0-\x7F\xC3";
    std::size_t whole = 0;
    for (int round = 0; round < 100'000; ++round) {
        std::string value(round % 2 == 0 ? kWhole : kShort);
        for (unsigned change = 0; change <= random() % 4; ++change) {
            const std::size_t at = random() % value.size();
            switch (random() % 3) {
                case 0: value[at] = kBits[random() % kBits.size()]; break;
                case 1: value.erase(at, random() % 5); break;
                default: value.insert(at, 1, kBits[random() % kBits.size()]); break;
            }
        }
        // A block of its own, so that a sanitizer sees the first octet read beyond it.
        const std::vector<char> exact(value.begin(), value.end());
        Credentials credentials;
        if (parse_credentials({exact.data(), exact.size()}, credentials) != Fault::none) continue;
        ++whole;
        CHECK(credentials.uri.data() >= exact.data());
        CHECK(credentials.uri.data() + credentials.uri.size() <= exact.data() + exact.size());
        std::array<char, kLongestUserName> room;
        CHECK(credentials.username.decode(room).size() <= credentials.username.raw.size());
    }
    CHECK(whole > 10'000);
}
