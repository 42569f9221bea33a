#include "sip/reject_reason_name.hpp"

#include <doctest/doctest.h>

#include <set>

using sr::sip::all_reject_reasons;
using sr::sip::reason_name;
using sr::sip::RejectReason;

TEST_CASE("every reason has a name of its own") {
    std::set<std::string_view> names;
    for (const RejectReason reason : all_reject_reasons()) names.insert(reason_name(reason));
    CHECK(names.size() == all_reject_reasons().size());
    CHECK(names.contains("unknown_domain"));
    CHECK(names.contains("message_too_large"));
    CHECK_FALSE(names.contains("none"));
}
