#pragma once

#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/message.h>

namespace quorate::coordinator {

/// Throws BadRequest where a path is none of the rows that a response lists: the messages of its
/// repeated field; or where there are more than 64.
void check_read_mask(const google::protobuf::FieldMask& mask,
                     const google::protobuf::Descriptor& response);

/// Leaves in each of the rows what the mask names (https://google.aip.dev/157); an empty
/// mask, and `*`: all.
void keep_fields(const google::protobuf::FieldMask& mask, google::protobuf::Message& response);

}  // namespace quorate::coordinator
