// Records in chunks: an index names a record and never moves it; freed ones are taken first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace sr::location {

inline constexpr std::uint32_t kNoIndex = UINT32_MAX;

/// `T::link` is the slab's while a record is free, its owner's while it is taken. A record is handed out as it was
/// given back.
template <class T>
class Slab {
  public:
    [[nodiscard]] std::uint32_t take() {
        if (free_ == kNoIndex) grow();
        const std::uint32_t index = free_;
        free_ = (*this)[index].link;
        ++size_;
        return index;
    }

    void give_back(std::uint32_t index) noexcept {
        (*this)[index].link = free_;
        free_ = index;
        --size_;
    }

    [[nodiscard]] T& operator[](std::uint32_t index) noexcept { return chunks_[index / kChunk][index % kChunk]; }
    [[nodiscard]] const T& operator[](std::uint32_t index) const noexcept {
        return chunks_[index / kChunk][index % kChunk];
    }

    /// Records taken.
    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
    /// Records there are, free ones included: every index is below.
    [[nodiscard]] std::uint32_t capacity() const noexcept {
        return static_cast<std::uint32_t>(chunks_.size() * kChunk);
    }

  private:
    static constexpr std::size_t kChunk = 64;

    void grow() {
        const std::uint32_t first = capacity();
        chunks_.push_back(std::make_unique<T[]>(kChunk));
        for (std::uint32_t index = capacity(); index-- > first;) {
            (*this)[index].link = free_;
            free_ = index;
        }
    }

    std::vector<std::unique_ptr<T[]>> chunks_;
    std::uint32_t free_ = kNoIndex;
    std::uint32_t size_ = 0;
};

}  // namespace sr::location
