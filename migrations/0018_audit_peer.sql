-- Where a refused call came from; its target and tenants are what it asked for.
ALTER TABLE quorate.audit ADD COLUMN peer text NOT NULL DEFAULT '';
