#include "core/base/json_text.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <string>
#include <utility>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/error.hpp>
#include <boost/json/value_stack.hpp>

namespace quorate {
namespace {

namespace json = boost::json;

constexpr std::size_t kJsonDepthMax = 128;
/// Room for small texts on the call stack, as json::parse has it.
constexpr std::size_t kScratchBytes = 4096;

/// The double nearest to the text of a JSON number.
double nearest_double(std::string_view text, double otherwise) {
    double value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec == std::errc{}) return value;
    if (result.ec != std::errc::result_out_of_range) return otherwise;
    // Too large, or too small to be told from zero; the parser knows which of both.
    if (otherwise > -1 && otherwise < 1) return 0;
    const double largest = std::numeric_limits<double>::max();
    return text.front() == '-' ? -largest : largest;
}

/// Boost.JSON's events onto its value stack, with exact numbers. Its names are not ours.
struct ExactHandler {
    static constexpr std::size_t max_object_size = json::object::max_size();
    static constexpr std::size_t max_array_size = json::array::max_size();
    static constexpr std::size_t max_key_size = json::string::max_size();
    static constexpr std::size_t max_string_size = json::string::max_size();

    using Error = json::error_code;
    using Text = json::string_view;

    ExactHandler(unsigned char* scratch, std::size_t size)
        : stack{json::storage_ptr{}, scratch, size} {}

    bool on_document_begin(Error& /*error*/) { return true; }
    bool on_document_end(Error& /*error*/) { return true; }
    bool on_object_begin(Error& /*error*/) { return true; }
    bool on_object_end(std::size_t count, Error& /*error*/) {
        stack.push_object(count);
        return true;
    }
    bool on_array_begin(Error& /*error*/) { return true; }
    bool on_array_end(std::size_t count, Error& /*error*/) {
        stack.push_array(count);
        return true;
    }
    bool on_key_part(Text text, std::size_t /*size*/, Error& /*error*/) {
        stack.push_chars(text);
        return true;
    }
    bool on_key(Text text, std::size_t /*size*/, Error& /*error*/) {
        stack.push_key(text);
        return true;
    }
    bool on_string_part(Text text, std::size_t /*size*/, Error& /*error*/) {
        stack.push_chars(text);
        return true;
    }
    bool on_string(Text text, std::size_t /*size*/, Error& /*error*/) {
        stack.push_string(text);
        return true;
    }
    bool on_number_part(Text text, Error& /*error*/) {
        number_.append(text.data(), text.size());
        return true;
    }
    bool on_int64(std::int64_t value, Text /*text*/, Error& /*error*/) {
        number_.clear();
        stack.push_int64(value);
        return true;
    }
    bool on_uint64(std::uint64_t value, Text /*text*/, Error& /*error*/) {
        number_.clear();
        stack.push_uint64(value);
        return true;
    }
    bool on_double(double value, Text text, Error& /*error*/) {
        number_.append(text.data(), text.size());
        stack.push_double(nearest_double(number_, value));
        number_.clear();
        return true;
    }
    bool on_bool(bool value, Error& /*error*/) {
        stack.push_bool(value);
        return true;
    }
    bool on_null(Error& /*error*/) {
        stack.push_null();
        return true;
    }
    bool on_comment_part(Text /*text*/, Error& /*error*/) { return true; }
    bool on_comment(Text /*text*/, Error& /*error*/) { return true; }

    json::value_stack stack;

private:
    std::string number_;  ///< the text of the number under way
};

}  // namespace

boost::system::result<json::value> parse_json(std::string_view text, json::storage_ptr storage) {
    json::parse_options options;
    options.max_depth = kJsonDepthMax;
    std::array<unsigned char, kScratchBytes> scratch;
    json::basic_parser<ExactHandler> parser{options, scratch.data(), scratch.size()};
    parser.handler().stack.reset(std::move(storage));
    json::error_code error;
    const auto read = parser.write_some(false, text.data(), text.size(), error);
    if (!error && read < text.size()) error = json::error::extra_data;
    if (error) return error;
    return parser.handler().stack.release();
}

}  // namespace quorate
