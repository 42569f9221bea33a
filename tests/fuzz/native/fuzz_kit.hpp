// What every fuzz target shares: its entry, and how it says that a promise is broken.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string_view>

namespace sr::fuzz {

/// Each target defines it. `input` has no octet behind its end that may be read.
void run(std::string_view input);

/// Ends the process in every kind of build.
inline void require(bool is_kept, const char* promise) {
    if (is_kept) return;
    std::fprintf(stderr, "broken: %s\n", promise);
    std::abort();
}

/// An empty view lies within everything.
[[nodiscard]] inline bool is_within(std::string_view part, std::string_view whole) noexcept {
    const std::less_equal<const char*> is_not_behind;
    return part.empty() || (is_not_behind(whole.data(), part.data()) &&
                            is_not_behind(part.data() + part.size(), whole.data() + whole.size()));
}

/// Takes the text up to `separator` off `rest`; all of it where there is none.
[[nodiscard]] inline std::string_view take_until(std::string_view& rest, char separator) noexcept {
    const std::string_view taken = rest.substr(0, rest.find(separator));
    rest.remove_prefix(taken.size() < rest.size() ? taken.size() + 1 : taken.size());
    return taken;
}

}  // namespace sr::fuzz
