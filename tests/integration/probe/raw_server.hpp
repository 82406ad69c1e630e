#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/json/object.hpp>

struct ssl_ctx_st;
struct ssl_st;

namespace quorate {

/// One request as it came.
struct RawRequest {
    std::string head;  ///< request line and fields, as sent
    std::string body;
    std::string rpc_method;  ///< of a JSON body; empty otherwise
    std::int64_t rpc_id = 0;

    std::string method() const { return head.substr(0, head.find(' ')); }
    /// The value of a field, its name in any case; empty where it is missing.
    std::string field(std::string_view name) const;
};

/// The server's side of one accepted connection, blocking.
class RawConnection {
public:
    RawConnection(int descriptor, ssl_ctx_st* tls);
    RawConnection(const RawConnection&) = delete;
    RawConnection& operator=(const RawConnection&) = delete;
    ~RawConnection();

    bool handshake();
    /// The next request; false at the end of the stream.
    bool read(RawRequest& request);
    /// False where the peer has gone.
    bool send(std::string_view bytes);
    /// As send(), past TLS where there is any.
    bool send_bare(std::string_view bytes);
    /// Waits until the peer closes.
    void wait_for_close();
    /// Whether the peer closes, or says something, within that time.
    bool stirs_within(std::chrono::milliseconds time);
    ssl_st* tls() { return ssl_; }
    /// Closes with RST.
    void reset();

private:
    long receive(char* into, std::size_t size);

    int descriptor_;
    ssl_st* ssl_ = nullptr;
    std::string buffer_;
};

/// Accepts on a free port of loopback and runs `serve` on a thread per connection.
class RawServer {
public:
    using Serve = std::function<void(RawConnection&)>;

    /// @param address  of 127/8, in host order
    explicit RawServer(Serve serve,
                       ssl_ctx_st* tls = nullptr,
                       std::uint32_t address = 0x7F000001,
                       std::uint16_t port = 0);
    RawServer(const RawServer&) = delete;
    RawServer& operator=(const RawServer&) = delete;
    ~RawServer();

    std::string url(std::string_view path = "/mcp") const;
    std::uint16_t port() const { return port_; }
    int connections() const { return connections_; }
    /// The source addresses of the connections so far.
    std::vector<std::string> sources();

private:
    void accept_all();

    Serve serve_;
    ssl_ctx_st* tls_;
    int listener_;
    std::uint16_t port_ = 0;
    std::atomic<int> connections_ = 0;
    std::mutex mutex_;
    std::vector<int> open_;
    std::vector<std::string> sources_;
    std::vector<std::thread> threads_;
    std::thread acceptor_;
};

/// An HTTP response with a body of that type; `fields` are whole lines.
std::string http(int status, std::string_view type, std::string_view body, std::string fields = {});
/// `http` with a JSON-RPC result, or error, for the request.
std::string rpc_result(const RawRequest& request, std::string_view result, std::string fields = {});
std::string rpc_error(const RawRequest& request, int status, int code, std::string_view message);

/// A sound legacy server of one tool, which a test changes by what it says for single methods.
class McpScript {
public:
    using Say = std::function<std::string(const RawRequest&)>;

    McpScript();
    /// What to answer to a JSON-RPC method, or to `GET` and `DELETE`.
    void on(const std::string& method, Say say);
    /// Serves a connection until its peer closes; give it to RawServer by reference.
    void operator()(RawConnection& connection) { serve_until(connection, {}); }
    /// The same up to the first request of that method, which is left without an answer.
    /// @return false where the peer closed before
    bool serve_until(RawConnection& connection, std::string_view method);
    /// The requests so far, in the order of their arrival.
    std::vector<RawRequest> requests();
    int count(std::string_view method);
    /// Closes each connection behind its first answer, without saying so.
    void close_after_answers() { closes_ = true; }

private:
    std::mutex mutex_;
    std::map<std::string, Say, std::less<>> says_;
    std::vector<RawRequest> requests_;
    std::atomic<bool> closes_ = false;
};

/// What a sound InitializeResult says.
extern const std::string_view kInitializeResult;
/// The ListToolsResult of one tool `echo`.
extern const std::string_view kToolsResult;

}  // namespace quorate
