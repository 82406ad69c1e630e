#include "cli/json.hpp"

#include <algorithm>
#include <array>
#include <iostream>
#include <string>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "core/time/time.hpp"

namespace quorate::cli {
namespace {

namespace json = boost::json;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::string_view kTimeSuffix = "_us";

bool is_time(const FieldDescriptor& field) {
    const std::string_view name = field.name();
    return field.cpp_type() == FieldDescriptor::CPPTYPE_INT64 && name.size() > kTimeSuffix.size() &&
           name.substr(name.size() - kTimeSuffix.size()) == kTimeSuffix;
}

/// The value of a singular field.
json::value single(const Message& message, const FieldDescriptor& field) {
    const auto& reflection = *message.GetReflection();
    switch (field.cpp_type()) {
        case FieldDescriptor::CPPTYPE_INT64: {
            const auto value = reflection.GetInt64(message, &field);
            if (is_time(field)) return json::string{to_rfc3339(UtcTime{microseconds{value}})};
            return value;
        }
        case FieldDescriptor::CPPTYPE_INT32:
            return reflection.GetInt32(message, &field);
        case FieldDescriptor::CPPTYPE_UINT64:
            return reflection.GetUInt64(message, &field);
        case FieldDescriptor::CPPTYPE_UINT32:
            return reflection.GetUInt32(message, &field);
        case FieldDescriptor::CPPTYPE_DOUBLE:
            return reflection.GetDouble(message, &field);
        case FieldDescriptor::CPPTYPE_FLOAT:
            return reflection.GetFloat(message, &field);
        case FieldDescriptor::CPPTYPE_BOOL:
            return reflection.GetBool(message, &field);
        case FieldDescriptor::CPPTYPE_STRING:
            return json::string{reflection.GetString(message, &field)};
        case FieldDescriptor::CPPTYPE_MESSAGE:
            return to_json(reflection.GetMessage(message, &field));
        case FieldDescriptor::CPPTYPE_ENUM:
            return reflection.GetEnumValue(message, &field);
    }
    return nullptr;
}

/// The value of a repeated field; the admin API repeats texts and messages alone.
json::array repeated(const Message& message, const FieldDescriptor& field) {
    const auto& reflection = *message.GetReflection();
    json::array items;
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
        if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE)
            items.push_back(to_json(reflection.GetRepeatedMessage(message, &field, i)));
        else
            items.push_back(json::string{reflection.GetRepeatedString(message, &field, i)});
    }
    return items;
}

/// A field that says nothing; of a text, which has no presence on the wire, an empty one.
bool is_absent(const Message& message, const FieldDescriptor& field) {
    const bool can_be = field.has_presence() || field.type() == FieldDescriptor::TYPE_STRING;
    return can_be && !message.GetReflection()->HasField(message, &field);
}

/// A key that YAML reads as a text as it stands.
bool is_plain(std::string_view key) {
    static constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz_0123456789";
    static constexpr std::array<std::string_view, 9> kWords{
        "true", "false", "null", "yes", "no", "on", "off", "y", "n"};
    return !key.empty() && key.front() >= 'a' && key.front() <= 'z' &&
           std::ranges::find(kWords, key) == kWords.end() &&
           key.find_first_not_of(kLetters) == key.npos;
}

/// As json::serialize, but 0.25 and not 2.5E-1.
void append(std::string& text, const json::value& value) {
    if (const auto* object = value.if_object()) {
        text += '{';
        for (const auto& member : *object) {
            if (text.back() != '{') text += ", ";
            text += json::serialize(json::string(member.key())) + ": ";
            append(text, member.value());
        }
        text += '}';
    } else if (const auto* array = value.if_array()) {
        text += '[';
        for (const auto& item : *array) {
            if (text.back() != '[') text += ", ";
            append(text, item);
        }
        text += ']';
    } else if (const auto* number = value.if_double()) {
        text += fmt::format("{}", *number);
    } else {
        text += json::serialize(value);
    }
}

/// A scalar or an empty collection behind what stands before it; JSON's are YAML's (YAML 1.2, 1.3).
/// Everything else on lines of its own, `depth` levels in; what is in a list begins on the line of
/// its dash.
void append_yaml(std::string& text, const json::value& value, std::size_t depth, bool on_dash) {
    const auto next_line = [&text, depth](bool same_line) {
        text += same_line ? " " : "\n" + std::string(2 * depth, ' ');
    };
    if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
        for (const auto& member : *object) {
            next_line(std::exchange(on_dash, false));
            text += is_plain(member.key()) ? std::string{member.key()}
                                           : json::serialize(json::string(member.key()));
            text += ':';
            append_yaml(text, member.value(), depth + 1, false);
        }
    } else if (const auto* array = value.if_array(); array != nullptr && !array->empty()) {
        for (const auto& item : *array) {
            next_line(std::exchange(on_dash, false));
            text += '-';
            append_yaml(text, item, depth + 1, true);
        }
    } else {
        text += ' ';
        append(text, value);
    }
}

}  // namespace

json::value to_json(const Message& message) {
    const auto& descriptor = *message.GetDescriptor();
    json::object object;
    for (int i = 0; i < descriptor.field_count(); ++i) {
        const auto& field = *descriptor.field(i);
        std::string name = field.name();
        if (is_time(field)) name.resize(name.size() - kTimeSuffix.size());
        if (field.is_repeated())
            object[name] = repeated(message, field);
        else if (is_absent(message, field))
            object[name] = nullptr;
        else
            object[name] = single(message, field);
    }
    return object;
}

std::string json_text(const json::value& value) {
    std::string text;
    append(text, value);
    return text;
}

std::string yaml_text(const json::value& value) {
    std::string text = "---";
    append_yaml(text, value, 0, false);
    return text + "\n";
}

void print_data(const json::value& value, OutputFormat format) {
    if (format == OutputFormat::yaml)
        std::cout << yaml_text(value) << std::flush;
    else
        std::cout << json_text(value) << std::endl;
}

}  // namespace quorate::cli
