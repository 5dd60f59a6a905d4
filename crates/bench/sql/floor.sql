-- The floor: tables with the same columns, constraints, defaults and indexes, and no trigger.
CREATE SCHEMA floor;
CREATE TABLE floor.item (LIKE public.item INCLUDING ALL);
CREATE TABLE floor.permit (LIKE birthgate.birth_admission_permit INCLUDING ALL);
CREATE TABLE floor.birth (LIKE birthgate.birth_registry INCLUDING ALL);
GRANT USAGE ON SCHEMA floor TO bench_app;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA floor TO bench_app;
