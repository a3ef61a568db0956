-- oldest: 4
-- Taking in from within the caller's own transaction: what is put here is taken over by a daemon after the commit.
CREATE TABLE gateway.entries (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('event', 'message')),
    place bigint GENERATED ALWAYS AS IDENTITY,
    -- Those of one lane are taken over in the order of their places: a quote's events, the messages of one ordering key.
    lane text,
    body text NOT NULL,
    entered_at bigint NOT NULL,
    -- Set where the gateway could not take it: it stays here to be looked at.
    refused_at bigint,
    refusal text,
    PRIMARY KEY (organization_id, kind, id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
CREATE INDEX entries_waiting ON gateway.entries (place) WHERE refused_at IS NULL;
CREATE INDEX entries_refused ON gateway.entries (refused_at) WHERE refused_at IS NOT NULL;

-- What makes an entry be taken once under its event id or idempotency key.
CREATE TABLE gateway.entry_keys (
    organization_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('event', 'message')),
    key text NOT NULL,
    id uuid NOT NULL,
    body_hash bytea NOT NULL,
    entered_at bigint NOT NULL,
    PRIMARY KEY (organization_id, kind, key)
);
CREATE INDEX entry_keys_oldest ON gateway.entry_keys (entered_at);

-- Which roles may put something in for which organizations; a role stands for its members too.
CREATE TABLE gateway.role_grants (
    role_name text NOT NULL,
    organization_id uuid NOT NULL,
    PRIMARY KEY (role_name, organization_id)
);

CREATE FUNCTION gateway.require_grant(organization_id uuid) RETURNS void LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM gateway.role_grants g JOIN pg_catalog.pg_roles r ON r.rolname = g.role_name
        WHERE g.organization_id = $1 AND pg_has_role(session_user, r.oid, 'MEMBER')
    ) THEN
        RAISE EXCEPTION 'role % may not put anything in for organization %', session_user, $1 USING ERRCODE = '42501';
    END IF;
END
$$;

-- SHA-1 (FIPS 180-4, section 6.1), which the server has only in extensions; for ids, not for safety.
CREATE FUNCTION gateway.sha1(bytes bytea) RETURNS bytea LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mask constant bigint := 4294967295;
    h bigint[] := ARRAY[1732584193, 4023233417, 2562383102, 271733878, 3285377520]::bigint[];
    message bytea := bytes || '\x80'::bytea
        || decode(repeat('00', ((119 - length(bytes) % 64) % 64)), 'hex') || int8send(length(bytes)::bigint * 8);
    w bigint[];
    a bigint; b bigint; c bigint; d bigint; e bigint; f bigint; k bigint; t bigint;
BEGIN
    FOR block IN 0 .. length(message) / 64 - 1 LOOP
        FOR i IN 0 .. 15 LOOP
            w[i] := (get_byte(message, block * 64 + i * 4)::bigint << 24) | (get_byte(message, block * 64 + i * 4 + 1) << 16)
                | (get_byte(message, block * 64 + i * 4 + 2) << 8) | get_byte(message, block * 64 + i * 4 + 3);
        END LOOP;
        FOR i IN 16 .. 79 LOOP
            t := w[i - 3] # w[i - 8] # w[i - 14] # w[i - 16];
            w[i] := (t << 1 & mask) | (t >> 31);
        END LOOP;
        a := h[1]; b := h[2]; c := h[3]; d := h[4]; e := h[5];
        FOR i IN 0 .. 79 LOOP
            IF i < 20 THEN f := (b & c) | (~b & mask & d); k := 1518500249;
            ELSIF i < 40 THEN f := b # c # d; k := 1859775393;
            ELSIF i < 60 THEN f := (b & c) | (b & d) | (c & d); k := 2400959708;
            ELSE f := b # c # d; k := 3395469782;
            END IF;
            t := (((a << 5 & mask) | (a >> 27)) + f + e + k + w[i]) & mask;
            e := d; d := c; c := (b << 30 & mask) | (b >> 2); b := a; a := t;
        END LOOP;
        h := ARRAY[(h[1] + a) & mask, (h[2] + b) & mask, (h[3] + c) & mask, (h[4] + d) & mask, (h[5] + e) & mask];
    END LOOP;
    RETURN decode(lpad(to_hex(h[1]), 8, '0') || lpad(to_hex(h[2]), 8, '0') || lpad(to_hex(h[3]), 8, '0') || lpad(to_hex(h[4]), 8, '0')
        || lpad(to_hex(h[5]), 8, '0'), 'hex');
END
$$;

-- An id as callers may write it: a UUID as it is, other text as its version 5 UUID (RFC 9562, section 5.5) in the organization's namespace.
CREATE FUNCTION gateway.entry_id(organization_id uuid, id text) RETURNS uuid
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hash bytea;
BEGIN
    IF id ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' THEN RETURN id::uuid; END IF;
    hash := substr(gateway.sha1(uuid_send(organization_id) || convert_to(id, 'UTF8')), 1, 16);
    hash := set_byte(hash, 6, (get_byte(hash, 6) & 15) | 80);
    hash := set_byte(hash, 8, (get_byte(hash, 8) & 63) | 128);
    RETURN encode(hash, 'hex')::uuid;
END
$$;

-- Puts an entry in, once under its key; the same key with another body is a unique violation.
CREATE FUNCTION gateway.enter(organization_id uuid, kind text, key text, id uuid, lane text, body jsonb) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- As over HTTP, the key is no part of what it stands for.
    hash constant bytea := sha256(convert_to((body - 'eventId' - 'idempotencyKey')::text, 'UTF8'));
    now constant bigint := extract(epoch FROM clock_timestamp()) * 1000000;
    known gateway.entry_keys;
BEGIN
    IF key IS NOT NULL THEN
        INSERT INTO gateway.entry_keys VALUES (organization_id, kind, key, id, hash, now) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            SELECT * INTO known FROM gateway.entry_keys k WHERE k.organization_id = $1 AND k.kind = $2 AND k.key = $3;
            IF known.body_hash IS DISTINCT FROM hash THEN
                RAISE EXCEPTION '% % was used before for another body', kind, key USING ERRCODE = '23505';
            END IF;
            RETURN known.id;
        END IF;
    END IF;
    INSERT INTO gateway.entries (organization_id, id, kind, lane, body, entered_at)
    VALUES (organization_id, id, kind, lane, body::text, now);
    RETURN id;
END
$$;

-- Tells an event of a quote, in the form of POST /api/v1/quote-events, within the caller's transaction; answers the event's id.
-- The same id again is told once; with another body it raises 23505. A body without the members that make it an event raises 22023.
CREATE FUNCTION gateway.publish_quote_event(organization_id uuid, event jsonb) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    faults text[] := '{}';
    event_id text := event ->> 'eventId';
    quote_id text := event ->> 'quoteId';
    id uuid;
BEGIN
    PERFORM gateway.require_grant(organization_id);
    IF jsonb_typeof(event) IS DISTINCT FROM 'object' THEN
        faults := faults || 'the event must be an object'::text;
    ELSE
        IF COALESCE(event ->> 'type', '') NOT IN ('quotes.quote.sent', 'quotes.quote.accepted', 'quotes.quote.rejected') THEN
            faults := faults || 'type must be one of quotes.quote.sent, quotes.quote.accepted, quotes.quote.rejected'::text;
        END IF;
        IF COALESCE(jsonb_typeof(event -> 'quoteId'), '') <> 'string' OR length(quote_id) NOT BETWEEN 1 AND 200 THEN
            faults := faults || 'quoteId must have 1 to 200 characters'::text;
        END IF;
        IF COALESCE(jsonb_typeof(event -> 'eventId'), 'null') NOT IN ('string', 'null') OR length(event_id) NOT BETWEEN 1 AND 200 THEN
            faults := faults || 'eventId must have 1 to 200 characters'::text;
        END IF;
    END IF;
    IF faults <> '{}' THEN
        RAISE EXCEPTION 'not an event of a quote: %', array_to_string(faults, '; ') USING ERRCODE = '22023';
    END IF;
    id := COALESCE(gateway.entry_id(organization_id, event_id), gen_random_uuid());
    RETURN gateway.enter(
        organization_id, 'event', CASE WHEN event_id IS NOT NULL THEN id::text END, id, quote_id,
        CASE WHEN event_id IS NULL THEN event || jsonb_build_object('eventId', id) ELSE event END);
END
$$;

-- Accepts a message, in the form of POST /api/v1/messages, within the caller's transaction; answers the message's id.
CREATE FUNCTION gateway.enqueue_message(organization_id uuid, message jsonb) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    faults text[] := '{}';
    key text := message ->> 'idempotencyKey';
    id uuid;
BEGIN
    PERFORM gateway.require_grant(organization_id);
    IF jsonb_typeof(message) IS DISTINCT FROM 'object' THEN
        faults := faults || 'the message must be an object'::text;
    ELSE
        IF COALESCE(jsonb_typeof(message -> 'channel'), '') <> 'string' THEN faults := faults || 'channel is required'::text; END IF;
        IF COALESCE(jsonb_typeof(message -> 'to'), '') <> 'string' THEN faults := faults || 'to is required'::text; END IF;
        IF COALESCE(jsonb_typeof(message -> 'content'), '') <> 'object' THEN faults := faults || 'content is required'::text; END IF;
        IF COALESCE(jsonb_typeof(message -> 'idempotencyKey'), 'null') NOT IN ('string', 'null') OR length(key) NOT BETWEEN 1 AND 200 THEN
            faults := faults || 'idempotencyKey must have 1 to 200 characters'::text;
        END IF;
    END IF;
    IF faults <> '{}' THEN
        RAISE EXCEPTION 'not a message: %', array_to_string(faults, '; ') USING ERRCODE = '22023';
    END IF;
    -- One that came over HTTP under this key keeps its id.
    SELECT k.message_id INTO id FROM gateway.message_keys k WHERE k.organization_id = $1 AND k.idempotency_key = key;
    RETURN gateway.enter(
        organization_id, 'message', key, COALESCE(id, gen_random_uuid()), message ->> 'orderingKey', message);
END
$$;

REVOKE ALL ON FUNCTION gateway.require_grant(uuid), gateway.sha1(bytea), gateway.entry_id(uuid, text),
    gateway.enter(uuid, text, text, uuid, text, jsonb), gateway.publish_quote_event(uuid, jsonb), gateway.enqueue_message(uuid, jsonb)
    FROM PUBLIC;
-- down
-- What was put in and not taken over is lost.
DROP FUNCTION gateway.enqueue_message(uuid, jsonb);
DROP FUNCTION gateway.publish_quote_event(uuid, jsonb);
DROP FUNCTION gateway.enter(uuid, text, text, uuid, text, jsonb);
DROP FUNCTION gateway.entry_id(uuid, text);
DROP FUNCTION gateway.sha1(bytea);
DROP FUNCTION gateway.require_grant(uuid);
DROP TABLE gateway.role_grants;
DROP TABLE gateway.entry_keys;
DROP TABLE gateway.entries;
