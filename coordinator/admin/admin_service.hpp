#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/access/access.hpp"
#include "coordinator/admin/calls.hpp"
#include "coordinator/admin/watch_hub.hpp"
#include "coordinator/catalog/apply.hpp"
#include "coordinator/catalog/catalogue.hpp"
#include "coordinator/coordinator_metrics.hpp"
#include "coordinator/maintenance/window_store.hpp"
#include "coordinator/regions/regions.hpp"
#include "coordinator/runs/runs.hpp"
#include "coordinator/secrets/secrets.hpp"
#include "coordinator/secrets/vault.hpp"
#include "platform/redis/client.hpp"

#include "quorate/v1/admin.grpc.pb.h"

namespace quorate::coordinator {

/// The coordinator's config as it is in force, secrets masked.
struct RunningConfig {
    std::string name;  ///< the coordinator's
    std::vector<std::pair<std::string, std::string>> values;
    std::vector<std::string> restart_needed;  ///< keys that the last reload set otherwise
};

/// What the admin API works with; everything outlives it.
struct AdminContext {
    Database& database;
    Database& forgets;
    RedisClient& redis;
    Catalogue& catalogue;
    Deployment deployment;
    std::string version;
    const Clock& clock;
    Logger& log;
    CoordinatorMetrics& metrics;
    Regions& regions;
    Access& access;
    Secrets& secrets;
    Runs& runs;
    const Vault& vault;
    /// Done before the catalogue is changed; where it throws nothing is changed.
    std::function<Task<>()> before_change;
    std::function<RunningConfig()> running_config;
};

/// The admin API (proto/quorate/v1/admin.proto). gRPC calls it on its own threads; the work runs on
/// the daemon's executor and, where it blocks, on the database's threads.
/// Watch takes bytes, for events are encoded once for all who watch the same.
class AdminService final
    : public v1::Admin::WithRawCallbackMethod_Watch<v1::Admin::CallbackService> {
public:
    static constexpr std::size_t kWatchersMax = 200;
    static constexpr std::size_t kWatchersOfOneMax = 128;  ///< of one credential
    /// Other calls of one credential, at the same time: of Calls::kCallsMax, so that one alone
    /// keeps nobody else out.
    static constexpr std::size_t kCallsOfOneMax = 32;

    AdminService(AdminContext context, Calls& calls);

    /// Ends what runs beside the calls; after they have ended. On the executor.
    Task<> stop();

    grpc::ServerUnaryReactor* Apply(grpc::CallbackServerContext* context,
                                    const v1::ApplyRequest* request,
                                    v1::ApplyResponse* response) override;
    grpc::ServerUnaryReactor* ExportEndpoints(grpc::CallbackServerContext* context,
                                              const v1::ExportEndpointsRequest* request,
                                              v1::ExportEndpointsResponse* response) override;
    grpc::ServerUnaryReactor* ListEndpoints(grpc::CallbackServerContext* context,
                                            const v1::ListEndpointsRequest* request,
                                            v1::ListEndpointsResponse* response) override;
    grpc::ServerUnaryReactor* Explain(grpc::CallbackServerContext* context,
                                      const v1::ExplainRequest* request,
                                      v1::ExplainResponse* response) override;
    grpc::ServerWriteReactor<grpc::ByteBuffer>* Watch(grpc::CallbackServerContext* context,
                                                      const grpc::ByteBuffer* request) override;
    grpc::ServerUnaryReactor* ListIncidents(grpc::CallbackServerContext* context,
                                            const v1::ListIncidentsRequest* request,
                                            v1::ListIncidentsResponse* response) override;
    grpc::ServerUnaryReactor* GetIncident(grpc::CallbackServerContext* context,
                                          const v1::GetIncidentRequest* request,
                                          v1::GetIncidentResponse* response) override;
    grpc::ServerUnaryReactor* AckIncident(grpc::CallbackServerContext* context,
                                          const v1::AckIncidentRequest* request,
                                          v1::AckIncidentResponse* response) override;
    grpc::ServerUnaryReactor* Replay(grpc::CallbackServerContext* context,
                                     const v1::ReplayRequest* request,
                                     v1::ReplayResponse* response) override;
    grpc::ServerUnaryReactor* Forget(grpc::CallbackServerContext* context,
                                     const v1::ForgetRequest* request,
                                     v1::ForgetResponse* response) override;
    grpc::ServerUnaryReactor* ListUptime(grpc::CallbackServerContext* context,
                                         const v1::ListUptimeRequest* request,
                                         v1::ListUptimeResponse* response) override;
    grpc::ServerUnaryReactor* DescribeEndpoint(grpc::CallbackServerContext* context,
                                               const v1::DescribeEndpointRequest* request,
                                               v1::DescribeEndpointResponse* response) override;
    grpc::ServerUnaryReactor* SetPaused(grpc::CallbackServerContext* context,
                                        const v1::SetPausedRequest* request,
                                        v1::SetPausedResponse* response) override;
    grpc::ServerUnaryReactor* ListRegions(grpc::CallbackServerContext* context,
                                          const v1::ListRegionsRequest* request,
                                          v1::ListRegionsResponse* response) override;
    grpc::ServerUnaryReactor* AddRegion(grpc::CallbackServerContext* context,
                                        const v1::AddRegionRequest* request,
                                        v1::AddRegionResponse* response) override;
    grpc::ServerUnaryReactor* DrainRegion(grpc::CallbackServerContext* context,
                                          const v1::DrainRegionRequest* request,
                                          v1::DrainRegionResponse* response) override;
    grpc::ServerUnaryReactor* ResumeRegion(grpc::CallbackServerContext* context,
                                           const v1::ResumeRegionRequest* request,
                                           v1::ResumeRegionResponse* response) override;
    grpc::ServerUnaryReactor* RemoveRegion(grpc::CallbackServerContext* context,
                                           const v1::RemoveRegionRequest* request,
                                           v1::RemoveRegionResponse* response) override;
    grpc::ServerUnaryReactor* CordonAgent(grpc::CallbackServerContext* context,
                                          const v1::CordonAgentRequest* request,
                                          v1::CordonAgentResponse* response) override;
    grpc::ServerUnaryReactor* UncordonAgent(grpc::CallbackServerContext* context,
                                            const v1::UncordonAgentRequest* request,
                                            v1::UncordonAgentResponse* response) override;
    grpc::ServerUnaryReactor* ListTenants(grpc::CallbackServerContext* context,
                                          const v1::ListTenantsRequest* request,
                                          v1::ListTenantsResponse* response) override;
    grpc::ServerUnaryReactor* SetTenant(grpc::CallbackServerContext* context,
                                        const v1::SetTenantRequest* request,
                                        v1::SetTenantResponse* response) override;
    grpc::ServerUnaryReactor* ListAgents(grpc::CallbackServerContext* context,
                                         const v1::ListAgentsRequest* request,
                                         v1::ListAgentsResponse* response) override;
    grpc::ServerUnaryReactor* GetVersion(grpc::CallbackServerContext* context,
                                         const v1::GetVersionRequest* request,
                                         v1::GetVersionResponse* response) override;
    grpc::ServerUnaryReactor* GetConfig(grpc::CallbackServerContext* context,
                                        const v1::GetConfigRequest* request,
                                        v1::GetConfigResponse* response) override;
    grpc::ServerUnaryReactor* CreateToken(grpc::CallbackServerContext* context,
                                          const v1::CreateTokenRequest* request,
                                          v1::CreateTokenResponse* response) override;
    grpc::ServerUnaryReactor* ListTokens(grpc::CallbackServerContext* context,
                                         const v1::ListTokensRequest* request,
                                         v1::ListTokensResponse* response) override;
    grpc::ServerUnaryReactor* RevokeToken(grpc::CallbackServerContext* context,
                                          const v1::RevokeTokenRequest* request,
                                          v1::RevokeTokenResponse* response) override;
    grpc::ServerUnaryReactor* ListAudit(grpc::CallbackServerContext* context,
                                        const v1::ListAuditRequest* request,
                                        v1::ListAuditResponse* response) override;
    grpc::ServerUnaryReactor* CreateMaintenance(grpc::CallbackServerContext* context,
                                                const v1::CreateMaintenanceRequest* request,
                                                v1::CreateMaintenanceResponse* response) override;
    grpc::ServerUnaryReactor* ListMaintenance(grpc::CallbackServerContext* context,
                                              const v1::ListMaintenanceRequest* request,
                                              v1::ListMaintenanceResponse* response) override;
    grpc::ServerUnaryReactor* EndMaintenance(grpc::CallbackServerContext* context,
                                             const v1::EndMaintenanceRequest* request,
                                             v1::EndMaintenanceResponse* response) override;
    grpc::ServerUnaryReactor* CreateSilence(grpc::CallbackServerContext* context,
                                            const v1::CreateSilenceRequest* request,
                                            v1::CreateSilenceResponse* response) override;
    grpc::ServerUnaryReactor* ListSilences(grpc::CallbackServerContext* context,
                                           const v1::ListSilencesRequest* request,
                                           v1::ListSilencesResponse* response) override;
    grpc::ServerUnaryReactor* EndSilence(grpc::CallbackServerContext* context,
                                         const v1::EndSilenceRequest* request,
                                         v1::EndSilenceResponse* response) override;
    grpc::ServerUnaryReactor* RunNow(grpc::CallbackServerContext* context,
                                     const v1::RunNowRequest* request,
                                     v1::RunNowResponse* response) override;
    grpc::ServerUnaryReactor* SetSecret(grpc::CallbackServerContext* context,
                                        const v1::SetSecretRequest* request,
                                        v1::SetSecretResponse* response) override;
    grpc::ServerUnaryReactor* ListSecrets(grpc::CallbackServerContext* context,
                                          const v1::ListSecretsRequest* request,
                                          v1::ListSecretsResponse* response) override;
    grpc::ServerUnaryReactor* DeleteSecret(grpc::CallbackServerContext* context,
                                           const v1::DeleteSecretRequest* request,
                                           v1::DeleteSecretResponse* response) override;
    grpc::ServerUnaryReactor* RotateSecrets(grpc::CallbackServerContext* context,
                                            const v1::RotateSecretsRequest* request,
                                            v1::RotateSecretsResponse* response) override;

private:
    class Running;
    using Work = std::function<Task<>(Caller caller)>;

    /// Does the work if the caller may have it done.
    grpc::ServerUnaryReactor* unary(grpc::CallbackServerContext* context,
                                    const char* rpc,
                                    const google::protobuf::Message& request,
                                    Work work);
    Task<> admitted(std::string rpc, Presented presented, Work work);
    /// Answers with `read(transaction, request)`, or `read(transaction, request, caller)`; the
    /// request is narrowed to what the caller may reach.
    template <class Request, class Response, class Read>
    grpc::ServerUnaryReactor* query(grpc::CallbackServerContext* context,
                                    const char* rpc,
                                    const Request* request,
                                    Response* response,
                                    Read read);
    Task<> apply_files(const v1::ApplyRequest* request, v1::ApplyResponse* response, Caller caller);
    Task<> pause(const v1::SetPausedRequest* request,
                 v1::SetPausedResponse* response,
                 Caller caller);
    Task<> list_regions(v1::ListRegionsResponse* response);
    Task<> list_coordinators(v1::ListRegionsResponse* response);
    Task<> add_region(const v1::AddRegionRequest* request,
                      v1::AddRegionResponse* response,
                      Caller caller);
    Task<CreatedWindow> order_window(WindowKind kind, v1::PlannedWindow asked, Caller caller);
    Task<WindowPage> find_windows(WindowKind kind, WindowQuery query, Caller caller);
    Task<EndedWindow> order_end(WindowKind kind, std::uint64_t id, Caller caller);
    Task<> list_agents(const v1::ListAgentsRequest* request, v1::ListAgentsResponse* response);

    AdminContext context_;
    Calls& calls_;
    WatchHub watch_hub_;
    std::multiset<std::string> watchers_;  // by what each shows; on the executor
    std::multiset<std::string> running_;   // likewise, calls that are not Watch
};

}  // namespace quorate::coordinator
