#include "probe/json_weight.hpp"

namespace quorate {

void weigh(const boost::json::value& value, JsonWeight& weight) {
    ++weight.values;
    if (const auto* text = value.if_string()) {
        weight.text_bytes += text->size();
    } else if (const auto* array = value.if_array()) {
        for (const auto& item : *array)
            weigh(item, weight);
    } else if (const auto* object = value.if_object()) {
        weight.values += object->size();
        for (const auto& member : *object) {
            weight.text_bytes += member.key().size();
            weigh(member.value(), weight);
        }
    }
}

bool has_too_many_values(std::string_view json_text) {
    if (json_text.size() <= JsonWeight::kValuesMax) return false;
    std::size_t marks = 0;  // one before each value or name but the first
    bool in_string = false;
    for (std::size_t at = 0; at < json_text.size(); ++at) {
        const char c = json_text[at];
        if (c == '"') {
            in_string = !in_string;
        } else if (in_string) {
            if (c == '\\') ++at;
        } else if (c == ',' || c == ':' || c == '[' || c == '{') {
            ++marks;
        }
    }
    return marks >= JsonWeight::kValuesMax;
}

}  // namespace quorate
