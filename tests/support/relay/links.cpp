#include "tests/support/relay/links.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>
#include <stdexcept>

namespace quorate::relay {
namespace {

constexpr double kRttMsMax = 60'000;
constexpr std::size_t kDeviceLettersMax = 15;  // IFNAMSIZ, with its end

std::runtime_error wrong(int line, const std::string& what) {
    return std::runtime_error{"line " + std::to_string(line) + ": " + what};
}

double number_of(int line, const std::string& text, const std::string& what, double most) {
    std::istringstream input{text};
    double value = 0;
    if (!(input >> value) || !input.eof() || !(value >= 0 && value <= most))
        throw wrong(line, what + " is no number from 0 on that is small enough: " + text);
    return value;
}

Link parse_link(int line, const std::string& text) {
    Link link;
    std::istringstream input{text};
    std::string rtt;
    std::string loss;
    std::string more;
    if (!(input >> link.name >> link.one.netns >> link.one.device >> link.other.netns >>
          link.other.device >> rtt >> loss) ||
        input >> more)
        throw wrong(line, "NAME NETNS DEVICE NETNS DEVICE RTT_MS LOSS_PERCENT are wanted");
    for (const auto* end : {&link.one, &link.other}) {
        if (end->netns.find('/') != std::string::npos)
            throw wrong(line, "no name of a namespace: " + end->netns);
        if (end->device.size() > kDeviceLettersMax)
            throw wrong(line, "too long for a device: " + end->device);
    }
    link.rtt_ms = number_of(line, rtt, "the round trip", kRttMsMax);
    link.loss_percent = number_of(line, loss, "the loss", 100);
    return link;
}

bool same_link(const Link& before, const Link& after) {
    return before.name == after.name && before.one == after.one && before.other == after.other;
}

}  // namespace

Path Link::path() const {
    return {std::chrono::microseconds{std::llround(rtt_ms * 500)}, loss_percent / 100};
}

std::vector<Link> parse_links(std::string_view text) {
    std::vector<Link> links;
    std::set<std::string> names;
    std::istringstream input{std::string{text}};
    std::string line;
    for (int number = 1; std::getline(input, line); ++number) {
        const auto first = line.find_first_not_of(" \t");
        if (first == std::string::npos || line[first] == '#') continue;
        auto link = parse_link(number, line);
        if (!names.insert(link.name).second) throw wrong(number, link.name + " is there twice");
        if (links.size() == kLinksMax)
            throw wrong(number, "more than " + std::to_string(kLinksMax) + " links");
        links.push_back(std::move(link));
    }
    if (links.empty()) throw std::runtime_error{"there is no link"};
    return links;
}

bool same_links(const std::vector<Link>& before, const std::vector<Link>& after) {
    return std::ranges::equal(before, after, same_link);
}

}  // namespace quorate::relay
