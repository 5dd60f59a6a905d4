-- Which relation is a partition or child of which.
SELECT inhrelid AS child, inhparent AS parent FROM pg_inherits
