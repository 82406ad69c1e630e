#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace quorate {

inline constexpr int kTypeA = 1;
inline constexpr int kTypeAaaa = 28;
inline constexpr int kServFail = 2;
inline constexpr int kNxDomain = 3;
inline constexpr int kRefused = 5;

struct DnsQuestion {
    std::string name;
    int type = 0;
    bool by_tcp = false;
    int nth = 1;  ///< among the questions for this name and type, this one included
};

struct DnsReply {
    int rcode = 0;
    std::vector<std::string> addresses = {};  ///< those of the question's family are sent
    std::uint32_t ttl = 60;
    std::string cname = {};  ///< the addresses are this name's
    std::uint32_t cname_ttl = 60;
    /// TTL and minimum of a SOA in the authority section.
    std::optional<std::pair<std::uint32_t, std::uint32_t>> soa = std::nullopt;
    bool truncated = false;  ///< without the records
    std::string raw = {};    ///< sent in place of all that, behind the header
};

/// A name server of 127.0.0.1 that says what a test tells it to, over UDP and TCP. What it was not
/// told about does not exist.
class DnsScript {
public:
    /// Nothing: stays silent.
    using Say = std::function<std::optional<DnsReply>(const DnsQuestion&)>;

    DnsScript();
    DnsScript(const DnsScript&) = delete;
    DnsScript& operator=(const DnsScript&) = delete;
    ~DnsScript();

    /// What to say to questions for `name`, for both families.
    void on(const std::string& name, Say say);
    void on(const std::string& name, DnsReply reply);
    void silent_on(const std::string& name);

    /// `127.0.0.1:PORT`.
    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    /// How often `name` was asked for, by type; both without one.
    int asked(const std::string& name, int type = 0);
    int asked_by_tcp(const std::string& name);

private:
    void serve();
    void serve_udp();
    void serve_tcp();
    std::optional<std::string> answer(const std::string& message, bool by_tcp);

    int udp_ = -1;
    int tcp_ = -1;
    int stop_[2] = {-1, -1};
    std::uint16_t port_ = 0;
    std::mutex mutex_;
    std::map<std::string, Say> says_;
    std::vector<DnsQuestion> questions_;
    std::thread thread_;
};

/// Where no name server listens: asking it fails at once.
inline constexpr const char* kNobodysNameServer = "127.0.0.9:9";

}  // namespace quorate
