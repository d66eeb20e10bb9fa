-- Lists that wires and customers are screened against, their versions, and who stood on them from which version to which.
--
-- An entry is a row for each content it had: `since` is the version that brought it, `until` the first that had it no
-- longer. So a version is a set of rows without being a copy, and what was known on a past day can be asked.
CREATE TABLE sanctions_lists (
    name          text PRIMARY KEY CHECK (name ~ '^[A-Z0-9][A-Z0-9_-]{0,39}$'),
    purpose       text NOT NULL DEFAULT 'sanctions' CHECK (purpose IN ('sanctions', 'pep')),
    -- The last time its source was asked and what it has is what we have.
    checked_at    timestamptz,
    -- What the source said of the file, to ask only for a newer one.
    etag          text,
    last_modified text,
    failed_at     timestamptz,
    failure       text
);

CREATE TABLE sanctions_versions (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    list      text NOT NULL REFERENCES sanctions_lists,
    -- What people call it: the day of publication, and a number where that is not enough.
    label     text NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    source    text NOT NULL,
    sha256    bytea NOT NULL CHECK (length(sha256) = 32),
    entries   integer NOT NULL CHECK (entries > 0),
    added     integer NOT NULL,
    changed   integer NOT NULL,
    removed   integer NOT NULL,
    -- How many records could not be read, and the first of them with the reason.
    malformed integer NOT NULL DEFAULT 0,
    problems  jsonb NOT NULL DEFAULT '[]',
    loaded_by text NOT NULL,
    UNIQUE (list, label)
);
CREATE INDEX sanctions_versions_newest ON sanctions_versions (list, id DESC);
CREATE TRIGGER sanctions_versions_append_only BEFORE UPDATE OR DELETE ON sanctions_versions
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

-- The entries so far become a version of their list.
ALTER TABLE wire_hits DROP CONSTRAINT wire_hits_entry_id_fkey;
ALTER TABLE sanctions_entries RENAME TO sanctions_entries_before;
CREATE TABLE sanctions_entries (
    key     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    list    text NOT NULL REFERENCES sanctions_lists,
    id      text NOT NULL CHECK (length(id) BETWEEN 1 AND 200),
    hash    bytea NOT NULL CHECK (length(hash) = 32),
    content jsonb NOT NULL CHECK (content ? 'name' AND content ? 'kind'),
    since   bigint NOT NULL REFERENCES sanctions_versions,
    until   bigint REFERENCES sanctions_versions,
    CHECK (until > since)
);
CREATE UNIQUE INDEX sanctions_entries_now ON sanctions_entries (list, id) WHERE until IS NULL;
CREATE INDEX sanctions_entries_ranges ON sanctions_entries (list, since, until);
CREATE INDEX sanctions_entries_history ON sanctions_entries (list, id, since);

INSERT INTO sanctions_lists (name) SELECT DISTINCT list FROM sanctions_entries_before;
INSERT INTO sanctions_versions (list, label, source, sha256, entries, added, changed, removed, loaded_by)
    SELECT list, max(version), 'before versions were kept', sha256(list::bytea), count(*), count(*), 0, 0, 'migration'
    FROM sanctions_entries_before GROUP BY list;
INSERT INTO sanctions_entries (list, id, hash, content, since)
    SELECT b.list, b.id, sha256(b.id::bytea), jsonb_strip_nulls(jsonb_build_object(
        'kind', b.kind, 'name', b.name, 'aliases', to_jsonb(b.aliases),
        'countries', CASE WHEN b.country IS NOT NULL THEN jsonb_build_array(b.country) END,
        'identifiers', CASE WHEN b.bic IS NOT NULL THEN jsonb_build_array(jsonb_build_object('kind', 'bic', 'value', b.bic)) END,
        'programs', jsonb_build_array(b.program))), v.id
    FROM sanctions_entries_before b JOIN sanctions_versions v ON v.list = b.list;
DROP TABLE sanctions_entries_before;

-- A row of the past is not rewritten: the one change there is ends its range, once.
CREATE FUNCTION app.guard_sanctions_entry() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.until IS NOT NULL OR NEW.until IS NULL
        OR ROW(NEW.key, NEW.list, NEW.id, NEW.hash, NEW.content, NEW.since)
            IS DISTINCT FROM ROW(OLD.key, OLD.list, OLD.id, OLD.hash, OLD.content, OLD.since) THEN
        RAISE EXCEPTION 'what list % said of % is history', OLD.list, OLD.id USING ERRCODE = 'AU130';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sanctions_entries_guard BEFORE UPDATE ON sanctions_entries
    FOR EACH ROW EXECUTE FUNCTION app.guard_sanctions_entry();
CREATE TRIGGER sanctions_entries_no_delete BEFORE DELETE ON sanctions_entries
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();
CREATE TRIGGER sanctions_entries_no_truncate BEFORE TRUNCATE ON sanctions_entries EXECUTE FUNCTION app.refuse_change();

-- What stood on a list in one of its versions.
CREATE FUNCTION sanctions_snapshot(version_id bigint) RETURNS SETOF sanctions_entries
    LANGUAGE sql STABLE
    BEGIN ATOMIC
        SELECT e.* FROM sanctions_versions v JOIN sanctions_entries e
            ON e.list = v.list AND e.since <= v.id AND (e.until IS NULL OR e.until > v.id)
        WHERE v.id = version_id;
    END;

-- What is new, changed or gone from one version of a list to another; `before` may be null: everything is new then.
CREATE FUNCTION sanctions_delta(before bigint, after bigint)
    RETURNS TABLE (id text, change text, hash bytea, content jsonb)
    LANGUAGE sql STABLE
    BEGIN ATOMIC
        SELECT coalesce(n.id, o.id),
            CASE WHEN o.id IS NULL THEN 'added' WHEN n.id IS NULL THEN 'removed' ELSE 'changed' END,
            coalesce(n.hash, o.hash), coalesce(n.content, o.content)
        FROM sanctions_snapshot(after) n FULL JOIN sanctions_snapshot(before) o ON o.id = n.id
        WHERE n.hash IS DISTINCT FROM o.hash;
    END;

-- Places under a programme (models/screening/countries.py).
CREATE TABLE sanctions_countries (
    country  text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    program  text NOT NULL CHECK (length(program) BETWEEN 1 AND 60),
    effect   text NOT NULL CHECK (effect IN ('block', 'review')),
    regions  text[] NOT NULL DEFAULT '{}',
    names    text[] NOT NULL DEFAULT '{}',
    added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (country, program)
);

-- Findings of wires: of which list, and the parts of the score. `known`: a false positive that was remembered.
ALTER TABLE wire_hits ADD list text NOT NULL DEFAULT '';
ALTER TABLE wire_hits ADD parts jsonb NOT NULL DEFAULT '{}';
ALTER TABLE wire_hits ADD entry_hash bytea;
ALTER TABLE wire_hits ADD subject_hash bytea;
ALTER TABLE wire_hits ADD known uuid;
ALTER TABLE wire_hits DROP CONSTRAINT wire_hits_wire_id_entry_id_field_key;
-- What was found stays beside what is found later: the entry may have changed, or the memory be void.
ALTER TABLE wire_hits ADD CONSTRAINT wire_hits_one_each
    UNIQUE NULLS NOT DISTINCT (wire_id, list, entry_id, field, entry_hash, known);

GRANT SELECT ON sanctions_lists, sanctions_versions, sanctions_entries, sanctions_countries TO aurum_api, aurum_worker;
GRANT INSERT, UPDATE ON sanctions_lists TO aurum_worker;
GRANT INSERT ON sanctions_versions, sanctions_entries TO aurum_worker;
GRANT UPDATE (until) ON sanctions_entries TO aurum_worker;
