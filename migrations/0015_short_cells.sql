-- Cells of 19 bytes, behind a zero that tells them from those of 28 that stand in minutes and blocks already: these begin
-- with a region's id, from 1 on, and are read as before. What archiver/store/packed_cell.hpp writes.

-- What a code says, see archiver/store/short_number.hpp; null of null.
CREATE FUNCTION quorate.short_number(code integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN code < 4096 THEN code ELSE (4096 + code % 4096) << code / 4096 - 1 END;

-- The two bytes at `at`, a code of units of 10 microseconds, as milliseconds; null for FFFF.
CREATE FUNCTION quorate.short_ms(cells bytea, at integer) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN quorate.short_number(nullif(get_byte(cells, at) << 8 | get_byte(cells, at + 1), 65535))
       / 100.0::double precision;

-- Whether cells are of 19 bytes.
CREATE FUNCTION quorate.is_short(cells bytea) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN substring(cells FOR 1) = '\x00';

CREATE OR REPLACE FUNCTION quorate.unpack_cells(cells bytea)
RETURNS TABLE (region_id smallint, verdict smallint, reason smallint, phase smallint,
               retried boolean, late boolean, slow boolean, credential_sent boolean,
               region_state smallint, silent boolean, absent boolean, own_verdict smallint,
               http_status integer, start_offset_ms integer, total_ms double precision,
               connect_ms double precision, tls_ms double precision, initialize_ms double precision,
               tools_list_ms double precision, agent_lag_ms double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT get_byte(cells, at)::smallint,
           (get_byte(cells, at + 1) >> 5)::smallint,
           nullif(get_byte(cells, at + 3), 0)::smallint,
           nullif(get_byte(cells, at + 4), 0)::smallint,
           get_byte(cells, at + 5) & 1 <> 0,
           get_byte(cells, at + 5) & 2 <> 0,
           get_byte(cells, at + 5) & 4 <> 0,
           get_byte(cells, at + 5) & 8 <> 0,
           (get_byte(cells, at + 5) >> 4 & 3)::smallint,
           get_byte(cells, at + 5) & 64 <> 0,
           get_byte(cells, at + 5) & 128 <> 0,
           (get_byte(cells, at + 1) >> 2 & 7)::smallint,
           nullif((get_byte(cells, at + 1) & 3) << 8 | get_byte(cells, at + 2), 0),
           nullif(get_byte(cells, at + 6) << 8 | get_byte(cells, at + 7), 65535),
           quorate.short_ms(cells, at + 8),
           quorate.short_ms(cells, at + 10),
           quorate.short_ms(cells, at + 12),
           quorate.short_ms(cells, at + 14),
           quorate.short_ms(cells, at + 16),
           nullif(get_byte(cells, at + 18), 255) * 4.0::float8
    FROM generate_series(1, length(cells) - 19, 19) AS at WHERE quorate.is_short(cells)
    UNION ALL
    SELECT get_byte(cells, at)::smallint,
           get_byte(cells, at + 1)::smallint,
           nullif(get_byte(cells, at + 2), 0)::smallint,
           nullif(get_byte(cells, at + 3), 0)::smallint,
           get_byte(cells, at + 4) & 1 <> 0,
           get_byte(cells, at + 4) & 2 <> 0,
           get_byte(cells, at + 4) & 4 <> 0,
           get_byte(cells, at + 4) & 8 <> 0,
           (get_byte(cells, at + 4) >> 4 & 3)::smallint,
           get_byte(cells, at + 4) & 64 <> 0,
           get_byte(cells, at + 4) & 128 <> 0,
           get_byte(cells, at + 5)::smallint,
           nullif(get_byte(cells, at + 6) * 256 + get_byte(cells, at + 7), 0),
           nullif(get_byte(cells, at + 8) * 65536 + get_byte(cells, at + 9) * 256
                  + get_byte(cells, at + 10), 16777215),
           quorate.packed_ms(cells, at + 11),
           quorate.packed_ms(cells, at + 14),
           quorate.packed_ms(cells, at + 17),
           quorate.packed_ms(cells, at + 20),
           quorate.packed_ms(cells, at + 23),
           nullif(get_byte(cells, at + 26) * 256 + get_byte(cells, at + 27), 65535) / 10.0::float8
    FROM generate_series(0, length(cells) - 28, 28) AS at WHERE NOT quorate.is_short(cells);
END;

CREATE OR REPLACE FUNCTION quorate.count_cells(cells bytea, OUT expected bigint, OUT measured bigint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT count(*) FILTER (WHERE verdict <> 6), count(*) FILTER (WHERE verdict BETWEEN 1 AND 5)
    FROM quorate.unpack_cells(cells);
END;

COMMENT ON COLUMN quorate.minute.cells IS
    'The regions'' cells, packed: quorate.unpack_cells. A zero and 19 bytes each; where it begins with a region''s id, 28 each.';
COMMENT ON COLUMN dash.region_minute.total_ms IS
    'The deciding attempt without its cleanup. As the other times in steps of 10 us, above 82 ms rounded down by less than 0.025 %.';
COMMENT ON COLUMN dash.region_minute.agent_lag_ms IS
    'How far the agent ran behind its own timers meanwhile: times shorter than this say little. Rounded up to 4 ms, at most 1016. Null where no agent made the cell.';
COMMENT ON COLUMN quorate.minute_block.template IS 'Bytes that the cells of all its minutes have in common, of either kind.';

-- As before, of either kind.
CREATE OR REPLACE VIEW quorate.unpacked_minute AS
SELECT p.minute,
       b.batch_base + ('x' || lpad(encode(substring(b.records FROM (p.place - b.first) / b.stride * b.record_bytes + 1
                                                    FOR b.batch_bytes), 'hex'), 16, '0'))::bit(64)::bigint AS batch_id,
       b.endpoint_id,
       k.decision, k.scope, k.rule_row, k.rule_version, k.uptime_use,
       (SELECT substring(padded.cells FOR CASE WHEN k.cells = 0 THEN 0
                                               WHEN quorate.is_short(padded.cells) THEN 1 + k.cells * 19
                                               ELSE k.cells * 28 END)
        FROM (SELECT (SELECT coalesce(string_agg(
                                 substring(b.template FROM b.shape[2 * turn - 1] + 1
                                           FOR b.shape[2 * turn + 1] - b.shape[2 * turn - 1])
                                 || substring(r.bytes FROM b.shape[2 * turn] + 1
                                              FOR b.shape[2 * turn + 2] - b.shape[2 * turn]), ''), '')
                      FROM generate_series(1, cardinality(b.shape) / 2 - 1) turn) AS cells
              FROM (SELECT substring(b.records FROM (p.place - b.first) / b.stride * b.record_bytes + b.batch_bytes + 1
                                     FOR b.record_bytes - b.batch_bytes) AS bytes OFFSET 0) r OFFSET 0) padded) AS cells,
       b.details -> ((p.place - b.first) / b.stride)::text AS details
FROM quorate.minute_block b
JOIN quorate.packed_minute p ON p.start_at = b.start_at AND abs((p.place - b.first) % b.stride) < 1
     AND b.middle[(p.place - b.first) / b.stride + 1] IS NOT NULL
     AND coalesce(b.kind, b.kinds[(p.place - b.first) / b.stride + 1]) <> 0
LEFT JOIN quorate.minute_kind k ON k.id = coalesce(b.kind, b.kinds[(p.place - b.first) / b.stride + 1]);
