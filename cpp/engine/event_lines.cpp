#include "engine/event_lines.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

namespace sr::engine {

std::string event_lines(const events::NotifierConfig& config) {
    std::vector<std::string_view> types{"application/sdp"};
    std::string names;
    for (const events::EventPackage& package : config.packages) {
        names.append(names.empty() ? "Allow-Events: " : ", ").append(package.name);
        for (const std::string& type : package.content_types) {
            if (std::ranges::find(types, type) == types.end()) types.push_back(type);
        }
    }
    std::string lines;
    for (const std::string_view type : types) lines.append(lines.empty() ? "Accept: " : ", ").append(type);
    lines.append("\r\n");
    return names.empty() ? lines : lines.append(names).append("\r\n");
}

}  // namespace sr::engine
