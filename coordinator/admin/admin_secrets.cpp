// Secrets of endpoints, as the admin API asks for them.
#include <utility>

#include "coordinator/admin/admin_service.hpp"
#include "coordinator/admin/presented.hpp"

namespace quorate::coordinator {

grpc::ServerUnaryReactor* AdminService::SetSecret(grpc::CallbackServerContext* context,
                                                  const v1::SetSecretRequest* request,
                                                  v1::SetSecretResponse* response) {
    return unary(context, "SetSecret", *request, [=, this](Caller caller) -> Task<> {
        auto asked = narrowed(caller, *request);
        *response = co_await context_.secrets.set(std::move(asked), std::move(caller));
    });
}

grpc::ServerUnaryReactor* AdminService::ListSecrets(grpc::CallbackServerContext* context,
                                                    const v1::ListSecretsRequest* request,
                                                    v1::ListSecretsResponse* response) {
    return unary(context, "ListSecrets", *request, [=, this](Caller caller) -> Task<> {
        const auto asked = narrowed(caller, *request);
        auto read = [&asked](pqxx::work& work) { return list_secrets(work, asked); };
        *response = co_await context_.database.transact(std::move(read));
    });
}

grpc::ServerUnaryReactor* AdminService::DeleteSecret(grpc::CallbackServerContext* context,
                                                     const v1::DeleteSecretRequest* request,
                                                     v1::DeleteSecretResponse* /*response*/) {
    return unary(context, "DeleteSecret", *request, [=, this](Caller caller) -> Task<> {
        auto asked = narrowed(caller, *request);
        co_await context_.secrets.remove(std::move(asked), std::move(caller));
    });
}

grpc::ServerUnaryReactor* AdminService::RotateSecrets(grpc::CallbackServerContext* context,
                                                      const v1::RotateSecretsRequest* request,
                                                      v1::RotateSecretsResponse* response) {
    return unary(context, "RotateSecrets", *request, [=, this](Caller caller) -> Task<> {
        auto asked = narrowed(caller, *request);
        *response = co_await context_.secrets.rotate(std::move(asked), std::move(caller));
    });
}

}  // namespace quorate::coordinator
