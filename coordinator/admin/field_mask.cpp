#include "coordinator/admin/field_mask.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include <google/protobuf/util/field_mask_util.h>

#include "coordinator/catalog/listing.hpp"
#include "core/base/text.hpp"

namespace quorate::coordinator {
namespace {

using google::protobuf::util::FieldMaskUtil;

constexpr std::size_t kPathBytesMax = 100;
constexpr int kPathsMax = 64;
constexpr std::string_view kEverything = "*";

/// The field that has a response's rows.
const google::protobuf::FieldDescriptor& rows_of(const google::protobuf::Descriptor& response) {
    for (int i = 0; i < response.field_count(); ++i) {
        const auto& field = *response.field(i);
        if (field.is_repeated() && field.cpp_type() == field.CPPTYPE_MESSAGE) return field;
    }
    throw std::logic_error{response.full_name() + " lists nothing"};
}

}  // namespace

void check_read_mask(const google::protobuf::FieldMask& mask,
                     const google::protobuf::Descriptor& response) {
    const auto* row = rows_of(response).message_type();
    if (mask.paths_size() > kPathsMax)
        throw BadRequest{"read_mask: at most 64 paths can be asked for", "read_mask"};
    for (const auto& path : mask.paths())
        if (path != kEverything && !FieldMaskUtil::GetFieldDescriptors(row, path, nullptr))
            throw BadRequest{
                "read_mask: " + row->name() + " has no " + safe_text(path, kPathBytesMax),
                "read_mask"};
}

void keep_fields(const google::protobuf::FieldMask& mask, google::protobuf::Message& response) {
    if (mask.paths().empty() || std::ranges::count(mask.paths(), kEverything) > 0) return;
    const auto& field = rows_of(*response.GetDescriptor());
    const auto& reflection = *response.GetReflection();
    for (int i = 0; i < reflection.FieldSize(response, &field); ++i)
        FieldMaskUtil::TrimMessage(mask, reflection.MutableRepeatedMessage(&response, &field, i));
}

}  // namespace quorate::coordinator
