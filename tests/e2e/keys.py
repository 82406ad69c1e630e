"""The keys of the JSON objects that the program prints: all of them, always."""

# Every key of the object that `quorate probe --format json` prints; the values of the nested ones.
PROBE_KEYS = {
    "url", "verdict", "reason", "phase", "detail", "era", "protocol_version", "transport", "server", "http_status",
    "rpc_code", "os_error", "ip", "retried", "credential_sent", "retry_after_s", "timings_ms", "tools", "tls", "auth",
    "health", "warnings", "attempts"}
TIMING_KEYS = {"dns", "connect", "tls", "first_byte", "discover", "initialize", "tools_list", "canary", "close", "total"}
TOOLS_KEYS = {"count", "pages", "names", "semantic_hash", "full_hash"}
TLS_KEYS = {"version", "not_after", "earliest_not_after", "issuer", "verify_code"}

ENDPOINT_KEYS = {"tenant", "endpoint", "url", "state", "scope", "since", "flapping", "coverage", "last_minute",
                 "p95_ms_24h", "uptime_30d", "regions"}
INCIDENT_KEYS = {"id", "tenant", "endpoint", "severity", "worst_severity", "scope", "started_at", "detected_at",
                 "recovered_at", "closed_at", "mttd_seconds", "mttr_seconds", "reason", "regions", "flaps", "marks",
                 "acknowledged_at", "acknowledged_by"}
EVENT_KEYS = {"at", "minute", "from_severity", "to_severity", "rule_row", "detail"}
EXPLAIN_KEYS = {"windows", "tenant", "endpoint", "minute", "window_ms", "decision", "scope", "rule_row", "rule_text", "why",
                "coverage", "configured_regions", "quorum", "voters", "failing", "healthy", "silent", "cells", "incident"}
DECISION_KEYS = {"tenant", "endpoint", "minute", "decision", "scope", "rule_row", "coverage", "cells", "incident_id",
                 "transition", "resume_token"}
REGION_KEYS = {"name", "state", "agents_alive", "queue_depth", "pending", "planned_until", "oldest_age_ms", "planning_lag_ms",
               "missed_total", "duplicates_total", "held_back_total", "in_flight", "spooled", "unplanned_total", "unavailable",
               "in_force_from", "credentials_key"}
LOOK_KEYS = {"region", "unanswered", "agent", "verdict", "reason", "phase", "detail", "started", "timings_ms", "retried", "slow",
             "http_status", "peer_address", "era", "protocol_version", "server_name", "server_version", "tool_count", "warnings",
             "certificate_not_after"}
TENANT_KEYS = {"name", "tier", "created_at", "endpoints"}
AGENT_KEYS = {"name", "region", "version", "alive", "last_seen", "started_at", "in_flight", "lag_ms", "clock_offset_ms",
              "probes_total", "load", "state", "missed_total", "duplicates_total", "held_back_total", "spooled",
              "cordoned", "cordon_reason", "cordoned_by"}
