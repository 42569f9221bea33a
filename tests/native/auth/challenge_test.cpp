// RFC 7616 section 3.3 and RFC 8760 section 2.3: what a 401 asks for, and how long it may be.
#include "auth/challenge.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

using namespace sr::auth;

namespace {

constexpr Challenge kAll{"home", "AbC", {Algorithm::md5, Algorithm::sha256, Algorithm::sha512_256}, false};

std::string text_of(const Challenge& challenge, std::size_t most_octets = 4096) {
    std::array<char, 4096> room;
    sr::base::TextBuffer out(room);
    write_challenges(challenge, most_octets, out);
    CHECK_FALSE(out.is_overflown());
    return std::string(out.text());
}

}  // namespace

TEST_CASE("RFC 8760 2.3: every algorithm has a header of its own, the strongest first") {
    CHECK(text_of(kAll) ==
          "WWW-Authenticate: Digest realm=\"home\",nonce=\"AbC\",algorithm=SHA-512-256,qop=\"auth\"\r\n"
          "WWW-Authenticate: Digest realm=\"home\",nonce=\"AbC\",algorithm=SHA-256,qop=\"auth\"\r\n"
          "WWW-Authenticate: Digest realm=\"home\",nonce=\"AbC\",algorithm=MD5,qop=\"auth\"\r\n");
}

TEST_CASE("RFC 7616 3.3: only what is configured is offered, and stale=true stands where it is so") {
    CHECK(text_of({"home", "AbC", {Algorithm::sha256}, true}) ==
          "WWW-Authenticate: Digest realm=\"home\",nonce=\"AbC\",stale=true,algorithm=SHA-256,qop=\"auth\"\r\n");
    CHECK(text_of({"home", "AbC", {}, true}).empty());
}

TEST_CASE("what does not fit is left out from the strongest down, but never all") {
    const std::size_t all = text_of(kAll).size();
    const std::string two = text_of({"home", "AbC", {Algorithm::sha256, Algorithm::md5}, false});
    const std::string one = text_of({"home", "AbC", {Algorithm::md5}, false});
    CHECK(text_of(kAll, all).size() == all);
    CHECK(text_of(kAll, all - 1) == two);
    CHECK(text_of(kAll, two.size()) == two);
    CHECK(text_of(kAll, two.size() - 1) == one);
    CHECK(text_of(kAll, 0) == one);
}

TEST_CASE("an answer to a stranger stays within twice his request") {
    CHECK(room_for_challenges(400, 250) == 550);
    CHECK(room_for_challenges(400, 800) == 0);
    CHECK(room_for_challenges(400, 900) == 0);
    CHECK(room_for_challenges(0, 0) == 0);
}

TEST_CASE("the longest challenges of all fit a kilobyte") {
    const std::string realm(kLongestOwnRealm, 'r');
    const std::string nonce(36, 'n');
    const Challenge longest{realm, nonce, kAll.algorithms, true};
    CHECK(text_of(longest).size() < 1024);
}

TEST_CASE("a realm is short, printable and free of what must be escaped") {
    CHECK(is_valid_realm("screamrouter.local"));
    CHECK(
        is_valid_realm("K\xC3\xBC"
                       "che am Hof"));
    CHECK(is_valid_realm(std::string(kLongestOwnRealm, 'r')));
    for (const std::string& realm :
         {std::string(), std::string(kLongestOwnRealm + 1, 'r'), std::string("a\"b"), std::string("a\\b"),
          std::string("a\r\nb"), std::string("a\0b", 3), std::string("\xC3")}) {
        CHECK_FALSE(is_valid_realm(realm));
    }
}

TEST_CASE("clients that give up at the sight of what they do not know are offered what they do") {
    const AlgorithmSet all{Algorithm::sha512_256, Algorithm::sha256, Algorithm::md5};
    const auto has_sha = [&](std::string_view name, AlgorithmSet wanted) {
        return offered_to(name, wanted).contains(Algorithm::sha256);
    };
    for (const std::string_view name :
         {"baresip v1.0.0 (x86_64/linux)", "baresip v0.6.5 (arm/linux)", "SIPp", "sipp/3"}) {
        CHECK_FALSE(has_sha(name, all));
        CHECK(offered_to(name, all).contains(Algorithm::md5));
        CHECK(has_sha(name, {Algorithm::sha256}));  // the owner has ruled MD5 out
    }
    CHECK_FALSE(offered_to("LinphoneAndroid/5.1", all).contains(Algorithm::sha512_256));
    CHECK(has_sha("LinphoneAndroid/5.1", all));
    CHECK(offered_to("Unknown", {Algorithm::sha512_256}).contains(Algorithm::sha512_256));
    for (const std::string_view name : {"", "baresip v2.0.0 (x86_64/linux)", "baresip v1.1.0", "my SIPp"}) {
        CHECK(has_sha(name, all));
    }
}
