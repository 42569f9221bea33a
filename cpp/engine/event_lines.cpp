#include "engine/event_lines.hpp"

namespace sr::engine {

std::string event_lines(const events::NotifierConfig& config) {
    std::string lines = "Accept: application/sdp\r\n";
    std::string names;
    for (const events::EventPackage& package : config.packages) {
        names.append(names.empty() ? "Allow-Events: " : ", ").append(package.name);
    }
    return names.empty() ? lines : lines.append(names).append("\r\n");
}

}  // namespace sr::engine
