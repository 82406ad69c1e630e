#include "tests/bench/distribution/bare_client.hpp"

#include <array>
#include <stdexcept>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>

namespace quorate::bench {
namespace {

namespace asio = boost::asio;
using Socket = asio::local::stream_protocol::socket;

/// Counts replies that are a bulk string or an integer.
class ReplyCounter {
public:
    explicit ReplyCounter(Socket& socket) : socket_{socket} {}

    void wait_for(std::size_t replies) {
        while (seen_ < replies)
            read();
        seen_ -= replies;
    }

private:
    void read() {
        const auto size = socket_.read_some(asio::buffer(buffer_));
        for (std::size_t i = 0; i < size; ++i)
            take(buffer_[i]);
    }
    /// A bulk string is two lines, every other reply one.
    void take(char byte) {
        if (at_line_start_ && !in_bulk_) {
            if (byte == '-') throw std::runtime_error{"the bare client got an error"};
            bulk_begins_ = byte == '$';
        }
        at_line_start_ = byte == '\n';
        if (!at_line_start_) return;
        if (!in_bulk_ && bulk_begins_) {
            in_bulk_ = true;
            return;
        }
        in_bulk_ = false;
        ++seen_;
    }

    Socket& socket_;
    std::array<char, 64 * 1024> buffer_{};
    std::size_t seen_ = 0;
    bool at_line_start_ = true;
    bool in_bulk_ = false;
    bool bulk_begins_ = false;
};

}  // namespace

void ReadyWrite::add(const std::vector<std::string_view>& command) {
    bytes += "*" + std::to_string(command.size()) + "\r\n";
    for (const auto argument : command) {
        bytes += "$" + std::to_string(argument.size()) + "\r\n";
        bytes += argument;
        bytes += "\r\n";
    }
    ++replies;
}

void write_bare(const std::string& path, const std::vector<ReadyWrite>& writes) {
    asio::io_context io{1};
    Socket socket{io};
    socket.connect(path);
    ReplyCounter counter{socket};
    for (std::size_t i = 0; i <= writes.size(); ++i) {
        if (i < writes.size()) asio::write(socket, asio::buffer(writes[i].bytes));
        if (i > 0) counter.wait_for(writes[i - 1].replies);
    }
}

}  // namespace quorate::bench
