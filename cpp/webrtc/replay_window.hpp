// Which of the latest indexes have been seen (RFC 3711 section 3.3.2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sr::webrtc {

/// `Size` indexes, a multiple of 64, up to the highest seen.
template <std::size_t Size>
class ReplayWindow {
    static_assert(Size % 64 == 0 && Size > 0);

  public:
    /// Neither seen nor too old to tell.
    [[nodiscard]] bool is_fresh(std::uint64_t index) const noexcept {
        if (!has_any_ || index > highest_) return true;
        return highest_ - index < Size && (word_of(index) & bit_of(index)) == 0;
    }

    /// Only of an index that is fresh, and only when its packet is authentic.
    void mark(std::uint64_t index) noexcept {
        if (!has_any_ || index > highest_) {
            const std::uint64_t step = has_any_ ? index - highest_ : Size;
            if (step >= Size) {
                words_.fill(0);
            } else {
                for (std::uint64_t i = highest_ + 1; i < index; ++i) word_of(i) &= ~bit_of(i);
            }
            highest_ = index;
            has_any_ = true;
        }
        word_of(index) |= bit_of(index);
    }

    [[nodiscard]] bool has_any() const noexcept { return has_any_; }
    [[nodiscard]] std::uint64_t highest() const noexcept { return highest_; }

  private:
    static std::uint64_t bit_of(std::uint64_t index) noexcept { return std::uint64_t{1} << (index % 64); }
    [[nodiscard]] std::uint64_t& word_of(std::uint64_t index) noexcept { return words_[index / 64 % words_.size()]; }
    [[nodiscard]] const std::uint64_t& word_of(std::uint64_t index) const noexcept {
        return words_[index / 64 % words_.size()];
    }

    std::array<std::uint64_t, Size / 64> words_{};
    std::uint64_t highest_ = 0;
    bool has_any_ = false;
};

}  // namespace sr::webrtc
