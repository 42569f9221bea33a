#include "sip/name_addr.hpp"

#include <doctest/doctest.h>

#include <string>

#include "sip/raw_message.hpp"

using namespace sr::sip;

TEST_CASE("RFC 3261 20.10: the bracket that opens the URI is the first outside of quotes") {
    CHECK(bracket_of("<sip:a>") == 0);
    CHECK(bracket_of("Alice <sip:a>;tag=1") == 6);
    CHECK(bracket_of(R"("<A> \" <" <sip:a>;q="<b>")") == 11);
    CHECK(bracket_of(R"(<sip:a>;+sip.instance="<urn:uuid:1>")") == 0);
    CHECK(bracket_of(R"(sip:a;+sip.instance="<urn:uuid:1>")") == std::string_view::npos);
    CHECK(bracket_of(R"("never closed <sip:a>)") == std::string_view::npos);
    CHECK(bracket_of("") == std::string_view::npos);
    CHECK(bracket_of(std::string(R"("\)")) == std::string_view::npos);
}

TEST_CASE("a user is found before a parameter that quotes brackets") {
    CHECK(raw_user(R"("<x>" <sip:alice@a>;+sip.instance="<urn:uuid:1>")") == "alice");
}
