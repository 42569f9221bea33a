#include "engine/inflow_control.hpp"

#include <doctest/doctest.h>

using sr::engine::InflowControl;

TEST_CASE("a burst that leaves two thirds of the buffer free limits nobody") {
    InflowControl inflow;
    for (int look = 0; look < 100; ++look) CHECK_FALSE(inflow.look(0.29));
    CHECK_FALSE(inflow.is_limiting());
}

TEST_CASE("while the queue is long strangers get a sixteenth, then half again and again, but never nothing") {
    InflowControl inflow;
    CHECK(inflow.look(0.3));
    CHECK(inflow.share() == InflowControl::kAll / 16);
    CHECK(inflow.look(0.06));
    CHECK(inflow.share() == InflowControl::kAll / 32);
    for (int look = 0; look < 100; ++look) CHECK(inflow.look(1.0));  // who floods may be another one each time
    CHECK(inflow.share() == InflowControl::kAll / 256);
}

TEST_CASE("a queue of middling length is left as it is") {
    InflowControl inflow;
    inflow.look(1.0);
    for (int look = 0; look < 100; ++look) CHECK_FALSE(inflow.look(0.05));
    CHECK(inflow.share() == InflowControl::kAll / 16);
}

TEST_CASE("when it has been short for a while strangers get more, within two seconds all they want") {
    InflowControl inflow;
    for (int look = 0; look < 100; ++look) inflow.look(1.0);
    int looks = 0;
    while (inflow.is_limiting() && looks < 1000) {
        const auto before = inflow.share();
        inflow.look(0.0);
        CHECK(inflow.share() >= before);
        ++looks;
    }
    CHECK(looks * InflowControl::kLook_ms <= 2000);
    CHECK_FALSE(inflow.look(0.0));
}

TEST_CASE("whoever floods again soon meets less patience, and after half a minute as much as at first") {
    InflowControl inflow;
    inflow.look(1.0);
    while (inflow.is_limiting()) inflow.look(0.0);
    InflowControl again = inflow;
    CHECK(again.look(0.06));
    CHECK(again.is_limiting());
    for (int look = 0; look < 30'000 / InflowControl::kLook_ms; ++look) CHECK_FALSE(inflow.look(0.0));
    CHECK_FALSE(inflow.look(0.06));
}
