// Whatever is offered: the answer keeps the laws of answer_laws.hpp, and so does the answer to what follows.
#include <doctest/doctest.h>

#include <random>

#include "sdp/answer_laws.hpp"
#include "sdp/sdp_kit.hpp"

using namespace sr::sdp;
using namespace sr::sdp::testkit;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find('\n', start), text.size() - 1) + 1;
        lines.push_back(text.substr(start, end - start));
        start = end;
    }
    return lines;
}

/// Offers with lines doubled, left out, swapped, taken from others, or with a digit changed.
class Mutator {
  public:
    Mutator() {
        for (const auto& path : all_files()) offers_.push_back(lines_of(read_file(path)));
        for (const auto& offer : offers_) pool_.insert(pool_.end(), offer.begin() + 1, offer.end());
        for (const char* line :
             {"a=sendonly\r\n", "a=recvonly\r\n", "a=inactive\r\n", "c=IN IP4 0.0.0.0\r\n", "c=IN IP6 ::\r\n",
              "a=bundle-only\r\n", "a=setup:active\r\n", "a=setup:passive\r\n", "a=rtcp-mux\r\n", "a=maxptime:3\r\n",
              "a=ptime:60\r\n", "a=group:BUNDLE 0 1 2\r\n", "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8\r\n",
              "m=audio 4000 RTP/AVPF 0 9 96\r\n", "m=video 0 RTP/AVP 31\r\n", "a=extmap:1/sendonly urn:x\r\n"}) {
            pool_.emplace_back(line);
        }
    }

    std::string next() {
        std::vector<std::string> lines = offers_[random_() % offers_.size()];
        for (auto change = random_() % 6; change > 0; --change) change_one(lines);
        std::string text;
        for (const std::string& line : lines) text += line;
        return text;
    }

  private:
    void change_one(std::vector<std::string>& lines) {
        const std::size_t at = 1 + random_() % (lines.size() - 1);  // v= stays, else all is refused
        switch (random_() % 5) {
            case 0:
                lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(at), pool_[random_() % pool_.size()]);
                break;
            case 1: lines.push_back(lines[at]); break;
            case 2: std::swap(lines[at], lines[1 + random_() % (lines.size() - 1)]); break;
            case 3: change_digit(lines[at]); break;
            default:
                if (lines.size() > 2) lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(at));
        }
    }

    void change_digit(std::string& line) {
        const std::size_t at = line.find_first_of("0123456789", random_() % line.size());
        if (at != std::string::npos) line[at] = static_cast<char>('0' + random_() % 10);
    }

    std::mt19937 random_{3264};  // a fixed seed: the same offers at each run
    std::vector<std::vector<std::string>> offers_;
    std::vector<std::string> pool_;
};

void check_laws(const SessionDescription& offer, const Agreement& agreement, const std::string& text) {
    const auto broken = broken_law(offer, agreement);
    if (!broken.empty()) FAIL_CHECK(broken << "\n" << text << "\n" << agreement.text);
}

}  // namespace

TEST_CASE("whatever is offered, the answer keeps the laws, and asked again it is the same") {
    Mutator mutator;
    int answered_offers = 0;
    int refused_offers = 0;
    for (int round = 0; round < 10000; ++round) {
        const std::string text = mutator.next();
        const auto read = parse(text);
        const auto* const offer = std::get_if<SessionDescription>(&read);
        if (offer == nullptr) continue;
        const auto result = negotiate(*offer, our_media(), nullptr);
        const auto* const agreement = std::get_if<Agreement>(&result);
        refused_offers += agreement == nullptr ? 1 : 0;
        if (agreement == nullptr) continue;
        ++answered_offers;
        check_laws(*offer, *agreement, text);
        CHECK(agreed(negotiate(*offer, our_media(), agreement)).is_unchanged);
    }
    CHECK(answered_offers > 1000);
    CHECK(refused_offers > 100);
}

TEST_CASE("over any row of offers in one call the laws hold, and the version rises with each other text by one") {
    Mutator mutator;
    for (int call = 0; call < 200; ++call) {
        std::optional<Agreement> previous;
        for (int round = 0; round < 20; ++round) {
            const std::string text = mutator.next();
            const auto read = parse(text);
            const auto* const offer = std::get_if<SessionDescription>(&read);
            if (offer == nullptr) continue;
            auto result = negotiate(*offer, our_media(), previous ? &*previous : nullptr);
            auto* const agreement = std::get_if<Agreement>(&result);
            if (agreement == nullptr) continue;
            check_laws(*offer, *agreement, text);
            if (previous) {
                const bool is_same = agreement->text == previous->text;
                CHECK(agreement->session_version == previous->session_version + (is_same ? 0 : 1));
            }
            previous = std::move(*agreement);
        }
    }
}
