// The admin API and the wire formats keep what they promised: proto/api.txt is all of it.
#include <fstream>
#include <set>
#include <string>

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include "quorate/v1/admin.pb.h"
#include "quorate/v1/cell.pb.h"
#include "quorate/v1/job.pb.h"
#include "quorate/v1/spool.pb.h"

namespace quorate {
namespace {

namespace pb = google::protobuf;

using Lines = std::set<std::string>;

/// Such as `quorate.v1.Region.agents_alive 3 uint32`; what a reader of either side relies on.
std::string line_of(const pb::FieldDescriptor& field) {
    std::string type = field.type_name();
    if (const auto* message = field.message_type()) type = message->full_name();
    if (const auto* values = field.enum_type()) type = values->full_name();
    const auto* label = field.is_repeated() ? "repeated " : field.has_presence() ? "optional " : "";
    return field.full_name() + " " + std::to_string(field.number()) + " " + label + type;
}

void add(const pb::EnumDescriptor& values, Lines& lines) {
    for (int i = 0; i < values.value_count(); ++i)
        lines.insert(values.full_name() + "." + values.value(i)->name() + " = " +
                     std::to_string(values.value(i)->number()));
}

void add(const pb::Descriptor& message, Lines& lines) {
    lines.insert(message.full_name());
    for (int i = 0; i < message.field_count(); ++i)
        lines.insert(line_of(*message.field(i)));
    for (int i = 0; i < message.enum_type_count(); ++i)
        add(*message.enum_type(i), lines);
    for (int i = 0; i < message.nested_type_count(); ++i)
        add(*message.nested_type(i), lines);
}

void add(const pb::MethodDescriptor& method, Lines& lines) {
    const auto* in = method.client_streaming() ? " stream " : " ";
    const auto* out = method.server_streaming() ? " -> stream " : " -> ";
    lines.insert(method.full_name() + in + method.input_type()->full_name() + out +
                 method.output_type()->full_name());
}

void add(const pb::FileDescriptor& file, Lines& lines) {
    for (int i = 0; i < file.message_type_count(); ++i)
        add(*file.message_type(i), lines);
    for (int i = 0; i < file.enum_type_count(); ++i)
        add(*file.enum_type(i), lines);
    for (int i = 0; i < file.service_count(); ++i)
        for (int method = 0; method < file.service(i)->method_count(); ++method)
            add(*file.service(i)->method(method), lines);
    for (int i = 0; i < file.dependency_count(); ++i)
        if (file.dependency(i)->package() == file.package()) add(*file.dependency(i), lines);
}

TEST(Api, NothingThatWasPromisedChangesOrGoesAndWhatIsNewIsWrittenDown) {
    Lines are;
    for (const auto* message : {v1::ApplyRequest::descriptor(),
                                v1::Job::descriptor(),
                                v1::CellRecord::descriptor(),
                                v1::SpooledJob::descriptor()})
        add(*message->file(), are);

    Lines promised;
    std::ifstream file{QUORATE_SOURCE_DIR "/proto/api.txt"};
    ASSERT_TRUE(file);
    for (std::string line; std::getline(file, line);)
        if (!line.empty() && line.front() != '#') promised.insert(line);
    EXPECT_GT(promised.size(), 300U);

    for (const auto& line : promised)
        EXPECT_EQ(are.count(line), 1U) << "clients rely on it: " << line;
    for (const auto& line : are)
        EXPECT_EQ(promised.count(line), 1U) << "add to proto/api.txt: " << line;
}

}  // namespace
}  // namespace quorate
