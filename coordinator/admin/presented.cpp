#include "coordinator/admin/presented.hpp"

#include "core/base/text.hpp"

namespace quorate::coordinator {
namespace {

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

}  // namespace

Presented presented_by(const grpc::CallbackServerContext& context) {
    Presented presented;
    const auto auth = context.auth_context();
    if (auth && auth->IsPeerAuthenticated()) {
        presented.certificate_names = property(*auth, "x509_subject_alternative_name");
        if (presented.certificate_names.empty())
            presented.certificate_names = property(*auth, "x509_common_name");
    }
    presented.authorization = metadata(context, "authorization");
    presented.reason = safe_text(metadata(context, "quorate-reason-bin"), kReasonMax);
    presented.peer = context.peer();
    return presented;
}

}  // namespace quorate::coordinator
