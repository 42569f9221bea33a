// RFC 7616 section 3.9, RFC 2617 section 3.5, RFC 2069 and RFC 8760: what the standards print, and what they should
// have.
#include "auth/digest.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace sr::auth;

namespace {

constexpr DigestInput kMufasa{
    "GET", "/dir/index.html", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    true,  "00000001",        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
};

std::string mufasas_response(Algorithm algorithm) {
    const HexDigest ha1 = compute_ha1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life");
    return std::string(compute_response(algorithm, ha1.text(), kMufasa).text());
}

}  // namespace

TEST_CASE("RFC 7616 3.9.1: the responses of the example with SHA-256 and MD5") {
    CHECK(mufasas_response(Algorithm::md5) == "8ca523f5e9506fed4657c9700eebdbec");
    CHECK(mufasas_response(Algorithm::sha256) == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
}

TEST_CASE("RFC 7616 3.9.2 as erratum 4897 corrects it: the RFC prints SHA-512 cut short, not SHA-512/256") {
    constexpr std::string_view kUser = "J\xC3\xA4s\xC3\xB8n Doe";
    const HexDigest ha1 = compute_ha1(Algorithm::sha512_256, kUser, "api@example.org", "Secret, or not?");
    const DigestInput input{
        "GET", "/doe.json", "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
        true,  "00000001",  "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
    };
    const auto response = compute_response(Algorithm::sha512_256, ha1.text(), input);
    CHECK(response.text() == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5");
    CHECK(response.text() != "ae66e67d6b427bd3f120414a82e4acff38e8ecd9101d6c861229025f607a79dd");
}

TEST_CASE("RFC 2617 3.5: the example with MD5 and qop") {
    const HexDigest ha1 = compute_ha1(Algorithm::md5, "Mufasa", "testrealm@host.com", "Circle Of Life");
    CHECK(ha1.text() == "939e7578ed9e3c518a452acee763bce9");
    const DigestInput input{"GET", "/dir/index.html", "dcd98b7102dd2f0e8b11d0f600bfb0c093",
                            true,  "00000001",        "0a4f113b"};
    CHECK(compute_response(Algorithm::md5, ha1.text(), input).text() == "6629fae49393a05397450978507c4ef1");
}

TEST_CASE("RFC 2069 2.4 as its erratum corrects it: the example without qop") {
    const HexDigest ha1 = compute_ha1(Algorithm::md5, "Mufasa", "testrealm@host.com", "CircleOfLife");
    const DigestInput input{"GET", "/dir/index.html", "dcd98b7102dd2f0e8b11d0f600bfb0c093", false, {}, {}};
    CHECK(compute_response(Algorithm::md5, ha1.text(), input).text() == "1949323746fe6a43ef61f9606e7febea");
}

TEST_CASE("RFC 8760 2.2: a REGISTER's digests with each algorithm, as another implementation computes them") {
    // Python's hashlib over "bob:biloxi.com:zanzibar" and "REGISTER:sip:biloxi.com".
    const struct {
        Algorithm algorithm;
        std::string_view with_qop;
        std::string_view without_qop;
    } rows[] = {
        {Algorithm::md5, "9e2d1006810044fd79f39476209ae31a", "4441045a8075db3ead543693997e2a0e"},
        {Algorithm::sha256, "93e0e23c30bf2e3b139a3410a7edc9a5b15b1cfd8fd557ca8ee303e4372339a1",
         "10503915e86126c221a99ecec4bd61ed6a5f0c1bac8125b5df9db47ab06503c1"},
        {Algorithm::sha512_256, "4bf969d821d66b375c5b96ab92a04ea44a9f7a2a259b9351753b177ccd0cd062",
         "79d19bef9b0e5eeaf10d730417c43bd1436a2d2c7fdd188e6a982a91e22bfa1b"},
    };
    for (const auto& row : rows) {
        CAPTURE(algorithm_name(row.algorithm));
        REQUIRE(is_available(row.algorithm));
        const HexDigest ha1 = compute_ha1(row.algorithm, "bob", "biloxi.com", "zanzibar");
        DigestInput input{"REGISTER", "sip:biloxi.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093",
                          true,       "00000001",       "0a4f113b"};
        CHECK(compute_response(row.algorithm, ha1.text(), input).text() == row.with_qop);
        CHECK(row.with_qop.size() == hex_length(row.algorithm));
        input.has_qop = false;
        CHECK(compute_response(row.algorithm, ha1.text(), input).text() == row.without_qop);
    }
}

TEST_CASE("RFC 7616 6.1: algorithms are known by their registered names in any case, -sess and others are not") {
    CHECK(find_algorithm("sha-256") == Algorithm::sha256);
    CHECK(find_algorithm("SHA-512-256") == Algorithm::sha512_256);
    CHECK(find_algorithm("Md5") == Algorithm::md5);
    for (const std::string_view name : {"MD5-sess", "SHA-256-sess", "SHA256", "SHA-512", "", "MD5 "}) {
        CHECK_FALSE(find_algorithm(name).has_value());
    }
}

TEST_CASE("a digest is read in either case of its letters, at its exact length, and equals only the whole of itself") {
    const std::string low = "8ca523f5e9506fed4657c9700eebdbec";
    const auto digest = HexDigest::parse(Algorithm::md5, low);
    REQUIRE(digest.has_value());
    CHECK(is_equal_in_constant_time(*digest, *HexDigest::parse(Algorithm::md5, "8CA523F5E9506FED4657C9700EEBDBEC")));
    for (std::size_t i = 0; i < low.size(); ++i) {
        std::string other = low;
        other[i] = other[i] == '0' ? '1' : '0';
        CHECK_FALSE(is_equal_in_constant_time(*digest, *HexDigest::parse(Algorithm::md5, other)));
    }
    CHECK_FALSE(HexDigest::parse(Algorithm::md5, low.substr(1)).has_value());
    CHECK_FALSE(HexDigest::parse(Algorithm::md5, low + "0").has_value());
    CHECK_FALSE(HexDigest::parse(Algorithm::sha256, low).has_value());
    CHECK_FALSE(HexDigest::parse(Algorithm::md5, "8ca523f5e9506fed4657c9700eebdbeg").has_value());
    CHECK_FALSE(HexDigest::parse(Algorithm::md5, std::string(32, '\0')).has_value());
}

TEST_CASE("no digest equals nothing, not even another that is missing") {
    CHECK_FALSE(is_equal_in_constant_time({}, {}));
    CHECK_FALSE(is_equal_in_constant_time({}, *HexDigest::parse(Algorithm::md5, std::string(32, '0'))));
}

TEST_CASE("input beyond its bound gives no digest") {
    const std::string ha1(64, 'a');
    const std::string text(kLongestInput, 'x');
    CHECK(compute_response(Algorithm::sha256, ha1, {"REGISTER", text, "n", true, "1", "c"}).is_empty());
    CHECK(compute_response(Algorithm::sha256, ha1, {"REGISTER", "sip:a", text, true, "1", "c"}).is_empty());
    CHECK(compute_response(Algorithm::sha256, ha1, {text, "sip:a", "n", true, "1", "c"}).is_empty());
    CHECK(compute_response(Algorithm::sha256, ha1, {"REGISTER", "sip:a", "n", true, "1", text}).is_empty());
}
