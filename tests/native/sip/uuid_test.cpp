#include "sip/uuid.hpp"

#include <doctest/doctest.h>

#include <string>

using sr::sip::Uuid;

namespace {

constexpr std::string_view kText = "0f3a9c52-7b1e-4d68-9a04-c5e1d2b38f67";

}  // namespace

TEST_CASE("RFC 4122 3: a UUID is printed in lower case and read in either") {
    const auto uuid = Uuid::parse("0F3A9C52-7b1e-4D68-9a04-c5e1d2b38f67");
    REQUIRE(uuid);
    CHECK(uuid->text() == kText);
    CHECK(Uuid::parse(kText) == uuid);
    CHECK(uuid->octets[0] == 0x0F);
    CHECK(uuid->octets[15] == 0x67);
}

TEST_CASE("RFC 4122 3: the urn:uuid: prefix is read in either case") {
    CHECK(Uuid::parse("urn:uuid:" + std::string(kText)) == Uuid::parse(kText));
    CHECK(Uuid::parse("URN:UUID:" + std::string(kText)) == Uuid::parse(kText));
}

TEST_CASE("RFC 4122 4.1.7: the nil UUID is no identity") {
    CHECK_FALSE(Uuid::parse("00000000-0000-0000-0000-000000000000"));
    CHECK(Uuid{}.is_nil());
    CHECK_FALSE(Uuid::parse(kText)->is_nil());
}

TEST_CASE("what is no UUID is not read as one") {
    for (const std::string_view text : {
             "",
             "alice",
             "0f3a9c52-7b1e-4d68-9a04-c5e1d2b38f6",
             "0f3a9c52-7b1e-4d68-9a04-c5e1d2b38f678",
             "0f3a9c527b1e4d689a04c5e1d2b38f67",
             "0f3a9c52_7b1e_4d68_9a04_c5e1d2b38f67",
             "0g3a9c52-7b1e-4d68-9a04-c5e1d2b38f67",
             "0f3a9c5-27b1e-4d68-9a04-c5e1d2b38f67",
             "urn:guid:0f3a9c52-7b1e-4d68-9a04-c5e1d2b38f67",
             "urn:uuid:",
         }) {
        CAPTURE(text);
        CHECK_FALSE(Uuid::parse(text));
    }
}
