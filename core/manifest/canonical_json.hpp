#pragma once

#include <string>
#include <string_view>

#include <boost/container/small_vector.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace quorate {

/// The canonical text of a JSON value (RFC 8785): no white space, members sorted by UTF-16 code
/// units, numbers as ECMAScript prints them. Integers of 64 bits keep all their digits, which the
/// RFC would round beyond 2^53: two that differ must not look the same. Infinities and NaN, which
/// parse_json() never gives, are printed as `null`, as JSON.stringify does.
std::string canonical_json(const boost::json::value& value);

/// Appends to `text` what canonical_json() gives.
void append_canonical(std::string& text, const boost::json::value& value);
/// Appends `value` as a canonical JSON string.
void append_canonical_string(std::string& text, std::string_view value);

/// Whether `left` sorts before `right` by UTF-16 code units. Both are UTF-8.
bool before_in_utf16(std::string_view left, std::string_view right);

/// The members of an object in canonical order, for as long as the object lives.
class SortedMembers {
public:
    explicit SortedMembers(const boost::json::object& object);
    auto begin() const { return members_.begin(); }
    auto end() const { return members_.end(); }

private:
    static constexpr std::size_t kOnStack = 24;  // members that most objects do not pass
    boost::container::small_vector<const boost::json::key_value_pair*, kOnStack> members_;
};

}  // namespace quorate
