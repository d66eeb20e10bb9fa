-- What customers look at. An item is of its list's owner by its key, not by our word alone.
CREATE TABLE watchlists (
    id         uuid PRIMARY KEY DEFAULT uuidv7(),
    user_id    uuid NOT NULL REFERENCES users,
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, name),
    UNIQUE (id, user_id)
);
CREATE TABLE watchlist_items (
    watchlist_id uuid NOT NULL,
    user_id      uuid NOT NULL,
    symbol       text NOT NULL CHECK (length(symbol) BETWEEN 1 AND 16),
    note         text NOT NULL DEFAULT '' CHECK (length(note) <= 200),
    position     integer NOT NULL,
    added_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (watchlist_id, symbol),
    FOREIGN KEY (watchlist_id, user_id) REFERENCES watchlists (id, user_id) ON DELETE CASCADE
);
GRANT SELECT, DELETE ON watchlists, watchlist_items TO aurum_api;
GRANT INSERT (id, user_id, name), UPDATE (name) ON watchlists TO aurum_api;
GRANT INSERT (watchlist_id, user_id, symbol, note, position), UPDATE (note, position) ON watchlist_items TO aurum_api;
ALTER TABLE watchlists ENABLE ROW LEVEL SECURITY;
ALTER TABLE watchlist_items ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON watchlists TO aurum_api USING (user_id = app.user_id()) WITH CHECK (user_id = app.user_id());
CREATE POLICY own ON watchlist_items TO aurum_api USING (user_id = app.user_id()) WITH CHECK (user_id = app.user_id());
