// The kernel itself runs these filters, on sockets of the loopback interface.
#include "stack/source_filter.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

using namespace sr;
using sr::stack::make_source_filter;
using sr::stack::source_key;

namespace {

constexpr std::uint32_t kNone = 0;
constexpr std::uint32_t kFirst = 0x7F010001;  // 127.1.0.1

/// A UDP socket of 127.0.0.1 behind a filter.
class Receiver {
  public:
    explicit Receiver(std::vector<sock_filter> steps) : socket_(bound(INADDR_LOOPBACK)) {
        const sock_fprog program{static_cast<unsigned short>(steps.size()), steps.data()};
        REQUIRE(setsockopt(socket_, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0);
    }
    Receiver(const Receiver&) = delete;
    Receiver& operator=(const Receiver&) = delete;
    ~Receiver() { close(socket_); }

    /// Whether a datagram from there arrives; on the loopback it has when `sendto` returns.
    bool hears(std::uint32_t source) const {
        const int sender = bound(source);
        sockaddr_in to{};
        socklen_t size = sizeof to;
        getsockname(socket_, reinterpret_cast<sockaddr*>(&to), &size);
        CHECK(sendto(sender, "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 1);
        close(sender);
        char octet = 0;
        return recv(socket_, &octet, 1, MSG_DONTWAIT) == 1;
    }

  private:
    static int bound(std::uint32_t ip) {
        const int made = socket(AF_INET, SOCK_DGRAM, 0);
        sockaddr_in name{};
        name.sin_family = AF_INET;
        name.sin_addr.s_addr = htonl(ip);
        REQUIRE(bind(made, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
        return made;
    }

    int socket_;
};

std::vector<std::uint32_t> sources(std::size_t count) {
    std::vector<std::uint32_t> keys;
    for (std::uint32_t i = 0; i < count; ++i) keys.push_back(kFirst + i * 3);
    return keys;
}

}  // namespace

TEST_CASE("known sources pass and no others, however many are known") {
    for (const std::size_t count : {0U, 1U, 31U, 32U, 33U, 64U, 65U, 500U, 1024U}) {
        CAPTURE(count);
        const Receiver receiver(make_source_filter(sources(count), kNone, false));
        for (std::uint32_t i = 0; i < count; ++i) REQUIRE(receiver.hears(kFirst + i * 3));
        for (const std::uint32_t stranger : {kFirst - 1, kFirst + 1, kFirst + 2, kFirst + 3 * 1024}) {
            CHECK_FALSE(receiver.hears(stranger));
        }
    }
}

TEST_CASE("of strangers one datagram in so many passes, by lot") {
    const Receiver receiver(make_source_filter(sources(10), UINT32_MAX / 4, false));
    int heard = 0;
    for (int i = 0; i < 2000; ++i) heard += receiver.hears(0x7F020001) ? 1 : 0;
    CHECK(heard > 350);  // 500 on average; 7 standard deviations off
    CHECK(heard < 650);
}

TEST_CASE("more sources than fit are cut off, and no filter is larger than the kernel takes") {
    const auto steps = make_source_filter(sources(5000), kNone, false);
    CHECK(steps.size() <= BPF_MAXINSNS);
    const Receiver receiver(steps);
    CHECK(receiver.hears(kFirst));
    CHECK_FALSE(receiver.hears(kFirst + 3 * 4999));
}

TEST_CASE("a source has the same key as the kernel's words of its address") {
    sip::SocketAddress ipv4;
    ipv4.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 0, 2, 7};
    CHECK(source_key(ipv4) == 0xC0000207);
    sip::SocketAddress ipv6;
    ipv6.is_ipv6 = true;
    ipv6.ip = {0x20, 1, 0xD, 0xB8, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4};
    CHECK(source_key(ipv6) == (0x20010DB8U ^ 1U ^ 2U ^ 4U));
}
