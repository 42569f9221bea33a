#include "engine/inflow_control.hpp"

#include <doctest/doctest.h>

using sr::engine::InflowControl;

TEST_CASE("a burst that leaves half of the buffer free limits nobody") {
    InflowControl inflow;
    for (int look = 0; look < 100; ++look) CHECK_FALSE(inflow.look(0.49));
    CHECK_FALSE(inflow.is_limiting());
}

TEST_CASE("while the queue is long strangers get half again and again, but never nothing") {
    InflowControl inflow;
    CHECK(inflow.look(0.5));
    CHECK(inflow.share() == InflowControl::kAll / 2);
    CHECK(inflow.look(0.1));
    CHECK(inflow.share() == InflowControl::kAll / 4);
    for (int look = 0; look < 100; ++look) CHECK(inflow.look(1.0));  // who floods may be another one each time
    CHECK(inflow.share() == InflowControl::kAll / 1024);
}

TEST_CASE("a queue of middling length is left as it is") {
    InflowControl inflow;
    inflow.look(1.0);
    for (int look = 0; look < 100; ++look) CHECK_FALSE(inflow.look(0.07));
    CHECK(inflow.share() == InflowControl::kAll / 2);
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
