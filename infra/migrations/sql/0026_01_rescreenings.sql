-- Which versions of which list the wires in flight were compared with, so that each is looked through once, whoever has
-- taken it in.
CREATE TABLE sanctions_rescreenings (
    version_id bigint PRIMARY KEY REFERENCES sanctions_versions,
    -- How many processes were woken, and of how many wires that had left already compliance was told.
    woken      integer NOT NULL CHECK (woken >= 0),
    told       integer NOT NULL CHECK (told >= 0),
    done_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TRIGGER sanctions_rescreenings_append_only BEFORE UPDATE OR DELETE ON sanctions_rescreenings
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();
GRANT SELECT, INSERT ON sanctions_rescreenings TO aurum_worker;
GRANT SELECT ON sanctions_rescreenings TO aurum_api;
