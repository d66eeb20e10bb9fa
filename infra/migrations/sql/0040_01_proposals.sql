-- What was proposed may be refused by whoever could publish it, and withdrawn by whoever proposed it. Either is an end:
-- the same is proposed anew, as another version.
ALTER TABLE monitoring_rulebooks
    ADD COLUMN refused_by uuid REFERENCES users,
    ADD COLUMN refused_at timestamptz,
    ADD COLUMN refusal    text CHECK (length(refusal) BETWEEN 3 AND 500),
    ADD CONSTRAINT monitoring_rulebooks_refused
        CHECK (num_nulls(refused_by, refused_at, refusal) IN (0, 3) AND (refused_at IS NULL OR published_at IS NULL));

-- For every table of versions of which the newest published one decides: a version ends once, and nothing else of it is
-- changed. Two officers of whom one lends the other their right are one pair of eyes here too.
CREATE FUNCTION app.guard_proposal() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, app, pg_temp AS $$
DECLARE
    ends     CONSTANT text[] := ARRAY['published_by', 'published_at', 'refused_by', 'refused_at', 'refusal'];
    overtaken boolean;
BEGIN
    IF TG_OP = 'DELETE' OR OLD.published_at IS NOT NULL OR OLD.refused_at IS NOT NULL
        OR to_jsonb(NEW) - ends <> to_jsonb(OLD) - ends THEN
        RAISE EXCEPTION 'version % of % is not changed', OLD.version, TG_TABLE_NAME USING ERRCODE = 'AU200';
    END IF;
    IF NEW.published_at IS NULL THEN
        RETURN NEW;
    END IF;
    IF app.same_eyes(NEW.proposed_by, NEW.published_by, clock_timestamp()) THEN
        RAISE EXCEPTION 'one pair of eyes does not look twice at version % of %', NEW.version, TG_TABLE_NAME
            USING ERRCODE = 'AU134';
    END IF;
    -- What was proposed before the present version was published was not written with it in mind.
    PERFORM pg_advisory_xact_lock(7203033, hashtext(TG_TABLE_NAME));
    EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE version > $1 AND published_at IS NOT NULL)', TG_TABLE_NAME)
        INTO overtaken USING NEW.version;
    IF overtaken THEN
        RAISE EXCEPTION 'a later version than % of % was published', NEW.version, TG_TABLE_NAME USING ERRCODE = 'AU201';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER monitoring_rulebooks_guard ON monitoring_rulebooks;
DROP FUNCTION app.guard_rulebook();
CREATE TRIGGER monitoring_rulebooks_guard BEFORE UPDATE OR DELETE ON monitoring_rulebooks
    FOR EACH ROW EXECUTE FUNCTION app.guard_proposal();

GRANT UPDATE (refused_by, refused_at, refusal) ON monitoring_rulebooks TO aurum_api;
DROP POLICY published ON monitoring_rulebooks;
CREATE POLICY ended ON monitoring_rulebooks FOR UPDATE TO aurum_api
    USING ((SELECT app.kyc_officer(NULL)) AND published_at IS NULL AND refused_at IS NULL
        AND ((SELECT app.may('wires:high_value')) OR proposed_by = (SELECT app.user_id())))
    WITH CHECK ((SELECT app.kyc_officer(NULL)) AND (
        published_by = (SELECT app.user_id()) AND published_at IS NOT NULL AND proposed_by <> (SELECT app.user_id())
            AND (SELECT app.may('wires:high_value'))
        OR refused_by = (SELECT app.user_id()) AND refused_at IS NOT NULL AND published_at IS NULL));
