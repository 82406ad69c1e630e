#include "coordinator/admin/presented.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/base/sha256.hpp"
#include "core/base/text.hpp"

#include "quorate/v1/maintenance.pb.h"

namespace quorate::coordinator {
namespace {

constexpr int kTextsMax = 100;
constexpr std::size_t kTextBytesMax = 200;

std::string metadata(const grpc::CallbackServerContext& context, const char* key) {
    const auto found = context.client_metadata().find(key);
    if (found == context.client_metadata().end()) return {};
    return {found->second.data(), found->second.size()};
}

std::vector<std::string> property(const grpc::AuthContext& auth, const char* name) {
    std::vector<std::string> values;
    for (const auto& value : auth.FindPropertyValues(name))
        values.emplace_back(value.data(), value.size());
    return values;
}

/// The request's texts of that name; each cut, as nobody looked at them yet.
std::vector<std::string> texts(const google::protobuf::Message& request, const char* name) {
    std::vector<std::string> found;
    const auto* field = request.GetDescriptor()->FindFieldByName(name);
    if (field == nullptr || field->cpp_type() != field->CPPTYPE_STRING) return found;
    const auto& reflection = *request.GetReflection();
    if (field->is_repeated()) {
        const int size = std::min(reflection.FieldSize(request, field), kTextsMax);
        for (int i = 0; i < size; ++i)
            found.push_back(
                safe_text(reflection.GetRepeatedString(request, field, i), kTextBytesMax));
    } else if (auto text = safe_text(reflection.GetString(request, field), kTextBytesMax);
               !text.empty()) {
        found.push_back(std::move(text));
    }
    return found;
}

/// The window that somebody orders; nullptr: it is another request.
const v1::PlannedWindow* ordered_window(const google::protobuf::Message& request) {
    if (const auto* asked = dynamic_cast<const v1::CreateMaintenanceRequest*>(&request))
        return &asked->window();
    if (const auto* asked = dynamic_cast<const v1::CreateSilenceRequest*>(&request))
        return &asked->window();
    return nullptr;
}

/// What its matchers name; each cut, and so many at most.
void fill_from_window(Presented& out, const v1::PlannedWindow& window) {
    std::vector<std::string> named;
    for (int i = 0; i < std::min(window.matchers_size(), kTextsMax); ++i) {
        auto tenant = safe_text(window.matchers(i).tenant(), kTextBytesMax);
        auto endpoint = safe_text(window.matchers(i).endpoint(), kTextBytesMax);
        if (const auto slash = endpoint.find('/'); slash != std::string::npos && tenant.empty()) {
            tenant = endpoint.substr(0, slash);
            endpoint.erase(0, slash + 1);
        }
        if (tenant.empty() && !endpoint.empty()) tenant = "default";
        if (tenant.empty()) continue;
        named.push_back(endpoint.empty() ? tenant : tenant + "/" + endpoint);
        if (std::ranges::find(out.tenants, tenant) == out.tenants.end())
            out.tenants.push_back(std::move(tenant));
    }
    out.target = fmt::format("{}", fmt::join(named, ", "));
}

void fill(Presented& out, const google::protobuf::Message& request) {
    if (const auto* window = ordered_window(request)) {
        fill_from_window(out, *window);
        return;
    }
    for (const auto* name : {"tenant", "tenants"})
        for (auto& tenant : texts(request, name))
            out.tenants.push_back(std::move(tenant));
    out.target = fmt::format("{}", fmt::join(out.tenants, ", "));
    if (const auto endpoints = texts(request, "endpoint"); !endpoints.empty()) {
        auto endpoint = endpoints.front();
        const auto slash = endpoint.find('/');
        if (slash == std::string::npos)
            endpoint = (out.tenants.empty() ? "default" : out.tenants.front()) + "/" + endpoint;
        out.target = endpoint;
        out.tenants.push_back(endpoint.substr(0, endpoint.find('/')));
    }
    for (const auto* name : {"name", "region", "principal"})
        if (const auto named = texts(request, name); !named.empty()) out.target = named.front();
    const auto& type = *request.GetDescriptor();
    const auto& reflection = *request.GetReflection();
    if (const auto* id = type.FindFieldByName("id"))
        out.target = std::to_string(reflection.GetUInt64(request, id));
    if (const auto* files = type.FindFieldByName("files"))
        out.target = std::to_string(reflection.FieldSize(request, files)) + " files";
}

/// The first of the message's times, microseconds since the epoch, that Postgres or RFC 3339 could
/// not say; empty: none.
std::string time_out_of_bounds(const google::protobuf::Message& message) {
    constexpr std::int64_t kEndUs = 253'402'300'800'000'000;  // of the year 9999
    const auto& type = *message.GetDescriptor();
    const auto& reflection = *message.GetReflection();
    for (int i = 0; i < type.field_count(); ++i) {
        const auto& field = *type.field(i);
        if (field.is_repeated()) continue;  // they hold no times
        if (field.cpp_type() == field.CPPTYPE_MESSAGE && reflection.HasField(message, &field)) {
            auto inner = time_out_of_bounds(reflection.GetMessage(message, &field));
            if (!inner.empty()) return field.name() + "." + inner;
        }
        if (field.cpp_type() != field.CPPTYPE_INT64 || !field.name().ends_with("_us")) continue;
        const auto us = reflection.GetInt64(message, &field);
        if (us < 0 || us >= kEndUs) return field.name();
    }
    return {};
}

/// Of what is asked for. Whoever reads it must not be able to try out values of a secret.
std::string hash_of(const google::protobuf::Message& request) {
    if (const auto* secret = dynamic_cast<const v1::SetSecretRequest*>(&request)) {
        auto bare = *secret;
        bare.clear_value();
        return to_hex(sha256(bare.SerializeAsString()));
    }
    return to_hex(sha256(request.SerializeAsString()));
}

}  // namespace

Presented presented_by(const grpc::CallbackServerContext& context,
                       const google::protobuf::Message& request) {
    Presented presented;
    const auto auth = context.auth_context();
    if (auth && auth->IsPeerAuthenticated()) {
        presented.certificate_names = property(*auth, "x509_subject_alternative_name");
        if (presented.certificate_names.empty())
            presented.certificate_names = property(*auth, "x509_common_name");
    }
    presented.authorization = metadata(context, "authorization");
    presented.reason = safe_text(metadata(context, "quorate-reason-bin"), kReasonMax);
    presented.idempotency_key = metadata(context, "quorate-idempotency-key");
    if (!presented.idempotency_key.empty()) presented.request_sha256 = hash_of(request);
    presented.bad_time = time_out_of_bounds(request);
    presented.peer = context.peer();
    fill(presented, request);
    return presented;
}

}  // namespace quorate::coordinator
