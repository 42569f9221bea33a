// What a socket takes in while more comes than can be read: a program for the kernel (classic BPF, SO_ATTACH_FILTER,
// which needs no privilege) that drops datagrams by their source before they take a place in the receive buffer.
//
// Theory of operation. PJSIP parses a message before any module of ours sees it, so that whoever fills the buffer keeps
// everybody else out of it, however fast we refuse. Known sources pass always; of all the others one datagram in so
// many, by lot: who sends more loses more, and a newcomer who sends again gets through.
#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sip/flow.hpp"

namespace sr::stack {

/// More would not fit a filter on every kernel (net.core.optmem_max was 20 KB for long).
inline constexpr std::size_t kMostKnownSources = 1024;

/// What the filter knows a source by: an IPv4 address, or the four words of an IPv6 address joined by exclusive or.
[[nodiscard]] std::uint32_t source_key(const sip::SocketAddress& source) noexcept;

/// Passes the `known` (keys of the socket's own family, the first kMostKnownSources of them), and of the others
/// `share` in 2^32.
[[nodiscard]] std::vector<sock_filter> make_source_filter(std::span<const std::uint32_t> known, std::uint32_t share,
                                                          bool is_ipv6);

}  // namespace sr::stack
