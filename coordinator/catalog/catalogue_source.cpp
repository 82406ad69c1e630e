#include "coordinator/catalog/catalogue_source.hpp"

namespace quorate::coordinator {

Task<CatalogueAnswer> PostgresCatalogue::load(CatalogueQuestion question) {
    auto transaction = [question](pqxx::work& work) {
        CatalogueAnswer answer;
        answer.update = load_catalogue(work, question.after, question.horizon);
        answer.regions = load_regions(work);
        answer.tiers = load_tiers(work);
        if (question.with_eras) answer.eras = load_eras(work);
        if (question.with_baselines)
            answer.baselines = load_baselines(work, question.baselines_since_us);
        return answer;
    };
    return database_.transact(std::move(transaction));
}

}  // namespace quorate::coordinator
