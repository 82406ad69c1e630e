#include "platform/redis/sentinels.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include "platform/redis/connection.hpp"
#include "platform/redis/convert.hpp"

namespace quorate::detail {

RedisSentinels::RedisSentinels(const RedisClientOptions& options)
    : sentinels_{options.sentinels},
      master_{options.sentinel_master},
      like_{options.address},
      login_{options.sentinel_login},
      tls_{options.tls},
      timeout_{options.connect_timeout} {}

Task<RedisAddress> RedisSentinels::ask(RedisAddress sentinel) const {
    RedisGreeting greeting{login_, tls_, false, timeout_};
    RedisArgs command{"SENTINEL", "GET-MASTER-ADDR-BY-NAME", master_};
    const auto reply = co_await ask_once(sentinel, std::move(greeting), std::move(command));
    if (reply.is_nil()) throw RedisUnavailable{"knows no master of that name"};
    const auto& place = reply.list();
    const auto port =
        place.size() == 2 ? parse_number<std::uint16_t>(place[1].text()) : std::nullopt;
    if (!port || place[0].text().empty()) throw RedisUnavailable{"gave no address"};
    auto master = like_;
    master.host = place[0].text();
    master.port = *port;
    co_return master;
}

Task<RedisAddress> RedisSentinels::find_master() {
    std::string answers;
    const auto order = sentinels_;
    for (const auto& sentinel : order) {
        try {
            auto master = co_await ask(sentinel);
            const auto answered = std::find(sentinels_.begin(), sentinels_.end(), sentinel);
            if (answered != sentinels_.end())
                std::rotate(sentinels_.begin(), answered, answered + 1);
            co_return master;
        } catch (const std::exception& error) {
            answers += (answers.empty() ? "" : "; ") + to_text(sentinel) + ": " + why(error);
        }
        const auto asked = co_await asio::this_coro::cancellation_state;
        if (asked.cancelled() != asio::cancellation_type::none)
            throw boost::system::system_error{asio::error::operation_aborted};
    }
    throw RedisUnavailable{"no sentinel says where the master " + master_ + " is: " + answers};
}

}  // namespace quorate::detail
