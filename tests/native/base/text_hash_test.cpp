#include "base/text_hash.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

using sr::base::TextHash;

TEST_CASE("the hash of a key depends on every octet, its length and the seed") {
    const TextHash hash(1);
    std::set<std::uint64_t> hashes;
    std::size_t keys = 0;
    for (std::size_t size = 0; size < 40; ++size) {
        std::string text(size, 'a');
        hashes.insert(hash(text));
        ++keys;
        for (char& c : text) {
            c = 'b';
            hashes.insert(hash(text));
            c = 'a';
            ++keys;
        }
    }
    CHECK(hashes.size() == keys);
    CHECK(TextHash(2)("alice") != hash("alice"));
}
