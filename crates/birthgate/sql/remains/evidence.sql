-- Whether the evidence log is there.
SELECT pg_catalog.to_regnamespace('birthgate_evidence') IS NOT NULL
