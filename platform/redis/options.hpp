#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/time/time.hpp"
#include "platform/redis/address.hpp"

namespace quorate {

/// Who we are to a Redis. Without a password nothing is said (no AUTH).
struct RedisLogin {
    std::string user;                     ///< empty: the user `default`
    std::string password;                 ///< or the file:
    std::filesystem::path password_file;  ///< read at each connect; a final line end is dropped
};

/// How a TLS connection is made: 1.2 or 1.3, the server always verified. The files are read at each
/// connect, so that certificates can be renewed under a running process.
struct RedisTls {
    std::filesystem::path ca_file;           ///< PEM, trusted alone; empty: the system's
    std::filesystem::path certificate_file;  ///< PEM chain for a server that asks for one
    std::filesystem::path key_file;          ///< its key, PEM, without a passphrase
    std::string server_name;  ///< what the server's certificate must name; empty: its host
};

/// Where Redis is and how to behave towards it. Three ways: `address` alone; `sentinels`, which are
/// asked at each connect where the master is (`address` then gives only `tls` and `database`); or
/// `cluster`, whose nodes are found by way of `address` and `cluster_nodes`.
struct RedisClientOptions {
    RedisAddress address;
    RedisLogin login;
    RedisTls tls;
    std::vector<RedisAddress> sentinels;
    std::string sentinel_master;  ///< its name at the sentinels
    RedisLogin sentinel_login;
    bool cluster = false;
    std::vector<RedisAddress> cluster_nodes;  ///< further ones to ask for the topology

    milliseconds timeout{2000};          ///< of a command that names none, from `run` to the reply
    milliseconds connect_timeout{2000};  ///< of the connection with its first PING
    milliseconds backoff_first{50};      ///< before the second try to connect; doubles, jittered
    milliseconds backoff_longest{2000};
    std::size_t commands_max = 20'000;   ///< queued or under way; above it RedisUnavailable
    std::size_t bytes_max = 64U << 20U;  ///< of queued commands; above it RedisUnavailable
    std::uint64_t seed = 0;              ///< of the jitter; 0: taken from the system
};

}  // namespace quorate
