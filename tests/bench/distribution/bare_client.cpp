#include "tests/bench/distribution/bare_client.hpp"

#include <array>
#include <stdexcept>
#include <utility>

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
    ReplyCounter(Socket& socket, std::string_view wanted) : socket_{socket}, wanted_{wanted} {}

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
    /// A bulk string is two lines, every other reply one. Texts of several lines do not occur.
    void take(char byte) {
        if (byte != '\n') {
            if (byte != '\r') line_ += byte;
            return;
        }
        const auto line = std::exchange(line_, {});
        if (!in_bulk_ && line.starts_with('-')) throw std::runtime_error{"the server says " + line};
        in_bulk_ = !in_bulk_ && line.starts_with('$');
        if (in_bulk_) return;
        if (!wanted_.empty() && line != wanted_)
            throw std::runtime_error{"the server answers " + line};
        ++seen_;
    }

    Socket& socket_;
    std::array<char, 64 * 1024> buffer_{};
    std::size_t seen_ = 0;
    std::string_view wanted_;
    std::string line_;
    bool in_bulk_ = false;
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

void write_bare(const std::string& path,
                const std::vector<ReadyWrite>& writes,
                std::string_view wanted) {
    asio::io_context io{1};
    Socket socket{io};
    socket.connect(path);
    ReplyCounter counter{socket, wanted};
    for (std::size_t i = 0; i <= writes.size(); ++i) {
        if (i < writes.size()) asio::write(socket, asio::buffer(writes[i].bytes));
        if (i > 0) counter.wait_for(writes[i - 1].replies);
    }
}

}  // namespace quorate::bench
