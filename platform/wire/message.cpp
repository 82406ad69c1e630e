#include "platform/wire/message.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>

namespace quorate::wire::detail {

std::string serialize(const google::protobuf::MessageLite& message) {
    std::string bytes;
    {
        google::protobuf::io::StringOutputStream stream{&bytes};
        google::protobuf::io::CodedOutputStream output{&stream};
        output.SetSerializationDeterministic(true);
        message.SerializeToCodedStream(&output);
    }
    return bytes;
}

bool parse(google::protobuf::MessageLite& message, std::string_view bytes) {
    [[maybe_unused]] static const auto quiet = google::protobuf::SetLogHandler(nullptr);
    return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

namespace {

/// Bytes of the UTF-8 sequence that `text` begins with (RFC 3629 section 4); 0 if it is none.
std::size_t sequence_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned first = byte(0);
    if (first < 0x80) return 1;
    std::size_t length = 0;
    if (first >= 0xC2 && first < 0xE0) length = 2;
    if (first >= 0xE0 && first < 0xF0) length = 3;
    if (first >= 0xF0 && first < 0xF5) length = 4;
    if (length == 0 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xC0U) != 0x80) return 0;
    const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
    const bool surrogate = first == 0xED && byte(1) > 0x9F;
    const bool too_high = first == 0xF4 && byte(1) > 0x8F;
    return overlong || surrogate || too_high ? 0 : length;
}

}  // namespace

std::string safe_text(std::string_view text, std::size_t bytes_max) {
    std::string safe;
    for (text = text.substr(0, bytes_max); !text.empty();) {
        const auto length = text.front() == '\0' ? 0 : sequence_length(text);
        if (length == 0) safe.push_back('?');
        safe += text.substr(0, length);
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return safe;
}

}  // namespace quorate::wire::detail
