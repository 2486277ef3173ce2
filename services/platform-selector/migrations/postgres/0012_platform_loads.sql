-- How full platforms are, as reported. Apart from the platforms, since a report must not make replicas read those again.
CREATE TABLE platform_loads (
    platform TEXT PRIMARY KEY REFERENCES platforms (id) ON DELETE CASCADE,
    percent BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
