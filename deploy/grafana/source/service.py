"""The service itself: queues, lag, agents, what waits on disk, and what it takes of Redis and Postgres."""
from grafana import BAD, GOOD, WARN, dashboard, prom, series, stat, thresholds


def _rate(metric, by, legend):
    return prom(f"sum by ({by}) (rate({metric}[$__rate_interval]))", legend)


def make():
    several = {"size": (12, 8)}
    return dashboard("service", "The service itself: queues, lag, agents, what waits on disk, and what it takes of Redis and Postgres.", "now-6h", [
        stat("Daemons up", "Share of the daemons that Prometheus reaches.", prom('avg(up{job=~"quorate-(coordinator|archiver|agent)"})', "up"), unit="percentunit",
             steps=thresholds((None, BAD), (1, GOOD))),
        stat("Watermark lag", "How long the oldest unsealed minute is overdue. Above 180 s an alert fires.",
             prom("max(quorate_archiver_watermark_lag_seconds)", "lag"), unit="s", steps=thresholds((None, GOOD), (30, WARN), (180, BAD))),
        stat("Planning lag", "How far planning is behind where it should be, two seconds ahead.",
             prom("max(quorate_coordinator_planning_lag_seconds)", "lag"), unit="s", steps=thresholds((None, GOOD), (1, WARN), (10, BAD))),
        stat("Cells on disk", "Cells in the spools of all agents: above 0 Redis is away from somewhere.",
             prom("sum(quorate_agent_spool_cells)", "cells"), unit="short", steps=thresholds((None, GOOD), (1, WARN), (10000, BAD))),
        stat("Agents that see nothing", "Agents whose self-check says that they can't judge servers, or that refuse jobs for their load.",
             prom("sum(quorate_agent_blind) + sum(quorate_agent_overloaded)", "agents"), unit="short", steps=thresholds((None, GOOD), (1, BAD))),
        stat("Endpoints", "Endpoints that are planned, over all coordinators.", prom("sum(quorate_coordinator_endpoints)", "endpoints"), unit="short"),
        series("Agents up, by region", "Agents that Prometheus reaches. A region at 0 sees nothing.",
               prom('sum by (region) (up{job="quorate-agent"})', "{{region}}"), **several, unit="short", defaults={"min": 0}),
        series("Queue depth, by region", "Jobs in the region's stream: those that wait and those that are being probed. It goes up and down with the slots; "
               "a floor that rises is an agent too few.",
               prom('label_replace(redis_stream_length{stream=~".r.+:jobs"}, "region", "$1", "stream", ".r(.+).:jobs")', "{{region}}"), **several, unit="short"),
        series("Jobs planned and taken", "Jobs a second that coordinators put into the queues, and that agents take out of them. Both lines lie on each other.",
               [_rate("quorate_coordinator_jobs_enqueued_total", "region", "planned, {{region}}"),
                {**_rate('quorate_agent_jobs_total{how="read"}', "region", "taken, {{region}}"), "refId": "B"}], **several, unit="ops"),
        series("Jobs that came to nothing", "Jobs a second that were planned too late, dropped as too old, refused by an agent or held back on purpose.", [
            _rate("quorate_coordinator_jobs_missed_total", "region", "missed, {{region}}"),
            {**_rate("quorate_coordinator_jobs_trimmed_total", "region", "trimmed, {{region}}"), "refId": "B"},
            {**_rate("quorate_agent_refused_jobs_total", "reason", "refused, {{reason}}"), "refId": "C"},
            {**_rate("quorate_coordinator_jobs_held_back_total", "region", "held back, {{region}}"), "refId": "D"}], **several, unit="ops"),
        series("Watermark and planning lag", "How far sealing and planning are behind. The line is where the alert fires.", [
            prom("max by (instance) (quorate_archiver_watermark_lag_seconds)", "sealing, {{instance}}"),
            {**prom("max by (region) (quorate_coordinator_planning_lag_seconds)", "planning, {{region}}"), "refId": "B"}], **several, unit="s",
               steps=thresholds((None, GOOD), (180, BAD))),
        series("Rollup and compaction lag", "How much of what is sealed is in no rollup yet, and how far packing is behind.", [
            prom("max(quorate_archiver_rollup_lag_seconds)", "rollups"),
            {**prom("max(quorate_archiver_compaction_lag_seconds)", "packing"), "refId": "B"}], **several, unit="s"),
        series("Shards held", "The sum of each kind is the deployment's number of shards; less: some are planned or sealed by nobody.", [
            prom("sum(quorate_coordinator_shards_held)", "planned"), {**prom("sum(quorate_archiver_shards_held)", "sealed"), "refId": "B"}],
               **several, unit="short"),
        series("Transactions of the archive", "95 % take no longer than this, by archiver.",
               prom("histogram_quantile(0.95, sum by (instance, le) (rate(quorate_archiver_batch_seconds_bucket[$__rate_interval])))", "{{instance}}"),
               **several, unit="s"),
        series("Decisions", "Endpoint-minutes sealed a second, by what was decided.",
               _rate("quorate_archiver_sealed_minutes_total", "decision", "{{decision}}"), **several, unit="ops", stacked=True),
        series("Verdicts", "Cells that agents make a second, by verdict.", _rate("quorate_agent_cells_total", "verdict", "{{verdict}}"), **several,
               unit="ops", stacked=True),
        series("Failing, by region", "FAIL of all votes that a region's agents give. One line above the others for long: a bad vantage.",
               prom('sum by (region) (rate(quorate_agent_cells_total{verdict="FAIL"}[$__rate_interval])) / '
                    'sum by (region) (rate(quorate_agent_cells_total{verdict!~"UNKNOWN|MAINT"}[$__rate_interval]))', "{{region}}"), **several,
               unit="percentunit"),
        series("Load of the agents", "CPU that an agent uses of what it can have; above load_max (0.6) it refuses jobs.",
               prom("quorate_agent_load_ratio", "{{instance}}"), **several, unit="percentunit", steps=thresholds((None, GOOD), (0.6, BAD))),
        series("Punctuality", "95 % of the probes begin no later than this after their slot, by region.",
               prom("histogram_quantile(0.95, sum by (region, le) (rate(quorate_agent_slot_lateness_seconds_bucket[$__rate_interval])))", "{{region}}"),
               **several, unit="s"),
        series("Jobs and probes in the agents", "Jobs that wait for their slot, that are due and have no room, and probes that run.", [
            prom("sum(quorate_agent_jobs_waiting)", "waiting"), {**prom("sum(quorate_agent_jobs_without_room)", "without room"), "refId": "B"},
            {**prom("sum(quorate_agent_probes_in_flight)", "probes"), "refId": "C"}], **several, unit="short"),
        series("Spools and outboxes", "Cells on their way to Redis: on disk and in memory, by region.", [
            prom("sum by (region) (quorate_agent_spool_cells)", "spool, {{region}}"),
            {**prom("sum by (region) (quorate_agent_outbox_cells)", "outbox, {{region}}"), "refId": "B"}], **several, unit="short"),
        series("Clocks", "Redis's clock minus the agent's. Beyond 10 s cells become UNKNOWN.", prom("quorate_agent_clock_offset_seconds", "{{instance}}"),
               **several, unit="s"),
        series("Calls of the admin API", "Calls a second by their outcome.", _rate("quorate_coordinator_rpcs_total", "code", "{{code}}"), **several, unit="ops"),
        series("Redis memory", "Used memory and its limit. Redis refuses writes at the limit (noeviction); agents then keep their cells on disk.", [
            prom("redis_memory_used_bytes", "used, {{instance}}"),
            {**prom("redis_memory_max_bytes > 0", "limit, {{instance}}"), "refId": "B"}], **several, unit="bytes"),
        series("Redis commands", "Commands a second, and its CPU: one core is what it has.", [
            prom("rate(redis_commands_processed_total[$__rate_interval])", "commands, {{instance}}"),
            {**prom("1000 * (rate(redis_cpu_sys_seconds_total[$__rate_interval]) + rate(redis_cpu_user_seconds_total[$__rate_interval]))",
                    "CPU in 1/1000, {{instance}}"), "refId": "B"}], **several, unit="short"),
        series("Postgres size", "Bytes of the database; what a deployment needs is in docs/operations/scaling.md.",
               prom('pg_database_size_bytes{datname="quorate"}', "{{instance}}"), **several, unit="bytes"),
        series("Postgres transactions", "Commits and rollbacks a second, and rows written.", [
            prom('rate(pg_stat_database_xact_commit{datname="quorate"}[$__rate_interval])', "commits"),
            {**prom('rate(pg_stat_database_xact_rollback{datname="quorate"}[$__rate_interval])', "rollbacks"), "refId": "B"},
            {**prom('rate(pg_stat_database_tup_inserted{datname="quorate"}[$__rate_interval])', "rows inserted"), "refId": "C"}], **several, unit="ops"),
        series("Postgres connections", "Sessions of the database, and how many Postgres takes.", [
            prom('sum(pg_stat_database_numbackends{datname="quorate"})', "sessions"),
            {**prom("max(pg_settings_max_connections)", "most"), "refId": "B"}], **several, unit="short"),
        series("Certificates of our own", "How long the certificates of the admin API and of Redis are good for, as a client sees them.",
               prom("probe_ssl_earliest_cert_expiry - time()", "{{instance}}"), **several, unit="s",
               steps=thresholds((None, BAD), (7 * 86400, WARN), (21 * 86400, GOOD))),
    ])
