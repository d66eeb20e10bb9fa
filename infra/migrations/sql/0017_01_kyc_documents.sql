-- Documents that customers prove themselves with (contract §6). The content stands in the object store, sealed with a
-- key of its own; that key stands here, sealed with a field key. Without it the object is noise, so to take it out is to
-- destroy the content, in every copy that a backup may hold.
CREATE TABLE kyc_documents (
    id                   uuid PRIMARY KEY DEFAULT uuidv7(),
    user_id              uuid NOT NULL REFERENCES users,
    document_type        text NOT NULL CHECK (document_type IN ('passport', 'national_id', 'driving_licence',
        'residence_permit', 'proof_of_address', 'tax_form', 'source_of_funds', 'source_of_wealth')),
    -- The object's random name in the store; ordered as stores list them.
    file_path            text COLLATE "C" NOT NULL UNIQUE CHECK (length(file_path) BETWEEN 16 AND 200),
    -- SHA-256 in hexadecimal: of the content as it is kept, and of the file as it came.
    file_hash            text NOT NULL CHECK (file_hash ~ '^[0-9a-f]{64}$'),
    upload_hash          text NOT NULL CHECK (upload_hash ~ '^[0-9a-f]{64}$'),
    -- What the first page looks like, in 64 bits of which similar pictures share most (models/kyc/documents.py).
    picture_hash         bigint,
    content_type         text NOT NULL CHECK (content_type IN ('application/pdf', 'image/png', 'image/jpeg')),
    size_bytes           integer NOT NULL CHECK (size_bytes > 0),
    pages                integer NOT NULL CHECK (pages > 0),
    width                integer CHECK (width > 0),
    height               integer CHECK (height > 0),
    country              text CHECK (country ~ '^[A-Z]{2}$'),
    expires_at           date,
    key_sealed           bytea,
    scan_status          text NOT NULL DEFAULT 'pending'
        CHECK (scan_status IN ('pending', 'clean', 'infected', 'failed', 'not_configured')),
    scan_detail          text NOT NULL DEFAULT '' CHECK (length(scan_detail) <= 200),
    scanned_at           timestamptz,
    verification_status  text NOT NULL DEFAULT 'pending'
        CHECK (verification_status IN ('pending', 'verified', 'rejected', 'withdrawn', 'superseded')),
    verified_by          uuid REFERENCES users,
    verified_at          timestamptz,
    reason_code          text CHECK (reason_code ~ '^[a-z][a-z_]{0,40}$'),
    reason               text CHECK (length(reason) <= 1000),
    superseded_by        uuid REFERENCES kyc_documents,
    superseded_at        timestamptz,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    -- Withdrawn by the customer.
    deleted_at           timestamptz,
    content_destroyed_at timestamptz,
    CONSTRAINT kyc_documents_content CHECK ((key_sealed IS NULL) = (content_destroyed_at IS NOT NULL)),
    CONSTRAINT kyc_documents_scanned CHECK ((scan_status = 'pending') = (scanned_at IS NULL)),
    CONSTRAINT kyc_documents_decided CHECK ((verification_status IN ('verified', 'rejected', 'superseded')) = (verified_at IS NOT NULL)),
    CONSTRAINT kyc_documents_reasoned CHECK ((verification_status = 'rejected') = (reason_code IS NOT NULL)),
    CONSTRAINT kyc_documents_superseded CHECK ((verification_status = 'superseded') = (superseded_at IS NOT NULL)),
    CONSTRAINT kyc_documents_withdrawn CHECK ((verification_status = 'withdrawn') = (deleted_at IS NOT NULL)),
    CONSTRAINT kyc_documents_four_eyes CHECK (verified_by <> user_id)
);
CREATE INDEX kyc_documents_customer ON kyc_documents (user_id, id);
CREATE INDEX kyc_documents_uploaded ON kyc_documents (upload_hash);
CREATE INDEX kyc_documents_kept ON kyc_documents (file_hash);
CREATE INDEX kyc_documents_expiring ON kyc_documents (expires_at) WHERE verification_status = 'verified';
-- The same file is in the desk's hands once, however often it is sent at the same moment.
CREATE UNIQUE INDEX kyc_documents_once ON kyc_documents (user_id, document_type, upload_hash)
    WHERE verification_status IN ('pending', 'verified');

-- Who may say what: a document that the scanner has not passed is not verified by anybody, nobody verifies their own,
-- and what was uploaded does not change.
CREATE FUNCTION app.guard_kyc_document() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, app, pg_temp AS $$
BEGIN
    IF (NEW.id, NEW.user_id, NEW.document_type, NEW.file_path, NEW.file_hash, NEW.upload_hash, NEW.content_type, NEW.size_bytes,
        NEW.pages, NEW.created_at) IS DISTINCT FROM (OLD.id, OLD.user_id, OLD.document_type, OLD.file_path, OLD.file_hash,
        OLD.upload_hash, OLD.content_type, OLD.size_bytes, OLD.pages, OLD.created_at)
        -- Destroyed for good; sealed again with a newer field key by operators alone (infra/field_rotation.py).
        OR NEW.key_sealed IS NOT NULL AND NEW.key_sealed IS DISTINCT FROM OLD.key_sealed
            AND (OLD.key_sealed IS NULL OR session_user IN ('aurum_api', 'aurum_worker'))
        OR NEW.picture_hash IS DISTINCT FROM OLD.picture_hash THEN
        RAISE EXCEPTION 'what was uploaded as document % cannot be changed', OLD.id USING ERRCODE = 'AU170';
    END IF;
    IF NEW.verification_status <> OLD.verification_status THEN
        IF (OLD.verification_status, NEW.verification_status) NOT IN (('pending', 'verified'), ('pending', 'rejected'),
            ('pending', 'withdrawn'), ('verified', 'rejected'), ('verified', 'superseded')) THEN
            RAISE EXCEPTION 'a document does not move from % to %', OLD.verification_status, NEW.verification_status
                USING ERRCODE = 'AU171';
        END IF;
        IF NEW.verification_status = 'verified' AND (NEW.scan_status NOT IN ('clean', 'not_configured') OR NEW.key_sealed IS NULL) THEN
            RAISE EXCEPTION 'document % has not passed the scanner', OLD.id USING ERRCODE = 'AU172';
        END IF;
        IF session_user = 'aurum_api' AND (NEW.verification_status = 'withdrawn' AND NEW.user_id IS DISTINCT FROM app.user_id()
            OR NEW.verification_status IN ('verified', 'rejected') AND NEW.verified_by IS DISTINCT FROM app.user_id()) THEN
            RAISE EXCEPTION 'a decision on document % is made in another name', OLD.id USING ERRCODE = 'AU173';
        END IF;
    ELSIF (NEW.expires_at, NEW.country, NEW.verified_by, NEW.verified_at) IS DISTINCT FROM
        (OLD.expires_at, OLD.country, OLD.verified_by, OLD.verified_at) THEN
        RAISE EXCEPTION 'what was decided on document % cannot be changed', OLD.id USING ERRCODE = 'AU174';
    END IF;
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER kyc_documents_guard BEFORE UPDATE ON kyc_documents
    FOR EACH ROW EXECUTE FUNCTION app.guard_kyc_document();
CREATE TRIGGER kyc_documents_no_delete BEFORE DELETE ON kyc_documents
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

GRANT SELECT ON kyc_documents TO aurum_api, aurum_worker;
GRANT INSERT ON kyc_documents TO aurum_api;
GRANT UPDATE (verification_status, verified_by, verified_at, reason_code, reason, expires_at, country, superseded_by,
              superseded_at, deleted_at, key_sealed, content_destroyed_at) ON kyc_documents TO aurum_api;
GRANT UPDATE (verification_status, verified_by, verified_at, reason_code, reason, expires_at, country, superseded_by,
              superseded_at, scan_status, scan_detail, scanned_at, key_sealed, content_destroyed_at) ON kyc_documents TO aurum_worker;

ALTER TABLE kyc_documents ENABLE ROW LEVEL SECURITY;
CREATE POLICY worker ON kyc_documents TO aurum_worker USING (true) WITH CHECK (true);
CREATE POLICY own ON kyc_documents FOR SELECT TO aurum_api USING (user_id = app.user_id());
CREATE POLICY own_upload ON kyc_documents FOR INSERT TO aurum_api
    WITH CHECK (user_id = app.user_id() AND verification_status = 'pending' AND scan_status = 'pending'
                AND verified_by IS NULL AND superseded_by IS NULL AND key_sealed IS NOT NULL);
CREATE POLICY own_withdrawal ON kyc_documents FOR UPDATE TO aurum_api
    USING (user_id = app.user_id() AND verification_status = 'pending')
    WITH CHECK (user_id = app.user_id() AND verification_status = 'withdrawn' AND key_sealed IS NULL);
CREATE POLICY staff ON kyc_documents FOR SELECT TO aurum_api USING (app.may('admin:compliance') AND app.role() <> 'customer');
-- An officer decides, and destroys nothing.
CREATE POLICY decision ON kyc_documents FOR UPDATE TO aurum_api
    USING (app.may('admin:compliance') AND app.role() <> 'customer' AND user_id <> app.user_id())
    WITH CHECK (app.may('admin:compliance') AND user_id <> app.user_id() AND key_sealed IS NOT NULL);
