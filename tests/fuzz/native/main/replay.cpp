// replay MUTATIONS FOLDER...: runs a target over all files of the folders (one that is not there is empty), then over
// as many mutations of them, the same at each run. For any compiler; where it ends in an abort it prints the input.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "fuzz_kit.hpp"

namespace {

using Octets = std::vector<char>;
using Random = std::minstd_rand;

std::string_view current;  // for the signal handler

void print_input(int) {
    constexpr std::string_view kTitle = "the input was:\n";
    const bool is_written = write(STDERR_FILENO, kTitle.data(), kTitle.size()) >= 0 &&
                            write(STDERR_FILENO, current.data(), current.size()) >= 0;
    _exit(is_written ? 1 : 2);
}

/// In a block of its own size, so that the address sanitizer sees a read behind it.
void run(Octets input) {
    input.shrink_to_fit();
    current = {input.data(), input.size()};
    sr::fuzz::run(current);
}

std::vector<Octets> read_folder(const std::filesystem::path& folder) {
    std::error_code absent;
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder, absent)) paths.push_back(entry.path());
    std::ranges::sort(paths);
    std::vector<Octets> found;
    for (const auto& path : paths) {
        std::ifstream file(path, std::ios::binary);
        found.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    return found;
}

std::size_t below(std::size_t limit, Random& random) { return limit == 0 ? 0 : random() % limit; }

void mutate(Octets& octets, const std::vector<Octets>& corpus, Random& random) {
    constexpr std::string_view kTelling = "\0\r\n\t \"\\<>()[];,&@?:=%/*-.0aZ\x7F\x80\xC3\xFF";
    const auto at = octets.begin() + static_cast<std::ptrdiff_t>(below(octets.size(), random));
    const auto some = static_cast<std::ptrdiff_t>(1 + below(16, random));
    const auto end = at + std::min(some, octets.end() - at);
    switch (below(5, random)) {
        case 0:
            if (at != octets.end()) *at = static_cast<char>(below(256, random));
            break;
        case 1: octets.insert(at, kTelling[below(kTelling.size(), random)]); break;
        case 2: octets.erase(at, end); break;
        case 3: {
            const Octets copy(at, end);
            octets.insert(at, copy.begin(), copy.end());
            break;
        }
        default: {
            const Octets& other = corpus[below(corpus.size(), random)];
            const auto tail = static_cast<std::ptrdiff_t>(below(other.size(), random));
            octets.erase(at, octets.end());
            octets.insert(octets.end(), other.begin() + tail, other.end());
        }
    }
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 3) return 2;
    std::signal(SIGABRT, print_input);
    std::vector<Octets> corpus{{}};
    for (int i = 2; i < count; ++i) std::ranges::move(read_folder(arguments[i]), std::back_inserter(corpus));
    if (corpus.size() == 1) {
        std::fprintf(stderr, "nothing to replay in %s\n", arguments[2]);
        return 2;
    }
    for (const Octets& octets : corpus) run(octets);
    Random random(1);
    for (long left = std::strtol(arguments[1], nullptr, 10); left > 0; --left) {
        Octets octets = corpus[below(corpus.size(), random)];
        for (std::size_t times = 1 + below(4, random); times > 0; --times) mutate(octets, corpus, random);
        run(std::move(octets));
    }
    return 0;
}
