#include "platform/wire/message.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>

#include "core/base/utf8.hpp"

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

std::string proto_text(std::string_view text, std::size_t bytes_max) {
    std::string safe;
    for (text = text.substr(0, bytes_max); !text.empty();) {
        const auto length = text.front() == '\0' ? 0 : first_character(text).size;
        if (length == 0) safe.push_back('?');
        safe += text.substr(0, length);
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return safe;
}

}  // namespace quorate::wire::detail
