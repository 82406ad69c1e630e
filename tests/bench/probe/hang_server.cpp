// The endpoint that accepts, finishes the TLS handshake where it has a certificate, and then never
// answers. Prints its port on 127.0.1.1; ends with its standard input.
#include <array>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <system_error>
#include <unordered_map>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <CLI/CLI.hpp>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/probe/gauge.hpp"

namespace {

using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using Ssl = std::unique_ptr<SSL, decltype(&SSL_free)>;

int checked(int result, const char* what) {
    if (result < 0) throw std::system_error{errno, std::generic_category(), what};
    return result;
}

class HangServer {
public:
    explicit HangServer(Context context) : context_{std::move(context)} {
        epoll_ = checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
        listener_ =
            checked(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
        sockaddr_in address{};
        address.sin_family = AF_INET;
        ::inet_pton(AF_INET, "127.0.1.1", &address.sin_addr);
        auto* bare = reinterpret_cast<sockaddr*>(&address);
        socklen_t size = sizeof address;
        checked(::bind(listener_, bare, size), "bind");
        checked(::listen(listener_, 4096), "listen");
        checked(::getsockname(listener_, bare, &size), "getsockname");
        port_ = ntohs(address.sin_port);
        watch(listener_);
        watch(STDIN_FILENO);
    }

    int port() const { return port_; }

    void run() {
        std::array<epoll_event, 256> events{};
        while (true) {
            const int count =
                ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
            for (int i = 0; i < count; ++i) {
                const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
                if (descriptor == STDIN_FILENO) return;
                if (descriptor == listener_)
                    accept_all();
                else if (!serve(descriptor))
                    drop(descriptor);
            }
        }
    }

private:
    void watch(int descriptor) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = descriptor;
        checked(::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event), "epoll_ctl");
    }

    void accept_all() {
        while (true) {
            const int peer = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (peer < 0) return;
            Ssl ssl{context_ ? SSL_new(context_.get()) : nullptr, SSL_free};
            if (ssl) {
                SSL_set_fd(ssl.get(), peer);
                SSL_set_accept_state(ssl.get());
            }
            peers_.emplace(peer, std::move(ssl));
            watch(peer);
        }
    }

    /// Reads whatever comes and says nothing; false where the peer is gone.
    bool serve(int descriptor) {
        const auto& ssl = peers_.at(descriptor);
        std::array<char, 4096> bytes;
        constexpr int kSize = static_cast<int>(bytes.size());
        ERR_clear_error();
        if (ssl) {
            const int count = SSL_read(ssl.get(), bytes.data(), kSize);
            return count > 0 || SSL_get_error(ssl.get(), count) == SSL_ERROR_WANT_READ;
        }
        const auto count = ::recv(descriptor, bytes.data(), bytes.size(), 0);
        return count > 0 || (count < 0 && errno == EAGAIN);
    }

    void drop(int descriptor) {
        peers_.erase(descriptor);
        ::close(descriptor);
    }

    Context context_;
    int epoll_ = -1;
    int listener_ = -1;
    int port_ = 0;
    std::unordered_map<int, Ssl> peers_;
};

Context make_context(const std::string& certificate, const std::string& key) {
    Context context{nullptr, SSL_CTX_free};
    if (certificate.empty()) return context;
    context.reset(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context.get(), 0);
    if (SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1)
        throw std::runtime_error{"no certificate and key in " + certificate + " and " + key};
    return context;
}

}  // namespace

int main(int argc, char** argv) try {
    std::string certificate;
    std::string key;
    CLI::App app{"Accepts connections and never answers"};
    app.add_option("--certificate", certificate, "PEM; without it plain TCP");
    app.add_option("--key", key, "PEM");
    CLI11_PARSE(app, argc, argv);
    quorate::bench::raise_descriptor_limit();
    HangServer server{make_context(certificate, key)};
    std::printf("%d\n", server.port());
    std::fflush(stdout);
    server.run();
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_hang_server: %s\n", error.what());
    return 1;
}
