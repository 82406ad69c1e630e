-- Endpoints in the order in which they are listed, a page at a time, whatever the database's collation is.
CREATE INDEX endpoint_listed ON quorate.endpoint (tenant COLLATE "C", name COLLATE "C") WHERE deleted_at IS NULL;
