// PJSIP's workers and the owner's thread at once, for the thread sanitizer.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "auth/digest.hpp"
#include "engine/doorkeeper.hpp"
#include "engine/engine.hpp"

using namespace sr;
using namespace sr::engine;
using sip::RejectReason;

namespace {

constexpr int kWorkers = 3;
constexpr std::string_view kRealm = "screamrouter.local";

sip::SocketAddress source(int worker) {
    return *sip::SocketAddress::parse("192.0.2." + std::to_string(worker + 1), 5060);
}

/// Everybody's house, in which user `w<number>` has a password.
AccessConfig house(int version) {
    AccessConfig config;
    config.rules = {{auth::Network({}, 0), auth::Access::by_mode}};
    config.digest.realm = kRealm;
    config.rate = {.per_second = 1'000'000, .burst = 1'000'000};
    for (int worker = 0; worker < kWorkers; ++worker) {
        auth::Credential credential;
        credential.user = "w" + std::to_string(worker);
        credential.aor_keys = {credential.user};
        const auto ha1 = auth::compute_ha1(auth::Algorithm::md5, credential.user, kRealm, "secret");
        REQUIRE(credential.set_ha1(auth::Algorithm::md5, ha1.text()));
        config.credentials.push_back(std::move(credential));
    }
    config.devices = {{"other" + std::to_string(version), version % 2 == 0}};
    return config;
}

/// One REGISTER of a worker's user; the refusal's headers are kept.
RejectReason ask(Doorkeeper& keeper, int worker, const std::string& authorization, std::string& headers) {
    const std::string user = "w" + std::to_string(worker);
    const std::string message(600, 'x');
    const std::string_view value = authorization;
    sip::RegisterRequest request;
    request.request_uri = "sip:screamrouter.local";
    request.call_id = "call";
    request.cseq = 1;
    request.message = message;
    request.flow.remote = source(worker);
    if (!value.empty()) request.authorizations = {&value, 1};
    sip::Identity identity;
    identity.user_key = user;
    std::array<char, 4096> room;
    base::TextBuffer text(room);
    const Ruling ruling = keeper.admit(request, identity, 1000, text);
    headers = text.text();
    return ruling.reason;
}

std::string with_password(int worker, const std::string& headers) {
    const std::string user = "w" + std::to_string(worker);
    const std::size_t at = headers.find("nonce=\"") + 7;
    const std::string nonce = headers.substr(at, headers.find('"', at) - at);
    const auto ha1 = auth::compute_ha1(auth::Algorithm::md5, user, kRealm, "secret");
    const auto response = auth::compute_response(
        auth::Algorithm::md5, ha1.text(), {"REGISTER", "sip:screamrouter.local", nonce, true, "00000001", "abc"});
    return "Digest username=\"" + user + "\",realm=\"" + std::string(kRealm) + "\",nonce=\"" + nonce +
           "\",uri=\"sip:screamrouter.local\",algorithm=MD5,qop=auth,nc=00000001,cnonce=\"abc\",response=\"" +
           std::string(response.text()) + "\"";
}

std::vector<BindingRecord> stored_bindings(std::size_t count) {
    std::vector<BindingRecord> records(count);
    for (std::size_t i = 0; i < count; ++i) {
        BindingRecord& record = records[i];
        record.number = i + 1;
        record.aor_key = "user" + std::to_string(i);
        record.contact_uri = "sip:" + record.aor_key + "@192.0.2.7";
        record.call_id = "call";
        record.cseq = 1;
        record.transport = "udp";
        record.flow_ip = record.target_ip = "192.0.2.7";
        record.flow_port = record.target_port = 5060;
        record.expires_in_ms = 3'600'000;
    }
    return records;
}

}  // namespace

TEST_CASE("workers authenticate while the owner applies one configuration after another, and none is turned away") {
    Doorkeeper keeper({});
    keeper.apply(house(0));
    std::atomic<int> workers_left{kWorkers};
    std::atomic<int> let_in{0};
    constexpr int kRounds = 200;
    std::vector<std::thread> workers;
    for (int worker = 0; worker < kWorkers; ++worker) {
        workers.emplace_back([&, worker] {
            for (int round = 0; round < kRounds; ++round) {
                std::string headers;
                const bool is_asked = keeper.knock(source(worker), 1000).reason == RejectReason::none &&
                                      ask(keeper, worker, {}, headers) == RejectReason::unauthorized;
                const std::string answer = with_password(worker, headers);
                if (is_asked && ask(keeper, worker, answer, headers) == RejectReason::none) ++let_in;
                keeper.vouch(source(worker), 1000);
            }
            --workers_left;
        });
    }
    for (int version = 1; workers_left > 0; ++version) keeper.apply(house(version));
    for (std::thread& worker : workers) worker.join();
    CHECK(let_in == kWorkers * kRounds);
}

TEST_CASE("whoever reads the engine while it is configured and its changes are taken sees every binding") {
    constexpr std::size_t kBindings = 500;
    constexpr int kRounds = 60;
    Engine core;
    REQUIRE(core.restore(stored_bindings(kBindings), kBindings + 1) == kBindings);
    std::atomic<int> incomplete{0};
    std::vector<std::thread> threads;
    threads.emplace_back([&] {
        for (int i = 0; i < kRounds; ++i) {
            if (core.snapshot().size() != kBindings || core.find_device("user7").size() != 1) ++incomplete;
        }
    });
    threads.emplace_back([&] {
        for (int i = 0; i < kRounds; ++i) {
            if (core.statistics().bindings != kBindings || !core.messages({}).empty()) ++incomplete;
            if (core.drain(64).is_resync_required) ++incomplete;
        }
    });
    threads.emplace_back([&] {
        std::size_t saved = 0;
        core.retake();
        for (bool is_last = false; !is_last;) {
            const Changes changes = core.take_changes(64);
            saved += changes.saved.size();
            is_last = changes.is_last;
        }
        if (saved != kBindings) ++incomplete;
    });
    for (int version = 0; version < kRounds; ++version) {
        core.apply_config({});
        core.apply_access(house(version));
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(incomplete == 0);
}
