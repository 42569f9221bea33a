#include "stack/source_filter.hpp"

#include <algorithm>

namespace sr::stack {
namespace {

constexpr std::uint32_t kPass = UINT32_MAX;  // as many octets as there are
constexpr std::uint32_t kDrop = 0;
constexpr std::size_t kLeaf = 32;  // keys that are compared one after the other; a jump reaches 255 instructions
constexpr std::uint32_t kNetwork = static_cast<std::uint32_t>(SKF_NET_OFF);
constexpr std::uint32_t kIpv4Source = kNetwork + 12;
constexpr std::uint32_t kIpv6Source = kNetwork + 8;
constexpr std::uint32_t kRandom = static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_RANDOM);

class Assembler {
  public:
    void load_source(bool is_ipv6) {
        if (!is_ipv6) return step(BPF_LD | BPF_W | BPF_ABS, kIpv4Source);
        step(BPF_LD | BPF_W | BPF_ABS, kIpv6Source);
        for (const std::uint32_t offset : {4U, 8U, 12U}) {
            step(BPF_MISC | BPF_TAX, 0);
            step(BPF_LD | BPF_W | BPF_ABS, kIpv6Source + offset);
            step(BPF_ALU | BPF_XOR | BPF_X, 0);
        }
    }

    /// `keys` ascend.
    void search(std::span<const std::uint32_t> keys) {
        if (keys.size() <= kLeaf) return compare(keys);
        const std::size_t half = keys.size() / 2;
        jump(BPF_JGE, keys[half], 0, 1);
        const std::size_t to_upper = program_.size();
        step(BPF_JMP | BPF_JA, 0);
        search(keys.first(half));
        program_[to_upper].k = static_cast<std::uint32_t>(program_.size() - to_upper - 1);
        search(keys.subspan(half));
    }

    [[nodiscard]] std::vector<sock_filter> finish(std::uint32_t share) {
        for (const std::size_t at : misses_) program_[at].k = static_cast<std::uint32_t>(program_.size() - at - 1);
        step(BPF_LD | BPF_W | BPF_ABS, kRandom);
        jump(BPF_JGE, share, 0, 1);
        step(BPF_RET | BPF_K, kDrop);
        step(BPF_RET | BPF_K, kPass);
        return std::move(program_);
    }

  private:
    void compare(std::span<const std::uint32_t> keys) {
        for (std::size_t i = 0; i < keys.size(); ++i) {
            jump(BPF_JEQ, keys[i], static_cast<std::uint8_t>(keys.size() - i), 0);  // to the RET behind the JA
        }
        misses_.push_back(program_.size());
        step(BPF_JMP | BPF_JA, 0);
        step(BPF_RET | BPF_K, kPass);
    }

    void step(std::uint32_t code, std::uint32_t k) { program_.push_back({static_cast<std::uint16_t>(code), 0, 0, k}); }
    void jump(std::uint32_t condition, std::uint32_t k, std::uint8_t if_true, std::uint8_t if_false) {
        program_.push_back({static_cast<std::uint16_t>(BPF_JMP | condition | BPF_K), if_true, if_false, k});
    }

    std::vector<sock_filter> program_;
    std::vector<std::size_t> misses_;
};

}  // namespace

std::uint32_t source_key(const sip::SocketAddress& source) noexcept {
    const auto word = [&source](std::size_t at) {
        return std::uint32_t{source.ip[at]} << 24 | std::uint32_t{source.ip[at + 1]} << 16 |
               std::uint32_t{source.ip[at + 2]} << 8 | std::uint32_t{source.ip[at + 3]};
    };
    return source.is_ipv6 ? word(0) ^ word(4) ^ word(8) ^ word(12) : word(12);
}

std::vector<sock_filter> make_source_filter(std::span<const std::uint32_t> known, std::uint32_t share, bool is_ipv6) {
    std::vector<std::uint32_t> keys(known.begin(), known.end());
    std::ranges::sort(keys);
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    keys.resize(std::min(keys.size(), kMostKnownSources));
    Assembler assembler;
    assembler.load_source(is_ipv6);
    assembler.search(keys);
    return assembler.finish(share);
}

}  // namespace sr::stack
