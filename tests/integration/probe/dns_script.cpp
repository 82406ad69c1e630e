#include "tests/integration/probe/dns_script.hpp"

#include <algorithm>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/text.hpp"

namespace quorate {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr int kTypeCname = 5;
constexpr int kTypeSoa = 6;

std::string number(unsigned value) {
    return {static_cast<char>(value >> 8U), static_cast<char>(value)};
}

std::string long_number(std::uint32_t value) {
    return number(value >> 16U) + number(value & 0xFFFFU);
}

std::string name_on_wire(const std::string& name) {
    std::string bytes;
    for (std::size_t at = 0; at < name.size();) {
        const auto end = std::min(name.find('.', at), name.size());
        bytes += static_cast<char>(end - at) + name.substr(at, end - at);
        at = end + 1;
    }
    return bytes + '\0';
}

std::string record(const std::string& name, int type, std::uint32_t ttl, const std::string& data) {
    return name_on_wire(name) + number(static_cast<unsigned>(type)) + number(1) + long_number(ttl) +
           number(static_cast<unsigned>(data.size())) + data;
}

std::optional<std::string> address_on_wire(const std::string& address, int type) {
    char bytes[sizeof(in6_addr)];
    const int family = type == kTypeA ? AF_INET : AF_INET6;
    if (::inet_pton(family, address.c_str(), bytes) != 1) return std::nullopt;
    return std::string{bytes, type == kTypeA ? 4U : 16U};
}

DnsQuestion read_question(const std::string& message) {
    DnsQuestion question;
    std::size_t at = kHeaderBytes;
    while (at < message.size() && message[at] != 0) {
        const auto length = static_cast<unsigned char>(message[at]);
        question.name += (question.name.empty() ? "" : ".") + message.substr(at + 1, length);
        at += length + 1U;
    }
    question.name = to_lower(question.name);
    question.type = static_cast<unsigned char>(message.at(at + 2));
    return question;
}

std::string write_reply(const std::string& message,
                        const DnsQuestion& asked,
                        const DnsReply& reply) {
    const auto question = message.substr(kHeaderBytes, name_on_wire(asked.name).size() + 4);
    std::vector<std::string> answers;
    std::vector<std::string> authority;
    const auto& owner = reply.cname.empty() ? asked.name : reply.cname;
    if (!reply.cname.empty())
        answers.push_back(
            record(asked.name, kTypeCname, reply.cname_ttl, name_on_wire(reply.cname)));
    for (const auto& address : reply.addresses)
        if (const auto data = address_on_wire(address, asked.type))
            answers.push_back(record(owner, asked.type, reply.ttl, *data));
    if (reply.soa) {
        auto data = name_on_wire("ns.test") + name_on_wire("root.test");
        for (const std::uint32_t value : {1U, 2U, 3U, 4U, reply.soa->second})
            data += long_number(value);
        authority.push_back(record("test", kTypeSoa, reply.soa->first, data));
    }
    if (reply.truncated) answers.clear();
    const unsigned flags =
        0x8180U | (reply.truncated ? 0x0200U : 0U) | static_cast<unsigned>(reply.rcode);
    auto bytes = message.substr(0, 2) + number(flags) + number(1) +
                 number(static_cast<unsigned>(answers.size())) +
                 number(static_cast<unsigned>(authority.size())) + number(0) + question;
    if (!reply.raw.empty()) return bytes + reply.raw;
    for (const auto& row : answers)
        bytes += row;
    for (const auto& row : authority)
        bytes += row;
    return bytes;
}

std::uint16_t bind_to_loopback(int descriptor, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(descriptor, generic, size) != 0) return 0;
    ::getsockname(descriptor, generic, &size);
    return ntohs(address.sin_port);
}

bool read_all(int descriptor, std::string& into) {
    for (std::size_t at = 0; at < into.size();) {
        const auto count = ::recv(descriptor, into.data() + at, into.size() - at, 0);
        if (count <= 0) return false;
        at += static_cast<std::size_t>(count);
    }
    return true;
}

}  // namespace

DnsScript::DnsScript() {
    // Both protocols want one port, and any port may be taken for one of them.
    for (int tries = 0; tries < 100 && port_ == 0; ++tries) {
        udp_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        tcp_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const auto port = bind_to_loopback(udp_, 0);
        if (port != 0 && bind_to_loopback(tcp_, port) == port) {
            port_ = port;
        } else {
            ::close(udp_);
            ::close(tcp_);
        }
    }
    if (port_ == 0 || ::listen(tcp_, 16) != 0 || ::pipe(stop_) != 0)
        throw std::runtime_error{"no port to serve DNS on"};
    thread_ = std::thread{[this] { serve(); }};
}

DnsScript::~DnsScript() {
    ::close(stop_[1]);
    thread_.join();
    ::close(stop_[0]);
    ::close(udp_);
    ::close(tcp_);
}

void DnsScript::on(const std::string& name, Say say) {
    const std::lock_guard lock{mutex_};
    says_[name] = std::move(say);
}

void DnsScript::on(const std::string& name, DnsReply reply) {
    on(name, [reply](const DnsQuestion&) { return reply; });
}

void DnsScript::silent_on(const std::string& name) {
    on(name, [](const DnsQuestion&) { return std::nullopt; });
}

int DnsScript::asked(const std::string& name, int type) {
    const std::lock_guard lock{mutex_};
    return static_cast<int>(std::count_if(questions_.begin(), questions_.end(), [&](auto& row) {
        return row.name == name && (type == 0 || row.type == type);
    }));
}

int DnsScript::asked_by_tcp(const std::string& name) {
    const std::lock_guard lock{mutex_};
    return static_cast<int>(std::count_if(questions_.begin(), questions_.end(), [&](auto& row) {
        return row.name == name && row.by_tcp;
    }));
}

void DnsScript::serve() {
    while (true) {
        pollfd waits[] = {{udp_, POLLIN, 0}, {tcp_, POLLIN, 0}, {stop_[0], POLLIN, 0}};
        if (::poll(waits, 3, -1) < 0 || waits[2].revents != 0) return;
        if (waits[0].revents != 0) serve_udp();
        if (waits[1].revents != 0) serve_tcp();
    }
}

void DnsScript::serve_udp() {
    std::string message(4096, '\0');
    sockaddr_in from{};
    socklen_t size = sizeof from;
    auto* generic = reinterpret_cast<sockaddr*>(&from);
    const auto count = ::recvfrom(udp_, message.data(), message.size(), 0, generic, &size);
    if (count < static_cast<long>(kHeaderBytes)) return;
    message.resize(static_cast<std::size_t>(count));
    if (const auto reply = answer(message, false))
        ::sendto(udp_, reply->data(), reply->size(), 0, generic, size);
}

void DnsScript::serve_tcp() {
    const int descriptor = ::accept(tcp_, nullptr, nullptr);
    if (descriptor < 0) return;
    std::string length(2, '\0');
    if (read_all(descriptor, length)) {
        std::string message(
            static_cast<unsigned char>(length[0]) * 256U + static_cast<unsigned char>(length[1]),
            '\0');
        if (read_all(descriptor, message)) {
            if (const auto reply = answer(message, true)) {
                const auto whole = number(static_cast<unsigned>(reply->size())) + *reply;
                ::send(descriptor, whole.data(), whole.size(), MSG_NOSIGNAL);
            }
        }
    }
    ::close(descriptor);
}

std::optional<std::string> DnsScript::answer(const std::string& message, bool by_tcp) {
    auto question = read_question(message);
    question.by_tcp = by_tcp;
    Say say;
    {
        const std::lock_guard lock{mutex_};
        for (const auto& row : questions_)
            if (row.name == question.name && row.type == question.type) ++question.nth;
        questions_.push_back(question);
        const auto found = says_.find(question.name);
        if (found != says_.end()) say = found->second;
    }
    DnsReply reply;
    reply.rcode = kNxDomain;
    if (say) {
        const auto said = say(question);
        if (!said) return std::nullopt;
        reply = *said;
    }
    return write_reply(message, question, reply);
}

}  // namespace quorate
