// Text of bounded length built without a heap: what does not fit is remembered as overflow, never written.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace sr::base {

class TextBuffer {
  public:
    explicit TextBuffer(std::span<char> room) noexcept : room_(room) {}

    TextBuffer& operator<<(std::string_view text) noexcept {
        if (text.size() > room_.size() - size_) {
            is_overflown_ = true;
            return *this;
        }
        if (!text.empty()) std::memcpy(room_.data() + size_, text.data(), text.size());
        size_ += text.size();
        return *this;
    }

    TextBuffer& operator<<(std::uint64_t number) noexcept { return write(number, 10); }

    /// In lower case, without a prefix.
    TextBuffer& hex(std::uint64_t number) noexcept { return write(number, 16); }

    /// Where a C function may print up to `free().size()` octets; `grow` then takes them over.
    [[nodiscard]] std::span<char> free() noexcept { return room_.subspan(size_); }
    void grow(std::size_t octets) noexcept { size_ += octets; }
    void set_overflown() noexcept { is_overflown_ = true; }

    void clear() noexcept {
        size_ = 0;
        is_overflown_ = false;
    }

    [[nodiscard]] std::string_view text() const noexcept { return {room_.data(), size_}; }
    [[nodiscard]] bool is_overflown() const noexcept { return is_overflown_; }

  private:
    TextBuffer& write(std::uint64_t number, int base) noexcept {
        char digits[24];
        const auto end = std::to_chars(digits, digits + sizeof digits, number, base).ptr;
        return *this << std::string_view(digits, static_cast<std::size_t>(end - digits));
    }

    std::span<char> room_;
    std::size_t size_ = 0;
    bool is_overflown_ = false;
};

}  // namespace sr::base
